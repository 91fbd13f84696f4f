"""Calls through the session layer: without a session, to forbidden places, with headers of somebody else."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from support.session_stage import ORIGIN, OWN, SETTINGS, Stage, Tab, answer, ask, ask_scope, build_stage
from valetkey.gateway.session import build_session_app


@pytest.fixture
async def stage() -> Stage:
    return await build_stage()


@pytest.fixture
async def tab(stage: Stage) -> Tab:
    tab = stage.tab()
    assert (await tab.sign_in()).status == 303
    return tab


# covers: BFF-07
@pytest.mark.parametrize("accept", ["application/json", "text/html", "*/*"])
async def test_a_call_without_a_session_is_told_so_and_led_nowhere(stage: Stage, accept: str) -> None:
    for target in ("/session", "/api/summer"):
        reply = await stage.tab().send("GET", target, {**OWN, "accept": accept})
        assert reply.status == 401
        assert reply.header("location") is None
        assert reply.header("www-authenticate") is None, "a browser would ask for a password"
        assert reply.header("content-type") == "application/json"
        assert reply.header("cache-control") == "no-store"
        assert reply.json()["login"] == "/session/login"
    assert not stage.api.asked


# covers: BFF-07
async def test_an_expired_session_is_told_as_none(stage: Stage, tab: Tab) -> None:
    stage.house.clock.advance(stage.settings.idle_timeout)
    reply = await tab.call()
    assert (reply.status, reply.header("location")) == (401, None)
    assert reply.json()["error"] == "sign_in_needed"


# covers: GTW-05
@pytest.mark.requirement("RFC10017-6.1.3.6/validation")
@pytest.mark.requirement("RFC10017-6.1.3.6/permitted-hosts")
@pytest.mark.parametrize(
    "path",
    [
        "/api/../admin", "/api/a/../../admin", "/api/./a", "/api/..", "/api/%2e%2e/admin", "/api/%2E%2E%2Fadmin",
        "/api/a%2fb", "/api/a%5cb", "/api/a\\b", "/api//a", "/api//evil.example/a", "/api/a;x=1", "/api/a%3bx",
        "/api/a%00", "/api/a%0d%0ax",
        "/api/a%25%32%66b", "/api/a%3fb", "/api/a%23b", "/api/a#b", "/api/%", "/api/%4",
        "/api/%zz", "/api/é", "/api/\x7f", "/api/a b", "/api/@evil.example//", "/api/a?b\\c", "/api/a?\x00",
        "/api/%c0%ae%c0%ae/a/..", "/api/<script>", "/api/a|b",
    ],
)  # fmt: skip
async def test_a_path_that_two_servers_read_differently_goes_nowhere(stage: Stage, tab: Tab, path: str) -> None:
    reply = await tab.call(path)
    assert (reply.status, reply.json()["error"]) == (400, "invalid_path")
    assert not stage.api.asked


@pytest.mark.requirement("RFC10017-6.1.3.6/allowlist")
async def test_a_call_goes_where_the_table_says_and_nowhere_else(stage: Stage, tab: Tab) -> None:
    for path, url in {
        "/api/a/b?c=d%26e&f": "https://api.example/albums/a/b?c=d%26e&f",
        "/api/": "https://api.example/albums/",
        "/api/a%20b/": "https://api.example/albums/a%20b/",
        "/api/http:/evil.example": "https://api.example/albums/http:/evil.example",
        "/api/@evil.example": "https://api.example/albums/@evil.example",
        "/api/read/x": "https://read.example/x",
        "/api/readx": "https://api.example/albums/readx",
        "/api/%41%c3%a9?x=http://evil.example/": "https://api.example/albums/%41%c3%a9?x=http://evil.example/",
    }.items():
        assert (await tab.call(path)).status == 200
        asked = stage.api.asked[-1].url
        sent = f"{asked.scheme}://{asked.host}{asked.raw_path.decode()}"
        assert sent == url
    for path in ("/api", "/apix/a", "/API/a", "/%61pi/a", "//api/a", "/", "https://api.example/albums/a"):
        assert (await tab.call(path)).status == 404
    assert len(stage.api.asked) == 8


async def test_a_method_that_the_row_does_not_name_is_refused(stage: Stage, tab: Tab) -> None:
    reply = await tab.call("/api/read/x", "POST")
    assert (reply.status, reply.header("allow")) == (405, "GET")
    assert (await tab.call("/api/read/x", "HEAD")).status == 200
    for method in ("TRACE", "CONNECT", "OPTIONS", "PROPFIND", "get"):
        assert (await tab.call("/api/x", method)).status in {403, 405}
    assert len(stage.api.asked) == 1


# covers: GTW-03, GTW-06
async def test_nothing_of_the_browser_but_its_question_reaches_the_api(stage: Stage, tab: Tab) -> None:
    dropped = {
        "authorization": "Bearer stolen", "cookie": "a=b", "x-forwarded-for": "1.2.3.4", "forwarded": "for=1.2.3.4",
        "x-forwarded-host": "evil.example", "x-real-ip": "1.2.3.4", "x-valetkey-subject": "admin",
        "valetkey-identity": "admin", "x_valetkey_subject": "admin", "x-remote-user": "admin",
        "remote_user": "admin", "proxy-authorization": "Basic x", "te": "trailers",
        "upgrade-insecure-requests": "1", "keep-alive": "1",
        "connection": "close, x-own, authorization", "x-own": "1", "x-http-method-override": "DELETE",
        "x-original-url": "/admin", "dpop": "x", "referer": "https://app.example/secret", "sec-fetch-mode": "cors",
        "x-api-key": "vk_ak_x", "x-auth-user": "admin", "expect": "100-continue",
    }  # fmt: skip
    kept = {"accept": "text/plain", "if-none-match": '"1"', "x-request-id": "7", "accept-language": "de"}
    await tab.send("GET", "/api/summer", {**OWN, **dropped, **kept})
    sent = stage.api.asked[-1].headers
    found = {name: value for name, value in sent.items() if name in dropped or name in OWN}
    assert found.pop("authorization").startswith("Bearer eyJ")
    assert found.pop("upgrade-insecure-requests") == "1"
    assert found == {}
    assert {name: sent[name] for name in kept} == kept
    assert sent["host"] == "api.example"


async def test_nothing_of_the_api_but_its_answer_reaches_the_browser(stage: Stage, tab: Tab) -> None:
    hostile = {
        "set-cookie": f"{next(iter(tab.cookies))}=evil; Path=/", "access-control-allow-origin": "*",
        "access-control-allow-credentials": "true", "clear-site-data": '"*"',
        "strict-transport-security": "max-age=0", "www-authenticate": "Basic", "connection": "close, x-own",
        "x-own": "1", "refresh": "0; url=//evil.example",
        "service-worker-allowed": "/", "alt-svc": "h3=evil", "keep-alive": "1", "location": "//evil.example",
        "content-security-policy": "default-src *", "cache-control": "public, max-age=600", "expires": "never",
    }  # fmt: skip
    stage.api.answers = lambda _: answer(200, {"a": 1}, {**hostile, "etag": '"1"', "x-total": "7"})
    before = dict(tab.cookies)
    reply = await tab.call()
    assert tab.cookies == before
    named = {name for name, _ in reply.headers} & set(hostile)
    assert named == {"content-security-policy", "cache-control"}
    assert reply.header("content-security-policy") == "sandbox; default-src 'none'; frame-ancestors 'none'"
    assert reply.header("cache-control") == "no-store"
    assert (reply.header("etag"), reply.header("x-total")) == ('"1"', "7")
    assert reply.header("x-content-type-options") == "nosniff"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_of_an_api_is_followed_by_nobody(stage: Stage, tab: Tab, status: int) -> None:
    stage.api.answers = lambda _: answer(status, {}, {"location": "https://evil.example/"})
    reply = await tab.call()
    assert (reply.status, reply.json()["error"], reply.header("location")) == (502, "upstream_redirects", None)
    assert len(stage.api.asked) == 1


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (httpx2.ConnectError("refused"), 503),
        (httpx2.ConnectTimeout("slow"), 503),
        (httpx2.PoolTimeout("busy"), 503),
        (httpx2.ReadTimeout("slow"), 502),
        (httpx2.RemoteProtocolError("garbage"), 502),
        (httpx2.ReadError("cut"), 502),
    ],
)
async def test_an_api_that_fails_is_told_plainly(stage: Stage, tab: Tab, fault: Exception, status: int) -> None:
    stage.api.answers = lambda _: fault
    reply = await tab.call()
    assert reply.status == status
    assert reply.json()["error"] in {"upstream_unavailable", "upstream_failed"}
    assert b"refused" not in reply.body
    stage.api.answers = lambda _: answer(200, {})
    assert (await tab.call()).status == 200


@pytest.mark.parametrize("status", [200, 204, 304, 400, 403, 404, 409, 429, 500, 503])
async def test_what_the_api_says_is_what_the_page_hears(stage: Stage, tab: Tab, status: int) -> None:
    stage.api.answers = lambda _: answer(status, {"said": status})
    reply = await tab.call()
    assert (reply.status, reply.json()) == (status, {"said": status})


async def test_a_body_streams_through_up_to_its_cap() -> None:
    small = await build_stage(settings=replace(SETTINGS, maximum_request=100, maximum_response=100))
    tab = small.tab()
    await tab.sign_in()
    chunked = {**OWN, "transfer-encoding": "chunked"}
    assert (await tab.send("POST", "/api/x", chunked, [b"a" * 50, b"b" * 50])).status == 200
    assert small.api.bodies[-1] == b"a" * 50 + b"b" * 50
    known = len(small.api.bodies)
    assert (await tab.send("POST", "/api/x", chunked, [b"a" * 50, b"b" * 51])).status == 413
    assert (await tab.send("POST", "/api/x", {**OWN, "content-length": "101"}, [b"a" * 101])).status == 413
    assert len(small.api.bodies) == known
    small.api.answers = lambda _: answer(200, "x" * 100)
    assert (await tab.call()).status == 502


async def test_an_answer_that_outgrows_its_cap_is_broken_off() -> None:
    small = await build_stage(settings=replace(SETTINGS, maximum_response=100))
    tab = small.tab()
    await tab.sign_in()
    small.api.answers = lambda _: httpx2.Response(200, stream=Endless())
    with pytest.raises(AssertionError, match="breaks off"):
        await tab.call()
    assert Endless.closed


class Endless(httpx2.AsyncByteStream):
    closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 60

    async def aclose(self) -> None:
        type(self).closed = True


# covers: GTW-06
async def test_a_websocket_is_refused_in_words(stage: Stage, tab: Tab) -> None:
    upgrade = {**OWN, "connection": "upgrade", "upgrade": "websocket"}
    reply = await tab.send("GET", "/api/live", upgrade)
    assert (reply.status, reply.json()["error"]) == (501, "upgrade_not_supported")
    able: dict[str, dict[str, str]] = {"websocket.http.response": {}}
    for extensions, wanted in (
        (able, "websocket.http.response.start"),
        ({}, "websocket.close"),
    ):
        sent: list[Any] = []

        async def receive() -> Mapping[str, str]:
            return {"type": "websocket.connect"}

        async def send(message: Any, sent: list[Any] = sent) -> None:
            sent.append(message)

        headers = [(b"cookie", f"{name}={value}".encode()) for name, value in tab.cookies.items()]
        scope = {
            "type": "websocket", "path": "/api/live", "raw_path": b"/api/live", "query_string": b"",
            "headers": [*headers, (b"origin", ORIGIN.encode())], "extensions": extensions,
        }  # fmt: skip
        await stage.application(scope, receive, send)  # type: ignore[arg-type]  # a scope as a server makes it
        assert sent[0]["type"] == wanted
    assert not stage.api.asked


async def test_a_server_without_the_raw_path_opens_no_other_way(stage: Stage, tab: Tab) -> None:
    headers = [(name.encode(), value.encode()) for name, value in OWN.items()]
    cookie = (b"cookie", "; ".join(f"{name}={value}" for name, value in tab.cookies.items()).encode())
    for path, status in {
        "/api/a b": 200,
        "/api/é☃": 200,
        "/api/../a": 400,
        "/api/a;b": 400,
        "/api/%2e": 400,
    }.items():
        scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": [*headers, cookie]}
        assert (await ask_scope(stage.application, scope)).status == status, path
    assert [request.url.raw_path for request in stage.api.asked] == [b"/albums/a%20b", b"/albums/%C3%A9%E2%98%83"]


async def test_what_is_not_ours_goes_to_the_application_behind(stage: Stage) -> None:
    seen = []

    async def behind(scope: Any, _receive: Any, send: Any) -> None:
        seen.append(scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"page"})

    layer = build_session_app(SETTINGS, stage.records, otherwise=behind)
    assert (await ask(layer, "GET", "/index.html")).body == b"page"
    assert (await ask(layer, "GET", "/sessions")).body == b"page"
    for path in ("/session", "/session/x", "/api/x"):
        assert (await ask(layer, "GET", path)).status in {401, 403, 404}
    assert seen == ["/index.html", "/sessions"]
