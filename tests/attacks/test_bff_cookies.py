"""Cookies of the session layer: tossed in, repeated, forged, too many, stolen; and the store dumped."""

import asyncio
import base64
import contextlib
from pathlib import Path

import pytest

from support.session_stage import COOKIE, OWN, SETTINGS, Stage, Tab, ask, build_stage
from valetkey.adapters.storage.sqlite.gateway_sessions import SqliteSessionRecords
from valetkey.gateway.session.sealing import SessionHandle

TARGETS = ("/session", "/api/summer", "/session/login", "/session/callback?state=x&code=y", "/session/logout")


@pytest.fixture
async def stage() -> Stage:
    return await build_stage()


async def signed_in(stage: Stage) -> Tab:
    tab = stage.tab()
    assert (await tab.sign_in()).status == 303
    return tab


async def with_cookies(stage: Stage, cookie: str, target: str = "/session") -> int:
    return (await ask(stage.application, "GET", target, [*OWN.items(), ("cookie", cookie)])).status


@pytest.mark.requirement("RFC10017-6.1.3.2/secure")
@pytest.mark.requirement("RFC10017-6.1.3.2/httponly")
@pytest.mark.requirement("RFC10017-6.1.3.2/samesite")
@pytest.mark.requirement("RFC10017-6.1.3.2/path")
@pytest.mark.requirement("RFC10017-6.1.3.2/domain")
async def test_every_cookie_is_locked_to_this_host_and_to_tls(stage: Stage) -> None:
    tab = stage.tab()
    left = await tab.send("GET", "/session/login")
    back = await tab.send("GET", await tab.answered(left.header("location") or ""))
    out = await tab.send("POST", "/session/logout", OWN)
    lines = [line for reply in (left, back, out) for line in reply.set_cookies()]
    assert len(lines) == 5
    for line in lines:
        name, _, attributes = line.partition("; ")
        assert name.startswith("__Host-vk_gateway_")
        found = attributes.split("; ")
        assert {"Path=/", "HttpOnly", "Secure"} <= set(found)
        assert not any(one.startswith("Domain") for one in found)
    (session,) = [line for line in back.set_cookies() if line.startswith(COOKIE)]
    assert "SameSite=Strict" in session
    (login,) = left.set_cookies()
    assert "SameSite=Lax" in login, "the issuer's redirect comes from another site"


# covers: BFF-02
async def test_a_repeated_session_cookie_is_refused(stage: Stage) -> None:
    tab = await signed_in(stage)
    for cookie in (f"{COOKIE}={tab.handle}; {COOKIE}=evil", f"{COOKIE}={tab.handle}; {COOKIE}={tab.handle}"):
        assert await with_cookies(stage, cookie) == 400
        assert await with_cookies(stage, cookie, "/api/summer") == 400
    two_lines = [*OWN.items(), ("cookie", f"{COOKIE}={tab.handle}"), ("cookie", f"{COOKIE}=x")]
    assert (await ask(stage.application, "GET", "/api/summer", two_lines)).status == 400
    assert not stage.api.asked


# covers: BFF-02
async def test_a_cookie_without_the_prefix_is_no_cookie_of_ours(stage: Stage) -> None:
    tab = await signed_in(stage)
    bare = COOKIE.removeprefix("__Host-")
    for name in (bare, f"__Secure-{bare}", COOKIE.lower(), f"{COOKIE} ", f"__Host-{bare.upper()}"):
        assert await with_cookies(stage, f"{name}={tab.handle}") == 401
    assert await with_cookies(stage, f"{bare}=tossed; {COOKIE}={tab.handle}; other={tab.handle}") == 200


# covers: BFF-02
@pytest.mark.parametrize(
    "value",
    [
        "", "x", "A" * 43, "A" * 42, "A" * 44, "A" * 8_000, "../../etc/passwd", "a.b.c", "%00", "\xff" * 43,
        '"quoted"', "=" * 43, "A" * 42 + "B",
    ],
)  # fmt: skip
async def test_a_forged_handle_is_nobody(stage: Stage, value: str) -> None:
    for target in TARGETS:
        status = await with_cookies(stage, f"{COOKIE}={value}", target)
        assert status in {401, 303}, target


