"""From a link in an application to a code, over every page in between."""

from dataclasses import replace

import pytest

from support.house import API, ISSUER, OTHER_API, House, build_house, claims_of, clients, document
from support.requirement import requirement
from support.visitor import STATE, Visitor, consent_page, location_of, login_page, request_of, returned
from valetkey.authorization_server.decision import PutClient
from valetkey.authorization_server.model import ConsentMode
from valetkey.authorization_server.pages import ConsentMemory
from valetkey.oauth.http import HttpResponse
from valetkey.oauth.types import Issuer, TenantId

MINIMAL = f"/authorize?client_id=web&response_type=code&code_challenge_method=S256&code_challenge={'a' * 43}"


@pytest.fixture
async def house() -> House:
    return await build_house()


@pytest.fixture
def visitor(house: House) -> Visitor:
    return Visitor(house)


@requirement("OIDCC-3.1.2.5")
@requirement("RFC6749-3.1/get")
@requirement("RFC7636-4.4")
@requirement("RFC9207-2/issuer")
@requirement("RFC6749-4.1.2/state")
async def test_a_person_signs_in_consents_and_the_client_redeems_the_code(house: House, visitor: Visitor) -> None:
    page = await visitor.authorize()
    assert (login_page(page).client_name, login_page(page).redirect_host) == ("Photo Prints", "web.example")
    page = await visitor.sign_in(page)
    assert consent_page(page).account_name == "alice"
    answer = returned(await visitor.consent(page))
    assert set(answer) == {"code", "state", "iss"}
    assert (answer["state"], answer["iss"]) == (STATE, ISSUER.url)
    claims = claims_of(document(await house.redeem(answer["code"]))["id_token"])
    assert (claims["sub"], claims["nonce"], claims["amr"]) == ("sub-alice", "nonce-1", ["pwd"])
    assert claims["auth_time"] == house.clock.now
    (logged,) = house.log.of("authorization.granted")
    assert (logged["client_id"], logged["subject"]) == ("web", "sub-alice")
    assert answer["code"] not in str(house.log.events)
    assert claims["sid"] == (await visitor.sessions())[0].session.sid


@requirement("OIDCC-3.1.2.4")
async def test_the_consent_page_says_in_words_what_the_client_gets(visitor: Visitor) -> None:
    page = consent_page(await visitor.sign_in(await visitor.authorize(scope="openid email albums.write")))
    assert [(right.name, right.description, right.resource_name) for right in page.scopes] == [
        ("albums.write", "Change your albums", "Albums"),
        ("email", None, None),
        ("openid", None, None),
    ]
    assert page.memory is ConsentMemory.REMEMBERED
    assert not page.outlives_session
    assert page.form.redirect_source == "https://web.example"


async def test_several_resources_are_granted_together(house: House, visitor: Visitor) -> None:
    answer = await visitor.granted(scope="albums.read orders.read", resource=[API, OTHER_API])
    assert claims_of(document(await house.redeem(answer["code"]))["access_token"])["aud"] == [API, OTHER_API]


async def test_plain_oauth_outlives_the_session_and_openid_connect_does_not(house: House, visitor: Visitor) -> None:
    plain = document(await house.redeem((await visitor.granted(scope="albums.read"))["code"]))
    bound = document(await house.redeem((await visitor.granted())["code"]))
    await visitor.sign_out()
    assert (await house.refresh(plain["refresh_token"])).status == 200
    assert (await house.refresh(bound["refresh_token"])).status == 400


async def test_who_is_signed_in_and_was_asked_gets_a_code_in_one_step(house: House, visitor: Visitor) -> None:
    await visitor.granted()
    house.clock.advance(30)
    answer = await visitor.authorize()
    assert claims_of(document(await house.redeem(returned(answer)["code"]))["id_token"])["sub"] == "sub-alice"


async def test_a_wider_request_asks_again_and_is_remembered_as_a_whole(visitor: Visitor) -> None:
    await visitor.granted(scope="albums.read")
    wider = await visitor.authorize(scope="albums.write")
    assert [right.name for right in consent_page(wider).scopes] == ["albums.write"]
    await visitor.consent(wider)
    assert "code" in returned(await visitor.authorize(scope="albums.read albums.write"))


async def test_a_remembered_consent_does_not_reach_to_another_resource(visitor: Visitor) -> None:
    await visitor.granted(scope="openid", resource=API)
    consent_page(await visitor.authorize(scope="openid", resource=OTHER_API))


async def test_a_remembered_consent_expires(house: House, visitor: Visitor) -> None:
    await visitor.granted()
    house.clock.advance(house.server.policy.consent_lifetime)
    consent_page(await visitor.sign_in(await visitor.authorize()))


async def test_a_declined_request_tells_the_client_and_remembers_nothing(visitor: Visitor) -> None:
    page = await visitor.sign_in(await visitor.authorize())
    answer = returned(await visitor.consent(page, "denied"))
    assert (answer["error"], answer["state"], answer["iss"]) == ("access_denied", STATE, ISSUER.url)
    consent_page(await visitor.authorize())


