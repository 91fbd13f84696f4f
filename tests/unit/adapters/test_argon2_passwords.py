"""Argon2id in its pool: what matches, what never does, and what happens when too many wait."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

import pytest

from valetkey.adapters.passwords import LANES, LONGEST_OCTETS, MEMORY_KIB, PASSES, Argon2Passwords
from valetkey.authorization_server.model import PasswordHash
from valetkey.oauth.errors import Unavailable
from valetkey.oauth.types import SecretText

Outcome = TypeVar("Outcome")
PASSWORD = SecretText("correct horse battery staple")


async def test_a_password_matches_its_own_hash_only() -> None:
    passwords = Argon2Passwords(1)
    stored = await passwords.hash(PASSWORD)
    assert stored.startswith(f"$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}$")
    assert await passwords.matches(PASSWORD, stored)
    assert not await passwords.matches(SecretText("Correct horse battery staple"), stored)
    assert await passwords.hash(PASSWORD) != stored


# covers: LOG-03
async def test_one_password_in_two_unicode_spellings_is_one_password() -> None:
    passwords = Argon2Passwords(1)
    stored = await passwords.hash(SecretText("Ga\u0308nseblu\u0308mchen"))
    assert await passwords.matches(SecretText("G\u00e4nsebl\u00fcmchen"), stored)


# covers: LOG-03
async def test_a_long_password_is_never_truncated() -> None:
    passwords = Argon2Passwords(1)
    stored = await passwords.hash(SecretText("x" * 128 + "y"))
    assert await passwords.matches(SecretText("x" * 128 + "y"), stored)
    assert not await passwords.matches(SecretText("x" * 128 + "z"), stored)


# covers: LOG-03
@pytest.mark.parametrize("text", ["x" * 1_000_000, "ä" * 600, "", "\x00", "\ud800"])
async def test_a_hostile_password_is_compared_without_an_error(text: str) -> None:
    passwords = Argon2Passwords(1)
    assert not await passwords.matches(SecretText(text), await passwords.hash(PASSWORD))


@pytest.mark.parametrize("text", ["", "x" * (LONGEST_OCTETS + 1)])
async def test_a_password_that_could_never_match_is_not_stored(text: str) -> None:
    with pytest.raises(ValueError, match="1 to 1024 bytes"):
        await Argon2Passwords(1).hash(SecretText(text))


class CountingPasswords(Argon2Passwords):
    """Counts what reaches the pool."""

    computed = 0

    async def _run(self, work: Callable[[], Outcome]) -> Outcome:
        self.computed += 1
        return await super()._run(work)


# covers: LOG-01, LOG-03
@pytest.mark.parametrize("stored", [None, PasswordHash("")])
@pytest.mark.parametrize("text", ["", "anything"])
async def test_without_a_stored_hash_nothing_matches_but_a_hash_is_computed(
    stored: PasswordHash | None, text: str
) -> None:
    passwords = CountingPasswords(1)
    assert not await passwords.matches(SecretText(text), stored)
    assert passwords.computed == 1
    assert passwords._dummy.startswith(f"$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}$")


async def test_too_many_at_once_are_refused_and_the_pool_recovers() -> None:
    passwords = Argon2Passwords(1, waiting_per_worker=2)
    stored = await passwords.hash(PASSWORD)
    attempts = [passwords.matches(PASSWORD, stored) for _ in range(10)]
    outcomes = await asyncio.gather(*attempts, return_exceptions=True)
    assert outcomes.count(True) == 3
    assert sum(isinstance(outcome, Unavailable) for outcome in outcomes) == 7
    assert await passwords.matches(PASSWORD, stored)


async def test_the_event_loop_runs_on_while_a_password_is_hashed() -> None:
    passwords = Argon2Passwords(1)
    hashing = asyncio.ensure_future(passwords.hash(PASSWORD))
    turns = 0
    while not hashing.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 1
    assert await passwords.matches(PASSWORD, hashing.result())
