"""The facts of a logout request: the hint verified, the client and the address that it vouches for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from valetkey.authorization_server.authorization.id_token_hint import hint_keys, hinted_claims
from valetkey.authorization_server.authorization.request import loopback_port
from valetkey.authorization_server.browser import live_sessions
from valetkey.authorization_server.client_algorithms import is_symmetric
from valetkey.authorization_server.logout.judging import Facts, Hint, Hinted
from valetkey.authorization_server.subject_identifier import session_behind, subject_behind
from valetkey.jose import JoseError, jwt
from valetkey.oauth import redirect_uri
from valetkey.oauth.errors import OAuthError
from valetkey.oauth.redirect_uri import RedirectUriMismatch
from valetkey.oauth.types import ClientId, SessionId, Subject

if TYPE_CHECKING:
    from collections.abc import Mapping

    from valetkey.authorization_server.browser import PresentBrowser
    from valetkey.authorization_server.logout.request import LogoutRequest
    from valetkey.authorization_server.model import Client, StoredSession
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.redirect_uri import VerifiedRedirect
    from valetkey.oauth.types import NumericDate


async def load(
    asked: LogoutRequest, present: PresentBrowser | None, server: AuthorizationServer, now: NumericDate
) -> Facts:
    """Return what is known of a request; raises Unavailable."""
    sessions = await live_sessions(present, server, now)
    if asked.id_token_hint is None:
        client = await _known(asked.client_id, server)
        return Facts(asked, sessions, client, Hint.ABSENT, to=_address(asked, client, server))
    named = _client_id_of(asked.id_token_hint)
    if named is None or asked.client_id not in {None, named}:  # OIDCRIL-2/client-id
        return Facts(asked, sessions, hint=Hint.REFUSED)  # OIDCRIL-4/aborted
    client = await _known(named, server)
    claims = None if client is None else await _claims(asked.id_token_hint, client, server, now)
    if client is None or claims is None:
        return Facts(asked, sessions, hint=Hint.REFUSED)
    hinted = await _hinted(claims, client, sessions, present, server)
    if not await _is_credible(hinted, client, sessions, server):
        return Facts(asked, sessions, client, Hint.ABSENT, to=_address(asked, client, server))
    return Facts(asked, sessions, client, Hint.VERIFIED, hinted, _address(asked, client, server))


async def _known(client_id: str | None, server: AuthorizationServer) -> Client | None:
    client = None if client_id is None else await server.find_client(ClientId(client_id))
    return None if client is None or client.disabled else client


def _client_id_of(hint: str) -> str | None:
    """Return whom a hint says it is for: nothing is believed yet."""
    try:
        audience = jwt.peek(hint).claims.get("aud")
    except JoseError:
        return None
    return audience if isinstance(audience, str) else None


async def _claims(
    hint: str, client: Client, server: AuthorizationServer, now: NumericDate
) -> Mapping[str, object] | None:
    try:
        # It may have expired long ago: OIDCRIL-2/expired. That we issued it, its signature says: OIDCRIL-2/issuer
        keys = await hint_keys(hint, client, server, now)
        return hinted_claims(hint, client.client_id, server.issuer, keys, now)
    except (JoseError, OAuthError):
        return None


async def _is_credible(
    hinted: Hinted, client: Client, sessions: tuple[StoredSession, ...], server: AuthorizationServer
) -> bool:
    """Say whether a hint can be ours: under its own secret a client can write whom it likes.

    It is, where the client has signed in by a session that would end.
    """
    if not is_symmetric(client.id_token_signed_response_alg):
        return True
    meant = [one.session for one in sessions if hinted.sid == one.session.sid]
    meant = meant or [one.session for one in sessions if hinted.subject == one.session.subject]
    found = [await server.stores.authorizations.signed_in_by(one.sid, one.subject) for one in meant]
    return not meant or any(client.client_id in by for by in found)


async def _hinted(
    claims: Mapping[str, object],
    client: Client,
    sessions: tuple[StoredSession, ...],
    present: PresentBrowser | None,
    server: AuthorizationServer,
) -> Hinted:
    told, sid = Subject(str(claims["sub"])), claims.get("sid")
    subject = await subject_behind(client, told, (one.session.subject for one in sessions), server)
    if isinstance(sid, str):
        sid = await session_behind(client, SessionId(sid), (one.session.sid for one in sessions), server)
    if not isinstance(sid, str):
        return Hinted(subject, None, is_over=False)
    stored = await server.stores.browsers.session(SessionId(sid))
    was_here = (
        stored is not None and present is not None and stored.session.browser_id == present.browser.browser_id
    )
    is_over = was_here and all(one.session.sid != sid for one in sessions)
    return Hinted(subject, SessionId(sid), is_over=is_over)


def _address(asked: LogoutRequest, client: Client | None, server: AuthorizationServer) -> VerifiedRedirect | None:
    if client is None or asked.post_logout_redirect_uri is None:
        return None
    ports = loopback_port(client, server.policy_for(client))
    try:
        # OIDCRIL-3/exact-match OIDCRIL-2/registered
        return redirect_uri.verify(asked.post_logout_redirect_uri, client.post_logout_redirect_uris, ports)
    except RedirectUriMismatch:
        return None