async def test_one_handle_has_one_spelling(stage: Stage) -> None:
    tab = await signed_in(stage)
    octets = base64.urlsafe_b64decode(tab.handle + "=")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    others = [tab.handle[:-1] + letter for letter in alphabet if letter != tab.handle[-1]]
    same = [text for text in others if base64.urlsafe_b64decode(text + "=") == octets]
    assert same, "the last letter has bits to spare"
    for text in same:
        assert await with_cookies(stage, f"{COOKIE}={text}") == 401


# covers: BFF-02
async def test_a_hundred_cookies_and_eight_kilobytes_are_no_fault_of_ours(stage: Stage) -> None:
    tab = await signed_in(stage)
    crowd = "; ".join(f"c{number}=v" for number in range(100))
    logins = "; ".join(f"__Host-vk_gateway_login_{number:016}=x" for number in range(100))
    for noise in (crowd, logins, "big=" + "x" * 8_192, ";;;==;=;", "; " * 4_000, "\x80\xff=\xfe"):
        assert await with_cookies(stage, f"{noise}; {COOKIE}={tab.handle}") == 200
        for target in TARGETS:
            assert await with_cookies(stage, noise, target) < 500


async def test_sign_ins_that_nobody_finished_do_not_pile_up(stage: Stage) -> None:
    tab = stage.tab()
    for _ in range(12):
        await tab.send("GET", "/session/login")
    assert len(tab.cookies) <= 6
    assert (await tab.sign_in()).header("location") == "/"


async def test_two_tabs_sign_in_at_once(stage: Stage) -> None:
    tab = stage.tab()
    first = await tab.send("GET", "/session/login?return_to=/first")
    second = await tab.send("GET", "/session/login?return_to=/second")
    for left, path in ((first, "/first"), (second, "/second")):
        back = await tab.send("GET", await tab.answered(left.header("location") or ""))
        assert back.header("location") == path


async def test_a_session_cookie_that_an_attacker_planted_is_worth_nothing_after_the_sign_in(stage: Stage) -> None:
    tab = stage.tab()
    planted = SessionHandle.draw().reveal()
    tab.cookies[COOKIE] = planted
    await tab.sign_in()
    assert tab.handle != planted
    assert await with_cookies(stage, f"{COOKIE}={planted}") == 401


# covers: BFF-06
async def test_a_stolen_cookie_is_dead_at_once_after_the_sign_out(stage: Stage) -> None:
    tab = await signed_in(stage)
    stolen = tab.handle
    assert await with_cookies(stage, f"{COOKIE}={stolen}", "/api/summer") == 200
    await tab.send("POST", "/session/logout", OWN)
    assert await with_cookies(stage, f"{COOKIE}={stolen}", "/api/summer") == 401
    assert await with_cookies(stage, f"{COOKIE}={stolen}") == 401


# covers: BFF-06
async def test_a_dump_of_the_store_opens_nothing_and_names_nobody(tmp_path: Path) -> None:
    records = SqliteSessionRecords(str(tmp_path / "sessions.db"))
    stage = await build_stage(records)
    tab = await signed_in(stage)
    await tab.call()
    token = stage.api.token()
    row_id = SessionHandle.parse(tab.handle)
    assert row_id is not None
    await records.close()
    dump = _octets_in(tmp_path)
    handle_octets = base64.urlsafe_b64decode(tab.handle + "=")
    secrets = (
        token.encode(), token.split(".")[1].encode(), b"vk_rt_", tab.handle.encode(), handle_octets,
        b"sub-alice", b"Alice", b"alice@", b"as.example", SETTINGS.key,
    )  # fmt: skip
    for secret in secrets:
        assert secret not in dump
    assert row_id.row_id in dump, "the file is the one that was written"


def _octets_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


