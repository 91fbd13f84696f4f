"""Step-up: a request asks for a level, the end-user does only what is missing, and the new token says so."""

from dataclasses import replace

import msgspec
import pytest

from support.house import SECRET, House, basic, build_house, claims_of, clients, document, end_users
from support.requirement import requirement
from support.second_factor import Device, with_device
from support.visitor import Visitor, consent_page, login_page, one_time_code_page, returned, select_account_page
from valetkey.authorization_server.acr_levels import MULTI_FACTOR, SINGLE_FACTOR
from valetkey.authorization_server.decision import EndSession, PutClient
from valetkey.authorization_server.model import AccessTokenFormat
from valetkey.authorization_server.openid_client import OpenIdMetadata
from valetkey.authorization_server.proof_pages import CodeProblem
from valetkey.authorization_server.second_factor import RemoveFactor

ESSENTIAL = msgspec.json.encode({"id_token": {"acr": {"essential": True, "values": [MULTI_FACTOR]}}}).decode()


@pytest.fixture
async def house() -> House:
    return await build_house(profile="OPENID")


@pytest.fixture
def visitor(house: House) -> Visitor:
    return Visitor(house)


@pytest.fixture
async def device(house: House) -> Device:
    return await with_device(house)


async def redeemed(house: House, answer: dict[str, str]) -> tuple[dict[str, object], dict[str, object]]:
    body = document(await house.redeem(answer["code"]))
    return claims_of(body["id_token"]), claims_of(body["access_token"])


# covers: AUT-08
@requirement("RFC9470-5/acr")
async def test_who_is_signed_in_types_only_the_code_and_the_new_tokens_say_so(
    house: House, visitor: Visitor, device: Device
) -> None:
    first = await visitor.granted()
    id_token, access_token = await redeemed(house, first)
    assert (id_token["acr"], id_token["amr"], access_token["acr"]) == (SINGLE_FACTOR, ["pwd"], SINGLE_FACTOR)
    house.clock.advance(40)
    page = await visitor.authorize(acr_values=MULTI_FACTOR)
    assert one_time_code_page(page).account_name == "alice"
    answer = returned(await visitor.enter_code(page, device.code(house.clock.now)))
    for claims in await redeemed(house, answer):
        assert (claims["acr"], claims["amr"]) == (MULTI_FACTOR, ["pwd", "otp", "mfa"])
        assert claims["auth_time"] == house.clock.now


async def test_the_level_that_a_session_has_reached_is_asked_for_once(
    house: House, visitor: Visitor, device: Device
) -> None:
    await visitor.granted()
    await visitor.enter_code(await visitor.authorize(acr_values=MULTI_FACTOR), device.code(house.clock.now))
    assert "code" in returned(await visitor.authorize(acr_values=MULTI_FACTOR))
    assert "code" in returned(await visitor.authorize(acr_values=MULTI_FACTOR, prompt="none"))


@requirement("RFC9470-6.1/renewal")
async def test_tokens_of_before_keep_what_they_say(house: House, visitor: Visitor, device: Device) -> None:
    tokens = document(await house.redeem((await visitor.granted())["code"]))
    await visitor.enter_code(await visitor.authorize(acr_values=MULTI_FACTOR), device.code(house.clock.now))
    renewed = document(await house.refresh(tokens["refresh_token"]))
    assert claims_of(renewed["access_token"])["acr"] == SINGLE_FACTOR


async def test_who_comes_as_a_stranger_signs_in_and_then_types_the_code(
    house: House, visitor: Visitor, device: Device
) -> None:
    page = await visitor.sign_in(await visitor.authorize(acr_values=MULTI_FACTOR))
    one_time_code_page(page)
    consent = await visitor.enter_code(page, device.code(house.clock.now))
    id_token, _ = await redeemed(house, returned(await visitor.consent(consent)))
    assert id_token["acr"] == MULTI_FACTOR


