"""The guard as ASGI middleware: in front of any application, for HTTP and WebSocket alike (RFC 6750; RFC 9728)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, unquote_to_bytes

from valetkey.integrations.guarding import (
    DENIAL_TYPE,
    METADATA_HEADERS,
    PATH_CHARACTERS,
    ApiGuard,
    Headers,
    RequestJudge,
    denial_body,
)
from valetkey.resource_server import Allow, AllowAnonymous, RequestView

if TYPE_CHECKING:
    from valetkey.integrations.addresses import TrustedProxies
    from valetkey.resource_server import Deny

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

Guard = ApiGuard
"""A guard whose rules are handed to a GuardMiddleware: `guard.for_all("orders:read")`."""

TOKEN: Final = "valetkey.access_token"  # noqa: S105 - the name of a place
"""Where the AccessToken stands in the scope of a request that passed; None for one without credentials."""
_POLICY_VIOLATION: Final = 1008
_SCHEMES: Final = {"ws": "http", "wss": "https"}
_READING: Final = frozenset({"GET", "HEAD"})
_STARTS: Final = frozenset({"http.response.start", "websocket.accept", "websocket.http.response.start"})
_DENIAL_EXTENSION: Final = "websocket.http.response"


class GuardMiddleware:
    """An application behind a guard: what `judge` does not allow never reaches it.

    The token of a request that passed stands in its scope as `valetkey.access_token`, and for Starlette's requests
    as `request.state.access_token`. A WebSocket is judged as the GET that it begins with.
    """

    def __init__(self, app: Application, judge: RequestJudge) -> None:
        """Put `judge` (`guard.for_all(...)`, or `read_policy(...)`) in front of `app`."""
        self._app = app
        self._judge = judge
        self._metadata_path = judge.metadata_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Judge one request; the lifespan of the application passes, any other kind of scope is refused."""
        kind = scope["type"]
        if kind == "lifespan":
            await self._app(scope, receive, send)
            return
        if kind not in {"http", "websocket"}:
            raise ValueError("a guard judges http and websocket scopes only")
        if scope["path"] == self._metadata_path and scope.get("method") in _READING:
            await _respond(send, 200, METADATA_HEADERS, self._judge.metadata_body())
            return
        kept: dict[str, Any] = {}
        outcome = await self._judge.decide(view_of_scope(scope, self._judge.trusted_proxies), kept)
        if not isinstance(outcome, Allow | AllowAnonymous):
            await deny(scope, receive, send, outcome)
            return
        token = outcome.token if isinstance(outcome, Allow) else None
        # The scope of whoever called is theirs: a copy is told.
        state = {**scope.get("state", {}), "access_token": token}
        told = {**scope, **kept, TOKEN: token, "state": state}
        await self._app(told, receive, adding(send, outcome.headers) if outcome.headers else send)


def view_of_scope(scope: Scope, proxies: TrustedProxies | None = None) -> RequestView:
    """Return what a guard reads of an ASGI request; its address is the peer's, or what `proxies` say it is."""
    headers = scope["headers"]
    client = scope.get("client")
    address = client[0] if client else ""
    if proxies is not None:
        address = proxies.address_of(address, headers)
    hosts = [value for name, value in headers if name == b"host"]
    scheme: str = scope.get("scheme", "http")
    return RequestView(
        scope.get("method", "GET"),
        _target(scope),
        headers,
        hosts[0].decode("latin-1") if len(hosts) == 1 else "",
        address,
        _SCHEMES.get(scheme, scheme),
    )


def _target(scope: Scope) -> str:
    path: str = scope["path"]
    sent: bytes | None = scope.get("raw_path")
    query: bytes = scope.get("query_string", b"")
    if sent is None:
        raw = quote(path, safe=PATH_CHARACTERS)
    else:
        # Some clients of tests leave the query in.
        raw = sent.partition(b"?")[0].decode("latin-1")
        # What rewrote one of the two would have the guard judge another path than the application serves: such a
        # target is no path, and no policy has a route for it.
        if raw != path and unquote_to_bytes(raw) != path.encode("utf-8", "surrogateescape"):
            raw = ""
    root: str = scope.get("root_path", "").rstrip("/")
    if root and path != root and not path.startswith(f"{root}/"):
        # Frameworks serve one thing at a path with its root_path and without it, where a policy could mean two: a
        # server that has a root_path puts it first (ASGI 3.0, HTTP connection scope).
        raw = ""
    return f"{raw}?{query.decode('latin-1')}" if query else raw


async def deny(scope: Scope, receive: Receive, send: Send, denied: Deny) -> None:
    """Answer a request in the place of its application; a WebSocket is refused before it is accepted."""
    headers, body = (DENIAL_TYPE, *denied.headers), denial_body(denied)
    if scope["type"] == "http":
        await _respond(send, denied.status, headers, body)
        return
    await receive()  # websocket.connect
    if _DENIAL_EXTENSION in scope.get("extensions", {}):
        await _respond(send, denied.status, headers, body, prefix="websocket.http")
    else:
        # The server makes a 403 of it (ASGI, websocket.close).
        await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": ""})


def adding(send: Send, headers: Headers) -> Send:
    """Return the `send` that adds these headers to the response, such as RateLimit."""
    encoded = _encoded(headers)

    async def adding_send(message: Message) -> None:
        if message["type"] in _STARTS:
            message = {**message, "headers": [*message.get("headers", ()), *encoded]}
        await send(message)

    return adding_send


async def _respond(send: Send, status: int, headers: Headers, body: bytes, *, prefix: str = "http") -> None:
    length = ("content-length", str(len(body)))
    await send({"type": f"{prefix}.response.start", "status": status, "headers": _encoded((*headers, length))})
    await send({"type": f"{prefix}.response.body", "body": body})


def _encoded(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers]
