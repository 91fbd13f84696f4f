"""Getting into an account, or at a device's tokens, through the device grant."""

import itertools
from collections import Counter
from dataclasses import replace

import anyio
import pytest

from support.device import (
    KIOSK,
    TV,
    Device,
    answer,
    answer_page,
    asked,
    code_page,
    done_page,
    enter,
    with_devices,
)
from support.house import API, NOW, SECRET, House, basic, build_house, claims_of, clients, document, end_users
from support.visitor import Answer, Visitor, error_page, location_of
from valetkey.authorization_server.audit import AuditQuestion
from valetkey.authorization_server.decision import BumpGeneration, PutClient, PutEndUser
from valetkey.authorization_server.device.user_code import ALPHABET, digest_of, spelled
from valetkey.authorization_server.model import Standing
from valetkey.authorization_server.pages import DeviceCodePage, DeviceProblem, ErrorKind, Page
from valetkey.authorization_server.registered import SelfRegistration
from valetkey.oauth.types import AuthorizationId, ClientId, GrantType, NumericDate, TokenDigest

UNKNOWN, TOO_MANY = DeviceProblem.UNKNOWN_CODE, DeviceProblem.TOO_MANY_ATTEMPTS
GUESSES = (spelled("".join(letters)) for letters in itertools.product(ALPHABET, repeat=8))


@pytest.fixture
async def house() -> House:
    return await with_devices(await build_house())


@pytest.fixture
def visitor(house: House) -> Visitor:
    return Visitor(house)


@pytest.fixture
def tv(house: House) -> Device:
    return Device(house)


async def guess(visitor: Visitor, form: DeviceCodePage | None = None) -> Answer:
    page = form or code_page(await visitor.visit("/device"))
    return await visitor.follow(
        await visitor.post("/device", {**dict(page.form.hidden), "user_code": next(GUESSES)})
    )


# covers: DEV-01
@pytest.mark.requirement("RFC8628-5.1/rate")
async def test_five_thousand_guesses_from_one_browser_are_ten(house: House, visitor: Visitor, tv: Device) -> None:
    started = await tv.start()
    form = code_page(await visitor.visit("/device"))
    problems = Counter([code_page(await guess(visitor, form)).problem for _ in range(5_000)])
    assert problems == {UNKNOWN: 10, TOO_MANY: 4_990}
    stopped = await guess(visitor, form)
    assert isinstance(stopped, Page)
    assert dict(stopped.headers)["retry-after"] == "30"
    # The right code helps no more than a wrong one, until an attempt is regained.
    late = await visitor.post("/device", {**dict(form.form.hidden), "user_code": started["user_code"]})
    assert code_page(late).problem is TOO_MANY
    house.clock.advance(30)
    again = await visitor.post("/device", {**dict(form.form.hidden), "user_code": started["user_code"]})
    assert (location_of(again) or "").startswith("/authorize?interaction=")


# covers: DEV-01
async def test_a_new_browser_for_each_guess_does_not_help_one_address(house: House) -> None:
    problems = Counter([code_page(await guess(Visitor(house))).problem for _ in range(100)])
    assert problems == {UNKNOWN: 50, TOO_MANY: 50}


# covers: DEV-01
async def test_a_site_of_ipv6_addresses_is_one_address(house: House) -> None:
    addresses = [f"2001:db8:7:7::{number:x}" for number in range(60)]
    problems = Counter([code_page(await guess(Visitor(house, address))).problem for address in addresses])
    assert problems == {UNKNOWN: 50, TOO_MANY: 10}


# covers: DEV-01
async def test_five_thousand_guesses_from_as_many_addresses_are_five_hundred(house: House, tv: Device) -> None:
    visitors = [
        Visitor(house, f"198.{18 + number // 65_536}.{number // 256 % 256}.{number % 256}")
        for number in range(5_000)
    ]
    problems = Counter([code_page(await guess(one)).problem for one in visitors])
    assert problems == {UNKNOWN: 500, TOO_MANY: 4_500}
    # Strangers who try everything keep nobody out who is signed in.
    person = Visitor(house, "203.0.113.99")
    await person.granted()
    answer_page(await enter(person, (await tv.start())["user_code"]))


