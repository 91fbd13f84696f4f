"""Between ASGI and values: one request read, one response sent (ASGI 3.0, HTTP)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import quote

from valetkey.oauth.http import HttpRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from valetkey.oauth.http import HttpResponse

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
AsgiApplication: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_PLAIN: Final = "/-._~!$&'()*+,=:@"
FORM_OCTETS: Final = 64 * 1024


class BodyTooLarge(Exception):
    """A body is longer than it may be."""


class BrowserLeft(Exception):
    """Nobody waits for the answer any longer."""


def head_of(scope: Scope) -> HttpRequest:
    """Return the request without its body; `path` is as it was sent, percent-encoding and all."""
    raw = scope.get("raw_path")
    # A server that keeps the raw path to itself has decoded it: it is written anew, so that it is plain again.
    path = raw.partition(b"?")[0].decode("latin-1") if isinstance(raw, bytes) else quote(scope["path"], _PLAIN)
    headers = tuple((name.lower(), value) for name, value in scope["headers"])
    return HttpRequest(scope["method"], path, scope.get("query_string", b""), headers)


def declared_length(request: HttpRequest) -> int | None:
    """Return what `Content-Length` says; None without one."""
    text = request.header(b"content-length")
    return int(text) if text is not None and text.isascii() and text.isdigit() else None


def has_body(request: HttpRequest) -> bool:
    """Say whether octets follow the head."""
    return bool(declared_length(request)) or bool(request.all_headers(b"transfer-encoding"))


async def chunks_of(receive: Receive, most: int) -> AsyncIterator[bytes]:
    """Yield the body as it comes; raises BodyTooLarge beyond `most` octets, BrowserLeft where it breaks off."""
    octets = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BrowserLeft
        chunk: bytes = message.get("body", b"")
        octets += len(chunk)
        if octets > most:
            raise BodyTooLarge
        if chunk:
            yield chunk
        if not message.get("more_body", False):
            return


async def send_response(response: HttpResponse, send: Send) -> None:
    """Send a response whole."""
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
    headers.append((b"content-length", str(len(response.body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})
