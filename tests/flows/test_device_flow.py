"""A device gets tokens: it asks, a person answers on another device, it polls (RFC 8628)."""

from dataclasses import replace

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
from support.house import API, OTHER_API, PASSWORD, House, build_house, claims_of, document
from support.visitor import Visitor, error_page, location_of, login_page
from valetkey.authorization_server.decision import BumpGeneration, PutClient
from valetkey.authorization_server.model import Client, ConsentMode
from valetkey.authorization_server.pages import DeviceProblem, ErrorKind, Page
from valetkey.oauth.types import Scope, Subject


@pytest.fixture
async def house() -> House:
    return await with_devices(await build_house())


@pytest.fixture
def visitor(house: House) -> Visitor:
    return Visitor(house)


@pytest.fixture
def tv(house: House) -> Device:
    return Device(house)


@pytest.mark.requirement("RFC8628-3.2/response", "RFC8628-5.1/entropy", "RFC8628-5.2/entropy", "RFC8628-3.1/form")
async def test_a_device_gets_a_code_to_wait_with_and_one_to_show(tv: Device) -> None:
    response = await tv.ask()
    assert response.status == 200
    assert response.header("content-type") == "application/json"
    started = document(response)
    assert started["device_code"].startswith("vk_dc_")
    assert len(started["device_code"]) == len("vk_dc_") + 43
    letters = started["user_code"].replace("-", "")
    assert len(letters) == 8
    assert set(letters) <= set("BCDFGHJKLMNPQRSTVWXZ")
    assert started["user_code"] == f"{letters[:4]}-{letters[4:]}"
    assert started["verification_uri"] == "https://as.example/device"
    assert started["verification_uri_complete"] == f"https://as.example/device?user_code={started['user_code']}"
    assert (started["expires_in"], started["interval"]) == (600, 5)
    again = await tv.start()
    assert again["device_code"] != started["device_code"]
    assert again["user_code"] != started["user_code"]


@pytest.mark.requirement("RFC8628-4/metadata")
async def test_the_metadata_names_the_endpoint_and_the_grant(house: House) -> None:
    metadata = document(await house.get("/.well-known/oauth-authorization-server"))
    assert metadata["device_authorization_endpoint"] == "https://as.example/device_authorization"
    assert TV.grant_types <= set(metadata["grant_types_supported"])


@pytest.mark.parametrize("client", [TV, KIOSK], ids=["public", "confidential"])
@pytest.mark.requirement("RFC8628-3.4/device-code", "RFC8628-3.5/pending")
async def test_a_device_waits_until_its_person_allows_it(house: House, visitor: Visitor, client: Client) -> None:
    device = Device(house, client)
    started = await device.start(scope="openid offline_access albums.read", resource=API)
    assert await device.error(started) == "authorization_pending"
    page = await asked(visitor, started["user_code"])
    assert (page.client_name, page.account_name) == (client.name, "alice")
    assert [(scope.name, scope.resource_name) for scope in page.scopes] == [
        ("albums.read", "Albums"),
        ("offline_access", None),
        ("openid", None),
    ]
    assert page.outlives_session
    house.clock.advance(5)
    assert await device.error(started) == "authorization_pending"
    done = done_page(await visitor.submit(page.form, {"answer": "allowed"}))
    assert (done.is_allowed, done.client_name) == (True, client.name)
    # What was answered is told at once: nobody waits for the sake of an interval that is over.
    tokens = await device.tokens(started)
    assert tokens["scope"] == "albums.read offline_access openid"
    assert tokens["token_type"] == "Bearer"
    claims = claims_of(tokens["access_token"])
    assert (claims["sub"], claims["client_id"], claims["aud"]) == (
        "sub-alice",
        client.client_id,
        [API, "https://as.example"],
    )
    assert "sid" not in claims
    assert claims_of(tokens["id_token"])["sub"] == "sub-alice"
    assert "nonce" not in claims_of(tokens["id_token"])
    assert (await house.bearer(tokens["access_token"])).status == 200


@pytest.mark.requirement("RFC8628-3.5/denied")
async def test_what_the_person_denies_the_device_does_not_get(house: House, visitor: Visitor, tv: Device) -> None:
    # covers: DEV-03
    started = await tv.start()
    done = done_page(await answer(visitor, started["user_code"], "denied"))
    assert not done.is_allowed
    assert await tv.error(started) == "access_denied"
    house.clock.advance(599)
    assert await tv.error(started) == "access_denied"
    assert code_page(await enter(visitor, started["user_code"])).problem is DeviceProblem.UNKNOWN_CODE
    assert not await house.stores.authorizations.of(Subject("sub-alice"))


