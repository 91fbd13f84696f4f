"""Renewal that is safe across threads and processes: one claims it by compare-and-swap, the rest wait.

A refresh token is for one use (OAuth 2.1, 4.3.1): of two programs that use it, one looks like a thief. So whoever
wants to refresh first writes into the store that it does, by a swap that only one can win. A program that dies
meanwhile blocks the others for CLAIM_SECONDS, less than the 30 seconds for which a server of ours repeats a lost
answer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from valetkey.client.errors import FlowError, ServerRefused, ServerUnreachable, SignInNeeded
from valetkey.client.exchange import client_credentials_form, redeem, refresh_form
from valetkey.client.flow import Load, Swap, Wait, present_time, this_moment
from valetkey.client.kept_tokens import Kept, TokenSet, revision_of
from valetkey.client.revocation import revoke

if TYPE_CHECKING:
    from collections.abc import Callable

    from valetkey.client.exchange import Party, TokenResponse
    from valetkey.client.flow import AnyTokenStore, Flow
    from valetkey.oauth.types import Scope

CLAIM_SECONDS: Final = 15
"""For how long one program may be renewing; longer than one exchange can take."""
RETRY_SECONDS: Final = 5
"""For how long a token that lives is used after a refresh for which the server could not be reached."""
MOST_OWN_TOKENS: Final = 100
"""For how many scopes and resources a client that acts for itself keeps tokens."""
PAUSE_SECONDS: Final = 0.1
"""How often the others look."""


def own_tokens(party: Party, scope: Scope, resource: str | None) -> Flow[TokenSet]:
    """Return new tokens of a client that acts for itself (OAuth 2.1, 4.2)."""
    moment = yield from this_moment()
    tokens = yield from redeem(party, client_credentials_form(scope, resource), scope)
    return TokenSet.received(tokens, moment)


def fetching_own(scope: Scope, resource: str | None) -> Callable[[Party], Flow[TokenSet]]:
    """Return the flow that asks for such tokens, to be run when they are needed."""
    return lambda party: own_tokens(party, scope, resource)


def keep(party: Party, store: AnyTokenStore, tokens: TokenResponse) -> Flow[TokenSet]:
    """Keep the tokens of a sign-in, whatever was kept before."""
    moment = yield from this_moment()
    received = TokenSet.received(tokens, moment)
    kept = Kept(party.server.issuer, party.client.client_id, revision_of(moment), received)
    while True:
        document: bytes | None = yield Load(store)
        if (yield Swap(store, document, kept.document())):
            return received


def kept(party: Party, store: AnyTokenStore) -> Flow[TokenSet]:
    """Return the kept tokens as they are; raises SignInNeeded where there are none."""
    found, _ = yield from _load(party, store)
    return _tokens_of(found)


def renew(party: Party, store: AnyTokenStore, refused: str | None = None) -> Flow[TokenSet]:
    """Return tokens that are fresh, refreshed at most once by all who ask; `refused` is a token that no API takes.

    While another program renews, or the server cannot be reached, the present token is returned as long as it
    lives. Raises SignInNeeded where the refresh token is at its end too.
    """
    while True:
        found, document = yield from _load(party, store)
        tokens = _tokens_of(found)
        now = yield from present_time()
        is_usable = tokens.is_alive(now) and tokens.access_token != refused
        if is_usable and tokens.is_fresh(now):
            return tokens
        # A claim from the far future is a clock that was wrong: it does not count.
        if now < found.renewing_until <= now + CLAIM_SECONDS:
            if is_usable:
                return tokens
            yield Wait(PAUSE_SECONDS)
            continue
        if tokens.refresh_token is None:
            if is_usable:
                return tokens
            raise SignInNeeded("The token has ended, and there is none to refresh it with.")
        moment = yield from this_moment()
        claim = found.claimed(moment.now + CLAIM_SECONDS, moment)
        if not (yield Swap(store, document, claim.document())):
            continue
        renewed = yield from _refreshed(party, store, claim, tokens if is_usable else None)
        if renewed is not None:
            return renewed


def forget(party: Party, store: AnyTokenStore) -> Flow[None]:
    """Give the refresh token back, then keep nothing (RFC 7009).

    Raises ServerUnreachable where it could not be given back: it is kept then, to try again.
    """
    while True:
        document: bytes | None = yield Load(store)
        if document is None:
            return
        found = Kept.parse(document, party.server.issuer, party.client.client_id)
        tokens = found.tokens
        if tokens is not None and tokens.refresh_token and party.server.revocation_endpoint:
            yield from revoke(party, tokens.refresh_token)
        moment = yield from this_moment()
        if (yield Swap(store, document, found.with_tokens(None, moment).document())):
            return


def _refreshed(party: Party, store: AnyTokenStore, claim: Kept, alive: TokenSet | None) -> Flow[TokenSet | None]:
    """Use the claim; None where another program took it over meanwhile, so that what it kept counts."""
    old = _tokens_of(claim)
    moment = yield from this_moment()
    if moment.now >= claim.renewing_until or old.refresh_token is None:
        # This program slept between the claim and its use.
        return None
    try:
        tokens = yield from redeem(party, refresh_form(old.refresh_token), old.scope)
    except ServerRefused as refusal:
        if refusal.code != "invalid_grant":
            yield from _release(store, claim, claim)
            raise
        nothing = claim.with_tokens(None, moment)
        if (yield Swap(store, claim.document(), nothing.document())):
            raise SignInNeeded("The sign-in has ended.") from refusal
        return None
    except ServerUnreachable:
        later = None if alive is None else replace(alive, renew_at=moment.now + RETRY_SECONDS)
        yield from _release(store, replace(claim, tokens=later or old), claim)
        if alive is None:
            raise
        return alive
    except FlowError:
        yield from _release(store, claim, claim)
        raise
    renewed = old.renewed_by(TokenSet.received(tokens, moment))
    won: bool = yield Swap(store, claim.document(), claim.with_tokens(renewed, moment).document())
    return renewed if won else None


def _release(store: AnyTokenStore, left: Kept, claim: Kept) -> Flow[None]:
    """Let others renew again."""
    moment = yield from this_moment()
    yield Swap(store, claim.document(), left.with_tokens(left.tokens, moment).document())


def _load(party: Party, store: AnyTokenStore) -> Flow[tuple[Kept, bytes | None]]:
    document: bytes | None = yield Load(store)
    return Kept.parse(document, party.server.issuer, party.client.client_id), document


def _tokens_of(found: Kept) -> TokenSet:
    if found.tokens is None:
        raise SignInNeeded("The sign-in has ended.")
    return found.tokens
