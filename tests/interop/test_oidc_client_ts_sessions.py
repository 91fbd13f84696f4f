"""npm oidc-client-ts in real Chromium, between three origins: silent renewal, a watched session, and logout."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from support.production_server import PASSWORD, ProductionServer, running_production
from support.single_page import applications_at, leave, open_application

pytestmark = [pytest.mark.interop, pytest.mark.browser]

ALBUMS = "http://localhost:5173"
PRINTS = "http://localhost:5174"
NAMES = {ALBUMS: "albums", PRINTS: "prints"}
PATIENCE = 30_000
# Of the file: there an operator vouches for who is on this computer, so that nobody need be asked.
CLIENT = """
[[clients]]
client_id = "{name}"
name = "{name}"
authentication_method = "none"
consent = "first_party"
grant_types = ["authorization_code", "refresh_token"]
redirect_uris = ["{origin}/callback", "{origin}/silent"]
post_logout_redirect_uris = ["{origin}/goodbye"]
frontchannel_logout_uri = "{origin}/signed-out-elsewhere"
frontchannel_logout_session_required = true
scope = "openid profile"
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProductionServer]:
    further = "".join(CLIENT.format(name=name, origin=origin) for origin, name in NAMES.items())
    folder = tmp_path_factory.mktemp("sessions")
    with running_production(folder, environ={"VALETKEY_PROFILE": "OPENID"}, further=further) as started:
        yield started


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with applications_at(ALBUMS, PRINTS) as started:
        yield started


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    with browser.new_context() as fresh:
        fresh.set_default_timeout(PATIENCE)
        yield fresh


def opened(context: BrowserContext, server: ProductionServer, origin: str, **changes: object) -> Page:
    """Return a new tab with the application of an origin."""
    page = context.new_page()
    settings = {
        "authority": server.issuer,
        "client_id": NAMES[origin],
        "scope": "openid profile",
        "post_logout_redirect_uri": f"{origin}/goodbye",
        "checkSessionIntervalInSeconds": 1,
        "filterProtocolClaims": False,
    }
    open_application(page, origin, settings | changes)
    return page


def signed_in(page: Page, origin: str, **asked: object) -> dict[str, Any]:
    """Sign in as far as pages are shown; return what the application learns."""
    leave(page, f"app.start({json.dumps(asked)})")
    form, back = page.locator("#login-username"), f"{origin}/callback?"
    page.wait_for_function(
        "(back) => location.href.startsWith(back) || document.getElementById('login-username')", arg=back
    )
    if form.count():
        form.fill("ada")
        page.fill("#login-password", PASSWORD)
        page.click("#login-submit")
        page.wait_for_url(f"{origin}/callback?*")
    user: dict[str, Any] = page.evaluate("app.finish()")
    return user


def watching(page: Page) -> None:
    """Wait until the library watches the frame of the server."""
    expect(page.locator('iframe[src$="/session"]')).to_be_attached()


def told(page: Page, what: str) -> None:
    """Wait until the library raises an event."""
    page.wait_for_function("(what) => app.told.includes(what)", arg=what)


@pytest.mark.parametrize("by", ["a refresh token", "a frame with prompt=none"])
def test_tokens_are_renewed_while_the_page_stays(
    context: BrowserContext, server: ProductionServer, by: str
) -> None:
    page = opened(context, server, ALBUMS)
    first = signed_in(page, ALBUMS, state={"wanted": "/albums/7"})
    assert first["state"] == {"wanted": "/albums/7"}
    with page.expect_response(lambda response: response.url.startswith(f"{server.issuer}/token")) as answered:
        renewed = page.evaluate("(given) => app.renew(given)", {"forceIframeAuth": by != "a refresh token"})
    grant = "refresh_token" if by == "a refresh token" else "authorization_code"
    assert f"grant_type={grant}" in (answered.value.request.post_data or "")
    assert renewed["access_token"] != first["access_token"]
    same = ("sub", "iss", "aud", "auth_time", "sid", "preferred_username")
    assert {name: renewed["profile"][name] for name in same} == {name: first["profile"][name] for name in same}
    assert page.url.startswith(f"{ALBUMS}/callback?")


