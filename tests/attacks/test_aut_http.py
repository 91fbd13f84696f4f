"""The front channel over HTTP: methods, bodies, caps, CORS, caching, framing and what a page loads."""

import pytest

from support.asgi_driver import FORM, Reply, Served, serve_house
from support.house import House, encode_form
from support.requirement import requirement
from support.visitor import Visitor, login_page, request_of
from valetkey.oauth.parameters import MAXIMUM_BODY, MAXIMUM_QUERY

PATHS = ("/authorize", "/login", "/consent", "/logout")
ORIGINS = ("null", "https://evil.example", "https://web.example", "https://as.example")


@pytest.fixture
async def served() -> Served:
    return await serve_house()


@pytest.fixture
async def house(served: Served) -> House:
    return served.house


def target(**changes: str) -> str:
    return "/authorize?" + encode_form(request_of("web", **changes)).decode()


async def sign_in_page(served: Served) -> Reply:
    first = await served.send("GET", target())
    cookie = (first.header("set-cookie") or "").partition(";")[0]
    return await served.send("GET", first.header("location") or "", headers={"cookie": cookie})


# covers: AUT-20
@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "HEAD"])
@pytest.mark.parametrize("path", PATHS)
async def test_another_method_is_refused(served: Served, method: str, path: str) -> None:
    reply = await served.send(method, path, headers={"origin": "https://web.example"})
    assert reply.status == 405
    assert reply.header("allow") == "GET, POST"
    assert not [name for name, _ in reply.headers if name.startswith("access-control-")]


# covers: AUT-20
async def test_head_uses_no_session(served: Served, house: House) -> None:
    visitor = Visitor(house)
    await visitor.granted()
    (name, value), *_ = visitor.cookies.items()
    before = len(house.log.of("authorization.granted"))
    reply = await served.send("HEAD", target(), headers={"cookie": f"{name}={value}"})
    assert reply.status == 405
    assert len(house.log.of("authorization.granted")) == before
    reply = await served.send("GET", target(), headers={"cookie": f"{name}={value}"})
    assert "code=vk_ac_" in (reply.header("location") or "")


# covers: AUT-20, HTP-06
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "content_type",
    ["application/json", "multipart/form-data; boundary=x", "text/plain", None, f"{FORM}; charset=utf-16"],
)
async def test_another_body_is_refused(served: Served, path: str, content_type: str | None) -> None:
    body = encode_form(request_of())
    headers = {} if content_type is None else {"content-type": content_type}
    reply = await served.send("POST", path, headers=headers, chunks=(body,))
    assert reply.status == 415
    assert (await served.post("/authorize", body)).status == 303


# covers: AUT-21, HTP-04
async def test_what_is_too_large_is_refused_before_it_is_parsed(served: Served) -> None:
    for path in PATHS:
        assert (await served.send("GET", f"{path}?x={'a' * MAXIMUM_QUERY}")).status == 414
        assert (await served.post(path, b"x=" + b"a" * MAXIMUM_BODY)).status == 413
    assert (await served.send("GET", target(state="s" * 4_000))).status == 303
    assert (await served.post("/authorize", encode_form(request_of(state="s" * 40_000)))).status == 303


# covers: HTP-07
@requirement("OAUTH21-3.1/no-cors")
@requirement("RFC9700-2.6/no-cors")
@pytest.mark.parametrize("origin", ORIGINS)
async def test_no_other_origin_may_read_an_answer(served: Served, origin: str) -> None:
    for path in (*PATHS, target(), target(prompt="none")):
        reply = await served.send("GET", path, headers={"origin": origin})
        assert not [name for name, _ in reply.headers if name.startswith("access-control-")]


# covers: HTP-08
async def test_nothing_that_is_personal_is_kept_by_a_cache(served: Served) -> None:
    for reply in (
        await sign_in_page(served),
        await served.send("GET", target()),
        await served.send("GET", target(prompt="none")),
        await served.send("GET", "/authorize"),
        await served.send("GET", "/logout"),
        await served.send("GET", "/consent?interaction=x"),
        await served.send("PUT", "/login"),
    ):
        assert reply.header("cache-control") == "no-store", reply