async def test_a_client_that_always_asks_is_never_remembered(house: House, visitor: Visitor) -> None:
    await house.commit(PutClient(replace(clients()["web"], consent=ConsentMode.ASK)))
    page = await visitor.sign_in(await visitor.authorize())
    assert consent_page(page).memory is ConsentMemory.ASKED_AGAIN
    assert "code" in returned(await visitor.consent(page))
    consent_page(await visitor.authorize())


async def test_a_first_party_client_asks_only_when_it_wants_to(house: House, visitor: Visitor) -> None:
    await house.commit(PutClient(replace(clients()["web"], consent=ConsentMode.FIRST_PARTY)))
    assert "code" in returned(await visitor.sign_in(await visitor.authorize()))
    assert "code" in returned(await visitor.authorize())
    consent_page(await visitor.authorize(prompt="consent"))


@requirement("OIDCC-3.1.2.1/consent")
async def test_prompt_consent_asks_although_it_is_remembered(visitor: Visitor) -> None:
    await visitor.granted()
    page = await visitor.authorize(prompt="consent")
    assert "code" in returned(await visitor.consent(page))


@requirement("OIDCC-11/consent")
async def test_offline_access_is_asked_for_and_outlives_the_session(house: House, visitor: Visitor) -> None:
    page = await visitor.sign_in(await visitor.authorize(scope="openid offline_access", prompt="consent"))
    assert consent_page(page).outlives_session
    tokens = document(await house.redeem(returned(await visitor.consent(page))["code"]))
    await visitor.sign_out()
    assert (await house.refresh(tokens["refresh_token"])).status == 200


@requirement("OIDCC-3.1.2.3/reauthenticate")
async def test_prompt_login_wants_the_password_although_somebody_is_signed_in(
    house: House, visitor: Visitor
) -> None:
    await visitor.granted()
    house.clock.advance(60)
    page = await visitor.authorize(prompt="login")
    login_page(page)
    answer = returned(await visitor.sign_in(page))
    assert claims_of(document(await house.redeem(answer["code"]))["id_token"])["auth_time"] == house.clock.now


# covers: AUT-10
@requirement("OIDCC-3.1.2.1/max-age")
async def test_max_age_wants_the_password_when_the_sign_in_is_older(house: House, visitor: Visitor) -> None:
    await visitor.granted()
    house.clock.advance(100)
    assert "code" in returned(await visitor.authorize(max_age="100"))
    login_page(await visitor.authorize(max_age="99"))
    login_page(await visitor.authorize(max_age="0"))
    assert "code" in returned(await visitor.sign_in(await visitor.authorize(max_age="0")))


async def test_a_login_hint_fills_in_the_user_name(visitor: Visitor) -> None:
    assert login_page(await visitor.authorize(login_hint="alice@example.com")).username == "alice@example.com"
    assert login_page(await visitor.authorize(login_hint="a" * 300)).username == ""


@requirement("OIDCC-3.1.2.1/get-and-post")
async def test_a_form_may_post_the_request(visitor: Visitor) -> None:
    await visitor.granted()
    assert "code" in returned(await visitor.post("/authorize", request_of()))


@requirement("RFC9700-4.12/no-307")
async def test_a_cross_site_post_finds_the_session_after_one_redirect(visitor: Visitor) -> None:
    await visitor.granted()
    cookies, visitor.cookies = visitor.cookies, {}
    entered = await visitor.post("/authorize", request_of())
    assert isinstance(entered, HttpResponse)
    assert entered.status == 303
    assert (location_of(entered) or "").startswith("/authorize?interaction=vk_in_")
    visitor.cookies = cookies
    assert "code" in returned(await visitor.follow(entered))


async def test_a_cross_site_post_of_a_stranger_leads_to_the_sign_in_page(visitor: Visitor) -> None:
    page = await visitor.follow(await visitor.post("/authorize", request_of()))
    assert "code" in returned(await visitor.consent(await visitor.sign_in(page)))


async def test_over_https_the_cookie_is_locked_to_the_host(visitor: Visitor) -> None:
    answer = await visitor.get(MINIMAL)
    assert isinstance(answer, HttpResponse)
    assert answer.header("set-cookie") == (
        f"__Host-vk_session_default={visitor.cookies['__Host-vk_session_default']}; Path=/; Max-Age=86400;"
        " HttpOnly; SameSite=Lax; Secure"
    )


async def test_on_loopback_and_for_a_tenant_the_cookie_has_its_own_name() -> None:
    house = await build_house(issuer=Issuer("http://localhost:8080/t/acme"), tenant_id=TenantId("acme"))
    visitor = Visitor(house)
    answer = await visitor.get(MINIMAL)
    assert list(visitor.cookies) == ["vk_session_acme"]
    assert isinstance(answer, HttpResponse)
    assert "Secure" not in (answer.header("set-cookie") or "")
    assert (location_of(answer) or "").startswith("/t/acme/login?interaction=")
