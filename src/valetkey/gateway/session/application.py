"""The session layer as an ASGI application: its addresses, the forwarding of calls, and whatever else is served."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

from valetkey.client import AsyncOAuthClient, ClientSecretBasic
from valetkey.gateway.session import forwarding
from valetkey.gateway.session.answers import forbidden, later, refusal
from valetkey.gateway.session.calls import Calls
from valetkey.gateway.session.cookies import RepeatedCookie
from valetkey.gateway.session.entrance import Entrance
from valetkey.gateway.session.forgery import defence_of
from valetkey.gateway.session.messages import (
    FORM_OCTETS,
    BodyTooLarge,
    BrowserLeft,
    chunks_of,
    head_of,
    send_response,
)
from valetkey.gateway.session.sessions import Sessions
from valetkey.gateway.session.tokens import SessionTokens
from valetkey.gateway.session.upstream import Upstreams
from valetkey.jose.clock import Clock, system_clock
from valetkey.oauth.errors import Unavailable

if TYPE_CHECKING:
    from types import TracebackType

    import httpx2

    from valetkey.client.session_records import SessionRecords
    from valetkey.gateway.session.messages import AsgiApplication, Receive, Scope, Send
    from valetkey.gateway.session.settings import SessionSettings
    from valetkey.oauth.http import HttpRequest, HttpResponse

_FORM: Final = "application/x-www-form-urlencoded"


class SessionApplication:
    """Signs browsers in and forwards their calls; everything else goes to `otherwise`, or is not found.

    For one event loop: a process that forks makes one after the fork. `oauth` and `transport` replace the client
    and the network towards the APIs.
    """

    def __init__(
        self,
        settings: SessionSettings,
        records: SessionRecords,
        *,
        otherwise: AsgiApplication | None = None,
        oauth: AsyncOAuthClient | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
        clock: Clock = system_clock,
    ) -> None:
        self._settings, self._otherwise = settings, otherwise
        # RFC10017-6.1.3.1/confidential
        self._oauth = oauth or AsyncOAuthClient(
            settings.issuer, settings.client_id, ClientSecretBasic(settings.client_secret.reveal()), clock=clock
        )
        sessions = Sessions(settings, records, clock)
        self._tokens = SessionTokens(settings, records, self._oauth, clock)
        self._entrance = Entrance(
            settings, self._oauth, records=records, sessions=sessions, tokens=self._tokens, clock=clock
        )
        self._upstreams = Upstreams(settings, transport)
        self._calls = Calls(settings, sessions, self._tokens, self._upstreams)
        self._defence = defence_of(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI 3.0)."""
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
        elif scope["type"] == "http" and self._is_ours(request := head_of(scope)):
            await self._respond(request, receive, send)
        elif scope["type"] == "websocket" and self._is_ours(_opening(scope)):
            await _refuse_websocket(scope, receive, send)
        elif self._otherwise is not None:
            await self._otherwise(scope, receive, send)
        elif scope["type"] == "websocket":
            await _refuse_websocket(scope, receive, send)
        else:
            await send_response(refusal(404, "not_found", "Nothing is here."), send)

    async def aclose(self) -> None:
        """Finish what must not be lost, then close the connections."""
        await self._tokens.aclose()
        await self._entrance.aclose()
        await self._upstreams.aclose()
        await self._oauth.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def _is_ours(self, request: HttpRequest) -> bool:
        own = self._settings.prefix
        return (
            request.path == own
            or request.path.startswith(f"{own}/")
            or forwarding.match(self._settings.forwards, request.path.encode("latin-1")) is not None
        )

    async def _respond(self, request: HttpRequest, receive: Receive, send: Send) -> None:
        response: HttpResponse | None
        try:
            forward = forwarding.match(self._settings.forwards, request.path.encode("latin-1"))
            if forward is None:
                response = await self._of_session(request, receive)
            else:
                response = await self._calls.forward(request, forward, receive, send)
        except RepeatedCookie:
            response = refusal(400, "repeated_cookie", "A cookie of the session was sent more than once.")
        except Unavailable as outage:
            response = later("unavailable", "The store of sessions does not answer.", outage.retry_after)
        except BodyTooLarge:
            response = refusal(413, "too_large", "The body is too large.", (("connection", "close"),))
        except BrowserLeft:
            return
        if response is not None:
            await send_response(response, send)

    async def _of_session(self, request: HttpRequest, receive: Receive) -> HttpResponse:
        entrance, action = self._entrance, request.path.removeprefix(self._settings.prefix)
        match request.method, action:
            case "GET" | "HEAD", "":
                return await entrance.who(request)
            case "GET", "/login":
                return await entrance.login(request)
            case "GET", "/callback":
                return await entrance.callback(request)
            case "GET", "/logout":
                return await entrance.leave(request)
            case "POST", "/logout":
                forged = self._defence.judge(request)
                return await entrance.logout(request) if forged is None else forbidden(forged)
            case "POST", "/backchannel_logout":
                if (request.header(b"content-type") or "").partition(";")[0].strip().lower() != _FORM:
                    return refusal(400, "invalid_request", "A logout token comes in a form.")
                return await entrance.backchannel_logout(
                    b"".join([chunk async for chunk in chunks_of(receive, FORM_OCTETS)])
                )
            case _, known if known in _METHODS:
                allowed = (("allow", _METHODS[known]),)
                return refusal(405, "method_not_allowed", "This address has other methods.", allowed)
            case _:
                return refusal(404, "not_found", "Nothing is here.")

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._otherwise is not None:
            await self._otherwise(scope, receive, send)
            await self.aclose()
            return
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            else:
                await self.aclose()
                await send({"type": "lifespan.shutdown.complete"})
                return


_METHODS: Final = {
    "": "GET, HEAD",
    "/login": "GET",
    "/callback": "GET",
    "/logout": "GET, POST",
    "/backchannel_logout": "POST",
}


def build_session_app(
    settings: SessionSettings, records: SessionRecords, *, otherwise: AsgiApplication | None = None
) -> SessionApplication:
    """Return the session layer of one origin; what is not its own goes to `otherwise`, if that is given."""
    return SessionApplication(settings, records, otherwise=otherwise)


def _opening(scope: Scope) -> HttpRequest:
    return head_of({**scope, "method": "GET"})


async def _refuse_websocket(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008})
        return
    response = refusal(501, "upgrade_not_supported", "No WebSocket goes through here: calls only.")
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
    await send({"type": "websocket.http.response.start", "status": response.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": response.body})
