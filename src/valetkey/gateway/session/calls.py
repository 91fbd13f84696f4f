"""A call of the page on its way: judged, given the session's token, sent on, its answer judged (RFC 10017, 6.1)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from valetkey.client import step_up_of
from valetkey.client.bearer import is_token_dead
from valetkey.gateway.session import forwarding
from valetkey.gateway.session.answers import forbidden, later, refusal, sign_in_needed, step_up_needed
from valetkey.gateway.session.cookies import Cookies
from valetkey.gateway.session.forgery import defence_of
from valetkey.gateway.session.messages import has_body
from valetkey.gateway.session.tokens import IssuerAway, SessionEnded, SessionTokens
from valetkey.gateway.session.upstream import UpstreamBroken, UpstreamDown, Upstreams

if TYPE_CHECKING:
    import httpx2

    from valetkey.gateway.session.messages import Receive, Send
    from valetkey.gateway.session.sessions import LiveSession, Sessions
    from valetkey.gateway.session.settings import Forward, SessionSettings
    from valetkey.oauth.http import HttpRequest, HttpResponse

_log = logging.getLogger(__name__)
_UNAUTHORIZED: Final = 401
_REDIRECTS: Final = frozenset({300, 301, 302, 303, 305, 307, 308})


class Calls:
    """The forwarding of one gateway."""

    def __init__(
        self, settings: SessionSettings, sessions: Sessions, tokens: SessionTokens, upstreams: Upstreams
    ) -> None:
        self._settings, self._sessions, self._tokens, self._upstreams = settings, sessions, tokens, upstreams
        self._cookies = Cookies(settings.is_https)
        self._defence = defence_of(settings)

    async def forward(
        self, request: HttpRequest, forward: Forward, receive: Receive, send: Send
    ) -> HttpResponse | None:
        """Return our own answer, None where the API's was sent; raises RepeatedCookie or Unavailable."""
        forged = self._defence.judge(request)
        if forged is not None:
            return forbidden(forged)
        if request.all_headers(b"upgrade"):
            return refusal(501, "upgrade_not_supported", "No WebSocket goes through here: calls only.")
        match forwarding.find(forward, request.method, request.path.encode("latin-1"), request.query):
            case forwarding.WrongPath():
                return refusal(400, "invalid_path", "The path or query is not written plainly.")
            case forwarding.WrongMethod(allowed):
                listed = (("allow", ", ".join(allowed)),)
                return refusal(405, "method_not_allowed", "This API has other methods.", listed)
            case forwarding.Found() as found:
                live = await self._sessions.find(self._cookies.shown_handle(request))
                if live is None:
                    return sign_in_needed(self._settings)
                return await self._called(request, found.url(request.query), live, receive, send)

    async def _called(
        self, request: HttpRequest, url: str, live: LiveSession, receive: Receive, send: Send
    ) -> HttpResponse | None:
        await self._sessions.touch(live)
        try:
            token = await self._tokens.access(live)
            response = await self._asked(request, url, token, receive)
            if is_token_dead(response.status_code, response.headers.get_list("www-authenticate")):
                await response.aclose()
                token = await self._tokens.access(live, refused=token)
                if has_body(request):
                    # It was read, and is not ours to keep: the page that asked still has it.
                    return later("try_again", "The access token was renewed meanwhile.", 0)
                response = await self._asked(request, url, token, receive)
        except SessionEnded:
            return sign_in_needed(self._settings)
        except IssuerAway as error:
            return later("issuer_unavailable", "The session cannot be renewed at the moment.", error.retry_after)
        except UpstreamDown as error:
            _log.warning("An API cannot be reached: %s", type(error.__cause__).__name__)
            return later("upstream_unavailable", "The API cannot be reached.")
        except UpstreamBroken as error:
            _log.warning("An API did not answer as it must: %s", type(error.__cause__).__name__)
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