# covers: AUT-08
@requirement("OIDCC-3.1.2.6/interaction")
async def test_a_silent_request_that_needs_a_code_is_told_so(visitor: Visitor, device: Device) -> None:
    await visitor.granted()
    found = returned(await visitor.authorize(acr_values=MULTI_FACTOR, prompt="none"))
    assert found["error"] == "interaction_required"
    assert device.key


# covers: AUT-16
@requirement("OIDCC-5.5.1.1/essential-acr")
async def test_an_essential_level_that_nobody_can_reach_fails_the_request(visitor: Visitor) -> None:
    await visitor.granted()
    for prompt in (None, "none"):
        found = returned(await visitor.authorize(claims=ESSENTIAL, prompt=prompt))
        assert (found["error"], found["state"]) == ("unmet_authentication_requirements", "state-1")


@requirement("OIDCC-5.5.1.1/essential-acr")
async def test_an_essential_level_is_reached_by_a_code(house: House, visitor: Visitor, device: Device) -> None:
    await visitor.granted()
    page = await visitor.authorize(claims=ESSENTIAL)
    if not hasattr(getattr(page, "view", None), "problem"):
        # The claims that are asked for are shown first where they are new.
        page = await visitor.consent(page)
    found = await visitor.enter_code(page, device.code(house.clock.now))
    id_token, _ = await redeemed(house, returned(found))
    assert id_token["acr"] == MULTI_FACTOR


async def test_a_wish_that_cannot_be_met_is_answered_with_what_there_is(house: House, visitor: Visitor) -> None:
    await visitor.granted()
    for wish in (MULTI_FACTOR, f"urn:example:unknown {MULTI_FACTOR}", "urn:example:unknown"):
        id_token, _ = await redeemed(house, returned(await visitor.authorize(acr_values=wish)))
        assert id_token["acr"] == SINGLE_FACTOR


@requirement("RFC9470-5/unmet")
async def test_where_only_an_access_token_is_asked_for_a_wish_is_a_condition(visitor: Visitor) -> None:
    await visitor.granted(scope="albums.read")
    found = returned(await visitor.authorize(acr_values=MULTI_FACTOR, scope="albums.read"))
    assert found["error"] == "unmet_authentication_requirements"


async def test_the_first_level_of_the_list_that_can_be_reached_counts(
    house: House, visitor: Visitor, device: Device
) -> None:
    await visitor.granted()
    wish = f"{SINGLE_FACTOR} {MULTI_FACTOR}"
    id_token, _ = await redeemed(house, returned(await visitor.authorize(acr_values=wish)))
    assert id_token["acr"] == SINGLE_FACTOR
    one_time_code_page(await visitor.authorize(acr_values=f"{MULTI_FACTOR} {SINGLE_FACTOR}"))
    assert device.key


async def test_a_weaker_level_is_named_where_it_is_the_one_asked_for(
    house: House, visitor: Visitor, device: Device
) -> None:
    await visitor.granted()
    await visitor.enter_code(await visitor.authorize(acr_values=MULTI_FACTOR), device.code(house.clock.now))
    id_token, _ = await redeemed(house, returned(await visitor.authorize(acr_values=SINGLE_FACTOR)))
    assert (id_token["acr"], id_token["amr"]) == (SINGLE_FACTOR, ["pwd", "otp", "mfa"])
    id_token, _ = await redeemed(house, returned(await visitor.authorize()))
    assert id_token["acr"] == MULTI_FACTOR


async def test_a_client_may_have_asked_once_for_all(house: House, visitor: Visitor, device: Device) -> None:
    web = replace(clients()["web"], openid=OpenIdMetadata(default_acr_values=(MULTI_FACTOR,)))
    await house.commit(PutClient(web))
    page = await visitor.sign_in(await visitor.authorize())
    one_time_code_page(page)
    bob = Visitor(house, "198.51.100.9")
    # Who has no device goes on with what there is.
    consent_page(await bob.sign_in(await bob.authorize(), "bob"))
    assert device.key


