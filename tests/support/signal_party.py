"""A receiver of pushed signals on a free loopback port, which answers as it is told to."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from valetkey.jose.jwt import peek


@dataclass
class SignalParty:
    """Where it listens, and what was pushed to it."""

    origin: str = ""
    pushed: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    """Those of each push, with names in lower case."""
    arrived: threading.Event = field(default_factory=threading.Event)
    answers: threading.Event = field(default_factory=threading.Event)
    """Set as long as a push is answered at all."""

    @property
    def endpoint(self) -> str:
        """Where it is pushed to."""
        return f"{self.origin}/events"

    def events(self) -> list[tuple[str, str]]:
        """Return the `jti` and the event type of each push, in their order."""
        claims: list[dict[str, Any]] = [dict(peek(token).claims) for token in self.pushed]
        return [(str(one["jti"]), str(next(iter(one["events"]))).rpartition("/")[2]) for one in claims]


@contextmanager
def signal_party() -> Iterator[SignalParty]:
    """Listen for as long as the block lasts."""
    found = SignalParty()
    found.answers.set()

    class _Asked(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.pushed.append(self.rfile.read(int(self.headers["content-length"])).decode())
            found.headers.append({name.lower(): value for name, value in self.headers.items()})
            found.arrived.set()
            found.answers.wait()
            self.send_response(202)
            self.send_header("content-length", "0")
            self.end_headers()

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