# covers: DEV-01
async def test_an_account_of_ones_own_buys_no_more_guesses(house: House) -> None:
    problems: list[DeviceProblem | None] = []
    for number in range(10):
        visitor = Visitor(house, f"198.51.100.{number}")
        await visitor.granted()
        problems += [code_page(await guess(visitor)).problem for _ in range(5)]
    assert Counter(problems) == {UNKNOWN: 10, TOO_MANY: 40}


# covers: DEV-01
async def test_a_hundred_guesses_at_once_do_not_exceed_the_budget(visitor: Visitor) -> None:
    form = code_page(await visitor.visit("/device"))
    problems: list[DeviceProblem | None] = []

    async def one() -> None:
        problems.append(code_page(await guess(visitor, form)).problem)

    async with anyio.create_task_group() as group:
        for _ in range(100):
            group.start_soon(one)
    assert Counter(problems) == {UNKNOWN: 10, TOO_MANY: 90}


# covers: DEV-01
async def test_unknown_expired_and_answered_codes_are_told_the_same(
    house: House, visitor: Visitor, tv: Device
) -> None:
    answered = await tv.start()
    await answer(visitor, answered["user_code"])
    expired = await tv.start()
    house.clock.advance(600)
    stranger = Visitor(house, "198.51.100.1")
    pages = [
        code_page(await enter(stranger, code)) for code in (answered["user_code"], expired["user_code"], "BCDFGHJK")
    ]
    assert {replace(page, user_code="", form=pages[0].form) for page in pages} == {
        replace(pages[0], user_code="", problem=UNKNOWN)
    }


# covers: DEV-01
async def test_devices_that_nobody_wants_are_started_slowly(house: House, tv: Device) -> None:
    statuses = Counter([(await tv.ask()).status for _ in range(200)])
    assert statuses == {200: 60, 429: 140}
    refused = await tv.ask()
    assert (refused.header("retry-after"), document(refused)["error"]) == ("2", "temporarily_unavailable")
    # Who can prove who they are is nobody's flood.
    assert {(await Device(house, KIOSK).ask()).status for _ in range(100)} == {200}
    house.clock.advance(2)
    assert (await tv.ask()).status == 200


# covers: DEV-01
async def test_a_client_of_ones_own_for_each_device_does_not_help_one_network(house: House) -> None:
    statuses: Counter[int] = Counter()
    for number in range(5):
        client = replace(TV, client_id=ClientId(f"own-{number}"))
        await house.commit(PutClient(client))
        statuses.update([(await Device(house, client).ask()).status for _ in range(60)])
    assert statuses == {200: 200, 429: 100}


# covers: DEV-01
async def test_the_link_puts_no_words_of_its_author_onto_the_page(visitor: Visitor) -> None:
    for sent in ("Call+0800+555+now", "%3Cscript%3E", "WDJB-MJHA"):
        page = code_page(await visitor.visit(f"/device?user_code={sent}"))
        assert (page.user_code, page.came_with_link) == ("", False)


# covers: DEV-02
@pytest.mark.requirement("RFC8628-3.5/slow-down")
async def test_polling_early_slows_down_for_good(house: House, tv: Device) -> None:
    started = await tv.start()
    assert [await tv.error(started) for _ in range(4)] == ["authorization_pending", *["slow_down"] * 3]
    for seconds, told in ((19, "slow_down"), (24, "slow_down"), (29, "slow_down"), (35, "authorization_pending")):
        house.clock.advance(seconds)
        assert await tv.error(started) == told
    house.clock.advance(34)
    assert await tv.error(started) == "slow_down"


# covers: DEV-02
async def test_of_polls_at_once_one_is_in_time_and_each_other_slows_down(house: House, tv: Device) -> None:
    started = await tv.start()
    told: list[str] = []

    async def one() -> None:
        told.append(await tv.error(started))

    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(one)
    assert Counter(told) == {"authorization_pending": 1, "slow_down": 9}
    house.clock.advance(49)
    assert await tv.error(started) == "slow_down"


# covers: DEV-02
async def test_polling_for_ever_ends(house: House, tv: Device) -> None:
    started = await tv.start()
    told = []
    for _ in range(700):
        told.append(await tv.error(started))
        house.clock.advance(1)
    assert Counter(told) == {"authorization_pending": 2, "slow_down": 598, "expired_token": 100}