@requirement("RFC9470-6.2/introspection")
@pytest.mark.parametrize("form", AccessTokenFormat)
async def test_introspection_tells_of_the_authentication(
    house: House, visitor: Visitor, device: Device, form: AccessTokenFormat
) -> None:
    await house.commit(PutClient(replace(clients()["web"], access_token_format=form)))
    await visitor.granted()
    page = await visitor.authorize(acr_values=MULTI_FACTOR)
    answer = returned(await visitor.enter_code(page, device.code(house.clock.now)))
    token = document(await house.redeem(answer["code"]))["access_token"]
    told = document(await house.post("/introspect", {"token": token}, basic("web", SECRET)))
    assert (told["active"], told["acr"], told["auth_time"]) == (True, MULTI_FACTOR, house.clock.now)


@requirement("RFC9470-7/acr-values")
async def test_metadata_lists_the_levels_from_weak_to_strong(house: House) -> None:
    metadata = document(await house.get("/.well-known/openid-configuration"))
    assert metadata["acr_values_supported"] == [SINGLE_FACTOR, MULTI_FACTOR]
    assert "select_account" in metadata["prompt_values_supported"]


# --- nothing is left out -----------------------------------------------------------------------------------


# covers: LOG-06
@requirement("OIDCC-3.1.2.3/reauthenticate")
async def test_a_new_sign_in_wants_a_new_code_too(house: House, visitor: Visitor, device: Device) -> None:
    await visitor.granted()
    await visitor.enter_code(await visitor.authorize(acr_values=MULTI_FACTOR), device.code(house.clock.now))
    house.clock.advance(30)
    login = await visitor.authorize(acr_values=MULTI_FACTOR, prompt="login")
    login_page(login)
    page = await visitor.sign_in(login)
    one_time_code_page(page)
    assert "code" in returned(await visitor.enter_code(page, device.code(house.clock.now)))


# covers: LOG-06, AUT-10
async def test_a_code_does_not_stand_for_the_password_that_was_asked_for(
    house: House, visitor: Visitor, device: Device
) -> None:
    await visitor.granted()
    house.clock.advance(100)
    for changes in ({"prompt": "login"}, {"max_age": "0"}, {"max_age": "50"}):
        login = login_page(await visitor.authorize(acr_values=MULTI_FACTOR, **changes))
        query = login.form.action.partition("?")[2]
        for path in ("/one-time-code", "/consent", "/select-account", "/authorize"):
            login_page(await visitor.visit(f"{path}?{query}"))
    assert device.key


# covers: LOG-06
async def test_the_code_page_cannot_be_gone_around(visitor: Visitor, device: Device) -> None:
    await visitor.granted()
    page = one_time_code_page(await visitor.authorize(acr_values=MULTI_FACTOR))
    query = page.form.action.partition("?")[2]
    for path in ("/login", "/consent", "/select-account", "/authorize"):
        one_time_code_page(await visitor.visit(f"{path}?{query}"))
    assert device.key


# covers: LOG-06
async def test_the_form_of_one_request_answers_no_other(house: House, visitor: Visitor, device: Device) -> None:
    await visitor.granted()
    first = one_time_code_page(await visitor.authorize(acr_values=MULTI_FACTOR))
    second = one_time_code_page(await visitor.authorize(acr_values=MULTI_FACTOR))
    mixed = {**dict(first.form.hidden), "interaction": dict(second.form.hidden)["interaction"]}
    refused = await visitor.post(second.form.action, {**mixed, "code": device.code(house.clock.now)})
    assert refused.view.status == 403  # type: ignore[union-attr] # an error page
    (session,) = await visitor.sessions()
    assert session.session.authentication.amr == ("pwd",)


# covers: LOG-02
async def test_a_code_is_good_for_one_sign_in_even_in_two_browsers_at_once(
    house: House, visitor: Visitor, device: Device
) -> None:
    await visitor.granted()
    other = Visitor(house, "198.51.100.9")
    await other.sign_in(await other.authorize())
    code = device.code(house.clock.now)
    page = await visitor.authorize(acr_values=MULTI_FACTOR)
    theirs = await other.authorize(acr_values=MULTI_FACTOR)
    assert "code" in returned(await visitor.enter_code(page, code))
    again = one_time_code_page(await other.enter_code(theirs, code))
    assert again.problem is CodeProblem.WRONG_CODE


