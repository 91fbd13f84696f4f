#!/bin/sh
# Makes .venv and installs into it what one target of the Makefile needs: `dev` (the server), `test` (all tools) or `docs`.
# Called by make when pyproject.toml is newer than the stamp that this script leaves in .venv.
set -eu

wanted=$1
python=.venv/bin/python

say() { printf 'valetkey: %s\n' "$*"; }
fail() {
    say "$*"
    exit 1
}

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        new_enough "$PYTHON" || fail "PYTHON=$PYTHON is not a Python >= 3.11."
        echo "$PYTHON"
        return
    fi
    for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
        if new_enough "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    fail "no Python >= 3.11 on PATH. Install one (Debian: apt-get install python3 python3-venv), or say PYTHON=/path/to/python3."
}

make_environment() {
    found=$(find_python) || { say "${found#valetkey: }"; exit 1; }
    version=$("$found" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    say "making .venv with $found ($version)"
    if command -v uv >/dev/null 2>&1; then
        uv venv --quiet --allow-existing --python "$("$found" -c 'import sys; print(sys.executable)')" .venv
        return
    fi
    "$found" -c 'import ensurepip, venv' >/dev/null 2>&1 ||
        fail "$found has no ensurepip. Install it (Debian: apt-get install python$version-venv) and call make again."
    "$found" -m venv --clear .venv
}

install() {
    if command -v uv >/dev/null 2>&1; then
        uv pip install --python "$python" "$@"
        return
    fi
    # Dependency groups need pip 25.1.
    "$python" -c 'import sys, pip; sys.exit(tuple(map(int, pip.__version__.split(".")[:2])) < (25, 1))' ||
        "$python" -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
    "$python" -m pip install --disable-pip-version-check --no-input "$@"
}

# An interrupted first attempt, or an interpreter that has gone since, leaves a .venv that is none.
usable() {
    new_enough "$python" || return 1
    command -v uv >/dev/null 2>&1 || "$python" -m pip --version >/dev/null 2>&1
}

usable || make_environment
case $wanted in
    dev)
        say "installing the server; the first time takes a minute"
        install --editable '.[dev]'
        ;;
    test)
        say "installing the server and the test tools; the first time takes a minute or two"
        install --editable '.[dev]' --group test --group lint
        touch .venv/installed-dev
        ;;
    docs)
        say "installing what builds the documentation"
        install --group docs
        ;;
    *) fail "unknown environment: $wanted" ;;
esac
touch ".venv/installed-$wanted"
