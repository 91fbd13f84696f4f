"""A load generator over plain HTTP/1.1 connections: each keeps one exchange going, measured one by one."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


@dataclass(frozen=True, slots=True)
class Answer:
    """One response: status, the raw head, the body."""

    status: int
    head: bytes
    body: bytes

    def header(self, name: bytes) -> str:
        """Return a header's value; raises where it is absent."""
        start = self.head.lower().index(b"\r\n" + name + b":") + len(name) + 3
        return self.head[start : self.head.index(b"\r\n", start)].strip().decode()


class Connection(asyncio.Protocol):
    """One connection that is kept alive; it reads responses with a content-length only, as both servers send."""

    def __init__(self) -> None:
        self._received = b""
        self._waiting: asyncio.Future[Answer] | None = None
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def open(cls, port: int) -> Connection:
        """Connect to a port of this machine."""
        _, opened = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        return opened

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        # uvloop's transports are no subclass of the standard library's.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Resolve the exchange once its response is whole."""
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0 or self._waiting is None:
            return
        head = self._received[: end + 2]
        marked = head.lower().find(b"\r\ncontent-length:")
        length = int(head[marked + 17 : head.index(b"\r\n", marked + 17)]) if marked >= 0 else 0
        if len(self._received) >= end + 4 + length:
            body = self._received[end + 4 : end + 4 + length]
            self._received = self._received[end + 4 + length :]
            waiting, self._waiting = self._waiting, None
            waiting.set_result(Answer(int(head[9:12]), head, body))

    def connection_lost(self, exc: Exception | None) -> None:
        """End what still waits."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(exc or ConnectionError("the server closed the connection"))

    async def exchange(self, request: bytes) -> Answer:
        """Send one request and return its response."""
        if self._transport is None:
            raise ConnectionError("not connected")
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._waiting

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()


@dataclass
class Measured:
    """What one run found: how many operations in how many seconds, and how long each took (seconds)."""

    seconds: float = 0.0
    waits: list[float] = field(default_factory=list)


async def drive(
    port: int, connections: int, seconds: float, operation: Callable[[Connection, int], AsyncIterator[None]]
) -> Measured:
    """Run `operation` over that many connections at once; each of its steps is one measured operation.

    The first step of each is its preparation and is not counted.
    """
    opened = [await Connection.open(port) for _ in range(connections)]
    steps = [operation(connection, number) for number, connection in enumerate(opened)]
    for step in steps:
        await anext(step)
    measured = Measured()
    began = time.perf_counter()
    end = began + seconds

    async def run(step: AsyncIterator[None]) -> None:
        while (start := time.perf_counter()) < end:
            await anext(step)
            measured.waits.append(time.perf_counter() - start)

    await asyncio.gather(*(run(step) for step in steps))
    measured.seconds = time.perf_counter() - began
    for connection in opened:
        connection.close()
    return measured


def post(path: str, body: str, headers: str = "", host: str = "localhost") -> bytes:
    """Return a form's POST as bytes; `headers` are whole lines."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"{headers}Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def get(path: str, headers: str = "", host: str = "localhost") -> bytes:
    """Return a GET as bytes."""
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n".encode()
