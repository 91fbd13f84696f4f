"""A limiter that many nodes share, kept in Valkey: one script and one round trip for all charges of a request."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Final, cast

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

from valetkey.adapters.limits.script import script
from valetkey.jose.clock import monotonic_microseconds
from valetkey.resource_server.limits import Enforcement, LimiterUnavailable, spent_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from valetkey.authorization_server.ports import EventLog
    from valetkey.resource_server.limits import Charge, Spent

# The hash tag puts every counter on one shard of a cluster: one script may then touch all those of a request.
_PREFIX: Final = "vk:{limits}:"
TIMEOUT_SECONDS: Final = 0.1
_PAUSE: Final = 1_000_000
_CONNECTIONS: Final = 16


class ValkeyLimiter:
    """Counts in a Valkey (or Redis 7) server by its own clock; every node that names the server shares the counts.

    A command is sent once and never again, since a repeated one would charge twice. Once the server failed to
    answer in `timeout` seconds, requests are told so at once, and one of them asks again every second. The log
    hears of the outage once, and once of its end. Counters live until their bucket is full: they may be lost.
    """

    def __init__(
        self,
        url: str,
        log: EventLog,
        *,
        timeout: float = TIMEOUT_SECONDS,
        clock: Callable[[], int] = monotonic_microseconds,
        lua: str | None = None,
    ) -> None:
        """Build it for `redis://`, `rediss://` or `unix://`; nothing is connected yet. ValueError for others."""
        self._pool = BlockingConnectionPool.from_url(
            url,
            max_connections=_CONNECTIONS,
            # One timeout around the whole exchange is ours: each of these would cost a task of its own.
            timeout=None,
            socket_timeout=None,
            socket_connect_timeout=None,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
        )
        self._store = Redis(connection_pool=self._pool)
        self._script = script() if lua is None else lua
        self._digest = hashlib.sha1(self._script.encode(), usedforsecurity=False).hexdigest()
        self._timeout = timeout
        self._clock = clock
        self._log = log
        self._is_down = False
        self._asks_again_at = 0

    async def spend(self, charges: Sequence[Charge]) -> tuple[Spent, ...]:
        """Spend all charges, or none where an enforced one is not within its limit; raises LimiterUnavailable."""
        return await self._run("spend", charges)

    async def look(self, charges: Sequence[Charge]) -> tuple[Spent, ...]:
        """Return what `spend` would answer, and spend nothing; raises LimiterUnavailable."""
        return await self._run("look", charges)

    async def close(self) -> None:
        """Close the connections."""
        await self._store.aclose()
        await self._pool.aclose()

    async def _run(self, verb: str, charges: Sequence[Charge]) -> tuple[Spent, ...]:
        if not charges:
            return ()
        if self._is_down:
            now = self._clock()
            if now < self._asks_again_at:
                raise LimiterUnavailable
            # This request asks; the others go on as before until it knows.
            self._asks_again_at = now + _PAUSE
        try:
            async with asyncio.timeout(self._timeout):
                said = await self._evaluate(_arguments(verb, charges), len(charges))
        except (RedisError, OSError, TimeoutError) as failure:
            self._fell_silent(failure)
            raise LimiterUnavailable from failure
        if self._is_down:
            self._is_down = False
            self._log.write("limits.available")
        return tuple([spent_of(charge, said[2 * at], 0, said[2 * at + 1]) for at, charge in enumerate(charges)])

    async def _evaluate(self, arguments: list[str | int], keys: int) -> list[int]:
        try:
            answer = self._store.evalsha(self._digest, keys, *arguments)
            return await cast("Awaitable[list[int]]", answer)
        except NoScriptError:
            # A server that has just started, or forgot its scripts, ran nothing yet: this also teaches it.
            return await cast("Awaitable[list[int]]", self._store.eval(self._script, keys, *arguments))

    def _fell_silent(self, failure: Exception) -> None:
        self._asks_again_at = self._clock() + _PAUSE
        if not self._is_down:
            self._is_down = True
            self._log.write("limits.unavailable", exception=type(failure).__qualname__)


def _arguments(verb: str, charges: Sequence[Charge]) -> list[str | int]:
    keys: list[str | int] = [f"{_PREFIX}{charge.limit.name}:{charge.bucket}" for charge in charges]
    keys.append(verb)
    for charge in charges:
        limit = charge.limit
        enforced = 1 if limit.enforcement is Enforcement.ENFORCED else 0
        # What no bucket holds is refused by one unit too many as well, and stays a number that Lua counts exactly.
        keys += (limit.interval, limit.tolerance, min(charge.cost, limit.burst + 1), enforced)
    return keys
