"""A person at the account page of the real server: a changed password ends what everybody else had."""

import os
import time
from collections.abc import Iterator
from urllib.parse import urlencode

import httpx2
import pytest
from playwright.sync_api import Browser, Page, expect

from support.chromium import Watch
from support.dev_server import DevServer, running_dev
from valetkey.authorization_server.revocation.publication import TTL

pytestmark = pytest.mark.browser
NEW = "a much longer passphrase"


@pytest.fixture
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    with running_dev(tmp_path_factory.mktemp("account") / "state") as running:
        yield running


def user(dev: DevServer) -> tuple[str, str]:
    first = dev.report["users"][0]
    return first["username"], first["password"]


def sign_in(page: Page, dev: DevServer, password: str | None = None) -> None:
    username, given = user(dev)
    page.locator("#login-username").fill(username)
    page.locator("#login-password").fill(password or given)
    page.locator("#login-submit").click()


def change_password(page: Page, current: str, new: str, again: str | None = None) -> None:
    page.locator("#account-current-password").fill(current)
    page.locator("#account-new-password").fill(new)
    page.locator("#account-new-password-again").fill(again or new)
    page.locator("#account-change-password").click()


def tokens(dev: DevServer) -> dict[str, str]:
    """Let the demo client act for the end-user while they are away, from a browser of its own."""
    flow = dev.flow("web", "openid offline_access albums.read")
    started = flow.start(os.urandom(32))
    person = dev.person()
    answer = person.authorize(f"{started.url}&prompt=consent")
    post = started.token_request(urlencode(answer))
    response = person.browser.post(post.url, content=post.body, headers=dict(post.headers))
    assert response.status_code == 200, response.text
    found: dict[str, str] = response.json()
    return found


def refresh(dev: DevServer, refresh_token: str) -> httpx2.Response:
    secret = dev.secret("web")
    assert secret is not None
    client_id = dev.client("web")["client_id"]
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    return httpx2.post(f"{dev.issuer}/token", data=form, auth=(client_id, secret.reveal()), trust_env=False)


def user_info(dev: DevServer, access_token: str) -> int:
    headers = {"authorization": f"Bearer {access_token}"}
    return httpx2.get(f"{dev.issuer}/userinfo", headers=headers, trust_env=False).status_code


def albums(dev: DevServer, access_token: str) -> int:
    """Call the demo API, which verifies tokens by itself."""
    headers = {"authorization": f"Bearer {access_token}"}
    return httpx2.get(f"{dev.api}/albums", headers=headers, trust_env=False, timeout=30).status_code


def refused_soon(dev: DevServer, access_token: str) -> bool:
    """Say whether the API refuses the token before a deadline far beyond what it keeps a status list for."""
    deadline = time.monotonic() + 4 * TTL
    while (status := albums(dev, access_token)) == 200 and time.monotonic() < deadline:
        time.sleep(0.2)
    return status == 401


# covers: REF-07, LOG-15
def test_a_changed_password_kills_every_token_and_signs_the_other_browser_out(
    browser: Browser, page: Page, dev: DevServer, watch: Watch
) -> None:
    held = tokens(dev)
    assert user_info(dev, held["access_token"]) == 200
    assert albums(dev, held["access_token"]) == 200
    with browser.new_context() as elsewhere:
        other = elsewhere.new_page()
        other.goto(f"{dev.issuer}/account")
        sign_in(other, dev)
        expect(other.locator("h1")).to_have_text("Your account")
        page.goto(dev.issuer)
        page.locator("#home-account").click()
        sign_in(page, dev)
        expect(page.locator("#sessions .row")).to_have_count(3)
        expect(page.locator("#account-withdraw")).to_be_visible()
        change_password(page, user(dev)[1], NEW)
        expect(page.locator("#account-notice")).to_contain_text("Your password is changed.")
        expect(page).to_have_title("Your password is changed \N{EN DASH} Valetkey")
        expect(page.locator("#sessions .row")).to_have_count(1)
        page.reload()
        expect(page.locator("h1")).to_have_text("Your account")
        refused = refresh(dev, held["refresh_token"])
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
        assert user_info(dev, held["access_token"]) == 401
        other.reload()
        sign_in(other, dev)
        expect(other.locator("#login-problem")).to_be_visible()
        sign_in(other, dev, NEW)
        expect(other.locator("h1")).to_have_text("Your account")
    assert refused_soon(dev, held["access_token"])
    assert page.evaluate("window.brokenPolicies") == []
    assert watch.origins == {dev.issuer}
    assert watch.complaints == []


def test_a_person_mends_what_they_mistyped_ends_a_session_withdraws_and_leaves_everywhere(
    page: Page, dev: DevServer
) -> None:
    held = tokens(dev)
    page.goto(f"{dev.issuer}/account")
    sign_in(page, dev)
    change_password(page, user(dev)[1], NEW, "another one")
    expect(page.locator("#account-problem")).to_contain_text("not the same")
    expect(page.locator("#account-new-password")).to_be_focused()
    change_password(page, "mistyped", NEW)
    expect(page.locator("#account-problem")).to_contain_text("The current password is not right.")
    expect(page.locator("#account-current-password")).to_be_focused()
    page.locator("#sessions .row").get_by_role("button", name="Sign out").first.click()
    expect(page.locator("#account-notice")).to_have_text("That browser is signed out.")
    page.locator("#account-withdraw").click()
    expect(page.locator("#account-notice")).to_contain_text("The access is withdrawn.")
    expect(page.locator("#account-withdraw")).to_have_count(0)
    assert refresh(dev, held["refresh_token"]).status_code == 400
    page.locator("#account-sign-out-everywhere").click()
    expect(page.locator("[data-signed-out] h1")).to_have_text("You are signed out")
    page.locator("#signed-out-account").click()
    expect(page.locator("h1")).to_have_text("Sign in")


def test_a_person_without_javascript_changes_their_password(browser: Browser, dev: DevServer) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{dev.issuer}/account")
        sign_in(page, dev)
        change_password(page, user(dev)[1], NEW)
        expect(page.locator("#account-notice")).to_contain_text("Your password is changed.")
