"""Logout tokens (OpenID Connect Back-Channel Logout, 2.4): who is signed out, told to one client."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from valetkey.authorization_server.client_algorithms import id_token_form
from valetkey.authorization_server.client_text import text_for
from valetkey.authorization_server.outbound import FetchRules, Lane, OutboundBody
from valetkey.authorization_server.subject_identifier import session_for, subject_for
from valetkey.jose.encoding import b64url_encode
from valetkey.jose.token_kinds import BACKCHANNEL_LOGOUT, LOGOUT_TOKEN
from valetkey.oauth.types import Issuer, Seconds

if TYPE_CHECKING:
    from valetkey.authorization_server.model import Client
    from valetkey.authorization_server.revocation.logouts import DueLogout
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.types import NumericDate, Subject

LIFETIME: Final = Seconds(120)
_TAKEN: Final = frozenset({200, 204})
"""Frameworks answer 204 where there is nothing to say (Back-Channel Logout, 2.8)."""


async def mint_logout_token(due: DueLogout, client: Client, server: AuthorizationServer, now: NumericDate) -> str:
    """Return the logout token for `client`, signed and encrypted as its ID Tokens are.

    Raises Unavailable when no key can sign it, and NoClientKey when the client has none.
    """
    claims = logout_token_claims(due, client, await subject_for(client, due.subject, server), server.issuer, now)
    claims["sid"] = await session_for(client, due.sid, server)
    # OIDCBCL-2.4/signed OIDCBCL-2.4/same-keys
    return await text_for(client, claims, id_token_form(client), server, now, typ=LOGOUT_TOKEN.typ)


def logout_token_claims(
    due: DueLogout, client: Client, subject: Subject, issuer: Issuer, now: NumericDate
) -> dict[str, object]:
    """Return the claims; every try for one session and client has the same `jti`, and none has a `nonce`."""
    return {
        "iss": issuer.url,
        "aud": client.client_id,
        "iat": now,
        "exp": now + LIFETIME,
        "jti": _token_id(due),
        "sub": subject,  # OIDCBCL-2.4/sub-or-sid OIDCBCL-2.4/nonce
        "sid": due.sid,
        "events": {BACKCHANNEL_LOGOUT: {}},  # OIDCBCL-2.4/events
    }


async def tell(due: DueLogout, client: Client, server: AuthorizationServer, now: NumericDate) -> int | None:
    """Post the logout token to `client`; return the status of an answer that does not say it was taken, else None.

    Raises Unfetchable where there was no answer within 5 s, NoClientKey, and Unavailable.
    """
    uri = client.openid.backchannel_logout_uri
    if uri is None:
        return None
    token = await mint_logout_token(due, client, server, now)
    body = OutboundBody("application/x-www-form-urlencoded", urlencode({"logout_token": token}).encode())
    lane = Lane.STRANGERS if client.is_unverified else Lane.REGISTERED
    # Nothing of the answer is read but its status: OIDCBCL-2.5/form
    found = await server.outbound.post(uri, body, FetchRules((), 0, lane))
    return None if found.status in _TAKEN else found.status


def _token_id(due: DueLogout) -> str:
    # A session ends once: whoever tries again, in whatever process, draws the same.
    named = f"{due.tenant_id}\n{due.sid}\n{due.client_id}"
    return b64url_encode(hashlib.sha256(named.encode()).digest()[:16])
