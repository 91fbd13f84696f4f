"""What a rate limit allows: the generic cell rate algorithm, what is charged to whom, and the RateLimit fields.

The fields are those of draft-ietf-httpapi-ratelimit-headers-10 (RateLimit-Policy, RateLimit) and RFC 9110, 10.2.3
(Retry-After). Nothing here keeps a count: a Limiter does, in memory or in Valkey, and both follow `gcra`.
"""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import field
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING, Protocol

import msgspec

from valetkey.jose.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

_SECOND = 1_000_000
_YEAR = 366 * 86_400
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_RATE = re.compile(r"(\d{1,10})/(\d{0,8})([smhd])", re.ASCII)
# A limit is named in header fields, in keys and in metrics: short, and without a character that any of them quotes.
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}", re.ASCII)
# Time is counted in whole microseconds: above this rate, rounding one unit up would cost more than a hundredth.
MOST_PER_SECOND = 10_000


class LimitBy(StrEnum):
    """Whose requests are counted together: each part that is named narrows the bucket."""

    CLIENT = "client"
    SUBJECT = "subject"
    API_KEY = "api_key"
    TENANT = "tenant"
    ROUTE = "route"
    ADDRESS = "address"


class Enforcement(StrEnum):
    """Whether a limit refuses, or only says what it would have refused."""

    ENFORCED = "enforced"
    SHADOW = "shadow"


