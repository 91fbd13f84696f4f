"""A token endpoint on loopback that issues token-1, token-2 ..., counts, and answers when a test lets it."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from support.scripted import START

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 20
LIFETIME = 300


@dataclass
class Issuing:
    """What it is told to answer, and what it was asked; its clock moves only when a test moves it."""

    now: int = START
    count: int = 0
    is_away: bool = False
    refusal: str | None = None
    members: dict[str, object] = field(default_factory=dict)
    forms: list[dict[str, str]] = field(default_factory=list)
    asked: threading.Event = field(default_factory=threading.Event)
    may_answer: threading.Event = field(default_factory=threading.Event)
    issuer: str = ""

    def clock(self) -> int:
        """Return the time that the test set."""
        return self.now

    def hold(self) -> None:
        """Answer nobody from now on, until `may_answer` is set."""
        self.asked.clear()
        self.may_answer.clear()

    def respond(self, form: dict[str, str]) -> tuple[int, dict[str, object]]:
        """Return status and document of the answer to one question."""
        self.forms.append(form)
        self.asked.set()
        self.may_answer.wait(PATIENCE)
        if self.is_away:
            return 503, {}
        if self.refusal is not None:
            return 400, {"error": self.refusal, "error_description": "No."}
        self.count += 1
        issued = {"access_token": f"token-{self.count}", "token_type": "Bearer", "expires_in": LIFETIME}
        return 200, issued | self.members


@contextmanager
def issuing() -> Iterator[Issuing]:
    """Serve one on a free port."""
    found = Issuing()
    found.may_answer.set()

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(200, {"issuer": found.issuer, "token_endpoint": f"{found.issuer}/token"})

        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
            self.answer(*found.respond({name: values[0] for name, values in form.items()}))

        def answer(self, status: int, document: dict[str, object]) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

        def log_message(self, *_: object) -> None:
            return

    class Listening(ThreadingHTTPServer):
        request_queue_size = 64

    listening = Listening(("127.0.0.1", 0), Answering)
    found.issuer = f"http://127.0.0.1:{listening.server_address[1]}"
    thread = threading.Thread(target=listening.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        found.may_answer.set()
        listening.shutdown()
        listening.server_close()
        thread.join()
