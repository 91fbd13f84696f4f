"""A relying party on a free loopback port, which shows what a browser brought to its redirect URI."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request at the redirect URI; `target` is its path and query, `form` what was posted."""

    method: str
    target: str
    form: dict[str, str]
    headers: dict[str, str] = field(repr=False)


@dataclass
class RelyingParty:
    """Where it listens, and what arrived there."""

    callback: str
    arrivals: list[Arrival] = field(default_factory=list)


@contextmanager
def relying_party() -> Iterator[RelyingParty]:
    """Listen for as long as the block lasts; a POST to the callback is answered by a redirect to its start page."""
    found = RelyingParty("")

    class _Asked(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._arrived("")
            self._page("At the application")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            self._arrived(body)
            self.send_response(303)
            self.send_header("location", "/welcome")
            self.send_header("content-length", "0")
            self.end_headers()

        def _arrived(self, body: str) -> None:
            if urlsplit(self.path).path == "/callback":
                headers = {name.lower(): value for name, value in self.headers.items()}
                form = dict(parse_qsl(body, keep_blank_values=True, strict_parsing=bool(body)))
                found.arrivals.append(Arrival(self.command, self.path, form, headers))

        def _page(self, heading: str) -> None:
            html = f"<!doctype html><html lang=en><title>Prints</title><h1>{escape(heading)}</h1>".encode()
            self.send_response(200)
            self.send_header("content-type", "text/html; charset=utf-8")
            self.send_header("content-length", str(len(html)))
            self.end_headers()
            self.wfile.write(html)

        def log_message(self, *_: object) -> None:
            """Say nothing: a test's output is its own."""

    with ThreadingHTTPServer(("127.0.0.1", 0), _Asked) as server:
        found.callback = f"http://localhost:{server.server_port}/callback"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()