class WhenDown(StrEnum):
    """What happens to a request whose limit cannot be asked: it passes, or it is answered with 503."""

    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class RateLimit:
    """`count` units in `period` seconds, `burst` of them at once; raises ValueError for what cannot be counted.

    Over any stretch of time at most `burst` units pass, and one more for each `interval` microseconds of it.
    """

    name: str
    count: int
    period: int
    burst: int
    by: frozenset[LimitBy]
    enforcement: Enforcement = Enforcement.ENFORCED
    when_down: WhenDown = WhenDown.OPEN
    interval: int = field(init=False, repr=False, compare=False)
    """The microseconds in which one unit comes back, rounded up: never more than `count` in `period`."""
    tolerance: int = field(init=False, repr=False, compare=False)
    """The microseconds in which an empty bucket fills."""

    def __post_init__(self) -> None:
        """Refuse what cannot be counted, or could never refuse anything."""
        if not _NAME.fullmatch(self.name):
            raise ValueError(
                f"{self.name!r} cannot name a limit: write at most 63 of a-z, 0-9, '_', '.' and '-', "
                "a letter or digit first."
            )
        if not 1 <= self.period <= _YEAR:
            raise ValueError(f"Limit {self.name!r}: the period must be from 1s to 366d.")
        if self.count < 1 or self.burst < 1:
            raise ValueError(f"Limit {self.name!r}: count and burst must be at least 1.")
        if self.count > MOST_PER_SECOND * self.period:
            raise ValueError(f"Limit {self.name!r}: at most {MOST_PER_SECOND} units a second can be counted.")
        interval = -(-self.period * _SECOND // self.count)
        if interval * self.burst > _YEAR * _SECOND:
            raise ValueError(f"Limit {self.name!r}: a burst of {self.burst} takes more than a year to come back.")
        object.__setattr__(self, "interval", interval)
        object.__setattr__(self, "tolerance", interval * self.burst)

    @classmethod
    def parse(
        cls,
        name: str,
        rate: str,
        *,
        by: frozenset[LimitBy],
        burst: int | None = None,
        enforcement: Enforcement = Enforcement.ENFORCED,
        when_down: WhenDown = WhenDown.OPEN,
    ) -> RateLimit:
        """Return the limit that "100/1m" (or "5/s", "10000/1d") writes; `burst` is its count unless it is given.

        Raises ValueError, which says what to write.
        """
        found = _RATE.fullmatch(rate)
        if found is None:
            raise ValueError(
                f"Limit {name!r}: {rate!r} is no rate; write a count, a slash and a time, such as '100/1m', "
                "'5/s' or '1000/1d'."
            )
        count, times, unit = int(found[1]), int(found[2] or 1), _UNITS[found[3]]
        return cls(name, count, times * unit, count if burst is None else burst, by, enforcement, when_down)

    def can_ever_allow(self, cost: int) -> bool:
        """Say whether a full bucket holds `cost` units: where it does not, the configuration is wrong."""
        return 0 <= cost <= self.burst


@dataclass(frozen=True, slots=True)
class Charge:
    """`cost` units of `limit`, to spend from `bucket` (`bucket_of` names it); raises ValueError if below zero."""

    limit: RateLimit
    bucket: str
    cost: int = 1

    def __post_init__(self) -> None:
        """Refuse a cost that would give units back."""
        if self.cost < 0:
            raise ValueError("The cost of a request cannot be negative.")


class Spent(msgspec.Struct, frozen=True):  # a dataclass costs seven times as much to make, on each request
    """What became of a charge: was it within its limit, how much is left, and when there is more (in seconds).

    `reset_after` counts to the full bucket, `retry_after` to the moment at which this charge would pass: 0 where it
    did, infinity where it costs more than the bucket holds.
    """

    charge: Charge
    within: bool
    remaining: int
    reset_after: float
    retry_after: float


class LimiterUnavailable(Exception):
    """The store that counts did not answer in time: `judged` says what that means for the request."""


class Limiter(Protocol):
    """Counts what is spent, for one node or for many."""

    async def spend(self, charges: Sequence[Charge]) -> tuple[Spent, ...]:
        """Spend all charges, or none where an enforced one is not within its limit; raises LimiterUnavailable.

        A shadow charge never keeps the others from being spent. The answers stand in the order of the charges.
        """
        ...

    async def look(self, charges: Sequence[Charge]) -> tuple[Spent, ...]:
        """Return what `spend` would answer, and spend nothing; raises LimiterUnavailable."""
        ...


def gcra(tat: int, now: int, limit: RateLimit, cost: int) -> tuple[int, int]:
    """Judge `cost` units by the generic cell rate algorithm; return the next arrival time, and how long to wait.

    `tat` is the theoretical arrival time, the moment at which the bucket is full again (0 for one never used), and
    like `now` in whole microseconds of one clock. A wait of 0 or less lets the units pass: the time returned is
    then what to keep, and otherwise the one to judge the next by. A bucket is never further from full than its
    burst, so a clock that was set back, or a limit that was narrowed, locks nobody out for longer than that.
    """
    latest = now + limit.tolerance
    start = tat if tat > now else now  # noqa: FURB136 - max() takes three times as long
    if start > latest:  # noqa: PLR1730 - so does min()
        start = latest
    following = start + cost * limit.interval
    wait = following - latest
    return (following, wait) if wait <= 0 else (start, wait)


def spent_of(charge: Charge, tat: int, now: int, wait: int) -> Spent:
    """Return what a limiter answers, of the arrival time that it keeps and the wait that `gcra` said."""
    limit = charge.limit
    debt = tat - now if tat > now else 0
    remaining = (limit.tolerance - debt) // limit.interval
    if wait <= 0:
        return Spent(charge, True, remaining, debt / _SECOND, 0.0)
    never = charge.cost > limit.burst
    return Spent(charge, False, remaining, debt / _SECOND, math.inf if never else wait / _SECOND)


class Verdict(StrEnum):
    """What the limits say of a request."""

    WITHIN = "within"
    LIMITED = "limited"
    UNAVAILABLE = "unavailable"


def judged(charges: Sequence[Charge], said: Sequence[Spent] | LimiterUnavailable) -> Verdict:
    """Judge a request by what the limiter said of its `charges`, or by what each wants when it said nothing.

    A shadow charge never decides. With the limiter down one enforced limit that is closed then is enough to refuse.
    """
    if isinstance(said, LimiterUnavailable):
        is_closed = any(
            charge.limit.enforcement is Enforcement.ENFORCED and charge.limit.when_down is WhenDown.CLOSED
            for charge in charges
        )
        return Verdict.UNAVAILABLE if is_closed else Verdict.WITHIN
    return Verdict.LIMITED if any(map(_refuses, said)) else Verdict.WITHIN


def _refuses(spent: Spent) -> bool:
    return not spent.within and spent.charge.limit.enforcement is Enforcement.ENFORCED


def rate_limit_headers(spent: Sequence[Spent]) -> tuple[tuple[str, str], ...]:
    """Return RateLimit-Policy and RateLimit, and Retry-After where a charge was refused and waiting helps.

    Shadow limits are not told of. Retry-After names no moment at which a charge would be refused again, so it is
    absent where one of them can never pass.
    """
    told = [each for each in spent if each.charge.limit.enforcement is Enforcement.ENFORCED]
    if not told:
        return ()
    policies = ", ".join(
        f'"{each.charge.limit.name}";q={each.charge.limit.count};w={each.charge.limit.period}' for each in told
    )
    # Seconds are rounded up: who waits as long as they are told finds what they were told.
    states = ", ".join(
        f'"{each.charge.limit.name}";r={each.remaining};t={math.ceil(each.reset_after)}' for each in told
    )
    wait = max((each.retry_after for each in told), default=0.0)
    fields = (("ratelimit-policy", policies), ("ratelimit", states))
    if wait <= 0 or math.isinf(wait):
        return fields
    return (*fields, ("retry-after", str(math.ceil(wait))))


_IPV6_SITE_BITS = 64


@lru_cache(maxsize=16_384)
def address_bucket(address: str) -> str:
    """Return whose requests those of `address` are: an IPv4 address, an IPv6 network of 64 bits, or the text.

    Whoever has one IPv6 address has 2**64 of them. An IPv4 address written as an IPv6 one is that IPv4 address.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return f"{IPv6Address(int(parsed) >> _IPV6_SITE_BITS << _IPV6_SITE_BITS)}/{_IPV6_SITE_BITS}"


def bucket_of(*identity: tuple[str, str]) -> str:
    """Return the bucket of an identity: pairs of a kind and a value, such as ("client", "s6BhdRkqt3").

    It is a digest of 32 characters whatever came in, and no two identities share one: every part is written with
    its length. A kind must say who vouches for the value, so that an address never meets a client of that name.
    """
    text = "".join([f"{len(kind)}:{kind}{len(value)}:{value}" for kind, value in identity])
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
