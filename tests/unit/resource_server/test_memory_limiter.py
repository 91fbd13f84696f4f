"""The limiter of one process: bounded, whatever comes, and counted once, whichever thread asks."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from valetkey.resource_server.limits import Charge, LimitBy, RateLimit
from valetkey.resource_server.memory_limiter import MemoryLimiter

LIMIT = RateLimit.parse("per-address", "2/1h", by=frozenset({LimitBy.ADDRESS}))
HOUR = 3600 * 1_000_000
CAP = 100
SHARED = 4096


class Clock:
    def __init__(self) -> None:
        self.now = 5

    def __call__(self) -> int:
        return self.now


def limiter_at(clock: Clock, size: int = CAP) -> MemoryLimiter:
    return MemoryLimiter(size=size, clock=clock)


def passes(limiter: MemoryLimiter, bucket: str) -> bool:
    return limiter.spend_now([Charge(LIMIT, bucket)])[0].within


def test_a_flood_of_new_identities_takes_no_more_memory_than_the_bound() -> None:
    limiter = limiter_at(Clock())
    for number in range(20_000):
        passes(limiter, f"flood {number}")
    assert len(limiter) <= CAP + SHARED


def test_a_flood_of_new_identities_wins_nobody_their_units_back() -> None:  # covers: RAT-04
    limiter = limiter_at(Clock())
    assert [passes(limiter, "attacker") for _ in range(3)] == [True, True, False]
    for number in range(20_000):
        passes(limiter, f"flood {number}")
    assert not passes(limiter, "attacker")


def test_identities_that_were_counted_before_a_flood_notice_nothing_of_it() -> None:
    limiter = limiter_at(Clock())
    assert passes(limiter, "known")
    for number in range(20_000):
        passes(limiter, f"flood {number}")
    assert [passes(limiter, "known") for _ in range(2)] == [True, False]


def test_a_newcomer_to_a_full_table_is_counted_all_the_same() -> None:
    limiter = limiter_at(Clock(), size=1)
    passes(limiter, "first")
    assert [passes(limiter, "second") for _ in range(3)] == [True, True, False]


def test_buckets_that_are_full_again_make_room() -> None:
    clock = Clock()
    limiter = limiter_at(clock)
    for number in range(CAP):
        passes(limiter, f"early {number}")
    clock.now += HOUR
    for number in range(CAP):
        passes(limiter, f"late {number}")
    assert len(limiter) <= CAP
    assert [passes(limiter, "late 7") for _ in range(2)] == [True, False]


def test_what_costs_nothing_is_not_kept() -> None:
    limiter = limiter_at(Clock())
    limiter.spend_now([Charge(LIMIT, "free", 0)])
    assert len(limiter) == 0


def test_threads_share_one_count() -> None:
    limiter = MemoryLimiter()
    hundred = RateLimit.parse("threads", "100/1d", by=frozenset({LimitBy.CLIENT}))

    def passed(_: int) -> int:
        return sum(limiter.spend_now([Charge(hundred, "one")])[0].within for _ in range(50))

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(passed, range(8))) == 100


def test_taking_one_unit_counts_as_spending_does() -> None:
    clock = Clock()
    limiter = limiter_at(clock)
    assert [limiter.take(LIMIT, "one"), passes(limiter, "one")] == [0, True]
    assert limiter.take(LIMIT, "one") == HOUR // 2
    clock.now += HOUR // 2
    assert [limiter.take(LIMIT, "one"), passes(limiter, "one")] == [0, False]


@pytest.mark.parametrize("size", [0, -1, 10_000_001])
def test_a_size_out_of_range_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="size"):
        MemoryLimiter(size=size)
