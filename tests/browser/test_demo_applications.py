"""A person watches the two applications: signed in once, renewed without a page, asked for more, signed out."""

import time
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped] # it has no types
from playwright.sync_api import Browser, BrowserContext, Page, expect

from support.chromium import Watch
from support.dev_server import DevServer, running_dev
from support.second_factor import Device
from valetkey.authorization_server.acr_levels import MULTI_FACTOR

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    with running_dev(tmp_path_factory.mktemp("applications") / "state") as running:
        yield running


def open_shop(context: BrowserContext, dev: DevServer) -> Page:
    page = context.new_page()
    page.goto(dev.report["links"]["print_shop"])
    return page


def open_wall(context: BrowserContext, dev: DevServer) -> Page:
    """The Album Wall, once its silent sign-in at the start has come to an end."""
    page = context.new_page()
    page.goto(dev.report["links"]["album_wall"])
    expect(page.locator("body[data-ready]")).to_have_count(1)
    return page


def sign_in(page: Page, dev: DevServer) -> None:
    page.locator("#sign-in").click()
    enter_password(page, dev)
    allow(page)


def enter_password(page: Page, dev: DevServer) -> None:
    user = dev.report["users"][0]
    page.locator("#login-username").fill(user["username"])
    page.locator("#login-password").fill(user["password"])
    page.locator("#login-submit").click()


def allow(page: Page) -> None:
    page.locator("#consent-allow").or_(page.locator("#signed-in")).first.wait_for()
    if page.locator("#consent-allow").count():
        page.locator("#consent-allow").click()


def both_signed_in(context: BrowserContext, dev: DevServer) -> tuple[Page, Page]:
    shop = open_shop(context, dev)
    sign_in(shop, dev)
    expect(shop.locator("#signed-in")).to_have_text("Hello, Alice")
    wall = open_wall(context, dev)
    if wall.locator("#sign-in").is_visible():
        # The first time it asks for consent; the password it never asks for.
        wall.locator("#sign-in").click()
        allow(wall)
    expect(wall.locator("#signed-in")).to_have_text("Hello, Alice")
    return shop, wall


def test_who_is_signed_in_at_one_application_is_signed_in_at_the_other_and_both_renew_without_a_page(
    context: BrowserContext, dev: DevServer, watch: Watch
) -> None:
    shop, wall = both_signed_in(context, dev)
    assert shop.locator("#claim-sid").inner_text() == wall.locator("#claim-sid").inner_text()
    assert shop.locator("#claim-sub").inner_text() == wall.locator("#claim-sub").inner_text()
    expect(shop.locator("#albums li")).to_have_text(["Summer by the lake", "First snow"])
    expect(wall.locator("#albums li")).to_have_text(["Summer by the lake", "First snow"])
    # And again in a new tab, without a page and without a click.
    expect(open_wall(context, dev).locator("#log")).to_contain_text("Signed in without a page.")
    shop.locator("#renew").click()
    expect(shop.locator("#log")).to_contain_text("Signed in without a page")
    wall.locator("#renew").click()
    expect(wall.locator("#log")).to_contain_text("Renewed silently.")
    assert watch.complaints == []
    for page in (shop, wall):
        assert page.evaluate("window.brokenPolicies") == []


def test_who_signs_out_at_the_server_side_application_is_signed_out_of_the_other(
    context: BrowserContext, dev: DevServer
) -> None:
    shop, wall = both_signed_in(context, dev)
    shop.locator("#sign-out").click()
    confirm_sign_out(shop)
    expect(wall.locator("#log")).to_contain_text("Signed out by a front-channel logout.")
    expect(wall.locator("#signed-out")).to_be_visible()
    expect(shop.locator("#log")).to_contain_text("signed out there too")
    expect(open_wall(context, dev).locator("#log")).to_contain_text("Not signed in: login_required.")


