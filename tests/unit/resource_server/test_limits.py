"""What a rate limit is, what is charged to whom, and what the fields say of it."""

import math
from dataclasses import replace

import pytest

from valetkey.resource_server.limits import (
    Charge,
    Enforcement,
    LimitBy,
    LimiterUnavailable,
    RateLimit,
    Spent,
    Verdict,
    WhenDown,
    address_bucket,
    bucket_of,
    gcra,
    judged,
    rate_limit_headers,
)

BY_CLIENT = frozenset({LimitBy.CLIENT})
LIMIT = RateLimit.parse("per-client", "100/1m", by=BY_CLIENT)
CHARGE = Charge(LIMIT, "one")
SECOND = 1_000_000


def refused(limit: RateLimit, retry_after: float, reset_after: float = 60.0) -> Spent:
    return Spent(Charge(limit, "one"), False, 0, reset_after, retry_after)


def passed(limit: RateLimit, remaining: int, reset_after: float) -> Spent:
    return Spent(Charge(limit, "one"), True, remaining, reset_after, 0.0)


@pytest.mark.parametrize(
    ("rate", "count", "period"),
    [("100/1m", 100, 60), ("5/s", 5, 1), ("1000/1d", 1000, 86_400), ("7/90s", 7, 90), ("1/366d", 1, 31_622_400)],
)
def test_a_rate_is_a_count_a_slash_and_a_time(rate: str, count: int, period: int) -> None:
    limit = RateLimit.parse("any", rate, by=BY_CLIENT)
    assert (limit.count, limit.period, limit.burst) == (count, period, count)


def test_a_limit_without_further_words_is_enforced_and_open_when_the_store_is_down() -> None:
    assert (LIMIT.enforcement, LIMIT.when_down) == (Enforcement.ENFORCED, WhenDown.OPEN)


@pytest.mark.parametrize(
    "rate",
    ["", "100", "100/", "/1m", "0/1m", "-1/1m", "1.5/1s", "100/1w", "100/0s", "100 /1m", "1/367d", "\u0661/1m",
     "10001/1s", "100/1m\n", "99999999999/1d"],
)  # fmt: skip
def test_what_is_no_rate_is_refused(rate: str) -> None:
    with pytest.raises(ValueError, match="'any'"):
        RateLimit.parse("any", rate, by=BY_CLIENT)


@pytest.mark.parametrize(
    "name", ["", "Upper", "has space", 'quo"te', "semi;colon", "a" * 64, "-dash", "line\nbreak"]
)
def test_a_name_that_would_need_quoting_anywhere_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot name a limit"):
        RateLimit.parse(name, "1/1s", by=BY_CLIENT)


@pytest.mark.parametrize("burst", [0, -1, 10**9])
def test_a_burst_that_is_nothing_or_takes_years_to_come_back_is_refused(burst: int) -> None:
    with pytest.raises(ValueError, match="burst"):
        RateLimit.parse("any", "100/1m", by=BY_CLIENT, burst=burst)


@pytest.mark.parametrize(("cost", "can"), [(0, True), (100, True), (101, False), (-1, False)])
def test_a_cost_above_the_burst_can_never_be_allowed(cost: int, *, can: bool) -> None:
    assert LIMIT.can_ever_allow(cost) is can


def test_a_charge_gives_nothing_back() -> None:
    with pytest.raises(ValueError, match="negative"):
        Charge(LIMIT, "one", -1)


def test_a_rate_that_does_not_divide_its_period_is_rounded_against_the_caller() -> None:
    third = RateLimit.parse("third", "3/1s", by=BY_CLIENT)
    tat = now = 0
    passed_units = 0
    for now in range(0, 100 * SECOND, 50_000):
        tat, wait = gcra(tat, now, third, 1)
        passed_units += wait <= 0
    assert passed_units <= third.burst + 3 * 100


def test_an_arrival_time_beyond_the_burst_counts_as_an_empty_bucket() -> None:
    assert gcra(10**18, 0, LIMIT, 1) == (LIMIT.tolerance, LIMIT.interval)