# covers: DEV-03
@pytest.mark.requirement("RFC6749-5.2/revoked")
async def test_a_device_code_that_comes_again_kills_what_it_bought(
    house: House, visitor: Visitor, tv: Device
) -> None:
    started = await tv.start(scope="openid offline_access albums.read")
    await answer(visitor, started["user_code"])
    tokens = await tv.tokens(started)
    assert await tv.error(started) == "invalid_grant"
    assert (await house.bearer(tokens["access_token"])).status == 401
    refresh = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": "tv"}
    assert document(await house.post("/token", refresh))["error"] == "invalid_grant"
    stored = await house.stores.authorizations.find(
        AuthorizationId(claims_of(tokens["access_token"])["authorization_id"])
    )
    assert stored is not None
    assert stored.standing(house.clock.now) is Standing.REVOKED


# covers: DEV-03
@pytest.mark.requirement("RFC6749-5.2/other-client")
async def test_a_device_code_is_worthless_to_another_client(house: House, visitor: Visitor, tv: Device) -> None:
    started = await tv.start()
    await answer(visitor, started["user_code"])
    assert await Device(house, KIOSK).error(started) == "invalid_grant"
    assert (await tv.poll(started)).status == 200


# covers: DEV-03
async def test_a_scope_at_the_token_endpoint_changes_nothing(visitor: Visitor, tv: Device) -> None:
    started = await tv.start(scope="albums.read")
    await answer(visitor, started["user_code"])
    tokens = document(await tv.poll(started, scope="albums.read albums.write openid"))
    assert tokens["scope"] == "albums.read"


# covers: DEV-03
async def test_a_user_code_is_no_device_code_and_the_other_way_round(visitor: Visitor, tv: Device) -> None:
    started = await tv.start()
    letters = started["user_code"].replace("-", "")
    for guessed in (
        letters,
        started["user_code"],
        started["device_code"][:-1],
        started["device_code"].lower(),
        "x" * 9_000,
    ):
        assert await tv.error({"device_code": guessed}) == "invalid_grant"
    assert code_page(await enter(visitor, started["device_code"])).problem is DeviceProblem.MALFORMED_CODE


# covers: DEV-06
async def test_a_disabled_person_takes_the_waiting_device_with_them(
    house: House, visitor: Visitor, tv: Device
) -> None:
    started = await tv.start()
    await answer(visitor, started["user_code"])
    await house.commit(PutEndUser(replace(end_users()["alice"], disabled=True)))
    assert await tv.error(started) == "access_denied"
    await house.commit(PutEndUser(end_users()["alice"]))
    assert await tv.error(started) == "access_denied"


# covers: DEV-06
async def test_a_person_who_is_disabled_at_the_page_allows_nothing(
    house: House, visitor: Visitor, tv: Device
) -> None:
    started = await tv.start()
    page = await asked(visitor, started["user_code"])
    await house.commit(PutEndUser(replace(end_users()["alice"], disabled=True)))
    await visitor.submit(page.form, {"answer": "allowed"})
    assert await tv.error(started) == "authorization_pending"


# covers: DEV-06
@pytest.mark.parametrize("kind", ["subject", "client", "tenant", "server"])
async def test_what_was_allowed_dies_with_every_generation(
    house: House, visitor: Visitor, tv: Device, kind: str
) -> None:
    started = await tv.start()
    await answer(visitor, started["user_code"])
    names = {"subject": "sub-alice", "client": "tv"}
    await house.commit(BumpGeneration(kind, names.get(kind, "")))
    assert await tv.error(started) == "access_denied"


# covers: DEV-06
async def test_a_password_change_takes_the_answer_back(visitor: Visitor, tv: Device) -> None:
    started = await tv.start()
    await answer(visitor, started["user_code"])
    await visitor.change_password("another horse, another staple")
    assert await tv.error(started) == "access_denied"


