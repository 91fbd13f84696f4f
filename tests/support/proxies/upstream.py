"""The API behind a proxy: it keeps the octets of every request that reached it, and lets everything pass."""

from __future__ import annotations

import socketserver
import threading
from base64 import b64encode
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha1
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

BODY = b"the api answers"
_LONGEST_HEAD = 1 << 20


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came off the wire: header names in lower case, otherwise as sent."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, head: bytes) -> Received:
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        pairs = (line.partition(":") for line in lines if line)
        return cls(method, target, tuple((name.lower(), value.strip()) for name, _, value in pairs))

    def all_headers(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]


@dataclass
class Upstream:
    """Where it listens, and what reached it."""

    port: int
    received: list[Received] = field(default_factory=list)

    def drain(self) -> list[Received]:
        """Return what reached it since the last time."""
        found, self.received[:] = list(self.received), []
        return found


@contextmanager
def running_upstream() -> Iterator[Upstream]:
    """Serve on a free port until the end."""
    upstream = Upstream(0)

    class Connection(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            _serve(self.request, upstream)

    with _Server(("127.0.0.1", 0), Connection) as server:
        upstream.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield upstream
        finally:
            server.shutdown()
            thread.join()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True


def _serve(connection: socket.socket, upstream: Upstream) -> None:
    waiting = b""
    while True:
        while b"\r\n\r\n" not in waiting:
            try:
                more = connection.recv(65_536)
            except OSError:
                return
            if not more or len(waiting) > _LONGEST_HEAD:
                return
            waiting += more
        head, _, waiting = waiting.partition(b"\r\n\r\n")
        received = Received.parse(head)
        upstream.received.append(received)
        if "websocket" in [value.lower() for value in received.all_headers("upgrade")]:
            accepted = _accepted(received.all_headers("sec-websocket-key")[0]).encode()
            connection.sendall(
                b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                b"Sec-WebSocket-Accept: " + accepted + b"\r\n\r\n"
            )
            said = b""
            while len(said) < len(b"ping") and (more := connection.recv(64)):
                said += more
            connection.sendall(said.upper())
            return
        length = sum(int(value) for value in received.all_headers("content-length"))
        while len(waiting) < length:
            waiting += connection.recv(65_536)
        waiting = waiting[length:]
        body = b"" if received.method == "HEAD" else BODY
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(BODY) + body
        )


def _accepted(key: str) -> str:
    joined = f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()  # RFC 6455, 4.2.2
    return b64encode(sha1(joined, usedforsecurity=False).digest()).decode()
