"""When keys are made, used and removed: at every moment of any schedule, whoever holds a token finds its key."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from valetkey.authorization_server.key_algorithms import DEFAULT_ALGORITHMS, NEEDED_ALGORITHMS
from valetkey.authorization_server.key_changes import (
    KeyStep,
    PromoteSigningKey,
    RemoveSigningKey,
    RetireSigningKey,
)
from valetkey.authorization_server.key_rotation import (
    PUBLISHED_AFTER,
    KeyPlan,
    KeySchedule,
    NeededKey,
    plan,
    promoted_at,
    removed_at,
)
from valetkey.authorization_server.model import KeyState, SigningKey
from valetkey.authorization_server.policy import PROFILES
from valetkey.oauth.types import NumericDate, Seconds

NOW = NumericDate(1_700_000_000)
DAY = 86_400
NOTHING = KeyPlan((), ())


def later(seconds: int) -> NumericDate:
    return NumericDate(NOW + seconds)


def key(kid: str = "k1", algorithm: str = "ES256", **changes: object) -> SigningKey:
    made = SigningKey(kid, algorithm, "{}", b"", KeyState.ACTIVE, NOW)
    return replace(made, **changes)  # type: ignore[arg-type]  # a test names its fields


SCHEDULE = KeySchedule(("ES256",), Seconds(90 * DAY), Seconds(DAY))
ACTIVE = key()
NEXT = key("k2", state=KeyState.ANNOUNCED, created_at=later(89 * DAY))
RETIRED = key(state=KeyState.RETIRED, retired_at=later(90 * DAY))


def test_a_tenant_without_keys_needs_an_active_one_for_each_algorithm() -> None:
    schedule = replace(SCHEDULE, algorithms=("ES256", "RS256", "RSA-OAEP-256"))
    needed = tuple(NeededKey(name, KeyState.ACTIVE) for name in schedule.algorithms)
    assert plan((), schedule, NOW) == KeyPlan(needed, ())


@pytest.mark.requirement("OIDCC-10.2.1/coordinated")
def test_the_successor_is_announced_before_its_turn_and_promoted_when_it_comes() -> None:
    assert plan((ACTIVE,), SCHEDULE, later(89 * DAY - 1)) == NOTHING
    needed = (NeededKey("ES256", KeyState.ANNOUNCED),)
    assert plan((ACTIVE,), SCHEDULE, later(89 * DAY)) == KeyPlan(needed, ())
    assert plan((ACTIVE, NEXT), SCHEDULE, later(90 * DAY - 1)) == NOTHING
    promotion = (PromoteSigningKey("k2", later(90 * DAY)),)
    assert plan((ACTIVE, NEXT), SCHEDULE, later(90 * DAY)) == KeyPlan((), promotion)
    assert promoted_at(NEXT, SCHEDULE) == later(90 * DAY)


@pytest.mark.requirement("OIDCC-10.1.1/retain")
def test_a_retired_key_is_removed_when_nothing_that_it_signed_has_any_use() -> None:
    successor = replace(NEXT, state=KeyState.ACTIVE, activated_at=later(90 * DAY))
    over = later(90 * DAY + PUBLISHED_AFTER)
    assert plan((RETIRED, successor), SCHEDULE, NumericDate(over - 1)) == NOTHING
    removal = (RemoveSigningKey("k1", KeyState.RETIRED),)
    assert plan((RETIRED, successor), SCHEDULE, over) == KeyPlan((), removal)
    assert removed_at(RETIRED) == over
    for policy in PROFILES.values():
        assert (
            max(policy.session_lifetime, policy.id_token_lifetime, policy.access_token_lifetime) < PUBLISHED_AFTER
        )


def test_the_age_of_a_key_is_counted_from_its_first_use() -> None:
    used = replace(ACTIVE, created_at=later(-DAY), activated_at=NOW)
    assert plan((used,), SCHEDULE, later(89 * DAY - 1)) == NOTHING
    assert plan((used,), SCHEDULE, later(89 * DAY)).needed == (NeededKey("ES256", KeyState.ANNOUNCED),)


def test_a_key_is_never_replaced_where_the_schedule_says_so_but_one_that_was_announced_is_promoted() -> None:
    never = replace(SCHEDULE, rotation=Seconds(0))
    assert plan((ACTIVE,), never, later(10_000 * DAY)) == NOTHING
    promotion = (PromoteSigningKey("k2", later(90 * DAY)),)
    assert plan((ACTIVE, NEXT), never, later(90 * DAY)) == KeyPlan((), promotion)


def test_the_announced_key_takes_over_at_once_where_the_active_one_is_gone() -> None:
    assert plan((NEXT,), SCHEDULE, NEXT.created_at) == KeyPlan((), (PromoteSigningKey("k2", NEXT.created_at),))


def test_an_algorithm_that_is_not_configured_any_more_ends_with_its_keys_time() -> None:
    other = replace(SCHEDULE, algorithms=("RS256",))
    rsa = key("rsa", "RS256", created_at=later(80 * DAY))
    assert plan((ACTIVE, rsa), other, later(89 * DAY - 1)) == NOTHING
    retirement = (RetireSigningKey("k1", later(89 * DAY)),)
    assert plan((ACTIVE, rsa), other, later(89 * DAY)) == KeyPlan((), retirement)
    withdrawal = (RemoveSigningKey("k2", KeyState.ANNOUNCED),)
    assert plan((rsa, NEXT), other, later(90 * DAY)) == KeyPlan((), withdrawal)


@pytest.mark.requirement("OIDCC-10.2.1/retain")
def test_a_key_that_others_encrypt_to_takes_over_as_soon_as_it_is_published() -> None:
    schedule = replace(SCHEDULE, algorithms=("ECDH-ES",))
    active = key("old", "ECDH-ES")
    assert plan((active,), schedule, later(90 * DAY - 1)) == NOTHING
    assert plan((active,), schedule, later(90 * DAY)).needed == (NeededKey("ECDH-ES", KeyState.ANNOUNCED),)
    successor = key("new", "ECDH-ES", state=KeyState.ANNOUNCED, created_at=later(90 * DAY))
    promotion = (PromoteSigningKey("new", later(90 * DAY)),)
    assert plan((active, successor), schedule, later(90 * DAY)).changes == promotion


def test_what_signs_by_default_has_a_key_by_default() -> None:
    assert set(NEEDED_ALGORITHMS) <= set(DEFAULT_ALGORITHMS)


def made(keys: dict[str, SigningKey], planned: KeyPlan, now: NumericDate) -> None:
    """Does what a plan says, as a storage does it: what is needed by a key with the next number."""
    for needed in planned.needed:
        kid = f"{needed.algorithm}-{now}"
        keys[kid] = key(kid, needed.algorithm, state=needed.state, created_at=now)
    for change in planned.changes:
        _made(keys, change)


def _made(keys: dict[str, SigningKey], change: KeyStep) -> None:
    match change:
        case PromoteSigningKey(kid, now):
            for other in keys.values():
                if other.algorithm == keys[kid].algorithm and other.state is KeyState.ACTIVE:
                    keys[other.kid] = replace(other, state=KeyState.RETIRED, retired_at=now)
            keys[kid] = replace(keys[kid], state=KeyState.ACTIVE, activated_at=now)
        case RetireSigningKey(kid, now):
            keys[kid] = replace(keys[kid], state=KeyState.RETIRED, retired_at=now)
        case RemoveSigningKey(kid, state):
            assert keys.pop(kid).state is state
        case _:
            raise AssertionError(change)


@settings(max_examples=200, deadline=None)
@given(
    rotation=st.integers(1, 30).map(lambda days: days * DAY),
    announce=st.integers(120, DAY),
    pauses=st.lists(st.integers(1, 3 * DAY), min_size=5, max_size=60),
    algorithms=st.sampled_from([("ES256",), ("ES256", "RS256"), DEFAULT_ALGORITHMS]),
)
@pytest.mark.requirement("OIDCC-10.2.1/coordinated")
@pytest.mark.requirement("OIDCC-10.1.1/retain")
def test_whenever_the_plan_is_made_every_good_token_finds_its_key(
    rotation: int, announce: int, pauses: list[int], algorithms: tuple[str, ...]
) -> None:
    schedule = KeySchedule(algorithms, Seconds(rotation), Seconds(announce))
    keys: dict[str, SigningKey] = {}
    now, first = NOW, NOW
    signed: dict[str, NumericDate] = {}
    published_since: dict[str, NumericDate] = {}
    for pause in pauses:
        made(keys, plan(tuple(keys.values()), schedule, now), now)
        for kid in keys:
            published_since.setdefault(kid, now)
        active = [held for held in keys.values() if held.state is KeyState.ACTIVE]
        assert sorted(held.algorithm for held in active) == sorted(algorithms)
        for held in active:
            # Whoever has kept the keys for as long as they may be kept knows it, but for those of the beginning.
            assert published_since[held.kid] == first or now - published_since[held.kid] >= announce
            assert 2 * schedule.jwks_lifetime <= announce
        for kid, last in signed.items():
            assert kid in keys or now >= last + PUBLISHED_AFTER, "a token of this key may still be shown"
        now = NumericDate(now + pause)
        # Until the next plan is made, the active keys sign.
        signed.update({held.kid: NumericDate(now - 1) for held in active})
