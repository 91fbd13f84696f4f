"""Stealing, fixing, planting and outliving a browser's session."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import pytest

from support.house import PASSWORD, House, build_house, encode_form, end_users
from support.visitor import Visitor, consent_page, error_page, location_of, login_page, request_of, returned
from valetkey.authorization_server.decision import BumpGeneration, Change, EndSession, PutEndUser
from valetkey.authorization_server.model import PasswordHash
from valetkey.authorization_server.pages import ErrorKind
from valetkey.authorization_server.ports import PasswordHasher
from valetkey.oauth.http import HttpResponse
from valetkey.oauth.types import SecretText

COOKIE = "__Host-vk_session_default"


@dataclass
class Overtaken:
    """A PasswordHasher that is overtaken: something else is committed while it compares."""

    passwords: PasswordHasher
    meanwhile: list[Callable[[], Awaitable[None]]]

    async def matches(self, presented: SecretText, stored: PasswordHash | None) -> bool:
        while self.meanwhile:
            await self.meanwhile.pop()()
        return await self.passwords.matches(presented, stored)

    async def hash(self, password: SecretText) -> PasswordHash:
        return await self.passwords.hash(password)


@pytest.fixture
async def house() -> House:
    return await build_house()


@pytest.fixture
def visitor(house: House) -> Visitor:
    return Visitor(house)


# covers: LOG-15
async def test_a_session_ends_when_it_was_idle_too_long(house: House, visitor: Visitor) -> None:
    await visitor.granted()
    idle = house.server.policy.session_idle_lifetime
    house.clock.advance(idle - 1)
    assert "code" in returned(await visitor.authorize())
    house.clock.advance(idle - 1)
    assert "code" in returned(await visitor.authorize())
    house.clock.advance(idle)
    login_page(await visitor.authorize())


# covers: LOG-15
async def test_a_session_ends_after_its_whole_lifetime_however_busy(house: House, visitor: Visitor) -> None:
    await visitor.granted()
    for _ in range(3):
        house.clock.advance(house.server.policy.session_lifetime // 4)
        assert "code" in returned(await visitor.authorize())
    house.clock.advance(house.server.policy.session_lifetime // 4)
    login_page(await visitor.authorize())


# covers: LOG-15
@pytest.mark.parametrize(
    "change",
    [
        BumpGeneration("subject", "sub-alice"),
        BumpGeneration("tenant", ""),
        BumpGeneration("server", ""),
        PutEndUser(replace(end_users()["alice"], disabled=True)),
        PutEndUser(replace(end_users()["alice"], password_hash=PasswordHash("$argon2id$another"))),
    ],
    ids=str,
)
async def test_a_killed_session_fails_on_the_next_request(house: House, visitor: Visitor, change: Change) -> None:
    await visitor.granted()
    await house.commit(change)
    assert returned(await visitor.authorize(prompt="none"))["error"] == "login_required"
    login_page(await visitor.authorize())


# covers: LOG-15
async def test_a_session_that_an_operator_ended_fails_on_the_next_request(house: House, visitor: Visitor) -> None:
    await visitor.granted()
    (stored,) = await visitor.sessions()
    await house.commit(EndSession(stored.session.sid, house.clock.now))
    login_page(await visitor.authorize())


async def test_activity_is_written_at_most_once_a_minute(house: House, visitor: Visitor) -> None:
    await visitor.granted()
    begun = house.clock.now
    seen = []
    for _ in range(4):
        house.clock.advance(20)
        await visitor.authorize()
        seen.append((await visitor.sessions())[0].session.last_seen_at - begun)
    assert seen == [0, 0, 60, 60]


# covers: CON-09
async def test_a_planted_cookie_is_worthless_after_the_sign_in(house: House, visitor: Visitor) -> None:
    attacker = Visitor(house)
    await attacker.authorize()
    visitor.cookies = dict(attacker.cookies)
    await visitor.granted()
    assert visitor.cookies[COOKIE] != attacker.cookies[COOKIE]
    login_page(await attacker.authorize())
    assert returned(await attacker.authorize(prompt="none"))["error"] == "login_required"


# covers: CON-09
async def test_who_planted_the_cookie_cannot_ride_along_with_a_sign_in_of_their_own(house: House) -> None:
    attacker = Visitor(house)
    login = login_page(await attacker.authorize())
    victim = Visitor(house, cookies=dict(attacker.cookies))
    fields = {**dict(login.form.hidden), "username": "alice", "password": PASSWORD}

    async def victim_signs_in() -> None:
        await victim.post(login.form.action, fields)

    house.server = replace(house.server, passwords=Overtaken(house.server.passwords, [victim_signs_in]))
    late = await attacker.post(login.form.action, fields | {"username": "bob"})
    assert error_page(late).kind is ErrorKind.OTHER_BROWSER
    assert attacker.cookies[COOKIE] != victim.cookies[COOKIE]
    consent_page(await victim.visit(login.form.action))


# covers: CON-09
async def test_a_form_of_the_attackers_browser_signs_nobody_in_elsewhere(house: House, visitor: Visitor) -> None:
    attacker = Visitor(house)
    theirs = login_page(await attacker.authorize())
    await visitor.authorize()
    fields = {**dict(theirs.form.hidden), "username": "bob", "password": PASSWORD}
    refused = error_page(await visitor.follow(await visitor.post(theirs.form.action, fields)))
    assert (refused.kind, refused.status) == (ErrorKind.OTHER_BROWSER, 403)
    own = login_page(await visitor.authorize())
    for token in (dict(theirs.form.hidden)["csrf"], "", "x", dict(own.form.hidden)["csrf"][:-1]):
        forged = dict(own.form.hidden) | {"username": "bob", "password": PASSWORD, "csrf": token}
        refused = error_page(await visitor.post(own.form.action, forged))
        assert (refused.kind, refused.status) == (ErrorKind.FORGED_FORM, 403)
    assert not await visitor.sessions()
    consent_page(await visitor.submit(own.form, {"username": "bob", "password": PASSWORD}))


async def test_a_token_of_another_request_or_form_is_refused(visitor: Visitor) -> None:
    first, second = login_page(await visitor.authorize()), login_page(await visitor.authorize())
    mixed = dict(first.form.hidden) | {"csrf": dict(second.form.hidden)["csrf"], "username": "alice"}
    assert error_page(await visitor.post("/login", mixed)).kind is ErrorKind.FORGED_FORM
    consent = consent_page(await visitor.submit(first.form, {"username": "alice", "password": PASSWORD}))
    mixed = dict(consent.form.hidden) | {"csrf": dict(first.form.hidden)["csrf"], "answer": "allowed"}
    assert error_page(await visitor.post("/consent", mixed)).kind is ErrorKind.FORGED_FORM


async def test_two_cookies_of_one_name_are_none(house: House, visitor: Visitor) -> None:
    await visitor.granted()
    tossed = {"cookie": f"{COOKIE}=planted; {COOKIE}={visitor.cookies[COOKIE]}"}
    stranger = Visitor(house)
    query = encode_form(request_of(prompt="none")).decode()
    answer = await stranger.ask("GET", f"/authorize?{query}", headers=tossed)
    assert returned(answer)["error"] == "login_required"


async def test_a_cookie_of_another_name_or_shape_is_nobody(house: House, visitor: Visitor) -> None:
    await visitor.granted()
    handle = visitor.cookies[COOKIE]
    for cookies in ({"vk_session_default": handle}, {COOKIE: ""}, {COOKIE: handle * 50}, {COOKIE: handle[:-1]}):
        login_page(await Visitor(house, cookies=dict(cookies)).authorize())


async def test_a_browser_is_remembered_for_a_day_and_after_a_sign_in_for_half_a_year(
    house: House, visitor: Visitor
) -> None:
    for days, sign_in in ((1, visitor.authorize), (180, visitor.granted)):
        await sign_in()
        before = dict(visitor.cookies)
        house.clock.advance(days * 86_400 - 1)
        await visitor.authorize()
        assert visitor.cookies == before
        house.clock.advance(1)
        await visitor.authorize()
        assert visitor.cookies != before


# covers: LOG-06
async def test_no_page_can_be_skipped_or_reordered(visitor: Visitor) -> None:
    login = login_page(await visitor.authorize())
    hidden = dict(login.form.hidden)
    skipped = await visitor.follow(await visitor.post("/consent", hidden | {"answer": "allowed"}))
    login_page(skipped)
    login_page(await visitor.visit("/consent?interaction=" + hidden["interaction"]))
    login_page(await visitor.visit("/authorize?interaction=" + hidden["interaction"]))
    consent_page(await visitor.sign_in(skipped))


# covers: LOG-06
async def test_a_password_changed_while_it_was_compared_signs_nobody_in(house: House, visitor: Visitor) -> None:
    login = login_page(await visitor.authorize())

    async def operator_resets_it() -> None:
        await house.commit(PutEndUser(replace(end_users()["alice"], password_hash=PasswordHash("$other"))))

    house.server = replace(house.server, passwords=Overtaken(house.server.passwords, [operator_resets_it]))
    again = await visitor.submit(login.form, {"username": "alice", "password": PASSWORD})
    assert login_page(again).problem is not None
    assert not await visitor.sessions()


async def test_the_answer_to_a_sign_in_shows_no_secret_in_its_address(visitor: Visitor) -> None:
    login = login_page(await visitor.authorize())
    fields = {**dict(login.form.hidden), "username": "alice", "password": PASSWORD}
    answer = await visitor.post(login.form.action, fields)
    assert isinstance(answer, HttpResponse)
    assert answer.status == 303
    assert (location_of(answer) or "").startswith("/authorize?interaction=vk_in_")
    assert PASSWORD not in (location_of(answer) or "")
    assert answer.header("cache-control") == "no-store"
