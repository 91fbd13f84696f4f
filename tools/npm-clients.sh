#!/bin/sh
# Fetches the clients of tests/interop once, and names what the browser and interop tests would miss.
# A missing part is no error here: tests/support/require.py skips, or fails where VALETKEY_REQUIRE demands it.
set -eu

cd tests/interop
stamp=node_modules/.installed

if [ ! -e "$stamp" ] || [ package.json -nt "$stamp" ]; then
    if command -v npm >/dev/null 2>&1; then
        echo "valetkey: fetching the npm clients of tests/interop"
        npm install --no-audit --no-fund --loglevel=error && touch "$stamp"
    else
        echo "valetkey: npm is missing, interop tests will be skipped (Debian: apt-get install npm)"
    fi
fi

if [ -z "${VALETKEY_CHROMIUM:-}" ] && ! command -v chromium >/dev/null 2>&1 &&
    ! command -v chromium-browser >/dev/null 2>&1 && ! command -v google-chrome >/dev/null 2>&1; then
    echo "valetkey: Chromium is missing, browser tests will be skipped (Debian: apt-get install chromium)"
fi