def test_a_frame_says_login_required_where_nobody_is_signed_in(
    context: BrowserContext, server: ProductionServer
) -> None:
    page = opened(context, server, ALBUMS)
    assert page.evaluate("app.renew({}).catch((error) => error.error)") == "login_required"
    assert page.evaluate("app.status().catch((error) => error.error)") == "login_required"


def test_the_status_of_the_session_names_its_end_user_and_the_state_to_watch(
    context: BrowserContext, server: ProductionServer
) -> None:
    page = opened(context, server, ALBUMS)
    user = signed_in(page, ALBUMS)
    status = page.evaluate("app.status()")
    assert status["sub"] == user["profile"]["sub"]
    assert status["session_state"]
    # The two are salted anew each time.
    assert status["session_state"] != user["session_state"]


def test_another_application_needs_no_second_sign_in_and_knows_the_same_session(
    context: BrowserContext, server: ProductionServer
) -> None:
    first = signed_in(opened(context, server, ALBUMS), ALBUMS)
    second = opened(context, server, PRINTS)
    leave(second, "app.start({prompt: 'none'})")
    second.wait_for_url(f"{PRINTS}/callback?*")
    other = second.evaluate("app.finish()")
    for name in ("sub", "sid", "auth_time"):
        assert other["profile"][name] == first["profile"][name]
    assert (first["profile"]["aud"], other["profile"]["aud"]) == ("albums", "prints")


def test_logout_leads_back_with_its_state_and_the_other_application_hears_of_it(
    context: BrowserContext, server: ProductionServer
) -> None:
    page, other = opened(context, server, ALBUMS), opened(context, server, PRINTS)
    signed_in(page, ALBUMS)
    signed_in(other, PRINTS)
    assert other.evaluate("app.user()") is not None
    leave(page, "app.logout({state: {last: '/albums/7'}})")
    page.wait_for_url(f"{ALBUMS}/goodbye?state=*")
    assert page.evaluate("app.finishLogout()")["userState"] == {"last": "/albums/7"}
    assert page.evaluate("app.user()") is None
    # By the frame in the signed-out page, in another tab.
    other.wait_for_function("async () => (await app.user()) === null")
    assert other.evaluate("app.renew({forceIframeAuth: true}).catch((error) => error.error)") == "login_required"


def test_a_watching_application_sees_a_logout_that_it_did_not_ask_for(
    context: BrowserContext, server: ProductionServer
) -> None:
    page = opened(context, server, ALBUMS, monitorSession=True)
    signed_in(page, ALBUMS)
    watching(page)
    away = context.new_page()
    away.goto(f"{server.issuer}/logout")
    away.click("#logout-confirm")
    away.wait_for_selector("[data-signed-out]")
    told(page, "signed out")


def test_a_watching_application_sees_that_its_end_user_signed_in_anew(
    context: BrowserContext, server: ProductionServer
) -> None:
    page = opened(context, server, ALBUMS, monitorSession=True)
    first = signed_in(page, ALBUMS)
    watching(page)
    away = opened(context, server, PRINTS)
    leave(away, "app.start({prompt: 'login'})")
    away.fill("#login-password", PASSWORD)
    if away.locator("#login-username").is_editable():
        away.fill("#login-username", "ada")
    away.click("#login-submit")
    away.wait_for_url(f"{PRINTS}/callback?*")
    told(page, "session changed")
    renewed = page.evaluate("app.renew({forceIframeAuth: true})")
    assert renewed["profile"]["sub"] == first["profile"]["sub"]
    assert renewed["profile"]["auth_time"] >= first["profile"]["auth_time"]
