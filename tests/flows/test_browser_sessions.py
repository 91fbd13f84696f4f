"""Whole conversations of the session layer: sign in, call, renew, step up, sign out here and from elsewhere."""

import asyncio
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from support.session_stage import COOKIE, OWN, Stage, Tab, answer, build_stage
from support.visitor import location_of, sign_out_page
from valetkey.authorization_server.decision import BumpGeneration
from valetkey.jose import jwt

FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
async def stage() -> Stage:
    return await build_stage()


async def signed_in(stage: Stage) -> Tab:
    tab = stage.tab()
    assert (await tab.sign_in()).header("location") == "/"
    return tab


def age(stage: Stage, seconds: int) -> None:
    stage.house.clock.advance(seconds)


def refused(error: str, **parameters: str) -> httpx2.Response:
    pairs = ", ".join(f'{name}="{value}"' for name, value in {"error": error, **parameters}.items())
    return answer(401, {"error": error}, {"www-authenticate": f"Bearer {pairs}"})


@pytest.mark.requirement("RFC10017-6.1.3.1/code")
@pytest.mark.requirement("RFC10017-6.1.3.1/confidential")
async def test_a_browser_signs_in_and_calls_the_api_by_its_cookie(stage: Stage) -> None:
    tab = stage.tab()
    back = await tab.sign_in("?return_to=/albums?page=2")
    assert (back.status, back.header("location")) == (303, "/albums?page=2")
    reply = await tab.call("/api/summer/lake?size=2")
    assert (reply.status, reply.json()) == (200, {"albums": []})
    asked = stage.api.asked[-1]
    assert str(asked.url) == "https://api.example/albums/summer/lake?size=2"
    assert jwt.peek(stage.api.token()).claims["sub"] == "sub-alice"
    who = (await tab.send("GET", "/session")).json()
    assert (who["claims"]["name"], who["claims"]["sub"]) == ("Alice Example", "sub-alice")
    assert who["ends_at"] == stage.house.clock.now + stage.settings.idle_timeout


async def test_no_token_reaches_the_browser(stage: Stage) -> None:
    tab = stage.tab()
    replies = [await tab.sign_in(), await tab.call(), await tab.send("GET", "/session")]
    out = await tab.send("POST", "/session/logout", OWN)
    seen = b"".join(reply.body + repr(reply.headers).encode() for reply in (*replies, out))
    assert stage.api.token().encode() not in seen
    assert b"eyJ" not in seen, "something that begins like a JWT"
    assert b"vk_rt_" not in seen


async def test_signing_in_again_replaces_the_session_that_the_browser_had(stage: Stage) -> None:
    tab = await signed_in(stage)
    first = tab.handle
    await tab.sign_in("?prompt=login")
    assert tab.handle != first
    tab.cookies[COOKIE] = first
    assert (await tab.call()).status == 401


async def test_signing_out_ends_the_session_here_and_at_the_issuer(stage: Stage) -> None:
    tab = await signed_in(stage)
    handle = tab.handle
    out = await tab.send("POST", "/session/logout", OWN)
    assert out.json() == {"location": "/session/logout"}
    assert COOKIE not in tab.cookies
    leave = await tab.send("GET", "/session/logout")
    location = urlsplit(leave.header("location") or "")
    asked = parse_qs(location.query)
    assert f"{location.scheme}://{location.netloc}{location.path}" == "https://as.example/logout"
    assert jwt.peek(asked["id_token_hint"][0]).claims["sub"] == "sub-alice"
    assert asked["post_logout_redirect_uri"] == ["https://app.example/"]
    page = sign_out_page(await tab.visitor.visit(f"/logout?{location.query}"))
    assert page.redirect_host == "app.example"
    assert location_of(await tab.visitor.submit(page.form, {})) == "https://app.example/"
    assert await tab.visitor.sessions() == []
    tab.cookies[COOKIE] = handle
    assert (await tab.call()).status == 401
    await stage.application.aclose()
    assert "/revoke" in stage.network.asked


async def test_signing_out_does_not_wait_for_an_issuer_that_is_down(stage: Stage) -> None:
    tab = await signed_in(stage)
    stage.network.is_down = True
    assert (await tab.send("POST", "/session/logout", OWN)).status == 200
    assert (await tab.send("GET", "/session")).status == 401
    await stage.application.aclose()


