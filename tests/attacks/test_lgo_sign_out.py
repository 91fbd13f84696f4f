"""Signing people out against their will, sending them elsewhere by it, and what is left afterwards."""

from dataclasses import replace

import pytest

from support.house import ISSUER, MAC_SECRET, NOW, House, build_house, clients, document
from support.visitor import Visitor, error_page, login_page, returned, sign_out_page
from valetkey.authorization_server.decision import PutClient
from valetkey.authorization_server.pages import ErrorKind, Page, SignedOutPage
from valetkey.jose import Jwk, jwt


@pytest.fixture
async def house() -> House:
    return await build_house()


@pytest.fixture
def visitor(house: House) -> Visitor:
    return Visitor(house)


# covers: LGO-01
async def test_a_link_asks_first_and_ends_nothing(visitor: Visitor) -> None:
    await visitor.granted()
    page = sign_out_page(await visitor.get("/logout"))
    assert page.account_name == "alice"
    assert "code" in returned(await visitor.authorize())
    await visitor.submit(page.form, {})
    login_page(await visitor.authorize())


# covers: LGO-01
async def test_a_planted_form_ends_nothing(house: House, visitor: Visitor) -> None:
    await visitor.granted()
    attacker = Visitor(house)
    await attacker.granted()
    theirs = dict(sign_out_page(await attacker.get("/logout")).form.hidden)
    for token in (theirs["csrf"], "x"):
        refused = error_page(await visitor.post("/logout", {"csrf": token}))
        assert (refused.kind, refused.status) == (ErrorKind.FORGED_FORM, 403)
    sign_out_page(await visitor.post("/logout", {"client_id": "web"}))
    assert "code" in returned(await visitor.authorize())


# covers: LGO-02, LGO-03
@pytest.mark.parametrize(
    "query",
    [
        "post_logout_redirect_uri=https%3A%2F%2Fevil.example%2F",
        "post_logout_redirect_uri=https%3A%2F%2Fweb.example%2Fbye&client_id=web",
        "id_token_hint=e30.e30.&post_logout_redirect_uri=https%3A%2F%2Fevil.example%2F&state=x",
    ],
)
async def test_no_request_is_followed_to_an_address_of_its_own(visitor: Visitor, query: str) -> None:
    anonymous = await visitor.get(f"/logout?{query}")
    assert isinstance(anonymous, Page)
    assert isinstance(anonymous.view, SignedOutPage)
    await visitor.granted()
    page = sign_out_page(await visitor.get(f"/logout?{query}"))
    done = await visitor.post(
        page.form.action, {**dict(page.form.hidden), "post_logout_redirect_uri": "https://x/"}
    )
    assert isinstance(done, Page)
    assert isinstance(done.view, SignedOutPage)


# covers: LGO-05
async def test_afterwards_every_session_cookie_and_bound_token_is_dead(house: House, visitor: Visitor) -> None:
    tokens = document(await house.redeem((await visitor.granted())["code"]))
    await visitor.sign_in(await visitor.authorize(prompt="login"), "bob")
    stolen = Visitor(house, cookies=dict(visitor.cookies))
    done = await visitor.sign_out()
    assert isinstance(done, Page)
    assert isinstance(done.view, SignedOutPage)
    assert not visitor.cookies
    assert (await house.refresh(tokens["refresh_token"])).status == 400
    assert (await house.bearer(tokens["access_token"])).status == 401
    assert returned(await stolen.authorize(prompt="none"))["error"] == "login_required"
    assert not await stolen.sessions()


# covers: LGO-01
async def test_a_client_that_signed_nobody_in_ends_nothing_by_a_hint_of_its_own_making() -> None:
    """Whoever has a secret can write under it that somebody signed in: that proves nothing of the browser."""
    house = await build_house(profile="OPENID")
    visitor = Visitor(house)
    await visitor.granted()
    await house.commit(PutClient(replace(clients()["mac"], id_token_signed_response_alg="HS256")))
    claims = {"iss": ISSUER.url, "sub": "sub-alice", "aud": "mac", "exp": NOW + 60, "iat": NOW}
    forged = jwt.sign(claims, Jwk.from_secret(MAC_SECRET.encode(), algorithm="HS256"), typ="JWT")
    assert sign_out_page(await visitor.get(f"/logout?id_token_hint={forged}")).account_name == "alice"
    assert "code" in returned(await visitor.authorize())


async def test_a_code_of_a_session_that_ended_buys_nothing(house: House, visitor: Visitor) -> None:
    code = (await visitor.granted())["code"]
    await visitor.sign_out()
    assert (await house.redeem(code)).status == 400


async def test_a_second_click_shows_the_same_end(visitor: Visitor) -> None:
    await visitor.granted()
    page = sign_out_page(await visitor.get("/logout"))
    cookies = dict(visitor.cookies)
    await visitor.submit(page.form, {})
    visitor.cookies = cookies
    again = await visitor.submit(page.form, {})
    assert isinstance(again, Page)
    assert isinstance(again.view, SignedOutPage)


async def test_other_browsers_of_the_same_person_stay_signed_in(house: House, visitor: Visitor) -> None:
    elsewhere = Visitor(house)
    await elsewhere.granted()
    await visitor.granted()
    await visitor.sign_out()
    assert "code" in returned(await elsewhere.authorize())