# covers: LOG-02
async def test_the_clock_of_a_device_may_be_off_by_one_step(house: House, visitor: Visitor, device: Device) -> None:
    await visitor.granted()
    for seconds in (-60, 60):
        page = await visitor.authorize(acr_values=MULTI_FACTOR)
        assert one_time_code_page(await visitor.enter_code(page, device.code(house.clock.now + seconds))).problem
    page = await visitor.authorize(acr_values=MULTI_FACTOR)
    assert "code" in returned(await visitor.enter_code(page, device.code(house.clock.now - 30)))


# covers: LOG-02
async def test_codes_are_throttled_for_the_end_user_whatever_the_browser(
    house: House, visitor: Visitor, device: Device
) -> None:
    await visitor.granted()
    for _ in range(5):
        page = await visitor.authorize(acr_values=MULTI_FACTOR)
        await visitor.enter_code(page, "000000")
    other = Visitor(house, "198.51.100.9")
    found = await other.sign_in(await other.authorize(acr_values=MULTI_FACTOR))
    for _ in range(5):
        found = await other.enter_code(found, "000000")
    late = one_time_code_page(await other.enter_code(found, device.code(house.clock.now)))
    assert late.problem is CodeProblem.TOO_MANY_ATTEMPTS
    assert 0 < late.retry_after <= 120
    house.clock.advance(120)
    assert one_time_code_page(await other.enter_code(found, "000000")).problem is CodeProblem.WRONG_CODE


# covers: CON-09
async def test_a_code_gives_the_browser_a_new_handle(house: House, visitor: Visitor, device: Device) -> None:
    await visitor.granted()
    before = dict(visitor.cookies)
    page = await visitor.authorize(acr_values=MULTI_FACTOR)
    await visitor.enter_code(page, device.code(house.clock.now))
    assert visitor.cookies != before
    stolen = Visitor(house, "198.51.100.9", cookies=before)
    login_page(await stolen.authorize())


# covers: CON-06
async def test_the_second_click_leads_on_with_the_first(house: House, visitor: Visitor, device: Device) -> None:
    await visitor.granted()
    page = one_time_code_page(await visitor.authorize(acr_values=MULTI_FACTOR))
    fields = dict(page.form.hidden) | {"code": device.code(house.clock.now)}
    late = Visitor(house, cookies=dict(visitor.cookies))
    await visitor.post(page.form.action, fields)
    second = await late.post(page.form.action, fields)
    assert "code" in returned(await visitor.follow(second))


async def test_a_session_that_ended_while_the_page_waits_is_not_stepped_up(
    house: House, visitor: Visitor, device: Device
) -> None:
    await visitor.granted()
    page = await visitor.authorize(acr_values=MULTI_FACTOR)
    (session,) = await visitor.sessions()
    await house.commit(EndSession(session.session.sid, house.clock.now))
    login_page(await visitor.enter_code(page, device.code(house.clock.now)))


async def test_a_device_that_was_removed_while_the_page_waits_is_asked_for_no_longer(
    house: House, visitor: Visitor, device: Device
) -> None:
    await visitor.granted()
    page = await visitor.authorize(acr_values=MULTI_FACTOR)
    await house.commit(RemoveFactor(end_users()["alice"].subject, "factor of alice"))
    # The wish goes unmet: the request goes on with what there is.
    assert "code" in returned(await visitor.enter_code(page, device.code(house.clock.now)))


async def test_who_is_not_the_one_shown_goes_on_with_another_account(visitor: Visitor, device: Device) -> None:
    await visitor.granted()
    page = one_time_code_page(await visitor.authorize(acr_values=MULTI_FACTOR))
    chooser = await visitor.submit(page.form, {"answer": "another"})
    assert [one.username for one in select_account_page(chooser).accounts] == ["alice"]
    assert device.key
