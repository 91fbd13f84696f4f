"""Failed client authentication, counted by client and source (HARDENING RAT-03): a bucket of its own."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Final

from valetkey.resource_server.limits import Charge, LimitBy, LimiterUnavailable, RateLimit, address_bucket

if TYPE_CHECKING:
    from valetkey.resource_server.limits import Limiter
    from valetkey.resource_server.memory_limiter import MemoryLimiter

_SECOND: Final = 1_000_000
_LONGEST: Final = 100
_SUSPECT: Final = RateLimit("suspect-clients", 1, 600, 1, frozenset({LimitBy.CLIENT, LimitBy.ADDRESS}))
"""Whoever failed here in the last ten minutes is asked about where nodes share their counts."""


class CountedFailures:
    """The failures of one tenant's clients; a client that never fails costs a look at an empty table.

    Where nodes share a limiter, each asks it only about those that failed at the node itself lately: all nodes
    together then let through the limit, and one attempt more each in ten minutes. While it is down each counts by
    itself.
    """

    def __init__(
        self, tenant_id: str, limit: RateLimit, local: MemoryLimiter, shared: Limiter | None = None
    ) -> None:
        """Build it; `local` is this one's own, so that it holds nothing but failures."""
        self._tenant_id = tenant_id
        self._limit = limit
        self._local = local
        self._shared = shared

    async def wait(self, client_id: str, source: str) -> int:
        """Return the seconds until another proof of this client is looked at from this source; 0 where it may."""
        if not len(self._local):
            return 0
        bucket = self._bucket(client_id, source)
        wait = self._local.wait(self._limit, bucket)
        if wait:
            return -(-wait // _SECOND)
        if self._shared is None or not self._local.wait(_SUSPECT, bucket):
            return 0
        try:
            (spent,) = await self._shared.look((Charge(self._limit, bucket),))
        except LimiterUnavailable:
            return 0
        return math.ceil(spent.retry_after)

    async def count(self, client_id: str, source: str) -> None:
        """Count a proof that failed."""
        bucket = self._bucket(client_id, source)
        self._local.take(self._limit, bucket)
        self._local.take(_SUSPECT, bucket)
        if self._shared is not None:
            try:
                await self._shared.spend((Charge(self._limit, bucket),))
            except LimiterUnavailable:
                return

    def _bucket(self, client_id: str, source: str) -> str:
        # What somebody sends as a client_id may be long, and is not ours to keep. A network holds no space.
        if len(client_id) > _LONGEST:
            client_id = hashlib.sha256(client_id.encode("utf-8", "surrogatepass")).hexdigest()
        return f"{self._tenant_id} {address_bucket(source)} {client_id}"