# covers: DEV-06
async def test_a_client_that_lost_the_grant_or_was_disabled_gets_nothing(
    house: House, visitor: Visitor, tv: Device
) -> None:
    waiting, allowed = await tv.start(), await tv.start()
    await answer(visitor, allowed["user_code"])
    await house.commit(PutClient(replace(TV, grant_types=frozenset({GrantType("refresh_token")}))))
    for started in (waiting, allowed):
        assert await tv.error(started) == "unauthorized_client"
    refused = await tv.ask()
    assert (refused.status, document(refused)["error"]) == (400, "unauthorized_client")
    assert error_page(await enter_late(house, waiting["user_code"])).kind is ErrorKind.DEVICE_CODE_GONE
    await house.commit(PutClient(replace(TV, disabled=True)))
    assert (await tv.poll(allowed)).status == 401
    assert (await tv.ask()).status == 401


async def enter_late(house: House, user_code: str) -> Answer:
    return await enter(Visitor(house, "198.51.100.9"), user_code)


@pytest.mark.requirement("RFC8628-3.1/client-authentication", "RFC8628-3.1/form")
async def test_a_confidential_client_proves_itself_to_start_a_device(house: House) -> None:
    asked_ = {"client_id": "kiosk", "scope": "albums.read"}
    assert (await house.post("/device_authorization", asked_)).status == 401
    assert (await house.post("/device_authorization", asked_, basic("kiosk", "wrong" * 9))).status == 401
    assert (await house.post("/device_authorization", asked_, basic("kiosk", SECRET))).status == 200
    assert (await house.post("/device_authorization", {"scope": "albums.read"})).status == 401
    unknown = await house.post("/device_authorization", {"client_id": "nobody"})
    assert (unknown.status, document(unknown)["error"]) == (401, "invalid_client")


@pytest.mark.requirement("RFC8628-3.1/form")
async def test_parameters_that_stand_twice_or_in_the_address_are_refused(house: House) -> None:
    for form in (b"client_id=tv&scope=albums.read&scope=albums.write", b"client_id=tv&client_id=tv"):
        refused = await house.post("/device_authorization", form)
        assert (refused.status, document(refused)["error"]) == (400, "invalid_request")
    inside = await house.send("POST", "/device_authorization", query={"client_id": "tv"}, form={"client_id": "tv"})
    assert inside.status == 400  # type: ignore[union-attr] # a machine's endpoint answers no page


async def test_a_client_without_the_grant_starts_no_device(house: House) -> None:
    for name in ("spa", "web"):
        form, headers = house.credentials(name)
        refused = await house.post("/device_authorization", {**form, "scope": "albums.read"}, headers)
        assert (refused.status, document(refused)["error"]) == (400, "unauthorized_client")


@pytest.mark.requirement("RFC8628-3.3/answer", "RFC8628-5.4/possession")
async def test_an_answer_without_the_token_of_its_page_allows_nothing(
    house: House, visitor: Visitor, tv: Device
) -> None:
    # covers: CON-02
    started = await tv.start()
    page = await asked(visitor, started["user_code"])
    hidden = dict(page.form.hidden)
    other = await asked(Visitor(house, "198.51.100.1"), (await tv.start())["user_code"])
    entry = code_page(await visitor.visit("/device"))
    for token in ("", "x", dict(other.form.hidden)["csrf"], dict(entry.form.hidden)["csrf"]):
        refused = error_page(await visitor.post("/device", {**hidden, "csrf": token, "answer": "allowed"}))
        assert (refused.kind, refused.status) == (ErrorKind.FORGED_FORM, 403)
    nothing = error_page(await visitor.post("/device", {**hidden, "answer": ""}))
    assert nothing.kind is ErrorKind.BAD_REQUEST
    assert await tv.error(started) == "authorization_pending"


async def test_a_code_is_not_taken_from_another_sites_form(house: House, visitor: Visitor, tv: Device) -> None:
    started = await tv.start()
    code_page(await visitor.visit("/device"))
    for form in ({}, {"csrf": "x"}):
        refused = error_page(await visitor.post("/device", {**form, "user_code": started["user_code"]}))
        assert (refused.kind, refused.status) == (ErrorKind.FORGED_FORM, 403)
    stranger = Visitor(house)
    elsewhere = error_page(await stranger.post("/device", {"csrf": "x", "user_code": started["user_code"]}))
    assert (elsewhere.kind, elsewhere.way_on) == (ErrorKind.OTHER_BROWSER, "/device")