@pytest.mark.requirement("RFC8628-3.5/expired")
async def test_a_code_lives_ten_minutes_for_the_device_and_for_the_person(
    house: House, visitor: Visitor, tv: Device
) -> None:
    # covers: DEV-02
    started = await tv.start()
    page = await asked(visitor, started["user_code"])
    house.clock.advance(599)
    assert await tv.error(started) == "authorization_pending"
    house.clock.advance(1)
    assert await tv.error(started) == "expired_token"
    late = error_page(await visitor.submit(page.form, {"answer": "allowed"}))
    assert (late.kind, late.way_on) == (ErrorKind.DEVICE_CODE_GONE, "/device")
    assert code_page(await enter(visitor, started["user_code"])).problem is DeviceProblem.UNKNOWN_CODE


async def test_a_signed_in_person_is_asked_at_once_and_every_time(visitor: Visitor, tv: Device) -> None:
    for _ in range(2):
        started = await tv.start()
        page = await asked(visitor, started["user_code"])
        assert page.account_name == "alice"
        done_page(await visitor.submit(page.form, {"answer": "allowed"}))
        await tv.tokens(started)


async def test_a_first_party_client_is_asked_about_too(house: House, visitor: Visitor, tv: Device) -> None:
    await house.commit(PutClient(replace(TV, consent=ConsentMode.FIRST_PARTY)))
    await visitor.granted()
    answer_page(await enter(visitor, (await tv.start())["user_code"]))


@pytest.mark.requirement("RFC8628-3.3.1/confirm")
async def test_a_code_in_the_link_is_only_filled_in(visitor: Visitor, tv: Device) -> None:
    started = await tv.start()
    await visitor.granted()
    page = code_page(await visitor.visit(started["verification_uri_complete"].removeprefix("https://as.example")))
    assert (page.user_code, page.came_with_link) == (started["user_code"], True)
    assert await tv.error(started) == "authorization_pending"
    answer_page(await visitor.submit(page.form, {"user_code": page.user_code}))


async def test_nothing_is_asked_of_a_sign_in_page_that_it_would_not_say(visitor: Visitor, tv: Device) -> None:
    page = login_page(await enter(visitor, (await tv.start())["user_code"]))
    assert (page.client_name, page.redirect_host, page.for_device) == ("Living Room TV", "", True)
    assert page.form.redirect_source is None


async def test_the_language_of_the_link_goes_the_whole_way(visitor: Visitor, tv: Device) -> None:
    started = await tv.start()
    page = code_page(await visitor.visit("/device?ui_locales=de"))
    assert page.form.action == "/device?ui_locales=de"
    login = login_page(await visitor.submit(page.form, {"user_code": started["user_code"]}))
    assert login.form.action.endswith("&ui_locales=de")
    assert answer_page(await visitor.sign_in(Page(login))).form.action.endswith("&ui_locales=de")


async def test_each_page_goes_back_to_the_authorization_endpoint(visitor: Visitor, tv: Device) -> None:
    started = await tv.start()
    page = code_page(await visitor.visit("/device"))
    entered = location_of(
        await visitor.post("/device", {**dict(page.form.hidden), "user_code": started["user_code"]})
    )
    assert entered is not None
    assert entered.startswith("/authorize?interaction=")
    login = login_page(await visitor.visit(entered))
    handle = entered.partition("=")[2]
    # The page of the answer has nobody to ask yet.
    assert location_of(await visitor.get(f"/device?interaction={handle}")) == entered
    signed_in = await visitor.post(
        login.form.action, {**dict(login.form.hidden), "username": "alice", "password": PASSWORD}
    )
    assert location_of(signed_in) == entered
    assert location_of(await visitor.get(entered)) == f"/device?interaction={handle}"
    assert location_of(await visitor.get(f"/login?interaction={handle}")) == entered


async def test_reloading_and_clicking_twice_end_where_the_first_click_did(visitor: Visitor, tv: Device) -> None:
    started = await tv.start()
    page = await asked(visitor, started["user_code"])
    first = await visitor.submit(page.form, {"answer": "allowed"})
    second = await visitor.submit(page.form, {"answer": "denied"})
    reloaded = await visitor.visit(page.form.action)
    assert [done_page(found).is_allowed for found in (first, second, reloaded)] == [True] * 3
    await tv.tokens(started)


