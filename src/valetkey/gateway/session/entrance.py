"""Signing in and out: the addresses of the session itself (OAuth 2.1, 4.1; RP-Initiated, Back-Channel Logout)."""

from __future__ import annotations

import asyncio
import logging
from base64 import urlsafe_b64encode
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from valetkey.client import FlowError, ResponseRejected, ServerUnreachable
from valetkey.client.code_flow import ENTROPY_OCTETS
from valetkey.client.keys import keys_for
from valetkey.client.logout_token import LogoutReceiver, logged_out, not_logged_out
from valetkey.client.session_records import UsedLogoutToken
from valetkey.gateway.session.answers import answer, away, later, refusal, sign_in_needed
from valetkey.gateway.session.cookies import (
    LOGIN_SECONDS,
    LOGOUT,
    LOGOUT_SECONDS,
    MOST_LOGINS,
    SESSION,
    Cookies,
    RepeatedCookie,
    SameSite,
)
from valetkey.gateway.session.forgery import is_navigation
from valetkey.gateway.session.return_to import with_error
from valetkey.gateway.session.sealing import OwnKeys, SealBroken
from valetkey.gateway.session.sign_in import Departure, WrongRequest, parse_login, shown_error, unpadded
from valetkey.jose.entropy import random_octets
from valetkey.oauth.errors import OAuthError
from valetkey.oauth.parameters import parse_form

if TYPE_CHECKING:
    from valetkey.client import AsyncOAuthClient, Party
    from valetkey.client.flow import Flow
    from valetkey.client.session_records import SessionRecords
    from valetkey.gateway.session.sessions import Sessions
    from valetkey.gateway.session.settings import SessionSettings
    from valetkey.gateway.session.tokens import SessionTokens
    from valetkey.jose import JwkSet
    from valetkey.jose.clock import Clock
    from valetkey.oauth.http import HttpRequest, HttpResponse

_log = logging.getLogger(__name__)
_LONGEST_HINT: Final = 2_500
"""An ID Token that is longer does not fit into the cookie that carries it to the redirect."""