async def test_a_logout_token_ends_the_session_in_every_process(stage: Stage) -> None:
    here, elsewhere = await signed_in(stage), await signed_in(stage)
    other = stage.worker()
    await here.visitor.sign_out()
    (form,) = await stage.told_of_logouts()
    told = await stage.tab().send("POST", "/session/backchannel_logout", FORM, [form], application=other)
    assert (told.status, told.header("cache-control")) == (200, "no-store")
    reply = await here.call()
    assert (reply.status, reply.json()["error"]) == (401, "sign_in_needed")
    assert (await elsewhere.call()).status == 200, "another session of the same person"


async def test_signing_out_everywhere_ends_every_session_of_the_person(stage: Stage) -> None:
    tabs = [await signed_in(stage), await signed_in(stage)]
    await stage.house.commit(BumpGeneration("subject", "sub-alice"))
    for form in await stage.told_of_logouts():
        assert (await stage.tab().send("POST", "/session/backchannel_logout", FORM, [form])).status == 200
    assert [(await tab.call()).status for tab in tabs] == [401, 401]


async def test_a_logout_token_counts_once_whichever_process_gets_it_again(stage: Stage) -> None:
    tab = await signed_in(stage)
    await tab.visitor.sign_out()
    (form,) = await stage.told_of_logouts()
    path = "/session/backchannel_logout"
    assert (await stage.tab().send("POST", path, FORM, [form])).status == 200
    again = await stage.tab().send("POST", path, FORM, [form], application=stage.worker())
    assert (again.status, again.json()["error"]) == (400, "invalid_request")


async def test_an_api_that_wants_a_better_sign_in_is_heard(stage: Stage) -> None:
    tab = await signed_in(stage)
    stage.api.answers = lambda _: refused("insufficient_user_authentication", acr_values="gold", max_age="60")
    reply = await tab.call()
    assert reply.status == 401
    assert reply.header("www-authenticate") is None
    document = reply.json()
    assert (document["error"], document["acr_values"], document["max_age"]) == (
        "insufficient_user_authentication",
        ["gold"],
        60,
    )
    assert document["login"] == "/session/login?acr_values=gold&max_age=60"
    left = await tab.send("GET", document["login"] + "&return_to=/albums")
    asked = parse_qs(urlsplit(left.header("location") or "").query)
    assert (asked["acr_values"], asked["max_age"]) == (["gold"], ["60"])


async def test_a_token_is_renewed_ahead_of_its_end(stage: Stage) -> None:
    tab = await signed_in(stage)
    await tab.call()
    first, before = stage.api.token(), stage.network.refreshes()
    age(stage, 200)
    await tab.call()
    assert (stage.api.token(), stage.network.refreshes()) == (first, before)
    age(stage, 80)
    await tab.call()
    assert stage.api.token() != first
    assert stage.network.refreshes() == before + 1


# covers: BFF-05
async def test_twenty_calls_at_the_end_of_a_token_refresh_it_once(stage: Stage) -> None:
    tab, other = await signed_in(stage), stage.worker()
    before = stage.network.refreshes()
    age(stage, 301)
    calls = [tab.call(application=[stage.application, other][turn % 2]) for turn in range(20)]
    replies = await asyncio.gather(*calls)
    assert {reply.status for reply in replies} == {200}
    assert stage.network.refreshes() == before + 1
    assert len({request.headers["authorization"] for request in stage.api.asked}) == 1


# covers: BFF-05
async def test_a_refresh_whose_caller_left_is_kept(stage: Stage) -> None:
    tab = await signed_in(stage)
    age(stage, 301)
    stage.network.at_token.clear()
    call = asyncio.ensure_future(tab.call())
    await stage.network.at_token.wait()
    call.cancel()
    await stage.application.aclose()
    assert (await tab.call()).status == 200
    assert stage.network.refreshes() == 2


# covers: BFF-05
async def test_who_finds_a_refresh_under_way_goes_on_with_the_token_that_lives(stage: Stage) -> None:
    tab = await signed_in(stage)
    age(stage, 280)
    stage.network.at_token.clear()
    stage.network.held = asyncio.Event()
    first = asyncio.ensure_future(tab.call())
    await stage.network.at_token.wait()
    assert (await tab.call(application=stage.worker())).status == 200
    assert not first.done()
    stage.network.held.set()
    assert (await first).status == 200
    old, new = (request.headers["authorization"] for request in stage.api.asked)
    assert old != new


