"""The login state that a client's page may watch: what it is told, when it changes, and who may frame us."""

import hashlib
from dataclasses import replace

import pytest

from support.house import House, build_house, clients, document, encode_form
from support.visitor import Answer, Visitor, location_of, returned, sign_out_page
from valetkey.authorization_server.decision import PutClient
from valetkey.authorization_server.endpoints.session_frame import MOST_OCTETS
from valetkey.authorization_server.pages import ErrorPage, Page, SessionFramePage
from valetkey.jose.encoding import b64url_encode
from valetkey.oauth.types import ClientId, Issuer

STATE = "__Host-vk_opbs_default"


@pytest.fixture
async def house() -> House:
    return await build_house(profile="OPENID")


@pytest.fixture
def visitor(house: House) -> Visitor:
    return Visitor(house)


def is_unchanged(told: str, client_id: str, origin: str, visitor: Visitor) -> bool:
    """Compare as the frame's script does."""
    hashed, salt = told.split(".")
    state = visitor.cookies.get(STATE, "")
    expected = b64url_encode(hashlib.sha256(f"{client_id} {origin} {state} {salt}".encode()).digest())
    return bool(state) and expected == hashed


async def told(visitor: Visitor, client_id: str = "web", **changes: str) -> str:
    return (await visitor.granted(client_id, **changes))["session_state"]


@pytest.mark.requirement("OIDCSM-2/session-state")
@pytest.mark.requirement("OIDCSM-3.2/recalculate")
@pytest.mark.requirement("OIDCSM-2/no-space")
async def test_a_response_tells_a_state_that_the_frame_finds_unchanged(visitor: Visitor) -> None:
    state = await told(visitor)
    assert " " not in state
    assert is_unchanged(state, "web", "https://web.example", visitor)
    for client_id, origin in (("spa", "https://web.example"), ("web", "https://spa.example"), ("web", "null")):
        assert not is_unchanged(state, client_id, origin, visitor)
    again = await told(visitor)
    assert again != state
    assert is_unchanged(again, "web", "https://web.example", visitor)


async def test_every_change_of_who_is_signed_in_changes_it(visitor: Visitor) -> None:
    state = await told(visitor)
    consent = await visitor.sign_in(await visitor.authorize(prompt="login"), "bob")
    assert not is_unchanged(state, "web", "https://web.example", visitor)
    both = returned(await visitor.consent(consent))["session_state"]
    assert is_unchanged(both, "web", "https://web.example", visitor)
    page = sign_out_page(await visitor.get("/logout?logout_hint=bob"))
    await visitor.submit(page.form, {})
    assert not is_unchanged(both, "web", "https://web.example", visitor)
    assert STATE in visitor.cookies
    await visitor.sign_out()
    assert STATE not in visitor.cookies


async def test_the_account_page_and_a_silent_request_notice_what_ended_elsewhere(visitor: Visitor) -> None:
    await told(visitor)
    elsewhere = Visitor(visitor.house)
    await elsewhere.submit((await elsewhere.account()).everywhere_form, {})
    assert STATE not in elsewhere.cookies
    assert STATE in visitor.cookies
    assert returned(await visitor.authorize(prompt="none"))["error"] == "login_required"
    assert STATE not in visitor.cookies


async def test_the_cookie_is_readable_and_names_nobody(visitor: Visitor) -> None:
    lines: list[str] = []
    found = await visitor.sign_in(await visitor.authorize())
    found = await visitor.consent(found)
    for answer in (found, await visitor.get("/authorize?" + encode_form({"client_id": "web"}).decode())):
        lines += [value for name, value in answer.headers if name == "set-cookie" and value.startswith(STATE)]
    sessions = await visitor.sessions()
    assert visitor.cookies[STATE] not in {one.session.sid for one in sessions}
    for line in lines:
        assert "HttpOnly" not in line
        assert "SameSite=None; Secure" in line


async def test_over_loopback_http_it_goes_without_secure() -> None:
    house = await build_house(profile="OPENID", issuer=Issuer("http://127.0.0.1:8000"))
    visitor = Visitor(house)
    await visitor.granted()
    assert "vk_opbs_default" in visitor.cookies


async def test_a_client_without_an_origin_or_without_openid_is_told_none(visitor: Visitor) -> None:
    native = await visitor.granted("native", redirect_uri="com.example.desk:/callback")
    assert "session_state" not in native
    plain = await visitor.granted("web", scope="albums.read")
    assert "session_state" not in plain


async def test_other_profiles_tell_none_and_frame_nothing() -> None:
    house = await build_house()
    visitor = Visitor(house)
    assert "session_state" not in await visitor.granted()
    assert STATE not in visitor.cookies
    found = await visitor.get("/session")
    assert isinstance(found, Page)
    assert isinstance(found.view, ErrorPage)
    assert "check_session_iframe" not in document(await house.get("/.well-known/openid-configuration"))


async def test_metadata_names_the_frame_and_every_way_of_logout(house: House) -> None:
    said = document(await house.get("/.well-known/openid-configuration"))
    assert said["check_session_iframe"] == "https://as.example/session"
    assert said["end_session_endpoint"] == "https://as.example/logout"
    for way in ("frontchannel", "backchannel"):
        assert said[f"{way}_logout_supported"] is said[f"{way}_logout_session_supported"] is True


async def _framed_by(house: House, referer: str | None = None) -> tuple[str, ...]:
    found: Answer = await house.send("GET", "/session", headers={"referer": referer} if referer else None)
    assert isinstance(found, Page)
    assert isinstance(found.view, SessionFramePage)
    assert found.view.cookie_name == STATE
    return found.view.framed_by


# covers: CON-01
async def test_only_pages_of_registered_clients_frame_it(house: House) -> None:
    everybody = await _framed_by(house)
    assert {"https://web.example", "https://spa.example"} <= set(everybody)
    assert await _framed_by(house, "https://spa.example/any?x") == ("https://spa.example",)
    assert await _framed_by(house, "https://evil.example/") == everybody
    await house.commit(PutClient(replace(clients()["spa"], disabled=True)))
    assert "https://spa.example" not in await _framed_by(house, "https://spa.example/")


async def test_of_very_many_clients_the_header_names_as_many_as_it_holds(house: House) -> None:
    for number in range(200):
        uri = f"https://client-{number:03}.example/callback"
        name = ClientId(f"client-{number}")
        await house.commit(PutClient(replace(clients()["web"], client_id=name, redirect_uris=(uri,))))
    assert len(" ".join(await _framed_by(house))) <= MOST_OCTETS
    last = "https://client-199.example"
    assert last not in await _framed_by(house)
    assert await _framed_by(house, last + "/") == (last,)


async def test_a_logout_that_goes_on_takes_the_state_with_it(visitor: Visitor) -> None:
    code = (await visitor.granted())["code"]
    hint = document(await visitor.house.redeem(code))["id_token"]
    asked = encode_form({"id_token_hint": hint, "post_logout_redirect_uri": "https://web.example/bye"}).decode()
    assert location_of(await visitor.get(f"/logout?{asked}")) == "https://web.example/bye"
    assert not visitor.cookies
