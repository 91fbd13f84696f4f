"""The session layer as an ASGI application: its addresses, the forwarding of calls, and whatever else is served."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

from valetkey.client import AsyncOAuthClient, ClientSecretBasic, step_up_of
from valetkey.client.bearer import is_token_dead
from valetkey.gateway.session import forwarding
from valetkey.gateway.session.answers import later, refusal, sign_in_needed, step_up_needed
from valetkey.gateway.session.cookies import RepeatedCookie
from valetkey.gateway.session.entrance import Entrance
from valetkey.gateway.session.forgery import Forged, ForgeryDefence
from valetkey.gateway.session.messages import (
    FORM_OCTETS,
    BodyTooLarge,
    BrowserLeft,
    chunks_of,
    has_body,
    head_of,
    send_response,
)
from valetkey.gateway.session.sessions import IssuerAway, SessionEnded, Sessions
from valetkey.gateway.session.upstream import UpstreamBroken, UpstreamDown, Upstreams
from valetkey.jose.clock import Clock, system_clock
from valetkey.oauth.errors import Unavailable

if TYPE_CHECKING:
    from types import TracebackType

    import httpx2

    from valetkey.client.session_records import SessionRecords
    from valetkey.gateway.session.messages import AsgiApplication, Receive, Scope, Send
    from valetkey.gateway.session.sessions import LiveSession
    from valetkey.gateway.session.settings import Forward, SessionSettings
    from valetkey.oauth.http import HttpRequest, HttpResponse

_UNAUTHORIZED: Final = 401
_REDIRECTS: Final = frozenset({300, 301, 302, 303, 305, 307, 308})
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
        self._sessions = Sessions(settings, records, self._oauth, clock)
        self._entrance = Entrance(settings, records, self._oauth, self._sessions, clock)
        self._upstreams = Upstreams(settings, transport)
        self._defence = ForgeryDefence(settings.base_url, settings.csrf_header.encode(), settings.csrf_value)

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
        await self._sessions.aclose()
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
                response = await self._forwarded(request, forward, receive, send)
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
                return await entrance.logout(request) if forged is None else _forbidden(forged)
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

    async def _forwarded(
        self, request: HttpRequest, forward: Forward, receive: Receive, send: Send
    ) -> HttpResponse | None:
        """Return our own answer; None where the API's was sent."""
        forged = self._defence.judge(request)
        if forged is not None:
            return _forbidden(forged)
        if request.all_headers(b"upgrade"):
            return refusal(501, "upgrade_not_supported", "No WebSocket goes through here: calls only.")
        match forwarding.find(forward, request.method, request.path.encode("latin-1"), request.query):
            case forwarding.WrongPath():
                return refusal(400, "invalid_path", "The path or query is not written plainly.")
            case forwarding.WrongMethod(allowed):
                listed = (("allow", ", ".join(allowed)),)
                return refusal(405, "method_not_allowed", "This API has other methods.", listed)
            case forwarding.Found() as found:
                live = await self._sessions.find(self._entrance.shown_handle(request))
                if live is None:
                    return sign_in_needed(self._settings, self._entrance.forgotten(request))
                return await self._called(request, found.url(request.query), live, receive, send)

    async def _called(
        self, request: HttpRequest, url: str, live: LiveSession, receive: Receive, send: Send
    ) -> HttpResponse | None:
        await self._sessions.touch(live)
        try:
            token = await self._sessions.access_token(live)
            response = await self._asked(request, url, token, receive)
            if is_token_dead(response.status_code, response.headers.get_list("www-authenticate")):
                await response.aclose()
                token = await self._sessions.access_token(live, refused=token)
                if has_body(request):
                    # It was read, and is not ours to keep: the page that asked still has it.
                    return later("try_again", "The access token was renewed meanwhile.", 0)
                response = await self._asked(request, url, token, receive)
        except SessionEnded:
            return sign_in_needed(self._settings, self._entrance.forgotten(request))
        except IssuerAway as error:
            return later("issuer_unavailable", "The session cannot be renewed at the moment.", error.retry_after)
        except UpstreamDown:
            return later("upstream_unavailable", "The API cannot be reached.")
        except UpstreamBroken:
            return refusal(502, "upstream_failed", "The API did not answer as it must.")
        refused = self._refused(response)
        if refused is not None:
            await response.aclose()
            return refused
        try:
            headers = forwarding.response_headers(response.headers.raw)
            await self._upstreams.pump(response, headers, receive, send)
        except UpstreamBroken:
            # The head is sent. Returning before the end breaks the connection off, which is all that can be said.
            return None
        return None

    async def _asked(self, request: HttpRequest, url: str, token: str, receive: Receive) -> httpx2.Response:
        headers = forwarding.request_headers(request.headers, self._defence.header, token)
        return await self._upstreams.ask(request, url, headers, receive)

    def _refused(self, response: httpx2.Response) -> HttpResponse | None:
        """Return our own answer to an API's that a browser must not get as it is."""
        challenges = response.headers.get_list("www-authenticate")
        wanted = step_up_of(challenges) if response.status_code == _UNAUTHORIZED else None
        if wanted is not None:
            return step_up_needed(self._settings, wanted)
        if is_token_dead(response.status_code, challenges):
            # Fresh from the issuer and refused all the same: the two do not agree, and signing in changes nothing.
            return refusal(502, "token_refused", "The API does not take the tokens of this issuer.")
        if response.status_code in _REDIRECTS:
            return refusal(502, "upstream_redirects", "The API answered with a redirect, which is not followed.")
        return None

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


def _forbidden(forged: Forged) -> HttpResponse:
    return refusal(403, "forbidden", forged.reason)


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