# covers: BFF-05
async def test_a_worker_that_died_with_its_claim_holds_the_others_up_for_seconds_only(stage: Stage) -> None:
    tab, other = await signed_in(stage), stage.worker()
    age(stage, 301)
    stage.network.at_token.clear()
    stage.network.held = dead = asyncio.Event()
    first = asyncio.ensure_future(tab.call())
    await stage.network.at_token.wait()
    stage.network.held = None
    second = asyncio.ensure_future(tab.call(application=other))
    waiting = asyncio.ensure_future(stage.records.find(b"", 0))
    await waiting
    assert not second.done()
    age(stage, 16)
    assert (await second).status == 200
    # And if it was only asleep, it finds what the other has brought.
    dead.set()
    assert (await first).status == 200


async def test_a_refused_refresh_ends_the_session(stage: Stage) -> None:
    tab = await signed_in(stage)
    await stage.house.commit(BumpGeneration("subject", "sub-alice"))
    age(stage, 301)
    reply = await tab.call()
    assert (reply.status, reply.json()["login"]) == (401, "/session/login")
    assert reply.set_cookies() == [], "a late answer must not take away the cookie of a newer sign-in"


@pytest.mark.parametrize("status", [None, 503, 429])
async def test_an_outage_of_the_issuer_leaves_the_session(stage: Stage, status: int | None) -> None:
    tab = await signed_in(stage)
    stage.network.is_down, stage.network.status = status is None, status
    age(stage, 280)
    assert (await tab.call()).status == 200, "the token still lives"
    age(stage, 21)
    reply = await tab.call()
    assert (reply.status, reply.json()["error"]) == (503, "issuer_unavailable")
    assert reply.header("retry-after")
    stage.network.is_down, stage.network.status = False, None
    assert (await tab.call()).status == 200


async def test_a_session_that_ends_while_the_issuer_is_asked_in_vain_is_over(stage: Stage) -> None:
    tab = await signed_in(stage)
    age(stage, 301)
    stage.network.at_token.clear()
    stage.network.held, stage.network.status = asyncio.Event(), 503
    call = asyncio.ensure_future(tab.call())
    await stage.network.at_token.wait()
    await tab.send("POST", "/session/logout", OWN)
    stage.network.held.set()
    assert (await call).status == 401
    await stage.application.aclose()


async def test_a_session_of_another_client_is_over_when_the_settings_name_a_new_one(stage: Stage) -> None:
    tab = await signed_in(stage)
    renamed = replace(stage, settings=replace(stage.settings, client_id="renamed")).worker()
    reply = await tab.call(application=renamed)
    assert (reply.status, reply.json()["error"]) == (401, "sign_in_needed")


async def test_a_token_that_the_api_refuses_is_renewed_once(stage: Stage) -> None:
    tab = await signed_in(stage)
    await tab.call()
    dead = stage.api.token()
    stage.api.answers = lambda request: (
        refused("invalid_token") if dead in request.headers["authorization"] else answer(200, {})
    )
    assert (await tab.call()).status == 200
    posted = await tab.send("POST", "/api/summer", {**OWN, "content-length": "2"}, [b"{}"])
    assert posted.status == 200


async def test_a_token_that_the_api_refuses_for_ever_is_not_the_users_fault(stage: Stage) -> None:
    tab = await signed_in(stage)
    stage.api.answers = lambda _: refused("invalid_token")
    reply = await tab.call()
    assert (reply.status, reply.json()["error"]) == (502, "token_refused")
    assert (await tab.send("GET", "/session")).status == 200


async def test_a_session_ends_when_nobody_uses_it_and_at_its_absolute_end(stage: Stage) -> None:
    idle, busy = await signed_in(stage), await signed_in(stage)
    minutes = 29
    age(stage, minutes * 60)
    assert (await idle.call()).status == 200
    # Asking who is signed in keeps nobody signed in: a page may ask all day.
    age(stage, minutes * 60)
    assert (await busy.call()).status == 401, "not used for an hour"
    assert (await idle.send("GET", "/session")).status == 200
    age(stage, minutes * 60)
    assert (await idle.send("GET", "/session")).status == 401
    used = await signed_in(stage)
    turns = stage.settings.absolute_timeout // (minutes * 60)
    for _ in range(turns):
        age(stage, minutes * 60)
        assert (await used.call()).status == 200
    age(stage, minutes * 60)
    assert (await used.call()).status == 401, "used all day long"
