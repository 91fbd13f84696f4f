"""A relying party on a free loopback port that is told of logouts: by frames, by posts, and by watching a frame."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

_WATCHING = """<!doctype html><html lang="en"><title>Prints</title><h1>Watching</h1><p id="verdict">none</p>
<iframe id="op" src="%(frame)s"></iframe>
<script>
const op = document.getElementById("op"), message = %(message)s, origin = new URL(op.src).origin;
window.addEventListener("message", (event) => {
  if (event.origin === origin) document.getElementById("verdict").textContent = event.data;
});
setInterval(() => op.contentWindow.postMessage(message, origin), 100);
</script>"""


@dataclass
class LogoutParty:
    """Where it listens, and what it was told."""

    origin: str = ""
    framed: list[dict[str, str]] = field(default_factory=list)
    """The query of each request of its logout frame."""
    posted: list[str] = field(default_factory=list)
    """Each logout token that was posted."""
    arrived: threading.Event = field(default_factory=threading.Event)
    """A logout token was posted."""
    answers: threading.Event = field(default_factory=threading.Event)
    """Set as long as a post is answered at all."""

    @property
    def callback(self) -> str:
        """Its redirect URI."""
        return f"{self.origin}/callback"

    def watching(self, frame: str, message: str) -> str:
        """Return the address of a page that sends `message` to `frame`, and shows what it answers."""
        return f"{self.origin}/watch?{urlencode({'frame': frame, 'message': message})}"


@contextmanager
def logout_party() -> Iterator[LogoutParty]:
    """Listen for as long as the block lasts."""
    found = LogoutParty()
    found.answers.set()

    class _Asked(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            if parts.path == "/out":
                found.framed.append(query)
            if parts.path == "/watch":
                self._page(_WATCHING % {"frame": query["frame"], "message": json.dumps(query["message"])})
            else:
                self._page(f"<!doctype html><html lang=en><title>Prints</title><h1>{parts.path}</h1>")

        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
            found.posted += form["logout_token"]
            found.arrived.set()
            found.answers.wait()
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def _page(self, html: str) -> None:
            body = html.encode()
            self.send_response(200)
            self.send_header("content-type", "text/html; charset=utf-8")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing: a test's output is its own."""

    with ThreadingHTTPServer(("127.0.0.1", 0), _Asked) as server:
        server.daemon_threads = True
        found.origin = f"http://localhost:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield found
        finally:
            found.answers.set()
            server.shutdown()
            thread.join()
