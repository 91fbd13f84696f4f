"""A single-page application without tokens in real Chromium: signed in, asked for more, ended from elsewhere."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped] # it has no types
from playwright.sync_api import Browser, BrowserContext, Page, expect

from support.chromium import Watch
from support.dev_server import DevServer, running_dev

pytestmark = pytest.mark.browser


ASKED_UNTIL_NOBODY = """async () => {
  for (let left = 400; ; left -= 1) {
    const { status } = await fetch("/session", { cache: "no-store" });
    if (status !== 200 || left === 0) return status;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}"""


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    with running_dev(tmp_path_factory.mktemp("reading-room") / "state") as running:
        yield running


def open_room(context: BrowserContext, dev: DevServer) -> Page:
    page = context.new_page()
    page.goto(dev.report["links"]["reading_room"])
    expect(page.locator("body[data-ready]")).to_have_count(1)
    return page


def enter_password(page: Page, dev: DevServer) -> None:
    user = dev.report["users"][0]
    page.locator("#login-username").fill(user["username"])
    page.locator("#login-password").fill(user["password"])
    page.locator("#login-submit").click()


def signed_in(context: BrowserContext, dev: DevServer) -> Page:
    page = open_room(context, dev)
    page.locator("#sign-in").click()
    enter_password(page, dev)
    page.locator("#consent-allow").or_(page.locator("#signed-in")).first.wait_for()
    if page.locator("#consent-allow").count():
        page.locator("#consent-allow").click()
    expect(page.locator("#signed-in")).to_have_text("Hello, Alice")
    return page


def test_a_page_without_tokens_signs_in_and_calls_the_api(
    context: BrowserContext, dev: DevServer, watch: Watch
) -> None:
    page = signed_in(context, dev)
    expect(page.locator("#albums li")).to_have_text(["Summer by the lake", "First snow"])
    found = page.evaluate("[document.cookie, localStorage.length, sessionStorage.length]")
    assert "vk_gateway" not in found[0]
    assert found[1:] == [0, 0]
    # What the browser itself holds, seen by nobody but us: a handle, and no token.
    cookies = {cookie["name"]: cookie for cookie in context.cookies(dev.report["links"]["reading_room"])}
    session = cookies["vk_gateway_session"]
    assert (session["httpOnly"], session["sameSite"], len(session["value"])) == (True, "Strict", 43)
    assert not any("eyJ" in cookie["value"] for cookie in cookies.values())
    page.locator("#order").click()
    expect(page.locator("#log")).to_contain_text("The API took the order.")
    page.locator("#empty").click()
    expect(page.locator("#log")).to_contain_text("Set up a second factor on your account page.")
    page.reload()
    expect(page.locator("#signed-in")).to_have_text("Hello, Alice")
    # Chromium itself notes each 401; the page complains of nothing.
    assert [words for words in watch.complaints if "401 (Unauthorized)" not in words] == []
    assert page.evaluate("window.brokenPolicies") == []


# covers: BFF-07
def test_who_is_signed_out_from_elsewhere_gets_a_401_with_the_next_call(
    context: BrowserContext, browser: Browser, dev: DevServer
) -> None:
    page = signed_in(context, dev)
    elsewhere = browser.new_context()
    account = elsewhere.new_page()
    account.goto(f"{dev.issuer}/account")
    enter_password(account, dev)
    account.locator("#account-sign-out-everywhere").click()
    account.locator("#account-sign-out-everywhere").wait_for(state="detached")
    elsewhere.close()
    until_signed_out(page)


# covers: BFF-07
def test_who_an_operator_signs_out_gets_a_401_with_the_next_call(context: BrowserContext, dev: DevServer) -> None:
    page = signed_in(context, dev)
    name = dev.report["users"][0]["username"]
    command = [sys.executable, "-m", "valetkey", "revoke", "subject", name, "--state", str(dev.state)]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("VALETKEY_")}
    subprocess.run(command, check=True, capture_output=True, env=environment, timeout=60)
    until_signed_out(page)


def until_signed_out(page: Page) -> None:
    """The logout token comes by post, a moment later: then the session is gone, and a call says so."""
    assert page.evaluate(ASKED_UNTIL_NOBODY) == 401
    with page.expect_response("**/api/albums") as answered:
        page.locator("#read").click()
    assert answered.value.status == 401
    # The page does not read what the answer says, so nobody but another call may wait for it.
    said = page.evaluate("fetch('/api/albums', {headers: {'x-csrf': '1'}}).then((answer) => answer.json())")
    assert (said["error"], said["login"]) == ("sign_in_needed", "/session/login")
    expect(page.locator("#signed-out")).to_be_visible()
    expect(page.locator("#log")).to_contain_text("The session has ended elsewhere.")


def test_who_signs_out_here_is_signed_out_at_the_server_too(context: BrowserContext, dev: DevServer) -> None:
    page = signed_in(context, dev)
    page.locator("#sign-out").click()
    page.locator("#logout-confirm").click()
    here = page.locator("#signed-out:visible, #logout-continue")
    here.first.wait_for()
    if page.locator("#logout-continue").count():
        page.locator("#logout-continue").click()
    expect(page.locator("#signed-out")).to_be_visible()
    page.locator("#sign-in").click()
    expect(page.locator("#login-password")).to_be_visible()
    # Back without having signed in, the page is where it was.
    page.go_back()
    expect(page.locator("#signed-out")).to_be_visible()


# covers: BFF-03
def test_a_page_of_another_origin_gets_nothing_by_the_cookie(context: BrowserContext, dev: DevServer) -> None:
    page = signed_in(context, dev)
    room = dev.report["links"]["reading_room"].rstrip("/")
    other = context.new_page()
    other.goto(dev.report["links"]["print_shop"])
    # A page whose policy lets it ask anybody, on a port beside ours: the same site, and another origin.
    other.route(
        "**/attack", lambda route: route.fulfill(content_type="text/html", body="<!doctype html><title>x</title>")
    )
    other.goto(dev.report["links"]["print_shop"] + "attack")
    forged = f"""async () => Promise.all([
      fetch('{room}/session', {{credentials: 'include'}}),
      fetch('{room}/api/albums', {{credentials: 'include', headers: {{'x-csrf': '1'}}}}),
      fetch('{room}/session/logout', {{credentials: 'include', method: 'POST', mode: 'no-cors'}}),
      fetch('{room}/session/logout', {{credentials: 'include', method: 'POST', headers: {{'x-csrf': '1'}}}}),
    ].map((asked) => asked.then((answer) => answer.type, () => 'refused')))"""
    assert set(other.evaluate(forged)) <= {"refused", "opaque"}
    page.locator("#read").click()
    expect(page.locator("#log")).to_contain_text("The API told the albums.")


def test_without_javascript_the_page_says_that_it_needs_it(browser: Browser, dev: DevServer) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(dev.report["links"]["reading_room"])
    expect(page.locator("noscript p")).to_be_visible()
    expect(page.locator("noscript p")).to_have_text(re.compile("it needs JavaScript"))
    context.close()


def test_the_page_fits_a_narrow_screen_and_everybody_can_use_it(dev: DevServer, browser: Browser) -> None:
    # axe comes as an inline script, which the application's own policy forbids.
    context = browser.new_context(bypass_csp=True, viewport={"width": 320, "height": 640})
    for page in (open_room(context, dev), signed_in(context, dev)):
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            assert page.evaluate("document.documentElement.scrollWidth") <= 320
            results = Axe().run(page)
            assert results.violations_count == 0, results.generate_report()
    context.close()
