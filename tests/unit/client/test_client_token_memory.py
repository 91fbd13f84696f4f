"""When a shared token is used, renewed or not asked for: the judgement alone."""

import hashlib
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.scripted import START
from valetkey.client import ServerRefused, ServerUnreachable, TokenResponse
from valetkey.client.flow import Moment
from valetkey.client.kept_tokens import MARGIN_SECONDS, TokenSet
from valetkey.client.token_memory import (
    LONGEST_PAUSE,
    REPLACE_SECONDS,
    Fail,
    Fetch,
    Slot,
    Use,
    UseAndRenew,
    pause_after,
)
from valetkey.oauth.types import Scope

AWAY = ServerUnreachable("The server is away.")
REFUSED = ServerRefused("invalid_client", "Who are you?")
INSTANCES = 1_000
LIFETIMES = st.integers(0, 100_000)
ENTROPY = st.binary(min_size=32, max_size=32)


def drawn(instance: int) -> bytes:
    """The randomness of one instance of many: spread as the real one is, and the same in every run."""
    return hashlib.sha256(str(instance).encode()).digest()


def issued(lifetime: int, entropy: bytes = bytes(32), name: str = "token-1") -> TokenSet:
    return TokenSet.received(TokenResponse(name, Scope(), lifetime), Moment(START, entropy))


@given(lifetime=LIFETIMES, entropy=ENTROPY)
def test_a_token_is_renewed_before_its_end_and_not_before_the_last_part_of_its_life(
    lifetime: int, entropy: bytes
) -> None:
    tokens = issued(lifetime, entropy)
    assert tokens.expires_at == START + lifetime
    assert tokens.renew_at is not None
    margin = min(MARGIN_SECONDS, lifetime // 5)
    assert START + lifetime - margin - lifetime // 10 <= tokens.renew_at <= START + lifetime - margin


def test_a_thousand_instances_that_started_together_do_not_renew_together() -> None:
    moments = Counter(issued(300, drawn(instance)).renew_at for instance in range(INSTANCES))
    # 31 seconds are drawn from: no second may have much more than its share of 32.
    assert len(moments) == 31
    assert max(moments.values()) <= 2 * INSTANCES / 31


def test_a_thousand_instances_that_lost_their_server_together_do_not_return_together() -> None:
    pauses = Counter(pause_after(9, AWAY, drawn(instance)) for instance in range(INSTANCES))
    assert set(pauses) == set(range(LONGEST_PAUSE // 2, LONGEST_PAUSE + 1))
    assert max(pauses.values()) <= 2 * INSTANCES / 31


@given(failures=st.integers(1, 10_000), entropy=ENTROPY)
def test_a_pause_grows_to_its_bound(failures: int, entropy: bytes) -> None:
    longest = min(60, 4 * 2 ** min(failures - 1, 8))
    assert longest / 2 <= pause_after(failures, AWAY, entropy) <= longest


@given(retry_after=st.integers(0, 10**9), entropy=ENTROPY)
def test_a_pause_is_as_long_as_the_server_asks_for_but_an_hour_at_most(retry_after: int, entropy: bytes) -> None:
    asked = ServerUnreachable("later", retry_after=retry_after)
    assert min(retry_after, 3_600) <= pause_after(1, asked, entropy) <= max(4, min(retry_after, 3_600))


@given(age=st.integers(0, 400), entropy=ENTROPY)
def test_a_token_is_used_while_it_lives_renewed_near_its_end_and_never_used_after_it(
    age: int, entropy: bytes
) -> None:
    tokens = issued(300, entropy)
    assert tokens.renew_at is not None
    plan = Slot().filled(tokens).plan(START + age)
    if START + age < tokens.renew_at:
        assert plan == Use(tokens)
    elif age < 300:
        assert plan == UseAndRenew(tokens)
    else:
        assert plan == Fetch()


@given(age=st.integers(0, 400), failures=st.integers(1, 12), entropy=ENTROPY)
def test_after_a_failure_the_old_token_serves_and_nobody_asks_until_the_pause_is_over(
    age: int, failures: int, entropy: bytes
) -> None:
    tokens = issued(300)
    slot = replace(Slot().filled(tokens), failures=failures - 1).failed(AWAY, Moment(START + age, entropy))
    for seconds in range(slot.quiet_until - START - age):
        is_alive = age + seconds < 300
        assert slot.plan(START + age + seconds) == (Use(tokens) if is_alive else Fail(AWAY))
    assert isinstance(slot.plan(max(slot.quiet_until, START + 300)), Fetch)


@pytest.mark.parametrize("failure", [AWAY, REFUSED])
def test_success_ends_what_failures_began(failure: ServerRefused | ServerUnreachable) -> None:
    failed = Slot().failed(failure, Moment(START, bytes(32))).failed(failure, Moment(START, bytes(32)))
    assert (failed.failures, failed.plan(START)) == (2, Fail(failure))
    assert failed.filled(issued(300)) == Slot(issued(300))


def test_a_pause_that_a_wrong_clock_began_does_not_last() -> None:
    failed = Slot().failed(AWAY, Moment(START + 10**8, bytes(32)))
    assert failed.plan(START) == Fetch()


def test_a_refused_token_is_dropped_at_once_and_its_successor_only_after_a_while() -> None:
    slot = Slot().filled(issued(300)).refused("token-1", START)
    assert slot.plan(START) == Fetch()
    slot = slot.filled(issued(300, name="token-2"))
    assert slot.refused("token-2", START + REPLACE_SECONDS - 1) == slot
    assert slot.refused("token-2", START + REPLACE_SECONDS).plan(START) == Fetch()
    assert slot.refused("token-2", START - 100).plan(START) == Fetch()


def test_the_refusal_of_a_token_that_is_not_the_present_one_changes_nothing() -> None:
    slot = Slot().filled(issued(300))
    assert slot.refused("token-0", START) == slot
    assert Slot().refused("token-0", START) == Slot()


def test_only_what_lives_or_is_paused_is_worth_keeping() -> None:
    slot = Slot().filled(issued(300))
    assert slot.is_worth_keeping(START)
    assert not slot.is_worth_keeping(START + 300)
    assert Slot().failed(AWAY, Moment(START, bytes(32))).is_worth_keeping(START)
    assert not Slot().is_worth_keeping(START)