# covers: BFF-06
async def test_a_row_that_was_moved_to_another_session_opens_nothing(stage: Stage) -> None:
    victim, thief = await signed_in(stage), await signed_in(stage)
    rows = stage.records._rows  # type: ignore[attr-defined]  # what a dump of the store shows
    ids = [SessionHandle.parse(tab.handle).row_id for tab in (victim, thief)]  # type: ignore[union-attr]  # both are signed in
    rows[ids[1]] = rows[ids[0]]
    assert (await thief.send("GET", "/session")).status == 401
    assert (await thief.call()).status == 401


async def test_a_sign_in_that_another_browser_began_signs_nobody_in(stage: Stage) -> None:
    attacker, victim = stage.tab(), stage.tab()
    left = await attacker.send("GET", "/session/login")
    callback = await attacker.answered(left.header("location") or "")
    before = stage.network.refreshes()
    reply = await victim.send("GET", callback)
    assert reply.header("location") == "/?session_error=state_mismatch"
    assert COOKIE not in victim.cookies
    assert stage.network.refreshes() == before, "no code was redeemed for it"


@pytest.mark.parametrize(
    "query",
    ["", "state=", "state=%00", "code=x", "state=x&state=y&code=z", "error=access_denied", "%ff=%fe", "a" * 5_000],
)
async def test_a_callback_out_of_nowhere_signs_nobody_in(stage: Stage, query: str) -> None:
    reply = await stage.tab().send("GET", f"/session/callback?{query}")
    assert (reply.status, reply.header("location")) == (303, "/?session_error=state_mismatch")


async def test_an_answer_of_another_issuer_or_a_refusal_signs_nobody_in(stage: Stage) -> None:
    tab = stage.tab()
    left = await tab.send("GET", "/session/login?return_to=/in")
    callback = await tab.answered(left.header("location") or "")
    other = callback.replace("iss=https%3A%2F%2Fas.example", "iss=https%3A%2F%2Fevil.example")
    assert other != callback
    assert (await tab.send("GET", other)).header("location") == "/in?session_error=issuer_mismatch"
    assert (await tab.send("GET", callback)).header("location") == "/?session_error=state_mismatch", "used up"
    left = await tab.send("GET", "/session/login?return_to=/in?a=b")
    state = callback_state(left.header("location") or "")
    denied = f"/session/callback?error=access_denied&state={state}&iss=https%3A%2F%2Fas.example"
    assert (await tab.send("GET", denied)).header("location") == "/in?a=b&session_error=access_denied"
    assert COOKIE not in tab.cookies


async def test_a_sign_in_that_took_too_long_is_over(stage: Stage) -> None:
    tab = stage.tab()
    left = await tab.send("GET", "/session/login")
    callback = await tab.answered(left.header("location") or "")
    stage.house.clock.advance(900)
    assert (await tab.send("GET", callback)).header("location") == "/?session_error=state_mismatch"


async def test_a_login_cookie_of_another_key_is_worth_nothing(stage: Stage) -> None:
    tab = stage.tab()
    left = await tab.send("GET", "/session/login")
    callback = await tab.answered(left.header("location") or "")
    ((name, value),) = tab.cookies.items()
    tab.cookies[name] = value[:-4] + ("AAAA" if not value.endswith("AAAA") else "BBBB")
    assert (await tab.send("GET", callback)).header("location") == "/?session_error=state_mismatch"


def callback_state(location: str) -> str:
    return location.partition("&state=")[2].partition("&")[0]


async def test_a_call_during_the_sign_out_changes_nothing_about_it(stage: Stage) -> None:
    tab = await signed_in(stage)
    stage.house.clock.advance(301)
    call = asyncio.ensure_future(tab.call())
    await stage.network.at_token.wait()
    await tab.send("POST", "/session/logout", OWN)
    with contextlib.suppress(asyncio.CancelledError):
        await call
    tab.cookies[COOKIE] = tab.cookies.get(COOKIE, "")
    assert (await tab.send("GET", "/session")).status == 401
    await stage.application.aclose()
