"""A real HTTPS server on loopback whose every octet tests decide, and names that lead where tests say."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import trustme

if TYPE_CHECKING:
    from pathlib import Path

Answer: TypeAlias = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]

HOST = "client.example"


def http(status: int, body: bytes = b"", *headers: str, media_type: str = "application/json") -> bytes:
    """Return a whole HTTP answer."""
    lines = (
        f"HTTP/1.1 {status} Anything",
        f"content-type: {media_type}",
        f"content-length: {len(body)}",
        *headers,
        "",
        "",
    )
    return "\r\n".join(lines).encode() + body


@dataclass
class HostileServer:
    """What it answers by path, and what it was asked: whole request heads, and the names that TLS asked for."""

    port: int = 0
    ca_file: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)
    heads: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)
    connections: int = 0
    at_once: int = 0
    most_at_once: int = 0
    gate: asyncio.Event | None = None
    """While it is not set, nobody is answered."""

    @property
    def paths(self) -> list[str]:
        """The targets that were asked for, in order."""
        return [head.split(" ", 2)[1] for head in self.heads]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection, once."""
        self.connections += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self._answer(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # The other side went away, as it should.
        finally:
            self.at_once -= 1
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        length = next((line for line in head.lower().splitlines() if line.startswith("content-length:")), ":0")
        self.bodies.append(await reader.readexactly(int(length.partition(":")[2])))
        if self.gate is not None:
            await self.gate.wait()
        answer = self.answers.get(self.paths[-1], http(404))
        if isinstance(answer, bytes):
            writer.write(answer)
            await writer.drain()
        else:
            await answer(writer)


@dataclass
class Names:
    """A Resolver: each name leads to the answers that a test put up, one list after the other."""

    answers: dict[str, list[Sequence[str]]] = field(default_factory=dict)
    ports: dict[int, int] = field(default_factory=dict)
    """Where a port of a URL is really served."""
    asked: list[str] = field(default_factory=list)

    async def resolve(self, host: str, port: int) -> Sequence[tuple[str, int]]:
        """Return the next answer for `host`; the last one stays."""
        self.asked.append(host)
        known = self.answers.get(host)
        if known is None:
            raise OSError("no such name")
        answer = known.pop(0) if len(known) > 1 else known[0]
        return [(address, self.ports.get(port, port)) for address in answer]


@asynccontextmanager
async def hostile_server(folder: Path, *names: str) -> AsyncIterator[HostileServer]:
    """Serve HTTPS on a free port of loopback, with a certificate for `names`, until the test ends."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*(names or (HOST,))).configure_cert(context)
    found = HostileServer(ca_file=str(folder / "ca.pem"))
    authority.cert_pem.write_to_path(found.ca_file)

    def named(_connection: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
        found.names.append(name)

    context.sni_callback = named
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0, ssl=context)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()
