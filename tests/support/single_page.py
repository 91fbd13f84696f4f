"""Chromium in which origins lead to the files of tests/interop/spa, an application around npm oidc-client-ts."""

from __future__ import annotations

from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from support.chromium import chromium
from support.require import require

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from playwright.sync_api import Browser, Page

FOLDER = Path(__file__).resolve().parents[1] / "interop" / "spa"


@contextmanager
def applications_at(*origins: str) -> Iterator[Browser]:
    """Start Chromium for which each of `origins`, plain http, is the application: no test claims a port of its own.

    Nothing is intercepted, so that preflights and their answers are the browser's and the server's own.
    """
    library = require("npm-clients") / "oidc-client-ts/dist/browser/oidc-client-ts.min.js"
    with _file_server(library) as port:
        rules = ", ".join(f"MAP {origin.removeprefix('http://')} 127.0.0.1:{port}" for origin in origins)
        with chromium(f"--host-resolver-rules={rules}") as started:
            yield started


def open_application(page: Page, origin: str, settings: Mapping[str, object]) -> None:
    """Open the application at an origin, with settings of oidc-client-ts; its tabs and frames have the same."""
    page.goto(f"{origin}/")
    page.evaluate(
        "(settings) => localStorage.setItem('settings', JSON.stringify(settings))",
        dict(settings),
    )
    page.reload()


def leave(page: Page, call: str) -> None:
    """Make a call that navigates: what it promises never comes, because its page is gone."""
    page.evaluate(f"() => {{ {call}; }}")


@contextmanager
def _file_server(library: Path) -> Iterator[int]:
    files = {
        "/oidc-client-ts.js": (library, "text/javascript"),
        "/app.js": (FOLDER / "app.js", "text/javascript"),
    }

    class _Files(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, kind = files.get(self.path, (FOLDER / "index.html", "text/html"))
            content = path.read_bytes()
            self.send_response(200)
            self.send_header("content-type", f"{kind}; charset=utf-8")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), _Files) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
