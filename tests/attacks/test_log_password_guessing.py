"""Guessing, spraying and telling accounts apart at the sign-in page."""

from dataclasses import replace

import anyio
import pytest

from support.house import PASSWORD, House, build_house, end_users
from support.visitor import Visitor, consent_page, login_page
from valetkey.authorization_server.budgets import counted
from valetkey.authorization_server.decision import PutEndUser
from valetkey.authorization_server.model import BrowserId, PasswordHash
from valetkey.authorization_server.pages import LoginPage, LoginProblem, Page
from valetkey.authorization_server.user_authentication.password import load_claimant
from valetkey.oauth.types import SecretText

WRONG = LoginProblem.WRONG_CREDENTIALS
TOO_MANY = LoginProblem.TOO_MANY_ATTEMPTS


@pytest.fixture
async def house() -> House:
    return await build_house()


async def attempt(visitor: Visitor, username: str, password: str) -> LoginPage:
    return login_page(await visitor.sign_in(await visitor.authorize(), username, password))


# covers: LOG-01
async def test_unknown_disabled_and_mistaken_are_told_the_same(house: House) -> None:
    await house.commit(PutEndUser(replace(end_users()["bob"], disabled=True)))
    visitor = Visitor(house)
    form = login_page(await visitor.authorize()).form
    answers = []
    tried = (("nobody", PASSWORD), ("bob", PASSWORD), ("alice", "wrong"), ("", ""), ("a" * 9_000, "x"))
    for username, password in tried:
        answer = await visitor.post(form.action, {**dict(form.hidden), "username": username, "password": password})
        assert isinstance(answer, Page)
        assert answer.headers == ()
        answers.append(replace(login_page(answer), username=""))
    assert {page.problem for page in answers} == {WRONG}
    assert all(page == answers[0] for page in answers)
    assert not await visitor.sessions()
    assert "code" in await visitor.granted()


# covers: LOG-02
async def test_an_account_is_guessed_ten_times_at_once_and_then_slowly(house: House) -> None:
    for number in range(10):
        assert (await attempt(Visitor(house, f"198.51.100.{number}"), "alice", f"wrong {number}")).problem is WRONG
    stopped = await attempt(Visitor(house, "198.51.100.99"), "alice", PASSWORD)
    assert stopped.problem is TOO_MANY
    assert stopped.retry_after == 120
    house.clock.advance(stopped.retry_after)
    visitor = Visitor(house, "198.51.100.99")
    consent_page(await visitor.sign_in(await visitor.authorize()))


# covers: LOG-02
async def test_another_spelling_of_a_user_name_is_the_same_account(house: House) -> None:
    spellings = ("alice", "ALICE", " alice ", "Alice", "\uff41lice")
    for number in range(10):
        await attempt(Visitor(house, f"198.51.100.{number}"), spellings[number % len(spellings)], "wrong")
    assert (await attempt(Visitor(house), "aLiCe", PASSWORD)).problem is TOO_MANY


# covers: LOG-02
async def test_a_hundred_guesses_at_once_do_not_exceed_the_budget(house: House) -> None:
    visitor = Visitor(house)
    form = login_page(await visitor.authorize()).form
    fields = {**dict(form.hidden), "username": "alice", "password": "wrong"}
    problems: list[LoginProblem | None] = []

    async def guess() -> None:
        problems.append(login_page(await visitor.post(form.action, fields)).problem)

    async with anyio.create_task_group() as group:
        for _ in range(100):
            group.start_soon(guess)
    assert problems.count(TOO_MANY) == 90
    assert len(house.log.of("login.failed")) + len(house.log.of("login.busy")) == 10


async def spend(house: House, address: str, attempts: int) -> None:
    """Take attempts at so many accounts from one address, as the sign-in page does before it hashes."""
    for number in range(attempts):
        claimant = await load_claimant(f"user{number}", address, BrowserId("a stranger's"), house.stores)
        await house.commit(*counted(claimant.budgets, house.clock.now))


# covers: LOG-02
async def test_one_source_cannot_spray_every_account(house: House) -> None:
    visitor = Visitor(house)
    await spend(house, visitor.address, 199)
    assert (await attempt(visitor, "alice", "wrong")).problem is WRONG
    assert (await attempt(visitor, "bob", PASSWORD)).problem is TOO_MANY
    house.clock.advance(4)
    consent_page(await visitor.sign_in(await visitor.authorize(), "bob"))


