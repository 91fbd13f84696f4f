"""Reload, back button, two tabs, double click and expiry: each ends somewhere sensible, with a way on."""

import anyio
import pytest

from support.house import PASSWORD, House, build_house, claims_of, document
from support.requirement import requirement
from support.visitor import (
    Visitor,
    consent_page,
    error_page,
    location_of,
    login_page,
    returned,
)
from valetkey.authorization_server.pages import ErrorKind


@pytest.fixture
async def house() -> House:
    return await build_house()


@pytest.fixture
def visitor(house: House) -> Visitor:
    return Visitor(house)


async def test_a_reloaded_page_shows_the_same_form(visitor: Visitor) -> None:
    login = login_page(await visitor.authorize())
    assert login_page(await visitor.get(login.form.action)) == login
    consent = consent_page(await visitor.submit(login.form, {"username": "alice", "password": PASSWORD}))
    assert consent_page(await visitor.get(consent.form.action)) == consent


# covers: CON-06
async def test_the_back_button_after_the_sign_in_leads_on_to_consent(visitor: Visitor) -> None:
    login = login_page(await visitor.authorize())
    await visitor.submit(login.form, {"username": "alice", "password": PASSWORD})
    consent_page(await visitor.visit(login.form.action))


# covers: CON-06
async def test_the_back_button_after_the_end_explains_that_it_is_done(visitor: Visitor) -> None:
    login = login_page(await visitor.authorize())
    consent = consent_page(await visitor.submit(login.form, {"username": "alice", "password": PASSWORD}))
    assert "code" in returned(await visitor.submit(consent.form, {"answer": "allowed"}))
    for action in (login.form.action, consent.form.action):
        assert error_page(await visitor.visit(action)).kind is ErrorKind.INTERACTION_FINISHED
    again = await visitor.submit(consent.form, {"answer": "allowed"})
    assert error_page(again).kind is ErrorKind.INTERACTION_FINISHED


# covers: LOG-06
async def test_the_back_button_cannot_skip_a_fresh_sign_in(house: House, visitor: Visitor) -> None:
    await visitor.granted()
    house.clock.advance(1)
    login = login_page(await visitor.authorize(prompt="login"))
    query = login.form.action.partition("?")[2]
    for path in ("/authorize", "/consent", "/login"):
        login_page(await visitor.visit(f"{path}?{query}"))


# covers: CON-06
async def test_an_expired_request_can_be_begun_again(house: House, visitor: Visitor) -> None:
    login = login_page(await visitor.authorize())
    house.clock.advance(house.server.policy.interaction_lifetime)
    expired = error_page(await visitor.submit(login.form, {"username": "alice", "password": PASSWORD}))
    assert expired.kind is ErrorKind.INTERACTION_EXPIRED
    assert expired.way_on is not None
    page = await visitor.sign_in(await visitor.visit(expired.way_on))
    assert returned(await visitor.consent(page))["state"] == "state-1"


async def test_an_unknown_interaction_is_explained(visitor: Visitor) -> None:
    for target in ("/login", "/consent", "/login?interaction=x", "/authorize?interaction=vk_in_x"):
        assert error_page(await visitor.get(target)).kind is ErrorKind.INTERACTION_EXPIRED


# covers: CON-06
async def test_two_tabs_of_two_clients_do_not_mix(house: House, visitor: Visitor) -> None:
    first, second = await visitor.authorize("web"), await visitor.authorize("spa")
    web = await visitor.sign_in(first)
    # The other tab still shows the sign-in page; the person fills it in as well.
    spa = await visitor.sign_in(second)
    assert (consent_page(web).client_name, consent_page(spa).client_name) == ("Photo Prints", "Album Viewer")
    of_spa, of_web = await visitor.consent(spa), await visitor.consent(web)
    assert (location_of(of_web) or "").startswith("https://web.example/")
    assert (location_of(of_spa) or "").startswith("https://spa.example/")
    assert (await house.redeem(returned(of_spa)["code"], "web")).status == 400
    assert (await house.redeem(returned(of_web)["code"], "web")).status == 200


async def test_a_second_tab_needs_no_second_sign_in(visitor: Visitor) -> None:
    first, second = await visitor.authorize("web"), login_page(await visitor.authorize("spa"))
    await visitor.sign_in(first)
    consent_page(await visitor.visit(second.form.action))


async def test_each_tab_keeps_the_account_that_signed_in_there(house: House, visitor: Visitor) -> None:
    first = await visitor.sign_in(await visitor.authorize("web"))
    second = await visitor.sign_in(await visitor.authorize("spa", prompt="login"), "bob")
    assert consent_page(second).account_name == "bob"
    answer = returned(await visitor.consent(first))
    assert claims_of(document(await house.redeem(answer["code"]))["id_token"])["sub"] == "sub-alice"


# covers: CON-06
async def test_the_second_click_on_allow_leads_on_with_the_first(visitor: Visitor) -> None:
    consent = consent_page(await visitor.sign_in(await visitor.authorize()))
    fields = dict(consent.form.hidden) | {"answer": "allowed"}
    first = await visitor.post(consent.form.action, fields)
    second = await visitor.post(consent.form.action, fields)
    assert location_of(first) == location_of(second)
    assert "code" in returned(await visitor.follow(second))


async def test_a_click_on_deny_after_allow_changes_nothing(visitor: Visitor) -> None:
    consent = consent_page(await visitor.sign_in(await visitor.authorize()))
    await visitor.post(consent.form.action, dict(consent.form.hidden) | {"answer": "allowed"})
    late = await visitor.post(consent.form.action, dict(consent.form.hidden) | {"answer": "denied"})
    assert "code" in returned(await visitor.follow(late))


# covers: CON-06
async def test_the_second_click_on_sign_in_leads_on_with_the_first(house: House, visitor: Visitor) -> None:
    login = login_page(await visitor.authorize())
    before = dict(visitor.cookies)
    fields = dict(login.form.hidden) | {"username": "alice", "password": PASSWORD}
    first = await visitor.post(login.form.action, fields)
    late = Visitor(house, cookies=before)
    second = await late.post(login.form.action, fields)
    assert location_of(first) == location_of(second)
    consent_page(await visitor.follow(second))
    assert len(await visitor.sessions()) == 1


# covers: CON-06
async def test_two_clicks_at_once_end_in_one_session_and_one_cookie(house: House, visitor: Visitor) -> None:
    login = login_page(await visitor.authorize())
    fields = dict(login.form.hidden) | {"username": "alice", "password": PASSWORD}
    twin = Visitor(house, cookies=dict(visitor.cookies))
    answers = []

    async def click(which: Visitor) -> None:
        answers.append(await which.post(login.form.action, fields))

    async with anyio.create_task_group() as group:
        group.start_soon(click, visitor)
        group.start_soon(click, twin)
    assert visitor.cookies == twin.cookies
    assert location_of(answers[0]) == location_of(answers[1])
    consent_page(await twin.follow(answers[1]))
    assert len(await twin.sessions()) == 1


@requirement("RFC6749-3.1/unknown")
async def test_an_application_may_send_a_parameter_of_the_same_name(visitor: Visitor) -> None:
    login_page(await visitor.authorize(interaction="its own"))


async def test_who_signs_out_while_a_page_waits_signs_in_again(visitor: Visitor) -> None:
    consent = consent_page(await visitor.sign_in(await visitor.authorize()))
    await visitor.sign_out()
    refused = error_page(await visitor.visit(consent.form.action))
    # The cookie went with the sign-out, and the request with the cookie.
    assert (refused.kind, refused.status) == (ErrorKind.OTHER_BROWSER, 403)