class Entrance:
    """What happens at the addresses of the session; each method is one of them."""

    def __init__(
        self,
        settings: SessionSettings,
        oauth: AsyncOAuthClient,
        *,
        records: SessionRecords,
        sessions: Sessions,
        tokens: SessionTokens,
        clock: Clock,
    ) -> None:
        self._settings, self._records, self._oauth = settings, records, oauth
        self._sessions, self._tokens, self._clock = sessions, tokens, clock
        self._cookies = Cookies(settings.is_https)
        self._keys = OwnKeys(settings.key)
        self._receiver = LogoutReceiver(settings.issuer, settings.client_id)
        self._farewells: set[asyncio.Task[None]] = set()

    async def login(self, request: HttpRequest) -> HttpResponse:
        """Send a navigation to the issuer; a script's call is told to navigate."""
        if not is_navigation(request):
            return refusal(403, "navigate", "Signing in is a navigation: set location, do not fetch.")
        try:
            asked = parse_login(request.query, self._settings.landing)
        except WrongRequest as error:
            return refusal(400, "invalid_request", str(error))
        # Strict: who comes from another site shows no session here, and gets a new one beside the old.
        present = self._cookies.shown_handle(request)
        departure = Departure.of(
            random_octets(ENTROPY_OCTETS), asked, None if present is None else present.row_id, self._clock()
        )
        try:
            started = departure.started(self._settings, (await self._oauth.party()).server)
            location = started.url
        except FlowError as error:
            _log.warning("No sign-in could begin: %s", error)
            return away(with_error(asked.return_to, shown_error(error.code)))
        name = self._cookies.login_name(started.state)
        value = departure.sealed(self._keys.cookie_seal, name)
        kept = self._cookies.written(name, value, SameSite.LAX, LOGIN_SECONDS)
        others = self._cookies.logins(request)
        dropped = others if len(others) >= MOST_LOGINS else ()
        return away(location, (*(self._cookies.removed(other) for other in dropped), kept))

    async def callback(self, request: HttpRequest) -> HttpResponse:
        """Take the answer to a sign-in that this very browser began, and give it a new session."""
        settings = self._settings
        query = request.query.decode("ascii", "replace")
        name = self._cookies.login_name(_state_of(request.query))
        departure = Departure.opened(self._keys.cookie_seal, name, self._cookies.read(request, name), self._clock())
        if departure is None:
            # Another browser's sign-in, or one that took too long: nobody is signed in by it.
            return away(with_error(settings.landing, "state_mismatch"))
        back = departure.asked.return_to
        over = self._cookies.removed(name)
        try:
            started = departure.started(settings, (await self._oauth.party()).server)
            signed_in = await self._oauth.finish_code(started, query)
        except FlowError as error:
            # What it holds is printable and no secret; a refusal of the end-user's is told as well.
            _log.warning("A sign-in brought nothing: %s", error)
            return away(with_error(back, shown_error(error.code)), (over,))
        # Session fixation: whatever handle the browser had, it gets another.
        handle = await self._sessions.begin(signed_in, departure.replaces)
        return away(back, (over, self._cookies.written(SESSION, handle.reveal(), SameSite.STRICT)))

    async def who(self, request: HttpRequest) -> HttpResponse:
        """Say who is signed in, without a token; asking does not keep a session from timing out."""
        live = await self._sessions.find(self._cookies.shown_handle(request))
        if live is None:
            return sign_in_needed(self._settings)
        claims = live.profile.claims
        until = min(live.row.idle_ends_at, live.row.ends_at)
        members = {"claims": claims, "signed_in_at": live.profile.signed_in_at, "ends_at": until}
        return answer(200, members)

    async def logout(self, request: HttpRequest) -> HttpResponse:
        """End the session here, and say where the browser has to go to end the one at the issuer."""
        settings = self._settings
        live = await self._sessions.find(self._cookies.shown_handle(request))
        gone = self._cookies.removed(SESSION, SameSite.STRICT)
        if live is None:
            return answer(200, {"location": settings.landing}, (gone,))
        tokens = await self._tokens.present(live)
        await self._sessions.end(live)
        if tokens is not None and tokens.refresh_token is not None:
            self._give_back(tokens.refresh_token)
        hint = (tokens.id_token if tokens is not None else None) or ""
        # The hint is a token: it goes through a cookie that no script reads, not through the answer.
        text = hint.encode() if len(hint) <= _LONGEST_HINT else b""
        value = urlsafe_b64encode(self._keys.cookie_seal.close(LOGOUT, text)).rstrip(b"=").decode()
        kept = self._cookies.written(LOGOUT, value, SameSite.STRICT, LOGOUT_SECONDS)
        return answer(200, {"location": f"{settings.prefix}/logout"}, (gone, kept))

    async def leave(self, request: HttpRequest) -> HttpResponse:
        """Send the navigation of who just signed out here to the issuer's own sign-out."""
        settings = self._settings
        try:
            value = self._cookies.read(request, LOGOUT)
            hint = self._keys.cookie_seal.open(LOGOUT, unpadded(value or "")).decode()
        except (RepeatedCookie, SealBroken):
            # A link from anywhere signs nobody out.
            return away(settings.landing)
        over = self._cookies.removed(LOGOUT, SameSite.STRICT)
        try:
            back = settings.post_logout_redirect_uri
            return away(await self._oauth.sign_out_url(hint or None, back), (over,))
        except FlowError:
            # Signed out here: an issuer without such an address, or one that is down, changes nothing about it.
            return away(settings.landing, (over,))

    async def backchannel_logout(self, body: bytes) -> HttpResponse:
        """End the sessions that a logout token of the issuer names, in every process (Back-Channel Logout, 2.7)."""
        used = _Noted()
        receiver = replace(self._receiver, seen=used)
        now = self._clock()
        try:
            token = receiver.read(body)
            keys = await self._oauth.run(_keys_of_issuer, token)
            ended = receiver.verify(token, keys, now=now)
        except ResponseRejected as error:
            return not_logged_out(error.description)
        except ServerUnreachable as error:
            # Not its sender's fault: told so, the issuer tries again.
            return later("keys_unavailable", "The keys of the issuer cannot be had.", error.retry_after or 2)
        issuer = self._settings.issuer
        owner = self._keys.owner(issuer, ended.subject, ended.sid)
        mark = UsedLogoutToken(self._keys.token_id(issuer, used.token_id), used.until)
        if not await self._records.log_out(owner, mark, now):
            return not_logged_out("The logout token was used before.")
        return logged_out()

    async def aclose(self) -> None:
        """Wait for the tokens that are being given back."""
        if self._farewells:
            await asyncio.wait(self._farewells, timeout=10)

    def _give_back(self, refresh_token: str) -> None:
        farewell = asyncio.get_running_loop().create_task(self._revoked(refresh_token))
        self._farewells.add(farewell)
        farewell.add_done_callback(self._farewells.discard)

    async def _revoked(self, refresh_token: str) -> None:
        try:
            await self._oauth.revoke(refresh_token)
        except FlowError:
            # It ends by itself, and nobody has it any longer.
            return


class _Noted:
    """Takes down which token was verified; whether it is new, the shared store says in the same transaction."""

    def __init__(self) -> None:
        self.token_id, self.until = "", 0

    def is_first_use(self, token_id: str, until: int, now: int) -> bool:
        """Say yes."""
        del now
        self.token_id, self.until = token_id, until
        return True


def _state_of(query: bytes) -> str:
    try:
        return parse_form(query).get("state") or ""
    except OAuthError:
        return ""


def _keys_of_issuer(party: Party, token: str) -> Flow[JwkSet]:
    return (yield from keys_for(token, party.server.require("jwks_uri"), party.keys))
