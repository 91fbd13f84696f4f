"""Accounts, codes and sign-ins that are asked for again, in a real browser with its back button."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Page, expect

from support.dev_server import DevServer, running_dev
from support.second_factor import Device
from valetkey.authorization_server.acr_levels import MULTI_FACTOR

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.chromium import Watch

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    with running_dev(tmp_path_factory.mktemp("proofs") / "state") as running:
        yield running


def ask(page: Page, dev: DevServer, **changes: str) -> None:
    """Send the browser to the authorization endpoint as the demo client."""
    ours = next(uri for uri in dev.client("web")["redirect_uris"] if uri.startswith(dev.issuer))
    started = replace(dev.flow("web", "openid"), redirect_uri=ours).start(os.urandom(32))
    page.goto(f"{started.url}&{urlencode(changes)}")


def sign_in(page: Page, dev: DevServer, place: int = 0) -> None:
    user = dev.report["users"][place]
    page.locator("#login-username").fill(user["username"])
    page.locator("#login-password").fill(user["password"])
    page.locator("#login-submit").click()


def allow_where_asked(page: Page) -> None:
    # The demo client began none of these requests, so it shows an error at the end of each.
    expect(page.locator("#consent-allow, [data-error]").first).to_be_visible()
    if page.locator("#consent-allow").count():
        page.locator("#consent-allow").click()
    page.wait_for_url("**/demo/callback?code=*")


def signed_in_twice(page: Page, dev: DevServer) -> None:
    for place in (0, 1):
        ask(page, dev, prompt="login")
        sign_in(page, dev, place)
        allow_where_asked(page)


# covers: LOG-06
def test_a_sign_in_that_is_asked_for_again_is_not_skipped_by_the_back_button(page: Page, dev: DevServer) -> None:
    ask(page, dev)
    sign_in(page, dev)
    allow_where_asked(page)
    ask(page, dev, prompt="login")
    expect(page.locator("#login-submit")).to_be_visible()
    waiting = page.url
    page.go_back()
    page.go_forward()
    expect(page.locator("#login-submit")).to_be_visible()
    for path in ("/authorize", "/consent", "/one-time-code", "/select-account"):
        page.goto(waiting.replace("/login", path))
        expect(page.locator("#login-submit")).to_be_visible()
    # A sign-in in another tab, however young, is not one for this request.
    other = page.context.new_page()
    ask(other, dev, prompt="login")
    sign_in(other, dev)
    allow_where_asked(other)
    page.reload()
    expect(page.locator("#login-submit")).to_be_visible()
    sign_in(page, dev)
    allow_where_asked(page)
    page.go_back()
    expect(page.locator("h1")).to_have_text("Already answered")


def test_a_person_with_two_accounts_chooses_by_keyboard_and_changes_their_mind(page: Page, dev: DevServer) -> None:
    names = [user["username"] for user in dev.report["users"][:2]]
    signed_in_twice(page, dev)
    ask(page, dev)
    expect(page.locator("h1")).to_have_text("Choose an account")
    expect(page.locator(".account-choice")).to_have_count(2)
    page.locator("#select-another-account").click()
    expect(page.locator("#login-submit")).to_be_visible()
    page.go_back()
    page.locator("#select-account-2").focus()
    page.keyboard.press("Enter")
    allow_where_asked(page)
    ask(page, dev, prompt="select_account consent")
    page.locator(".account-choice", has_text=names[1]).click()
    expect(page.locator("main")).to_contain_text(names[1])
    page.locator("#consent-another").click()
    expect(page.locator("h1")).to_have_text("Choose an account")
    page.locator(".account-choice", has_text=names[0]).click()
    expect(page.locator("main")).to_contain_text(names[0])
    assert page.evaluate("window.brokenPolicies") == []


# covers: LOG-06
@pytest.mark.parametrize("place", [0])
def test_a_device_is_set_up_and_then_only_its_code_is_asked_for(
    page: Page, dev: DevServer, watch: Watch, browser: Browser, place: int
) -> None:
    page.goto(f"{dev.issuer}/account")
    sign_in(page, dev, place)
    page.locator("#factor-current-password").fill(dev.report["users"][place]["password"])
    page.locator("#factor-begin").click()
    picture = page.locator(".qr-code")
    expect(picture).to_be_visible()
    expect(picture).to_have_js_property("complete", True)
    assert picture.evaluate("(image) => image.naturalWidth") > 0
    assert page.evaluate("window.brokenPolicies") == []
    assert watch.origins == {dev.issuer}
    device = Device(page.locator("#factor-key").inner_text())
    used = int(time.time())
    page.locator("#factor-code").fill(device.code(used))
    page.locator("#factor-confirm").click()
    expect(page.locator("#account-notice")).to_contain_text("Your device is set up.")
    assert watch.complaints == []
    # Elsewhere, without any script.
    plain = browser.new_context(java_script_enabled=False).new_page()
    ask(plain, dev, acr_values=MULTI_FACTOR)
    sign_in(plain, dev, place)
    expect(plain.locator("#one-time-code")).to_be_focused()
    waiting = plain.url
    plain.locator("#one-time-code").fill("000000")
    plain.locator("#one-time-code-submit").click()
    expect(plain.locator("#code-problem")).to_contain_text("That code is not right")
    for path in ("/authorize", "/consent", "/login"):
        plain.goto(waiting.replace("/one-time-code", path))
        expect(plain.locator("#one-time-code-submit")).to_be_visible()
    # The device is half a minute ahead, so that its code is not the one that set it up.
    plain.locator("#one-time-code").fill(device.code(max(used, int(time.time())) + 30))
    plain.locator("#one-time-code-submit").click()
    allow_where_asked(plain)
    ask(plain, dev, acr_values=MULTI_FACTOR)
    plain.wait_for_url("**/demo/callback?code=*")
    plain.context.close()