# covers: LOG-02
@pytest.mark.parametrize(
    ("first", "second", "problem"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", TOO_MANY),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", WRONG),
        ("::ffff:192.0.2.1", "192.0.2.1", TOO_MANY),
        ("192.0.2.1", "192.0.2.2", WRONG),
    ],
)
async def test_the_addresses_of_one_site_share_a_budget(
    house: House, first: str, second: str, problem: LoginProblem
) -> None:
    await spend(house, first, 200)
    assert (await attempt(Visitor(house, second), "somebody else", "wrong")).problem is problem


# covers: LOG-02
async def test_nobody_is_locked_out_of_the_browser_they_use(house: House) -> None:
    own = Visitor(house)
    await own.granted()
    for number in range(10):
        await attempt(Visitor(house, f"198.51.100.{number}"), "alice", "wrong")
    assert (await attempt(Visitor(house), "alice", PASSWORD)).problem is TOO_MANY
    house.clock.advance(house.server.policy.session_lifetime)
    assert "code" in await own.granted()


# covers: LOG-02
async def test_a_known_browser_has_a_budget_all_the_same(house: House) -> None:
    own = Visitor(house)
    await own.granted()
    problems = []
    for _ in range(11):
        page = await own.authorize(prompt="login")
        problems.append(login_page(await own.sign_in(page, "alice", "wrong")).problem)
    assert problems == [WRONG] * 10 + [TOO_MANY]


async def test_a_success_gives_the_attempts_of_the_account_back_but_not_those_of_the_source(house: House) -> None:
    for _ in range(2):
        for _ in range(9):
            await attempt(Visitor(house), "alice", "wrong")
        visitor = Visitor(house)
        consent_page(await visitor.sign_in(await visitor.authorize()))
    source = "login:source:203.0.113.7"
    assert await house.stores.attempts.wait(source, 4, 20, house.clock.now) > 0
    assert await house.stores.attempts.wait(source, 4, 21, house.clock.now) == 0


async def test_a_user_name_typed_by_a_stranger_is_not_logged(house: House) -> None:
    await attempt(Visitor(house), "my secret password", "wrong")
    assert "my secret password" not in str(house.log.events)


# covers: LOG-03
@pytest.mark.parametrize(
    "typed",
    [
        "",
        PASSWORD.upper(),
        PASSWORD + " ",
        PASSWORD + "\x00",
        PASSWORD[:-1],
        "x" * 1_025,
        PASSWORD + "x" * 1_000_000,
        "\u20ac" * 342,
    ],
    ids=["nothing", "upper case", "a space", "a NUL", "cut", "1,025 octets", "1 MB", "342 euro signs"],
)
async def test_what_is_not_the_password_is_not_the_password(house: House, typed: str) -> None:
    assert (await attempt(Visitor(house), "alice", typed)).problem is WRONG


# covers: LOG-03
@pytest.mark.parametrize(
    ("chosen", "typed"),
    [
        ("p" * 128, "p" * 128),
        ("p" * 1_024, "p" * 1_024),
        ("caf\u00e9 au lait", "cafe\u0301 au lait"),
        ("with\x00nul", "with\x00nul"),
        ("\U0001f511" * 40, "\U0001f511" * 40),
    ],
    ids=["128 characters", "1 kB", "composed and decomposed", "a NUL", "beyond 72 octets"],
)
async def test_a_long_or_odd_password_works_in_one_unicode_form(house: House, chosen: str, typed: str) -> None:
    hashed = await house.server.passwords.hash(SecretText(chosen))
    await house.commit(PutEndUser(replace(end_users()["alice"], password_hash=hashed)))
    visitor = Visitor(house)
    consent_page(await visitor.sign_in(await visitor.authorize(), "alice", typed))
    assert (await attempt(Visitor(house), "alice", typed[:-1])).problem is WRONG
    assert (await attempt(Visitor(house), "alice", typed + "x")).problem is WRONG


# covers: LOG-03
@pytest.mark.parametrize("stored", [None, PasswordHash("")])
async def test_an_empty_hash_never_matches(house: House, stored: PasswordHash | None) -> None:
    await house.commit(PutEndUser(replace(end_users()["alice"], password_hash=stored)))
    for typed in ("", "x", PASSWORD):
        assert (await attempt(Visitor(house), "alice", typed)).problem is WRONG
