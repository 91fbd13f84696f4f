"""A caller's token narrowed for the next service: one resource, less scope, never the token itself (RFC 8693)."""

from __future__ import annotations

import hashlib
from dataclasses import field, replace
from typing import TYPE_CHECKING, Final

from valetkey.client.errors import ExchangeRefused, ResponseRejected, ServerRefused
from valetkey.client.exchange import NOT_APPLICABLE
from valetkey.client.flow import this_moment
from valetkey.client.kept_tokens import TokenSet
from valetkey.client.token_exchange import Exchange, TokenType, exchange
from valetkey.jose.records import dataclass
from valetkey.oauth.types import Scope

if TYPE_CHECKING:
    from collections.abc import Callable

    from valetkey.client.exchange import Party
    from valetkey.client.flow import Flow

MARGIN_SECONDS: Final = 5
"""How long before its end a narrowed token is replaced: the next one seldom lives longer than the caller's."""
BELIEF_SECONDS: Final = 60
"""For how long a narrowed token is used of which the server does not say how long it lives."""
MOST_TOKENS: Final = 1_000
"""How many narrowed tokens are kept, unless said otherwise."""
_MARGIN_PART: Final = 5

_CALLERS_TOKEN: Final = frozenset({"invalid_request", "invalid_grant", "invalid_token"})
_ADVICE: Final = {
    "invalid_target": "Name a resource that the token exchange rule of this client lists, or add it to the rule.",
    "invalid_scope": "Ask for no more than the caller's token, this client and the resource all have.",
    "unauthorized_client": "Give this client a token exchange rule for the client that the caller's token is of.",
    "invalid_client": "Mend this client's credentials.",
}
_ADVICE_TO_THE_CALLER: Final = "Answer the caller with 401 invalid_token: its token is not, or no longer, good."
_ADVICE_ELSE: Final = "Mend the configuration of this client; asking again does not help."


@dataclass(frozen=True, slots=True)
class Narrowing:
    """By which a narrowed token is kept: whose token it came from, by its digest, and what it is for."""

    caller: bytes = field(repr=False)
    resource: str
    scope: Scope

    @classmethod
    def of(cls, callers_token: str, resource: str, scope: str) -> Narrowing:
        """Return the key; raises ValueError without a resource or a scope: nothing would be narrowed."""
        asked = Scope.parse(scope)
        if not resource or not asked:
            raise ValueError("a token is narrowed to one resource and a scope: name both")
        if not callers_token:
            raise ValueError("there is no token of a caller to narrow")
        return cls(digest_of(callers_token), resource, asked)


def digest_of(callers_token: str) -> bytes:
    """Return what a caller's token is known by: the memory never holds the token."""
    return hashlib.sha256(callers_token.encode("utf-8", "surrogateescape")).digest()


def narrowing_of(callers_token: str, wanted: Narrowing) -> Callable[[Party], Flow[TokenSet]]:
    """Return the flow that narrows it, to be run when the token is needed."""
    return lambda party: narrow(party, callers_token, wanted)


def narrow(party: Party, callers_token: str, wanted: Narrowing) -> Flow[TokenSet]:
    """Return the token for the next service (RFC 8693, 2).

    Raises ExchangeRefused, which says what to do; ResponseRejected where the answer is wider than what was asked
    for, or is the caller's own token.
    """
    moment = yield from this_moment()
    asked = Exchange(
        callers_token,
        requested_token_type=TokenType.ACCESS_TOKEN,
        scope=wanted.scope,
        resources=(wanted.resource,),
    )
    try:
        tokens = yield from exchange(party, asked)
    except ServerRefused as refusal:
        is_callers = refusal.code in _CALLERS_TOKEN
        advice = _ADVICE_TO_THE_CALLER if is_callers else _ADVICE.get(refusal.code, _ADVICE_ELSE)
        raise ExchangeRefused(refusal, advice, is_callers_token=is_callers) from refusal
    if tokens.token_type == NOT_APPLICABLE:
        raise ResponseRejected("invalid_response", "The server issued what no API takes.")
    if tokens.access_token == callers_token:
        raise ResponseRejected("token_not_narrowed", "The server gave the caller's own token back.")
    if not tokens.scope <= wanted.scope:
        raise ResponseRejected("scope_widened", "The server issued more scope than was asked for.")
    lifetime = BELIEF_SECONDS if tokens.expires_in is None else tokens.expires_in
    expires_at = moment.now + lifetime
    renew_at = expires_at - min(MARGIN_SECONDS, lifetime // _MARGIN_PART)
    received = TokenSet.received(tokens, moment)
    return replace(received, expires_at=expires_at, renew_at=renew_at, refresh_token=None, id_token=None)
