"""Connections to one certain worker process, and requests that all lie there before any of them is judged."""

from __future__ import annotations

import os
import signal
import time
from base64 import b64encode
from collections.abc import Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import httpx2
import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_WITHIN = 60.0


@dataclass(frozen=True, slots=True)
class Question:
    """A request to send."""

    method: str
    target: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def form(cls, target: str, fields: Mapping[str, str], credentials: tuple[str, str] | None = None) -> Question:
        """Return the POST of a form, by a client that proves itself by Basic where `credentials` are given."""
        headers = {"content-type": "application/x-www-form-urlencoded"}
        if credentials is not None:
            headers["authorization"] = "Basic " + b64encode(":".join(credentials).encode()).decode()
        return cls("POST", target, urlencode(fields).encode(), headers)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        """The JSON object of the body."""
        return msgspec.json.decode(self.body, type=dict[str, Any])

    @property
    def error(self) -> str | None:
        """The error code of a refusal."""
        return self.document.get("error")


class Line:
    """A connection that one worker has accepted and keeps: `pid`, or 0 for whichever came first."""

    def __init__(self, pid: int, host: str, port: int) -> None:
        self.pid = pid
        self._connection = HTTPConnection(host, port, timeout=_WITHIN)
        # A line that the worker has closed is at its end: another connection might go to another worker.
        self._connection.auto_open = 0
        self._connection.connect()

    def send(self, question: Question) -> None:
        """Send the whole request, without waiting for an answer."""
        self._connection.request(question.method, question.target, question.body, dict(question.headers))

    def begin(self, question: Question) -> None:
        """Send the headers of a request, and of its body all but the last octet."""
        connection = self._connection
        connection.putrequest(question.method, question.target)
        for name, value in question.headers.items():
            connection.putheader(name, value)
        connection.putheader("content-length", str(len(question.body)))
        connection.endheaders(question.body[:-1])

    def finish(self, question: Question) -> None:
        """Send the last octet of a request that was begun."""
        self._connection.send(question.body[-1:])

    def receive(self) -> Reply:
        """Wait for the answer; raises http.client's or OSError where none comes any more."""
        answer: HTTPResponse = self._connection.getresponse()
        return Reply(answer.status, tuple(answer.getheaders()), answer.read())

    def ask(self, question: Question) -> Reply:
        """Send a request and wait for its answer."""
        self.send(question)
        return self.receive()

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


@contextmanager
def paused(pids: Sequence[int]) -> Iterator[None]:
    """Stop processes from running; what is sent to them waits in their sockets."""
    try:
        _stop(pids)
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def _stop(pids: Sequence[int]) -> None:
    for _ in range(round(_WITHIN)):
        # Told again where it takes long: once in some thousand times, a process was seen to run on.
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        with suppress(TimeoutError):
            until_stopped(pids, 1.0)
            return
    raise AssertionError("a process does not stop")


def until_stopped(pids: Sequence[int], seconds: float = _WITHIN) -> None:
    """Wait until every thread of the processes stands still; raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while not all(_is_stopped(pid) for pid in pids):
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.001)


def _is_stopped(pid: int) -> bool:
    # The name of a process, in parentheses, may hold anything; the state is the first field behind it.
    stats = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/stat")]
    return all(stat.rpartition(")")[2].split()[0] == "T" for stat in stats)


@contextmanager
def opened_lines(pids: Sequence[int], port: int, count: int) -> Iterator[list[Line]]:
    """Open `count` connections to each of the processes that listen on `port`; worker follows worker."""
    with ExitStack() as opened:
        of_worker: list[list[Line]] = []
        for pid in pids:
            # Only one of those who share the listening socket is awake to accept.
            with paused([other for other in pids if other != pid]):
                lines = [Line(pid, "127.0.0.1", port) for _ in range(count)]
                for line in lines:
                    opened.callback(line.close)
                    assert line.ask(Question("GET", "/healthz")).status == 200
            of_worker.append(lines)
        yield [line for turn in zip(*of_worker, strict=True) for line in turn]


def at_once(asked: Sequence[tuple[Line, Question]]) -> list[Reply]:
    """Return the answers to requests that all had arrived before the first of them was read."""
    with paused(sorted({line.pid for line, _ in asked})):
        for line, question in asked:
            line.send(question)
    return [line.receive() for line, _ in asked]


class Alternating(httpx2.BaseTransport):
    """Sends each request of a browser down the next line."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = lines
        self.asked: list[int] = []
        """The worker of each request."""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request (httpx2's name for it)."""
        line = self._lines[len(self.asked) % len(self._lines)]
        self.asked.append(line.pid)
        headers = {name: value for name, value in request.headers.items() if name != "content-length"}
        question = Question(request.method, request.url.raw_path.decode(), request.read(), headers)
        reply = line.ask(question)
        headers_in = [(name, value) for name, value in reply.headers if name.lower() != "content-encoding"]
        return httpx2.Response(reply.status, headers=headers_in, content=reply.body, request=request)
