"""The end of a sign-in: a code becomes tokens, and the ID Token says who it is (OpenID Connect Core, 3.1.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from valetkey.client.errors import ResponseRejected
from valetkey.client.exchange import TokenResponse, redeem
from valetkey.client.flow import present_time
from valetkey.client.id_token import verify_id_token
from valetkey.client.keys import keys_for
from valetkey.jose.records import dataclass

if TYPE_CHECKING:
    from valetkey.client.code_flow import StartedCodeFlow
    from valetkey.client.exchange import Party
    from valetkey.client.flow import Flow

_OPENID: Final = "openid"
_LEEWAY: Final = 10
"""Seconds by which the clocks may differ."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who signed in, and the tokens: `claims` are those of the verified ID Token, None without `openid`."""

    tokens: TokenResponse
    claims: Mapping[str, object] | None = None


def finish_code(party: Party, started: StartedCodeFlow, query: str) -> Flow[SignedIn]:
    """Redeem the code of an answer, and verify the ID Token where `openid` was asked for.

    Raises as StartedCodeFlow.redemption, TokenResponse.parse and verify_id_token do.
    """
    scope = started.flow.scope
    tokens = yield from redeem(party, started.redemption(query), scope)
    if _OPENID not in scope:
        return SignedIn(tokens)
    if tokens.id_token is None:
        raise ResponseRejected("invalid_response", "The server issued no ID Token though openid was asked for.")
    keys = yield from keys_for(tokens.id_token, party.server.require("jwks_uri"), party.keys)
    now = yield from present_time()
    claims = verify_id_token(tokens.id_token, started, keys, now=now)
    _require_recent(claims, dict(started.flow.parameters).get("max_age"), now)
    return SignedIn(tokens, claims)


def _require_recent(claims: Mapping[str, object], max_age: str | None, now: int) -> None:
    """Return, or raise ResponseRejected where `max_age` was asked for and the sign-in is older, or nobody knows."""
    if max_age is None:
        return
    auth_time = claims.get("auth_time")
    if not isinstance(auth_time, int) or isinstance(auth_time, bool) or now - auth_time > int(max_age) + _LEEWAY:
        raise ResponseRejected("too_long_ago", "The end-user signed in longer ago than was asked for.")
