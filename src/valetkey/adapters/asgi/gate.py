"""How often one address may ask this server, judged before anything is read, hashed or written (RFC 6585, 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from valetkey.adapters.asgi.refusal import too_many_requests
from valetkey.authorization_server.routes import Pace
from valetkey.oauth.forwarded import Networks, address_of
from valetkey.resource_server.limits import Charge, LimiterUnavailable, address_bucket, rate_limit_headers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from valetkey.authorization_server.routes import Route
    from valetkey.resource_server.limits import Limiter, RateLimit
    from valetkey.resource_server.memory_limiter import MemoryLimiter

_KNOWN_AT_MOST: Final = 16_384
_NOBODY: Final = Networks()


class Throttling(Protocol):
    """How often an address may ask."""

    @property
    def paces(self) -> Mapping[Pace, RateLimit]:
        """The limits by what rows name; a pace without one is never refused."""
        ...

    @property
    def exempt(self) -> tuple[str, ...]:
        """Addresses and networks that are never counted."""
        ...


class Counts(Protocol):
    """What counts: in this process, and for all nodes where they share it."""

    @property
    def throttles(self) -> Throttling:
        """The limits."""
        ...

    @property
    def local(self) -> MemoryLimiter:
        """The counts of this process."""
        ...

    @property
    def shared(self) -> Limiter | None:
        """The counts of all nodes; None where each counts alone."""
        ...


class Gate:
    """Counts the requests of each address by the pace of their row; who is too fast gets 429 and `Retry-After`.

    A limit that is absent never refuses, and neither is an address of `exempt` ever counted. Where nodes share a
    limiter that is down, each goes on counting by itself.
    """

    def __init__(
        self,
        limits: Mapping[Pace, RateLimit],
        local: MemoryLimiter,
        *,
        shared: Limiter | None = None,
        exempt: Networks = _NOBODY,
    ) -> None:
        """Build it; `local` counts what `shared`, if there is one, does not."""
        self._limits = dict(limits)
        self._local = local
        self._shared = shared
        self._exempt = exempt
        self._buckets: dict[str, str] = {}
        self._of_path: dict[str, tuple[RateLimit | None, RateLimit | None]] = {}

    @classmethod
    def over(cls, counts: Counts) -> Gate | None:
        """Return the gate that counts with `counts`; None where it would refuse nobody."""
        throttles = counts.throttles
        if not throttles.paces:
            return None
        exempt = Networks.parse(throttles.exempt)
        return cls(throttles.paces, counts.local, shared=counts.shared, exempt=exempt)

    async def admit(self, route: Route, method: str, address: str) -> None:
        """Count a request; raises HttpRefusal 429 when its address has none left."""
        reading, writing = self._of_path.get(route.path) or self._limits_of(route)
        limit = writing if method == "POST" else reading
        if limit is None:
            return
        bucket = self._buckets.get(address)
        if bucket is None:
            bucket = self._learn(address)
        if not bucket:
            return
        if self._shared is not None:
            try:
                (spent,) = await self._shared.spend((Charge(limit, bucket),))
            except LimiterUnavailable:
                pass
            else:
                if not spent.within:
                    raise too_many_requests(rate_limit_headers((spent,)))
                return
        if self._local.take(limit, bucket):
            raise too_many_requests(rate_limit_headers(await self._local.look((Charge(limit, bucket),))))

    def _limits_of(self, route: Route) -> tuple[RateLimit | None, RateLimit | None]:
        """Return the limit of a row's reading methods and of the others, and remember them: rows are few."""
        limit = self._limits.get(route.pace)
        reading = self._limits.get(Pace.PAGE) if route.pace is Pace.ATTEMPT else limit
        found = self._of_path[route.path] = (reading, limit)
        return found

    def _learn(self, address: str) -> str:
        """Return the bucket of an address that was not seen lately; nothing where it is not counted."""
        # A socket of the machine itself, or no address at all: nobody outside can have it.
        is_counted = address_of(address) is not None and address not in self._exempt
        bucket = address_bucket(address) if is_counted else ""
        if len(self._buckets) >= _KNOWN_AT_MOST:
            self._buckets.clear()
        self._buckets[address] = bucket
        return bucket