async def test_one_code_in_two_tabs_is_answered_in_one(house: House, visitor: Visitor, tv: Device) -> None:
    started = await tv.start()
    page, other = await asked(visitor, started["user_code"]), Visitor(house)
    theirs = await asked(other, started["user_code"], "bob")
    done_page(await visitor.submit(page.form, {"answer": "allowed"}))
    late = error_page(await other.submit(theirs.form, {"answer": "allowed"}))
    assert late.kind is ErrorKind.DEVICE_CODE_GONE
    assert claims_of((await tv.tokens(started))["access_token"])["sub"] == "sub-alice"


@pytest.mark.requirement("RFC8628-3.4/device-code")
async def test_what_a_device_gets_is_a_session_of_its_own_with_refresh_tokens(
    house: House, visitor: Visitor, tv: Device
) -> None:
    started = await tv.start(scope="albums.read")
    await answer(visitor, started["user_code"])
    tokens = await tv.tokens(started)
    await visitor.sign_out()
    refreshed = await house.post(
        "/token", {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": "tv"}
    )
    assert refreshed.status == 200
    assert document(refreshed)["refresh_token"] != tokens["refresh_token"]


async def test_a_login_without_offline_access_dies_with_the_session_it_was_allowed_in(
    house: House, visitor: Visitor, tv: Device
) -> None:
    early, late = await tv.start(scope="openid"), await tv.start(scope="openid")
    page = await asked(visitor, early["user_code"])
    assert not page.outlives_session
    await visitor.submit(page.form, {"answer": "allowed"})
    tokens = await tv.tokens(early)
    assert "sid" in claims_of(tokens["access_token"])
    await answer(visitor, late["user_code"])
    await visitor.sign_out()
    assert await tv.error(late) == "access_denied"
    assert (await house.bearer(tokens["access_token"])).status == 401


async def test_a_device_asks_for_one_of_its_resources_at_the_token_endpoint(visitor: Visitor, tv: Device) -> None:
    started = await tv.start(scope="albums.read orders.read", resource=[API, OTHER_API])
    await answer(visitor, started["user_code"])
    foreign = await tv.poll(started, resource="https://evil.example")
    assert document(foreign)["error"] == "invalid_target"
    narrowed = document(await tv.poll(started, resource=OTHER_API))
    assert (claims_of(narrowed["access_token"])["aud"], narrowed["scope"]) == (OTHER_API, "orders.read")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"scope": "unknown"}, "invalid_scope"),
        ({"resource": "https://evil.example"}, "invalid_target"),
        ({"scope": "a" * 300}, "invalid_scope"),
    ],
)
async def test_rights_are_judged_as_everywhere(tv: Device, changes: dict[str, str], error: str) -> None:
    response = await tv.ask(**changes)
    assert (response.status, document(response)["error"]) == (400, error)


async def test_a_client_that_lost_a_right_meanwhile_shows_a_code_that_is_over(
    house: House, visitor: Visitor, tv: Device
) -> None:
    started = await tv.start(scope="albums.write")
    page = await asked(visitor, started["user_code"])
    await house.commit(PutClient(replace(TV, scope=Scope.parse("albums.read"))))
    assert error_page(await visitor.submit(page.form, {"answer": "allowed"})).kind is ErrorKind.DEVICE_CODE_GONE


async def test_an_approved_device_is_listed_and_taken_back_on_the_account_page(
    visitor: Visitor, tv: Device
) -> None:
    started = await tv.start()
    await answer(visitor, started["user_code"])
    (listed,) = (await visitor.account()).clients
    assert (listed.name, listed.has_access) == ("Living Room TV", True)
    await visitor.submit(listed.withdraw_form, {})
    assert await tv.error(started) == "access_denied"


@pytest.mark.parametrize("kind", ["server", "tenant", "client"])
async def test_a_waiting_device_is_told_to_begin_anew_after_an_operators_order(
    house: House, visitor: Visitor, tv: Device, kind: str
) -> None:
    started = await tv.start()
    await house.commit(BumpGeneration(kind, "tv" if kind == "client" else ""))
    assert await tv.error(started) == "expired_token"
    assert code_page(await enter(visitor, started["user_code"])).problem is DeviceProblem.UNKNOWN_CODE
    again = await tv.start()
    await answer(visitor, again["user_code"])
    await tv.tokens(again)
