"""A limiter for one process: what is spent is counted in memory, bounded, and safe across threads."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from valetkey.jose.clock import monotonic_microseconds
from valetkey.resource_server.limits import Enforcement, gcra, spent_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from valetkey.resource_server.limits import Charge, RateLimit, Spent

_Key = tuple[str, str | int]
DEFAULT_SIZE = 100_000
_SHARED = 4_096
_LOOKED_AT = 2
_MOST = 10_000_000


class MemoryLimiter:
    """Counts at most `size` buckets; a bucket that is full again is forgotten, which changes nothing.

    No bucket in use is ever dropped, so nobody wins back what they spent by filling the table with others. While it
    is full, every newcomer counts in one of 4,096 shared buckets a limit, which one is drawn by a secret of the
    process: newcomers may then be refused for what others spent, and those already counted notice nothing.
    """

    def __init__(self, *, size: int = DEFAULT_SIZE, clock: Callable[[], int] = monotonic_microseconds) -> None:
        """Build it; `clock` returns microseconds that do not go back. Raises ValueError for a size out of range."""
        if not 1 <= size <= _MOST:
            raise ValueError(f"size must be from 1 to {_MOST:,} buckets")
        self._size = size
        self._clock = clock
        self._times: OrderedDict[_Key, int] = OrderedDict()
        self._shared: dict[_Key, int] = {}
        self._lock = threading.Lock()

    async def spend(self, charges: Sequence[Charge]) -> tuple[Spent, ...]:
        """Spend all charges, or none where an enforced one is not within its limit."""
        return self.spend_now(charges)

    async def look(self, charges: Sequence[Charge]) -> tuple[Spent, ...]:
        """Return what `spend` would answer, and spend nothing."""
        now = self._clock()
        with self._lock:
            return self._judge(charges, now)[0]

    def spend_now(self, charges: Sequence[Charge]) -> tuple[Spent, ...]:
        """Do as `spend` does, for callers that await nothing; a lock is held for as long as the sums take."""
        now = self._clock()
        with self._lock:
            said, kept = self._judge(charges, now)
            for key, tat in kept.items():
                self._keep(key, tat, now)
        return said

    def take(self, limit: RateLimit, bucket: str) -> int:
        """Spend one unit of one enforced limit; return 0, or the microseconds to wait where it is not within it.

        It is the short way for whoever needs no RateLimit fields of a request that passes.
        """
        now = self._clock()
        key: _Key = (limit.name, bucket)
        with self._lock:
            tat = self._times.get(key)
            if tat is not None:
                following, wait = gcra(tat, now, limit, 1)
                if wait > 0:
                    return wait
                self._times[key] = following
                return 0
            key = self._key_of(key)
            following, wait = gcra(self._time_of(key), now, limit, 1)
            if wait > 0:
                return wait
            self._keep(key, following, now)
        return 0

    def wait(self, limit: RateLimit, bucket: str) -> int:
        """Return the microseconds until `take` would pass, and spend nothing; 0 where it would now."""
        now = self._clock()
        with self._lock:
            tat = self._time_of(self._key_of((limit.name, bucket)))
        return max(0, gcra(tat, now, limit, 1)[1])

    def __len__(self) -> int:
        """Return how many buckets are held."""
        return len(self._times) + len(self._shared)

    def _judge(self, charges: Sequence[Charge], now: int) -> tuple[tuple[Spent, ...], dict[_Key, int]]:
        kept: dict[_Key, int] = {}
        said: list[Spent] = []
        waits: list[tuple[_Key, int]] = []
        is_refused = False
        for charge in charges:
            limit = charge.limit
            key: _Key = (limit.name, charge.bucket)
            tat = kept.get(key) or self._times.get(key)
            if tat is None:
                key = self._key_of(key)
                tat = kept.get(key) or self._time_of(key)
            following, wait = gcra(tat, now, limit, charge.cost)
            if wait <= 0:
                kept[key] = following
            elif limit.enforcement is Enforcement.ENFORCED:
                is_refused = True
            said.append(spent_of(charge, following, now, wait))
            waits.append((key, wait))
        if not is_refused:
            return tuple(said), kept
        # Nothing is spent, so each tells what it had before.
        before = [
            spent_of(charge, gcra(self._time_of(key), now, charge.limit, 0)[0], now, wait)
            for charge, (key, wait) in zip(charges, waits, strict=True)
        ]
        return tuple(before), {}

    def _key_of(self, key: _Key) -> _Key:
        if len(self._times) < self._size or key in self._times:
            return key
        # Python's hash of a text is keyed by a secret of the process: nobody can choose whom to sit with.
        return (key[0], hash(key[1]) % _SHARED)

    def _time_of(self, key: _Key) -> int:
        return (self._shared if isinstance(key[1], int) else self._times).get(key, 0)

    def _keep(self, key: _Key, tat: int, now: int) -> None:
        if tat <= now:
            return
        if key in self._times:
            self._times[key] = tat
        elif isinstance(key[1], int):
            self._shared[key] = tat
            self._forget_the_full(now)
        else:
            self._forget_the_full(now)
            self._times[key] = tat

    def _forget_the_full(self, now: int) -> None:
        # Each newcomer pays for a look at two: the table shrinks as fast as it may, and no request pays for all.
        for _ in range(min(_LOOKED_AT, len(self._times))):
            key = next(iter(self._times))
            if self._times[key] <= now:
                del self._times[key]
            else:
                self._times.move_to_end(key)
