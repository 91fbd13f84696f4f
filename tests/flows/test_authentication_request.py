"""What an authentication request asks for beside a grant (OpenID Connect Core, 3.1.2.1): honoured, or harmless."""

from dataclasses import replace
from typing import Any

import pytest

from support.house import NOW, House, build_house, claims_of, clients, document, encode_form
from support.request_objects import let_sign, signed_request
from support.requirement import requirement
from support.visitor import STATE, Visitor, location_of, login_page, request_of, returned
from valetkey.authorization_server.authorization.loading import Visit, judged
from valetkey.authorization_server.authorization.request import VerifiedAuthorizationRequest
from valetkey.authorization_server.decision import PutClient
from valetkey.authorization_server.openid_client import OpenIdMetadata
from valetkey.oauth.parameters import Parameters


@pytest.fixture
async def house() -> House:
    return await build_house(profile="OPENID")


async def verified(house: House, **changes: str) -> VerifiedAuthorizationRequest:
    pairs = tuple((name, str(value)) for name, value in request_of("web", **changes).items())
    found = await judged(Visit(Parameters.of(pairs), None, None, None), house.server, house.server.fresh())
    return found.asked


@requirement("OIDCC-15.1/display")
@requirement("OIDCC-15.1/locales")
@requirement("OIDCC-15.1/acr-values")
@pytest.mark.parametrize(
    "changes",
    [
        {"display": "page"},
        {"display": "popup"},
        {"display": "touch"},
        {"display": "wap"},
        {"display": "hologram"},
        {"ui_locales": "de fr-CA x-nonsense \u2028"},
        {"claims_locales": "de-AT ja-Hani-JP " + "x " * 100},
        {"acr_values": "urn:nobody:knows 1 0"},
        {"login_hint": "alice@example.com"},
        {"login_hint": "x" * 3_000},
        {"login_hint": "\x00\u202e"},
        {"dpop_jkt": "A" * 43},
        {"nobody_knows": "this"},
    ],
    ids=str,
)
async def test_what_only_asks_stops_nobody(house: House, changes: dict[str, str]) -> None:
    visitor = Visitor(house)
    login_page(await visitor.authorize(**changes))
    assert "code" in await visitor.granted(**changes)


@requirement("OIDCC-15.1/acr-values")
@requirement("OIDCC-15.1/locales")
async def test_lists_keep_their_order_and_are_read_as_far_as_makes_sense(house: House) -> None:
    asked = await verified(house, acr_values="b a  b", claims_locales="de-AT en")
    assert (asked.acr_values, asked.claims_locales) == (("b", "a"), ("de-AT", "en"))
    long = await verified(house, acr_values=" ".join(map(str, range(500))))
    assert long.acr_values == tuple(map(str, range(20)))
    plain = await verified(house)
    assert (plain.acr_values, plain.claims_locales) == ((), ())


@requirement("OIDCC-3.1.2.1/max-age")
async def test_a_client_s_own_defaults_count_where_a_request_says_nothing(house: House) -> None:
    openid = OpenIdMetadata(default_max_age=60, default_acr_values=("silver", "gold"))
    await house.commit(PutClient(replace(clients()["web"], openid=openid)))
    asked = await verified(house)
    assert (asked.max_age, asked.acr_values) == (60, ("silver", "gold"))
    named = await verified(house, max_age="600", acr_values="bronze")
    assert (named.max_age, named.acr_values) == (600, ("bronze",))
    visitor = Visitor(house)
    await visitor.granted()
    house.clock.advance(60)
    assert "code" in returned(await visitor.authorize())
    house.clock.advance(1)
    login_page(await visitor.authorize())
    assert returned(await visitor.authorize(prompt="none"))["error"] == "login_required"


@requirement("OIDCC-3.1.2.1/get-and-post")
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_signed_request_with_varying_parts_beside_it_goes_the_whole_way(house: House, method: str) -> None:
    await let_sign(house)
    # Signed once, ahead: what varies stands beside it (OpenID Connect Core, 6.1).
    fixed = signed_request(state=None, nonce=None, exp=None, max_age=3_600, claims={"id_token": {"email": None}})
    beside: dict[str, Any] = {
        "client_id": "web",
        "response_type": "code",
        "scope": "openid",
        "state": "today",
        "nonce": "n-today",
        "redirect_uri": "https://elsewhere.example/",
        "request": fixed,
    }
    visitor = Visitor(house)
    for _ in range(2):
        if method == "GET":
            page = await visitor.visit("/authorize?" + query(beside))
        else:
            page = await visitor.follow(await visitor.post("/authorize", beside))
        if location_of(page) is None:
            page = await visitor.consent(await visitor.sign_in(page))
        answer = returned(page)
        assert (location_of(page) or "").startswith("https://web.example/callback?code=")
        assert answer["state"] == "today"
        answer = document(await house.redeem(answer["code"]))
        claims = claims_of(answer["id_token"])
        assert (claims["nonce"], claims["auth_time"]) == ("n-today", NOW)
        assert set(answer["scope"].split()) == {"openid", "albums.read"}


async def test_elsewhere_the_signed_part_is_the_whole_request() -> None:
    house = await build_house()
    await let_sign(house)
    visitor = Visitor(house)
    sent = {"client_id": "web", "request": signed_request()}
    page = await visitor.sign_in(await visitor.visit("/authorize?" + query(sent)))
    answer = returned(await visitor.consent(page))
    assert (answer["state"], (await house.redeem(answer["code"])).status) == (STATE, 200)


def query(parameters: dict[str, Any]) -> str:
    return encode_form(parameters).decode()