async def test_another_browser_cannot_answer_or_see_what_was_answered(
    house: House, visitor: Visitor, tv: Device
) -> None:
    started = await tv.start()
    page = await asked(visitor, started["user_code"])
    other = Visitor(house)
    await other.granted()
    for found in (
        await other.visit(page.form.action),
        await other.submit(page.form, {"answer": "allowed"}),
        await other.visit("/login?" + page.form.action.partition("?")[2]),
        await other.visit("/authorize?" + page.form.action.partition("?")[2]),
    ):
        assert error_page(found).kind is ErrorKind.OTHER_BROWSER
    done_page(await visitor.submit(page.form, {"answer": "allowed"}))
    assert error_page(await other.visit(page.form.action)).kind in {
        ErrorKind.OTHER_BROWSER,
        ErrorKind.INTERACTION_FINISHED,
    }


async def test_an_answer_counts_only_for_who_saw_the_page(house: House, visitor: Visitor, tv: Device) -> None:
    # covers: CON-02
    started = await tv.start()
    await visitor.granted("spa")
    page = await asked(visitor, started["user_code"])
    house.clock.advance(1)
    await visitor.sign_in(await visitor.authorize("spa", prompt="login"), "bob")
    refused = error_page(await visitor.submit(page.form, {"answer": "allowed"}))
    assert refused.kind is ErrorKind.FORGED_FORM
    now = answer_page(await visitor.visit(page.form.action))
    assert (page.account_name, now.account_name) == ("alice", "bob")


async def test_what_is_added_to_the_answer_is_ignored(visitor: Visitor, tv: Device) -> None:
    # covers: CON-03
    started = await tv.start(scope="albums.read")
    page = await asked(visitor, started["user_code"])
    edited = {"answer": "allowed", "scope": "albums.read albums.write", "client_id": "web", "resource": "https://x"}
    done_page(await visitor.submit(page.form, edited))
    assert (await tv.tokens(started))["scope"] == "albums.read"


async def test_no_client_can_pretend_that_its_request_is_a_visit_to_the_device_page(
    house: House, visitor: Visitor, tv: Device
) -> None:
    started = await tv.start()
    stored = await house.stores.device_codes.find_by_user_code(_digest(started["user_code"]))
    assert stored is not None
    found = await visitor.authorize("web", device=stored.code.digest.hex())
    await visitor.consent(await visitor.sign_in(found))
    assert await tv.error(started) == "authorization_pending"
    assert clients()["web"].client_id != ClientId(" device")


def _digest(user_code: str) -> TokenDigest:
    return digest_of(user_code.replace("-", ""))


async def test_the_pages_and_the_log_never_hold_a_device_code(house: House, visitor: Visitor, tv: Device) -> None:
    started = await tv.start(resource=API)
    page = await asked(visitor, started["user_code"])
    await visitor.submit(page.form, {"answer": "allowed"})
    await tv.tokens(started)
    secrets = (started["device_code"], started["user_code"], started["user_code"].replace("-", ""))
    written = repr(house.log.events)
    assert not [secret for secret in secrets if secret in written or secret in repr(page)]
    found = await house.stores.device_codes.find_by_user_code(_digest(started["user_code"]))
    assert not [secret for secret in secrets if secret in repr(found)]


async def test_a_client_that_only_says_itself_who_it_is_is_shown_as_that(house: House, visitor: Visitor) -> None:
    registered = replace(TV, registration=SelfRegistration(NOW, TokenDigest(b"r" * 32)))
    await house.commit(PutClient(registered))
    page = await asked(visitor, (await Device(house).start())["user_code"])
    assert (page.is_unverified, page.client_site) == (True, "")
    await house.commit(PutClient(TV))
    assert not (await asked(visitor, (await Device(house).start())["user_code"])).is_unverified


# covers: ADM-09
async def test_the_audit_trail_says_who_denied_which_client_and_from_where(
    house: House, visitor: Visitor, tv: Device
) -> None:
    await answer(visitor, (await tv.start())["user_code"], "denied")
    asked_for = AuditQuestion(NumericDate(0), NumericDate(house.clock.now + 1), 1, event="device.denied")
    [record] = await house.stores.audit.find(asked_for)
    assert (record.actor, record.subject, record.client_id) == ("sub-alice", "sub-alice", TV.client_id)
    assert (record.address, record.surface) == ("203.0.113.7", "/device")
