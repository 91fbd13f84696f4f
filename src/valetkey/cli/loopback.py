"""Receives the redirect of a native app on a loopback port of the system's choice (RFC 8252, 7.3)."""

from __future__ import annotations

import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import urlsplit

_PAGE = b"""<!doctype html><html lang="en"><meta charset="utf-8"><title>Signed in</title>
<h1>You can close this page</h1><p>The command in your terminal goes on.</p></html>"""


class LoopbackReceiver:
    """Listens on 127.0.0.1 while it is open, and keeps the query of the first request to `/callback`."""

    def __init__(self) -> None:
        answers: queue.Queue[str] = queue.Queue()

        class Receiver(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                found = parts.path == "/callback"
                self.send_response(200 if found else 404)
                self.send_header("content-type", "text/html; charset=utf-8")
                self.send_header("cache-control", "no-store")
                self.send_header("referrer-policy", "no-referrer")
                self.end_headers()
                if found:
                    self.wfile.write(_PAGE)
                    answers.put(parts.query)

            def log_message(self, *_words: object) -> None:
                """Keep the code, which stands in the request line, out of the terminal."""

        self._answers = answers
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def redirect_uri(self) -> str:
        """The redirect URI that leads here."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/callback"

    def wait(self, seconds: float) -> str | None:
        """Return the query of the redirect, or None when it did not come in time."""
        try:
            return self._answers.get(timeout=seconds)
        except queue.Empty:
            return None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
