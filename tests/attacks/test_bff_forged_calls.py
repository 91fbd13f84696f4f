"""Calls that another site makes with a signed-in person's browser: refused, and nothing has changed."""

from collections.abc import Mapping
from urllib.parse import urlencode

import pytest

from support.session_stage import OWN, Stage, Tab, build_stage

EVIL = "https://evil.example"


@pytest.fixture
async def stage() -> Stage:
    return await build_stage()


@pytest.fixture
async def tab(stage: Stage) -> Tab:
    tab = stage.tab()
    assert (await tab.sign_in()).status == 303
    return tab


def without(name: str) -> Mapping[str, str]:
    return {key: value for key, value in OWN.items() if key != name}


FORGED: Mapping[str, Mapping[str, str]] = {
    "a form of another site": {"origin": EVIL, "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"},
    "a form with text/plain": {"origin": EVIL, "content-type": "text/plain"},
    "a post without a body": {"origin": EVIL, "content-length": "0"},
    "our header, another origin": {**OWN, "origin": EVIL},
    "our header, Origin null": {**OWN, "origin": "null"},
    "our header, a sibling site": {**OWN, "sec-fetch-site": "same-site"},
    "our header, another site": {**OWN, "sec-fetch-site": "cross-site"},
    "our header, the address bar": {**OWN, "sec-fetch-site": "none"},
    "our header, nothing else": {"x-csrf": "1"},
    "no header": without("x-csrf"),
    "an empty header": {**OWN, "x-csrf": ""},
    "another value": {**OWN, "x-csrf": "2"},
    "a value in a list": {**OWN, "x-csrf": "1, 1"},
    "our origin with a port": {**OWN, "origin": "https://app.example:8443"},
    "our origin over http": {**OWN, "origin": "http://app.example"},
    "our origin as a prefix": {**OWN, "origin": "https://app.example.evil.example"},
    "nothing at all": {},
}


# covers: BFF-03
@pytest.mark.requirement("RFC10017-6.1.3.3/defence")
@pytest.mark.requirement("RFC10017-6.1.3.3.2/static-header")
@pytest.mark.parametrize("how", FORGED)
async def test_a_forged_call_changes_nothing(stage: Stage, tab: Tab, how: str) -> None:
    for target in ("/api/summer", "/session/logout"):
        reply = await tab.send("POST", target, FORGED[how])
        assert (reply.status, reply.json()["error"]) == (403, "forbidden")
        assert reply.set_cookies() == []
    assert not stage.api.asked
    assert (await tab.send("GET", "/session")).status == 200


# covers: BFF-03
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_every_method_of_an_api_wants_the_header(stage: Stage, tab: Tab, method: str) -> None:
    assert (await tab.send(method, "/api/summer", without("x-csrf"))).status == 403
    assert not stage.api.asked


# covers: BFF-03
async def test_a_preflight_of_another_origin_is_granted_nothing(stage: Stage, tab: Tab) -> None:
    asked = {"origin": EVIL, "access-control-request-method": "POST", "access-control-request-headers": "x-csrf"}
    for target in ("/api/summer", "/session/logout", "/session"):
        reply = await tab.send("OPTIONS", target, asked)
        assert reply.status in {403, 405}
        assert not any(name.startswith("access-control-") for name, _ in reply.headers)
    assert not stage.api.asked


async def test_the_application_itself_is_let_through(stage: Stage, tab: Tab) -> None:
    for headers in (OWN, without("sec-fetch-site"), without("origin")):
        assert (await tab.send("POST", "/api/summer", headers)).status == 200
    # A browser sends no Origin with a GET of its own page, and an old one no metadata either.
    assert (await tab.send("GET", "/api/summer", {"x-csrf": "1"})).status == 200
    assert len(stage.api.asked) == 4


async def test_a_link_signs_nobody_out(tab: Tab) -> None:
    reply = await tab.send("GET", "/session/logout", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"})
    assert (reply.status, reply.header("location")) == (303, "/")
    assert (await tab.send("GET", "/session")).status == 200
    assert (await tab.send("GET", "/session/backchannel_logout")).status == 405


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"logout_token=",
        b"logout_token=x",
        b"logout_token=a.b.c",
        b"logout_token=x&logout_token=y",
        b"\xff\xfe",
    ],
)
async def test_a_forged_logout_token_signs_nobody_out(stage: Stage, tab: Tab, body: bytes) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    reply = await stage.tab().send("POST", "/session/backchannel_logout", form, [body])
    assert reply.status == 400
    assert (await tab.send("GET", "/session")).status == 200


async def test_an_id_token_is_no_logout_token(stage: Stage, tab: Tab) -> None:
    await tab.call()
    form = {"content-type": "application/x-www-form-urlencoded"}
    body = f"logout_token={stage.api.token()}".encode()
    assert (await stage.tab().send("POST", "/session/backchannel_logout", form, [body])).status == 400
    large = await stage.tab().send("POST", "/session/backchannel_logout", form, [b"x" * 40_000, b"x" * 40_000])
    assert large.status == 413
    assert (await stage.tab().send("POST", "/session/backchannel_logout", {}, [body])).status == 400


@pytest.mark.parametrize(
    "return_to",
    [
        "//evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example", "https:evil.example",
        "javascript:alert(1)", "/%2fevil.example", "/%5cevil.example", "/a//b", "/../x", "/a/./b",
        "/a\r\nset-cookie: x",
        "/\tx", "/%0d%0aset-cookie:x", "/é", "evil.example", "?x", "/" + "a" * 2_000, "/%2e%2e/x", "/x#y", "/ x",
        "/%zz", "/\x00",
    ],
)  # fmt: skip
async def test_a_sign_in_leads_back_to_this_origin_only(stage: Stage, return_to: str) -> None:
    reply = await stage.tab().send("GET", "/session/login?" + urlencode({"return_to": return_to}))
    assert (reply.status, reply.json()["error"]) == (400, "invalid_request")
    assert reply.set_cookies() == []


@pytest.mark.parametrize(
    "query",
    [
        "return_to=/a&return_to=/b", "max_age=-1", "max_age=abc", "acr_values=%22", "acr_values=a%0ab",
        "prompt=create", "prompt=login%20none", "ui_locales=%3Cscript%3E",
    ],
)  # fmt: skip
async def test_a_malformed_sign_in_is_refused(stage: Stage, query: str) -> None:
    assert (await stage.tab().send("GET", f"/session/login?{query}")).status == 400


async def test_a_sign_in_may_not_choose_what_the_operator_chose(stage: Stage) -> None:
    query = "scope=admin&client_id=other&redirect_uri=https://evil.example&resource=x&response_mode=form_post"
    reply = await stage.tab().send("GET", f"/session/login?{query}")
    location = reply.header("location") or ""
    assert "evil" not in location
    assert "admin" not in location
    assert "form_post" not in location


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-mode": "cors"},
        {"sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"},
        {"sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"},
    ],
)
async def test_a_sign_in_that_is_no_navigation_of_a_window_is_refused(
    stage: Stage, headers: Mapping[str, str]
) -> None:
    reply = await stage.tab().send("GET", "/session/login", headers)
    assert (reply.status, reply.json()["error"]) == (403, "navigate")
    assert reply.set_cookies() == []