def test_a_link_to_the_logout_frame_that_names_no_session_signs_nobody_out(
    context: BrowserContext, dev: DevServer
) -> None:
    _, wall = both_signed_in(context, dev)
    links = dev.report["links"]
    planted = context.new_page()
    planted.goto(f"{links['album_wall'].rstrip('/')}/frontchannel-logout?iss={dev.report['issuer']}")
    wall.locator("#renew").click()
    expect(wall.locator("#log")).to_contain_text("Renewed silently.")
    expect(wall.locator("#log")).not_to_contain_text("Signed out by")


def test_who_signs_out_in_the_browser_application_is_signed_out_on_the_server_of_the_other(
    context: BrowserContext, dev: DevServer
) -> None:
    shop, wall = both_signed_in(context, dev)
    wall.locator("#sign-out").click()
    confirm_sign_out(wall)
    expect(wall.locator("#signed-out")).to_be_visible()
    # The logout token reaches the server; its page finds out by itself.
    expect(shop.locator("#log")).to_contain_text("Signed out by a logout token")
    expect(shop.locator("#signed-out")).to_be_visible()


def test_an_application_asks_for_what_is_missing_when_the_api_wants_more(
    context: BrowserContext, browser: Browser, dev: DevServer
) -> None:
    shop, wall = both_signed_in(context, dev)
    shop.locator("#order").click()
    expect(shop.locator("#log")).to_contain_text("The API took the order.")
    wall.locator("#order").click()
    expect(wall.locator("#log")).to_contain_text("The API took the order.")
    # Nobody can be asked for a second factor who has none, and nothing goes in a circle.
    for page in (shop, wall):
        page.locator("#empty").click()
        expect(page.locator("#log")).to_contain_text("Set up a second factor on your account page.")
    device = with_device(browser, dev)
    shop.locator("#empty").click()
    expect(shop.locator("#one-time-code")).to_be_visible()
    expect(shop.locator("#login-password")).to_have_count(0)
    # The code of the moment was used to set the device up: each counts once.
    shop.locator("#one-time-code").fill(device.code(int(time.time()) + 30))
    shop.locator("#one-time-code-submit").click()
    expect(shop.locator("#log")).to_contain_text("The API emptied the bin.")
    expect(shop.locator("#claim-acr")).to_have_text(MULTI_FACTOR)
    # At the other application the same session has that level already: no page is shown.
    wall.locator("#empty").click()
    expect(wall.locator("#log")).to_contain_text("The API emptied the bin.")


def with_device(browser: Browser, dev: DevServer) -> Device:
    """Set a device up in another browser: in this one the code would be proof enough."""
    page = browser.new_page()
    page.goto(f"{dev.issuer}/account")
    enter_password(page, dev)
    page.locator("#factor-current-password").fill(dev.report["users"][0]["password"])
    page.locator("#factor-begin").click()
    device = Device(page.locator("#factor-key").inner_text())
    page.locator("#factor-code").fill(device.code(int(time.time())))
    page.locator("#factor-confirm").click()
    expect(page.locator("#factor-remove")).to_be_visible()
    page.close()
    return device


def confirm_sign_out(page: Page) -> None:
    """Confirm where the server asks, and go on where a page stands in between."""
    here = page.locator("#signed-out:visible, #logout-confirm, #logout-continue")
    for _ in range(3):
        here.first.wait_for()
        if page.locator("#logout-confirm").count():
            page.locator("#logout-confirm").click()
        elif page.locator("#logout-continue").count():
            page.locator("#logout-continue").click()
        else:
            return


def test_the_applications_fit_a_narrow_screen_and_everybody_can_use_them(dev: DevServer, browser: Browser) -> None:
    # axe comes as an inline script, which the applications' own policy forbids.
    context = browser.new_context(bypass_csp=True, viewport={"width": 320, "height": 640})
    for page in both_signed_in(context, dev):
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            assert page.evaluate("document.documentElement.scrollWidth") <= 320
            results = Axe().run(page)
            assert results.violations_count == 0, results.generate_report()
    context.close()
