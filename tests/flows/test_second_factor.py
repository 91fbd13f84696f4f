"""A second factor from its set-up to its removal: each code counts once, and no step can be left out."""

import pytest

from support.house import PASSWORD, House, build_house, end_users
from support.second_factor import Device, begun, enrolment, with_device
from support.visitor import Visitor, account_page, error_page, location_of
from valetkey.authorization_server.acr_levels import MULTI_FACTOR
from valetkey.authorization_server.pages import AccountNotice, ErrorKind
from valetkey.authorization_server.proof_pages import FactorProblem
from valetkey.authorization_server.user_authentication.one_time_code import ENROLMENT_SECONDS

ALICE = end_users()["alice"].subject


@pytest.fixture
async def house() -> House:
    return await build_house()


@pytest.fixture
def visitor(house: House) -> Visitor:
    return Visitor(house)


async def problem_of(visitor: Visitor, fields: dict[str, str]) -> FactorProblem | None:
    page = await visitor.account()
    return account_page(await visitor.submit(page.second_factor.form, fields)).second_factor.problem


async def test_a_device_is_set_up_by_the_password_and_its_first_code(house: House, visitor: Visitor) -> None:
    shown = enrolment(await begun(visitor))
    assert (await house.stores.second_factors.find(ALICE)) is not None
    done = account_page(await visitor.submit(shown.form, {"code": Device(shown.key).code(house.clock.now)}))
    assert (done.notice, done.second_factor.set_up_at) == (AccountNotice.SECOND_FACTOR_ADDED, house.clock.now)
    stored = await house.stores.second_factors.find(ALICE)
    assert stored is not None
    assert stored.is_confirmed
    assert shown.key.replace(" ", "").encode() not in stored.sealed_key


async def test_a_set_up_proves_both_factors_in_its_session(house: House, visitor: Visitor) -> None:
    shown = enrolment(await begun(visitor))
    await visitor.submit(shown.form, {"code": Device(shown.key).code(house.clock.now)})
    (session,) = await visitor.sessions()
    assert session.session.authentication.acr == MULTI_FACTOR
    assert session.session.authentication.amr == ("pwd", "otp", "mfa")


async def test_a_wrong_password_begins_nothing(house: House, visitor: Visitor) -> None:
    found = account_page(await begun(visitor, "wrong"))
    assert found.second_factor.problem is FactorProblem.WRONG_PASSWORD
    assert await house.stores.second_factors.find(ALICE) is None


async def test_a_wrong_first_code_shows_the_same_key_again(house: House, visitor: Visitor) -> None:
    shown = enrolment(await begun(visitor))
    again = await visitor.submit(shown.form, {"code": "000000"})
    assert account_page(again).second_factor.problem is FactorProblem.WRONG_CODE
    assert enrolment(again).key == shown.key
    stored = await house.stores.second_factors.find(ALICE)
    assert stored is not None
    assert not stored.is_confirmed


async def test_a_begun_set_up_is_shown_again_on_reload_and_not_without_its_token(visitor: Visitor) -> None:
    page = await visitor.account()
    answer = await visitor.post(
        page.second_factor.form.action, dict(page.second_factor.form.hidden) | {"current": PASSWORD}
    )
    target = (location_of(answer) or "").partition("#")[0]
    assert enrolment(await visitor.get(target)) == enrolment(await visitor.get(target))
    assert account_page(await visitor.get("/account")).second_factor.enrolment is None
    assert account_page(await visitor.get("/account?enrolment=x")).second_factor.enrolment is None


# covers: LOG-06
async def test_the_key_is_shown_in_no_other_session_of_the_same_end_user(house: House, visitor: Visitor) -> None:
    page = await visitor.account()
    answer = await visitor.post(
        page.second_factor.form.action, dict(page.second_factor.form.hidden) | {"current": PASSWORD}
    )
    target = (location_of(answer) or "").partition("#")[0]
    elsewhere = Visitor(house, "198.51.100.9")
    await elsewhere.account()
    assert account_page(await elsewhere.get(target)).second_factor.enrolment is None


async def test_a_set_up_that_waited_too_long_is_begun_anew(house: House, visitor: Visitor) -> None:
    shown = enrolment(await begun(visitor))
    house.clock.advance(ENROLMENT_SECONDS)
    late = account_page(await visitor.submit(shown.form, {"code": Device(shown.key).code(house.clock.now)}))
    assert late.second_factor.set_up_at is None
    other = enrolment(await begun(visitor))
    assert other.key != shown.key


# covers: LOG-06
async def test_the_form_of_a_set_up_that_was_overtaken_confirms_nothing(house: House, visitor: Visitor) -> None:
    first, second = enrolment(await begun(visitor)), enrolment(await begun(visitor))
    found = account_page(await visitor.submit(first.form, {"code": Device(first.key).code(house.clock.now)}))
    assert found.second_factor.set_up_at is None
    found = account_page(await visitor.submit(second.form, {"code": Device(second.key).code(house.clock.now)}))
    assert found.second_factor.set_up_at == house.clock.now


async def test_a_device_that_is_set_up_cannot_be_replaced_without_it(house: House, visitor: Visitor) -> None:
    page = await visitor.account()
    device = await with_device(house)
    found = account_page(await visitor.submit(page.second_factor.form, {"current": PASSWORD}))
    assert found.second_factor.enrolment is None
    assert await problem_of(visitor, {"current": PASSWORD, "code": "000000"}) is FactorProblem.WRONG_CODE
    assert device.code(house.clock.now) != "000000"


async def test_a_device_is_removed_by_the_password_and_a_code_of_it(house: House, visitor: Visitor) -> None:
    device = await with_device(house)
    code = device.code(house.clock.now)
    wrong = {"current": "wrong", "code": code}
    assert await problem_of(visitor, wrong) is FactorProblem.WRONG_PASSWORD
    assert await problem_of(visitor, {"current": PASSWORD, "code": ""}) is FactorProblem.WRONG_CODE
    assert await house.stores.second_factors.find(ALICE) is not None
    page = await visitor.account()
    done = account_page(await visitor.submit(page.second_factor.form, {"current": PASSWORD, "code": code}))
    assert done.notice is AccountNotice.SECOND_FACTOR_REMOVED
    assert await house.stores.second_factors.find(ALICE) is None


async def test_a_form_of_the_section_needs_its_token(visitor: Visitor) -> None:
    page = await visitor.account()
    forged = dict(page.second_factor.form.hidden) | {"csrf": page.everywhere_form.hidden[2][1], "current": PASSWORD}
    refused = error_page(await visitor.post(page.second_factor.form.action, forged))
    assert (refused.kind, refused.status) == (ErrorKind.FORGED_FORM, 403)


# covers: LOG-02
async def test_codes_of_the_account_page_are_throttled(house: House, visitor: Visitor) -> None:
    await with_device(house)
    wrong = {"current": PASSWORD, "code": "000000"}
    told = [await problem_of(visitor, wrong) for _ in range(11)]
    assert told == [*[FactorProblem.WRONG_CODE] * 10, FactorProblem.TOO_MANY_ATTEMPTS]


async def test_the_log_tells_of_it_and_of_no_secret(house: House, visitor: Visitor) -> None:
    shown = enrolment(await begun(visitor))
    code = Device(shown.key).code(house.clock.now)
    await visitor.submit(shown.form, {"code": code})
    assert house.log.of("account.second_factor_begun")
    assert house.log.of("account.second_factor_added")
    told = str(house.log.events)
    assert shown.key not in told
    assert shown.key.replace(" ", "") not in told
    assert code not in told
