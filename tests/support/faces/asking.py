"""Asks an ASGI or WSGI application as a server does: the path as it was sent, headers as often as they were."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import unquote, unquote_to_bytes

from support.asgi_driver import Reply, collected
from support.faces.stage import Stage

PEER = "198.51.100.9"
Pairs = Iterable[tuple[str, str]]
AsgiApplication = Callable[[Any, Any, Any], Awaitable[None]]


class Face(Protocol):
    """One face, with the application that it guards."""

    name: str
    stage: Stage

    async def ask(self, method: str, target: str, headers: Pairs = ()) -> Reply: ...


@dataclass
class AsgiFace:
    """A face under ASGI."""

    name: str
    stage: Stage
    application: AsgiApplication

    async def ask(self, method: str, target: str, headers: Pairs = ()) -> Reply:
        """Send one request."""

        waiting: list[MutableMapping[str, Any]] = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive() -> MutableMapping[str, Any]:
            if not waiting:
                await asyncio.Event().wait()  # the client stays until it is answered
            return waiting.pop()

        scope = {**asgi_scope("http", target, headers), "method": method}
        return await collected(self.application, scope, receive)  # type: ignore[arg-type]  # any application will do

    async def open_socket(self, target: str, headers: Pairs = (), extensions: Iterable[str] = ()) -> Socket:
        """Open a WebSocket, and say one word into it."""
        scope = {
            **asgi_scope("websocket", target, headers),
            "scheme": "wss",
            "subprotocols": [],
            "extensions": {name: {} for name in extensions},
        }
        waiting: list[MutableMapping[str, Any]] = [
            {"type": "websocket.connect"},
            {"type": "websocket.disconnect", "code": 1000},
        ]
        socket = Socket()

        async def receive() -> MutableMapping[str, Any]:
            return waiting.pop(0)

        async def send(message: MutableMapping[str, Any]) -> None:
            socket.sent.append(message)

        await self.application(scope, receive, send)
        return socket


@dataclass
class Socket:
    """What an application sent to a WebSocket."""

    sent: list[MutableMapping[str, Any]] = field(default_factory=list)

    @property
    def kinds(self) -> list[str]:
        return [message["type"] for message in self.sent]


@dataclass
class WsgiFace:
    """A face under WSGI."""

    name: str
    stage: Stage
    application: Callable[[Any, Any], Iterable[bytes]]

    async def ask(self, method: str, target: str, headers: Pairs = ()) -> Reply:
        """Send one request, in a thread that has no event loop."""
        return await asyncio.to_thread(self._ask, method, target, headers)

    def _ask(self, method: str, target: str, headers: Pairs) -> Reply:
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, given: list[tuple[str, str]], _error: object = None) -> object:
            started.append((status, given))
            return lambda _octets: None

        answer = self.application(wsgi_environ(method, target, headers), start_response)
        try:
            body = b"".join(answer)
        finally:
            close = getattr(answer, "close", None)
            if close is not None:
                close()
        ((status, given),) = started
        return Reply(int(status[:3]), tuple((name.lower(), value) for name, value in given), body)


def asgi_scope(kind: str, target: str, headers: Pairs) -> dict[str, Any]:
    """Return the scope that a server makes of a request."""
    path, _, query = target.partition("?")
    return {
        "type": kind,
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "https",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"host", b"api.example"), *((n.lower().encode(), v.encode("latin-1")) for n, v in headers)],
        "client": (PEER, 50_000),
        "server": ("api.example", 443),
        "state": {},
    }


def wsgi_environ(method: str, target: str, headers: Pairs) -> dict[str, Any]:
    """Return the environ that a server makes of a request: what was sent twice is joined (PEP 3333)."""
    path, _, query = target.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "RAW_URI": target,
        "QUERY_STRING": query,
        "REMOTE_ADDR": PEER,
        "SERVER_NAME": "api.example",
        "SERVER_PORT": "443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "api.example",
        "CONTENT_LENGTH": "0",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in headers:
        key = "HTTP_" + name.upper().replace("-", "_")
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    return environ