def test_only_a_bucket_that_was_never_used_is_full() -> None:
    assert gcra(0, 10**15, LIMIT, 100) == (10**15 + LIMIT.tolerance, 0)
    assert gcra(10**15 + 1, 10**15, LIMIT, 100) == (10**15 + 1, 1)


def test_a_request_within_all_limits_passes() -> None:
    assert judged([CHARGE], [passed(LIMIT, 99, 0.6)]) is Verdict.WITHIN
    assert judged([], []) is Verdict.WITHIN


def test_one_enforced_limit_is_enough_to_refuse_and_a_shadow_refuses_nothing() -> None:
    shadow = replace(LIMIT, enforcement=Enforcement.SHADOW)
    assert judged([CHARGE], [refused(LIMIT, 1.0)]) is Verdict.LIMITED
    assert judged([Charge(shadow, "one")], [refused(shadow, 1.0)]) is Verdict.WITHIN
    assert judged([CHARGE, Charge(shadow, "one")], [passed(LIMIT, 1, 1), refused(shadow, 1.0)]) is Verdict.WITHIN


def test_each_limit_says_what_happens_while_the_store_is_down() -> None:  # covers: RAT-04
    closed = Charge(replace(LIMIT, when_down=WhenDown.CLOSED), "one")
    watched = Charge(replace(LIMIT, when_down=WhenDown.CLOSED, enforcement=Enforcement.SHADOW), "one")
    down = LimiterUnavailable()
    assert judged([CHARGE], down) is Verdict.WITHIN
    assert judged([CHARGE, closed], down) is Verdict.UNAVAILABLE
    assert judged([CHARGE, watched], down) is Verdict.WITHIN


def test_the_fields_name_each_policy_and_its_state() -> None:
    daily = RateLimit.parse("per-tenant", "1000/1d", by=frozenset({LimitBy.TENANT}))
    assert rate_limit_headers([passed(LIMIT, 99, 0.6), passed(daily, 3, 86140.2)]) == (
        ("ratelimit-policy", '"per-client";q=100;w=60, "per-tenant";q=1000;w=86400'),
        ("ratelimit", '"per-client";r=99;t=1, "per-tenant";r=3;t=86141'),
    )


def test_a_refusal_says_after_how_many_whole_seconds_every_limit_lets_it_pass() -> None:
    daily = RateLimit.parse("per-tenant", "1000/1d", by=frozenset({LimitBy.TENANT}))
    headers = dict(rate_limit_headers([refused(LIMIT, 0.2), refused(daily, 86.4, 86_400)]))
    assert headers["retry-after"] == "87"


def test_a_refusal_that_waiting_does_not_mend_names_no_time() -> None:
    assert "retry-after" not in dict(rate_limit_headers([refused(LIMIT, math.inf)]))
    assert "retry-after" not in dict(rate_limit_headers([refused(LIMIT, 0.2), refused(LIMIT, math.inf)]))


def test_shadow_limits_stand_in_no_field() -> None:
    shadow = replace(LIMIT, enforcement=Enforcement.SHADOW)
    assert rate_limit_headers([refused(shadow, 1.0)]) == ()
    assert rate_limit_headers([]) == ()


@pytest.mark.parametrize(
    ("address", "bucket"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::9", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("", ""),
        ("unix:", "unix:"),
    ],
)
def test_an_ipv6_network_of_64_bits_is_one_address(address: str, bucket: str) -> None:
    assert address_bucket(address) == bucket


def test_no_two_identities_share_a_bucket() -> None:
    identities = [
        (("client", "a"),),
        (("subject", "a"),),
        (("client", "a"), ("subject", "b")),
        (("subject", "b"), ("client", "a")),
        (("client", "a7:subject1:b"),),
        (("client", "a"), ("subject", "")),
        (("client", ""), ("subject", "a")),
        (("client", "\ud800"),),
        (),
    ]
    assert len({bucket_of(*identity) for identity in identities}) == len(identities)


def test_a_bucket_is_short_whatever_came_in() -> None:
    assert len(bucket_of(("client", "x" * 1_000_000))) == 32
