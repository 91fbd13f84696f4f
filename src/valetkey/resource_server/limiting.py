"""What a guarded API counts: before it knows who asks by address, after that by whoever was proven to ask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from valetkey.oauth.access_token import AccessToken, CredentialKind, PrincipalKind
from valetkey.resource_server.facts import Rejected, Standing, Unreadable
from valetkey.resource_server.limits import (
    Charge,
    LimitBy,
    LimiterUnavailable,
    RateLimit,
    Spent,
    Verdict,
    address_bucket,
    bucket_of,
    judged,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from valetkey.resource_server.facts import Presented
    from valetkey.resource_server.limits import Limiter
    from valetkey.resource_server.request import RequestView
    from valetkey.resource_server.rules import Rule

OWN_LIMIT: Final = "urn:valetkey:limit"
"""The claim by which an issuer says what one API key may do, such as "100/1m"."""
_BY_CONNECTION: Final = frozenset({LimitBy.ADDRESS, LimitBy.ROUTE})
_DEAD: Final = frozenset({Standing.REVOKED, Standing.UNNAMEABLE})


@dataclass(frozen=True, slots=True)
class Counted:
    """What the limiter said, and of which charges."""

    verdict: Verdict
    spent: Sequence[Spent] = ()


_UNCOUNTED: Final = Counted(Verdict.WITHIN)


class RequestLimits:
    """Counts the requests of one API with `limiter`; `failed` counts an address's bad credentials on their own.

    Who is out of attempts by `failed` is refused before anything is verified. Limits by client, subject, key or
    tenant are charged only when these were proven, so that nobody can spend what is another's.
    """

    __slots__ = ("_failed", "_limiter")

    def __init__(self, limiter: Limiter | None, failed: RateLimit | None = None) -> None:
        """Build it; without a limiter nothing is counted. Raises ValueError where `failed` is not by address."""
        if failed is not None and not (LimitBy.ADDRESS in failed.by and failed.by <= _BY_CONNECTION):
            raise ValueError("failed authentication is counted by address: nothing else is known of who fails")
        self._limiter = limiter
        self._failed = failed

    @property
    def counts(self) -> bool:
        """Whether there is a limiter."""
        return self._limiter is not None

    async def before(self, request: RequestView, rule: Rule) -> Counted:
        """Charge what is counted by address and route alone, before the credentials are looked at."""
        limiter = self._limiter
        if limiter is None:
            return _UNCOUNTED
        if self._failed is not None and request.address:
            looked = (Charge(self._failed, _bucket(self._failed, request, rule, None)),)
            failed = await _asked(limiter.look, looked)
            if failed.verdict is not Verdict.WITHIN:
                return failed
        charges = tuple(
            Charge(limit, _bucket(limit, request, rule, None), rule.cost)
            for limit in rule.limits
            if limit.by <= _BY_CONNECTION
        )
        return await _asked(limiter.spend, charges) if charges else _UNCOUNTED

    async def after(
        self, request: RequestView, rule: Rule, presented: Presented, standing: Standing, before: Counted
    ) -> Counted:
        """Charge whoever was proven to ask, or count a failure; `before` is what was said by address."""
        limiter = self._limiter
        if limiter is None:
            return before
        if type(presented) is not AccessToken or standing in _DEAD:
            is_failure = type(presented) is AccessToken or isinstance(presented, Rejected | Unreadable)
            if is_failure and self._failed is not None and request.address:
                await _asked(limiter.spend, (Charge(self._failed, _bucket(self._failed, request, rule, None)),))
            return before
        charges = tuple(
            Charge(limit, _bucket(limit, request, rule, presented), rule.cost)
            for limit in _limits_of(rule, presented)
            if not limit.by <= _BY_CONNECTION and _counts(limit, presented)
        )
        if not charges:
            return before
        counted = await _asked(limiter.spend, charges)
        return Counted(counted.verdict, (*before.spent, *counted.spent))


NO_LIMITS: Final = RequestLimits(None)


async def _asked(
    ask: Callable[[Sequence[Charge]], Awaitable[tuple[Spent, ...]]], charges: tuple[Charge, ...]
) -> Counted:
    try:
        spent = await ask(charges)
    except LimiterUnavailable as error:
        return Counted(judged(charges, error))
    return Counted(judged(charges, spent), spent)


def _limits_of(rule: Rule, token: AccessToken) -> Sequence[RateLimit]:
    own = token.claims.get(OWN_LIMIT) if token.credential is CredentialKind.API_KEY else None
    if not isinstance(own, str):
        return rule.limits
    return (*rule.limits, _own_limit(own))


@lru_cache(maxsize=1_024)
def _own_limit(text: str) -> RateLimit:
    try:
        return RateLimit.parse("api-key", text, by=frozenset({LimitBy.API_KEY}))
    except ValueError:
        # What its issuer meant cannot be known: as little as can be is the safe reading.
        return RateLimit.parse("api-key", "1/1m", by=frozenset({LimitBy.API_KEY}))


def _counts(limit: RateLimit, token: AccessToken) -> bool:
    is_key, is_person = token.credential is CredentialKind.API_KEY, token.principal is PrincipalKind.END_USER
    return (LimitBy.API_KEY not in limit.by or is_key) and (LimitBy.SUBJECT not in limit.by or is_person)


def _bucket(limit: RateLimit, request: RequestView, rule: Rule, token: AccessToken | None) -> str:
    # The rule's name keeps limits of one name in two policies apart only where they are counted by route.
    return bucket_of(("limit", limit.name), *(_part(by, request, rule, token) for by in sorted(limit.by)))


def _part(by: LimitBy, request: RequestView, rule: Rule, token: AccessToken | None) -> tuple[str, str]:
    issuer = "" if token is None else token.issuer
    match by:
        case LimitBy.ADDRESS:
            return by.value, address_bucket(request.address)
        case LimitBy.ROUTE:
            return by.value, rule.name
        case LimitBy.TENANT:
            return by.value, issuer
        case LimitBy.CLIENT:
            return by.value, f"{issuer} {'' if token is None else token.client_id}"
        case LimitBy.SUBJECT:
            return by.value, f"{issuer} {'' if token is None else token.subject}"
        case LimitBy.API_KEY:
            return by.value, f"{issuer} {'' if token is None else token.token_id}"
