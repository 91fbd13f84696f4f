"""Where a transmitter pushes its signals to: HTTP in, HTTP out, and a face for ASGI (RFC 8935, 2)."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any, Final

import msgspec

from valetkey.jose import KeySourceUnavailable
from valetkey.oauth.http import HttpRequest, HttpResponse
from valetkey.oauth.shared_signals import SetErrorCode
from valetkey.resource_server.signals import SignalRefused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from valetkey.resource_server.signals import Hearing, Signals

    Told = Callable[[Hearing | SignalRefused], None]

MEDIA_TYPE: Final = "application/secevent+jwt"
MOST_OCTETS: Final = 64 * 1024
"""Of one token: more is not read."""
SHORTEST_HEADER: Final = 32
"""Characters of the secret that pushes carry: nobody guesses it."""
_LONGEST_TRANSFER: Final = 4_096
"""Messages of one body: who sends it octet by octet is not waited for."""


class SignalEndpoint:
    """Takes what one transmitter pushes, once the header that it was given proves that it is the one.

    An ASGI application; mounted wherever the `endpoint_url` of the stream leads.
    """

    def __init__(self, signals: Signals, authorization: str, *, told: Told | None = None) -> None:
        """Build it; `authorization` is the whole value of the header that the stream names.

        `told` is called with what was made of each token. Raises ValueError for a header that could be guessed.
        """
        if len(authorization) < SHORTEST_HEADER or not authorization.isascii():
            raise ValueError(f"the authorization header of pushes has {SHORTEST_HEADER} ASCII characters at least")
        self._signals = signals
        self._authorization = authorization.encode()
        self._told = told

    async def receive(self, request: HttpRequest) -> HttpResponse:
        """Answer 202 once what a push says holds, 400 with a reason for what is not taken; nothing is raised."""
        if request.method != "POST":
            return HttpResponse(405, (("allow", "POST"),))
        presented = request.header(b"authorization") or ""
        # HARDENING: compared in constant time, before anything of the body is looked at.
        if not hmac.compare_digest(presented.encode("utf-8", "surrogateescape"), self._authorization):
            error = SetErrorCode.AUTHENTICATION_FAILED
            return _refused(error, "The authorization header is not the one of the stream.", 401)
        media_type = (request.header(b"content-type") or "").partition(";")[0].strip().lower()
        if media_type != MEDIA_TYPE or len(request.body) > MOST_OCTETS or not request.body.isascii():
            # RFC8935-2.1/content-type-expected
            return _refused(SetErrorCode.INVALID_REQUEST, f"The body is no token as {MEDIA_TYPE}.")
        try:
            hearing = await self._signals.hear(request.body.decode().strip())
        except SignalRefused as refused:
            self._tell(refused)
            return _refused(refused.code, refused.description)  # RFC8935-2.3/error
        except KeySourceUnavailable:
            # Neither good nor bad: the transmitter sends it again.
            return HttpResponse(503, (("retry-after", "5"),))
        self._tell(hearing)
        return HttpResponse(202)  # RFC8935-2.2/accepted RFC8935-2.2/empty

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        """Serve one request (ASGI 3.0)."""
        if scope["type"] != "http":
            raise NotImplementedError(f"no {scope['type']} here")
        body = await _body_of(receive)
        if body is None:
            return
        response = await self.receive(
            HttpRequest(scope["method"], scope["path"], headers=tuple(scope["headers"]), body=body)
        )
        headers = [(name.encode(), value.encode()) for name, value in response.headers]
        length = (b"content-length", str(len(response.body)).encode())
        await send({"type": "http.response.start", "status": response.status, "headers": [*headers, length]})
        await send({"type": "http.response.body", "body": response.body})

    def _tell(self, outcome: Hearing | SignalRefused) -> None:
        if self._told is not None:
            self._told(outcome)


async def _body_of(receive: Callable[[], Awaitable[MutableMapping[str, Any]]]) -> bytes | None:
    body = bytearray()
    for _ in range(_LONGEST_TRANSFER):
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if not message.get("more_body", False) or len(body) > MOST_OCTETS:
            break
    return bytes(body)


def _refused(code: SetErrorCode, description: str, status: int = 400) -> HttpResponse:
    # RFC8935-2.3/json
    document = msgspec.json.encode({"err": code.value, "description": description})
    return HttpResponse(status, (("content-type", "application/json"), ("content-language", "en")), document)