# covers: CON-01, CON-08, HTP-09
@requirement("RFC9700-4.16/clickjacking")
async def test_a_page_is_never_framed_and_loads_nothing_from_elsewhere(served: Served) -> None:
    for reply in (
        await sign_in_page(served),
        await served.send("GET", "/authorize"),
        await served.send("GET", "/logout"),
    ):
        policy = reply.header("content-security-policy") or ""
        assert "frame-ancestors 'none'" in policy
        assert "default-src 'none'" in policy
        assert "unsafe-" not in policy
        assert reply.header("x-frame-options") == "DENY"
        assert reply.header("cross-origin-opener-policy") == "same-origin"
        assert reply.header("referrer-policy") == "no-referrer"
        assert reply.header("x-content-type-options") == "nosniff"
        assert reply.header("strict-transport-security")
        for attribute in (b'src="http', b'href="http', b'src="//', b'href="//'):
            assert attribute not in reply.body


async def test_the_sign_in_form_may_be_answered_by_a_redirect_to_the_client(served: Served) -> None:
    page = await sign_in_page(served)
    assert page.status == 200
    assert "form-action 'self' https://web.example" in (page.header("content-security-policy") or "")


# covers: RDR-01, RDR-04
async def test_an_error_page_shows_nothing_that_was_sent(served: Served) -> None:
    for changes in (
        {"client_id": "<script>1</script>"},
        {"redirect_uri": "https://evil.example/<script>1</script>"},
    ):
        reply = await served.send("GET", "/authorize?" + encode_form(request_of() | changes).decode())
        assert reply.status == 400
        assert reply.header("location") is None
        assert b"<script>1" not in reply.body
        assert b"evil.example" not in reply.body
        assert b"data-error=" in reply.body


# covers: HTP-03
async def test_a_stranger_cannot_choose_the_address_that_is_counted(served: Served, house: House) -> None:
    page = await sign_in_page(served)
    assert page.status == 200
    visitor = Visitor(house)
    await visitor.authorize()
    (name, value), *_ = visitor.cookies.items()
    found = await visitor.authorize()
    form = login_page(found).form
    fields = encode_form({**dict(form.hidden), "username": "nobody", "password": "wrong"})
    await served.post("/login", fields, {"cookie": f"{name}={value}", "x-forwarded-for": "192.0.2.77"})
    assert house.log.of("login.failed")[-1]["address"] == "198.51.100.9"


async def test_a_tenant_has_its_own_pages_and_cookie(served: Served) -> None:
    first = await served.send("GET", "/t/acme" + target())
    assert (first.header("location") or "").startswith("/t/acme/login?interaction=")
    assert (first.header("set-cookie") or "").startswith("__Host-vk_session_acme=")
    cookie = (first.header("set-cookie") or "").partition(";")[0]
    page = await served.send("GET", first.header("location") or "", headers={"cookie": cookie})
    assert b'action="/t/acme/login?interaction=' in page.body
    elsewhere = (first.header("location") or "").removeprefix("/t/acme")
    assert (await served.send("GET", elsewhere, headers={"cookie": cookie})).status == 400


async def test_the_language_that_the_client_asks_for_reaches_the_page(served: Served) -> None:
    first = await served.send("GET", target(ui_locales="de"))
    cookie = (first.header("set-cookie") or "").partition(";")[0]
    page = await served.send("GET", first.header("location") or "", headers={"cookie": cookie})
    assert b'lang="de"' in page.body
    assert b"ui_locales=de" in page.body


# covers: CON-06
async def test_who_comes_back_too_late_gets_a_link_to_begin_again(served: Served, house: House) -> None:
    first = await served.send("GET", target(state='"><script>1</script>'))
    cookie = (first.header("set-cookie") or "").partition(";")[0]
    house.clock.advance(house.server.policy.interaction_lifetime)
    late = await served.send("GET", first.header("location") or "", headers={"cookie": cookie})
    assert late.status == 400
    assert b'id="error-way-on" href="/authorize?client_id=web&amp;' in late.body
    assert b"<script>1" not in late.body
