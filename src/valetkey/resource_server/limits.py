"""What a rate limit allows: the generic cell rate algorithm, what is charged to whom, and the RateLimit fields.

The fields are those of draft-ietf-httpapi-ratelimit-headers-10 (RateLimit-Policy, RateLimit) and RFC 9110, 10.2.3
(Retry-After). Nothing here keeps a count: a Limiter does, in memory or in Valkey, and both follow `gcra`.
"""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING, Protocol

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
    """`count` units in `period` seconds, of which `burst` may be spent at once; raises ValueError for what cannot be.

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
                f"{self.name!r} cannot name a limit: write at most 63 of a-z, 0-9, '_', '.' and '-', a letter or digit first."
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
                f"Limit {name!r}: {rate!r} is no rate; write a count, a slash and a time, such as '100/1m', '5/s' or '1000/1d'."
            )
        count, times, unit = int(found[1]), int(found[2] or 1), _UNITS[found[3]]
        return cls(name, count, times * unit, count if burst is None else burst, by, enforcement, when_down)

    def can_ever_allow(self, cost: int) -> bool:
        """Say whether a full bucket holds `cost` units: where it does not, the configuration is wrong."""
        return 0 <= cost <= self.burst


@dataclass(frozen=True, slots=True)
class Charge:
    """`cost` units of `limit`, to be spent from `bucket` (`bucket_of` names it); raises ValueError for a negative cost."""

    limit: RateLimit
    bucket: str
    cost: int = 1

    def __post_init__(self) -> None:
        """Refuse a cost that would give units back."""
        if self.cost < 0:
            raise ValueError("The cost of a request cannot be negative.")


@dataclass(frozen=True, slots=True)
class Spent:
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
