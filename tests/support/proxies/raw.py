"""HTTP/1.1 octet by octet: what a client sends is exactly what a test wrote."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

WITHIN = 5


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: header names in lower case."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the one value of a header; None where it is absent, an error where it is repeated."""
        found = self.all_headers(name)
        assert len(found) <= 1, f"{name} is repeated: {found}"
        return found[0] if found else None

    def all_headers(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]


def exchange(
    port: int, method: str, target: str, headers: Sequence[tuple[str, str]] = (), *, host: str = "api.example"
) -> Answer:
    """Send one request to a loopback port, and read the whole answer."""
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in (("Host", host), *headers))]
    return send(port, "\r\n".join([*lines, "", ""]).encode("latin-1"), method)


def send(port: int, octets: bytes, method: str = "GET") -> Answer:
    """Send octets, and read one answer to `method`."""
    with socket.create_connection(("127.0.0.1", port), timeout=WITHIN) as connection:
        connection.sendall(octets)
        return _answer(connection, method)


def upgraded(port: int, target: str, headers: Sequence[tuple[str, str]] = ()) -> tuple[Answer, bytes]:
    """Ask for a WebSocket; return the answer, and what comes back for "ping" once it is open."""
    asked = (
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    )
    lines = [
        f"GET {target} HTTP/1.1",
        "Host: api.example",
        *(f"{name}: {value}" for name, value in (*asked, *headers)),
    ]
    with socket.create_connection(("127.0.0.1", port), timeout=WITHIN) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        answer = _answer(connection, "GET")
        if answer.status != 101:
            return answer, b""
        connection.sendall(b"ping")
        echoed = b""
        while len(echoed) < len(b"ping") and (more := connection.recv(64)):
            echoed += more
        return answer, echoed


def _answer(connection: socket.socket, method: str) -> Answer:
    response = HTTPResponse(connection, method=method)
    try:
        response.begin()
        headers = tuple((name.lower(), value) for name, value in response.getheaders())
        body = b"" if response.status == 101 else response.read()
    finally:
        response.close()
    return Answer(response.status, headers, body)
