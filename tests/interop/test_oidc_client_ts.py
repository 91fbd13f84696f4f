"""npm oidc-client-ts in real Chromium: sign-in, UserInfo, renewal, logout, and CORS by the browser itself."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from support.dev_server import DevServer
from support.single_page import applications_at, leave, open_application

pytestmark = [pytest.mark.interop, pytest.mark.browser]

ORIGIN = "http://localhost:5173"
STRANGER = "http://localhost:5174"
PATIENCE = 30_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium for which the application is at two origins, of which one is registered."""
    with applications_at(ORIGIN, STRANGER) as started:
        yield started


@pytest.fixture
def page(browser: Browser, dev: DevServer) -> Iterator[Page]:
    """A page of the application, at its own origin, that knows the server."""
    with browser.new_context() as context:
        context.set_default_timeout(PATIENCE)
        opened = context.new_page()
        visit(opened, dev, ORIGIN)
        yield opened


def visit(page: Page, dev: DevServer, origin: str) -> None:
    settings = {
        "authority": dev.issuer,
        "client_id": "spa",
        "scope": "openid profile email offline_access albums.read",
        "resource": dev.api,
    }
    open_application(page, origin, settings)


def sign_in(page: Page, dev: DevServer, *, press: str = "consent-allow") -> None:
    """Leave for the server, fill in its pages, and come back."""
    leave(page, "app.start({prompt: 'consent'})")
    user = dev.report["users"][0]
    page.fill("#login-username", user["username"])
    page.fill("#login-password", user["password"])
    page.click("#login-submit")
    page.click(f"#{press}")
    page.wait_for_url(f"{ORIGIN}/callback?*")


def read(page: Page, url: str, **options: Any) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate("([url, options]) => app.read(url, options)", [url, options])
    return found


def test_the_application_signs_its_user_in_and_calls_the_api(page: Page, dev: DevServer) -> None:
    sign_in(page, dev)
    user = page.evaluate("app.finish()")
    assert user["profile"]["preferred_username"] == "alice"
    assert user["profile"]["email"] == "alice@example.com"
    assert "albums.read" in user["scope"].split()
    called = read(page, f"{dev.api}/albums", headers={"authorization": f"Bearer {user['access_token']}"})
    assert called["status"] == 200


def test_the_application_renews_its_tokens_without_leaving_the_page(page: Page, dev: DevServer) -> None:
    sign_in(page, dev)
    first = page.evaluate("app.finish()")
    second = page.evaluate("app.renew()")
    third = page.evaluate("app.renew()")
    assert len({user["access_token"] for user in (first, second, third)}) == 3
    assert len({user["refresh_token"] for user in (first, second, third)}) == 3
    assert third["profile"]["sub"] == first["profile"]["sub"]
    assert page.url.startswith(f"{ORIGIN}/callback")


def test_the_application_is_told_that_consent_was_declined(page: Page, dev: DevServer) -> None:
    sign_in(page, dev, press="consent-deny")
    refused = page.evaluate("app.finish().catch((error) => error.error)")
    assert refused == "access_denied"


# covers: HTP-07
def test_any_origin_reads_the_public_documents(page: Page, dev: DevServer) -> None:
    for origin in (ORIGIN, STRANGER):
        visit(page, dev, origin)
        for name in ("openid_configuration", "server_metadata", "jwks"):
            assert read(page, dev.report["links"][name])["status"] == 200


# covers: HTP-07, USR-01
def test_the_application_reads_why_userinfo_refused_it(page: Page, dev: DevServer) -> None:
    visit(page, dev, ORIGIN)
    refused = read(page, f"{dev.issuer}/userinfo", headers={"authorization": "Bearer vk_at_invented"})
    assert (refused["status"], "invalid_token" in refused["text"]) == (401, True)


# covers: HTP-07
def test_an_unregistered_origin_reads_nothing_that_a_client_is_answered(page: Page, dev: DevServer) -> None:
    sign_in(page, dev)
    token = page.evaluate("app.finish()")["access_token"]
    userinfo = f"{dev.issuer}/userinfo"
    bearer = {"authorization": f"Bearer {token}"}
    assert read(page, userinfo, headers=bearer)["status"] == 200
    visit(page, dev, STRANGER)
    assert read(page, userinfo, headers=bearer) == {"refused": "Failed to fetch"}
    form = {"content-type": "application/x-www-form-urlencoded"}
    body = "grant_type=authorization_code&client_id=spa&code=vk_ac_invented"
    assert read(page, f"{dev.issuer}/token", method="POST", headers=form, body=body) == {
        "refused": "Failed to fetch"
    }


def test_the_registered_origin_reads_why_the_token_endpoint_refuses(page: Page, dev: DevServer) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    verifier, redirect_uri = "v" * 43, "http%3A%2F%2Flocalhost%3A5173%2Fcallback"
    body = (
        f"grant_type=authorization_code&client_id=spa&code=vk_ac_{'x' * 43}"
        f"&code_verifier={verifier}&redirect_uri={redirect_uri}"
    )
    answer = read(page, f"{dev.issuer}/token", method="POST", headers=form, body=body)
    assert answer["status"] == 400
    assert "invalid_grant" in answer["text"]


# covers: HTP-07
def test_no_origin_reads_the_pages_of_the_front_channel(page: Page, dev: DevServer) -> None:
    for path in ("/authorize?client_id=spa", "/login", "/logout"):
        assert read(page, f"{dev.issuer}{path}", credentials="include") == {"refused": "Failed to fetch"}


def test_signing_out_ends_the_session_at_the_server(page: Page, dev: DevServer) -> None:
    sign_in(page, dev)
    page.evaluate("app.finish()")
    leave(page, "app.logout()")
    page.click("#logout-confirm")
    page.wait_for_selector("[data-signed-out]")
    visit(page, dev, ORIGIN)
    leave(page, "app.start({prompt: 'none'})")
    page.wait_for_url(f"{ORIGIN}/callback?*")
    assert page.evaluate("app.finish().catch((error) => error.error)") == "login_required"
