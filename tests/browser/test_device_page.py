"""A person with a real browser connects a device: types the code, signs in, answers, goes astray."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, Page, expect

from support.chromium import Watch, watched
from support.dev_server import DevServer, running_dev

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    with running_dev(tmp_path_factory.mktemp("device") / "state") as running:
        yield running


def start(dev: DevServer, scope: str = "openid profile albums.read") -> dict[str, Any]:
    """Return the two codes of a television."""
    form = {"client_id": "tv", "scope": scope, "resource": dev.api}
    response = httpx2.post(f"{dev.issuer}/device_authorization", data=form, trust_env=False)
    assert response.status_code == 200, response.text
    started: dict[str, Any] = response.json()
    return started


def poll(dev: DevServer, started: dict[str, Any]) -> httpx2.Response:
    form = {
        "client_id": "tv",
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "device_code": started["device_code"],
    }
    return httpx2.post(f"{dev.issuer}/token", data=form, trust_env=False)


def user(dev: DevServer) -> tuple[str, str]:
    first = dev.report["users"][0]
    return first["username"], first["password"]


def sign_in(page: Page, dev: DevServer) -> None:
    username, password = user(dev)
    page.locator("#login-username").fill(username)
    page.locator("#login-password").fill(password)
    page.locator("#login-submit").click()


def reach_the_answer(page: Page, dev: DevServer, started: dict[str, Any]) -> None:
    page.goto(started["verification_uri"])
    page.locator("#device-user-code").fill(started["user_code"])
    page.locator("#device-submit").click()
    sign_in(page, dev)
    expect(page.locator("#device-allow")).to_be_visible()


@pytest.mark.requirement("RFC8628-3.3.1/confirm", "RFC8628-5.4/possession", "RFC8628-3.3/answer")
def test_a_person_compares_the_code_of_the_link_signs_in_and_connects_the_device(
    page: Page, dev: DevServer, watch: Watch
) -> None:
    started = start(dev)
    page.goto(started["verification_uri_complete"])
    expect(page.locator("#device-user-code")).to_have_value(started["user_code"])
    expect(page.locator("#device-compare")).to_contain_text("the very same code")
    # Nothing was sent: the page waits for the person.
    assert page.url == started["verification_uri_complete"]
    page.locator("#device-submit").click()
    assert started["user_code"] not in page.url
    expect(page.locator("main")).to_contain_text("Started on another device")
    sign_in(page, dev)
    main = page.locator("main")
    for said in (user(dev)[0], "Started on another device", "See your albums", "At Demo albums it wants to"):
        expect(main).to_contain_text(said)
    expect(page.locator("#device-warning")).to_contain_text("Did you start this yourself")
    assert poll(dev, started).json()["error"] == "authorization_pending"
    page.locator("#device-allow").click()
    expect(page.locator("[data-device=allowed] h1")).to_have_text("Device connected")
    assert page.evaluate("window.brokenPolicies") == []
    assert watch.origins == {dev.issuer}
    assert watch.complaints == []
    assert {"access_token", "refresh_token", "id_token"} <= poll(dev, started).json().keys()


def test_a_person_denies_and_the_device_hears_it(page: Page, dev: DevServer) -> None:
    started = start(dev)
    reach_the_answer(page, dev, started)
    page.locator("#device-deny").click()
    expect(page.locator("[data-device=denied] h1")).to_have_text("Not connected")
    assert poll(dev, started).json()["error"] == "access_denied"


def test_everything_is_done_by_keyboard(page: Page, dev: DevServer) -> None:
    started = start(dev)
    page.goto(started["verification_uri"])
    expect(page.locator("#device-user-code")).to_be_focused()
    page.keyboard.type(started["user_code"].lower().replace("-", " "))
    page.keyboard.press("Enter")
    expect(page.locator("#login-username")).to_be_focused()
    page.keyboard.type(user(dev)[0])
    page.keyboard.press("Tab")
    page.keyboard.type(user(dev)[1])
    page.keyboard.press("Enter")
    expect(page.locator("#device-allow")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.locator("#device-allow")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("#device-deny")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator("[data-device=allowed]")).to_be_visible()


def test_without_javascript_a_person_connects_a_device(browser: Browser, dev: DevServer) -> None:
    started = start(dev)
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        reach_the_answer(page, dev, started)
        page.locator("#device-allow").click()
        expect(page.locator("[data-device=allowed]")).to_be_visible()
    assert poll(dev, started).status_code == 200


def test_a_mistyped_code_is_told_and_can_be_put_right(page: Page, dev: DevServer) -> None:
    started = start(dev)
    page.goto(started["verification_uri"])
    for typed, told in (("1234", "That is not a whole code"), ("BCDF-GHJK", "This code is not right")):
        page.locator("#device-user-code").fill(typed)
        page.locator("#device-submit").click()
        expect(page.locator("#device-problem")).to_contain_text(told)
        expect(page.locator("#device-user-code")).to_have_value(typed)
        expect(page.locator("#device-user-code")).to_be_focused()
        described = page.locator("#device-user-code").get_attribute("aria-describedby")
        assert described == "device-problem device-hint"
    page.locator("#device-user-code").fill(started["user_code"])
    page.locator("#device-submit").click()
    expect(page.locator("#login-submit")).to_be_visible()


def test_a_double_click_reload_and_the_back_button_end_where_the_first_click_did(
    page: Page, dev: DevServer
) -> None:
    started = start(dev)
    reach_the_answer(page, dev, started)
    page.reload()
    page.locator("#device-allow").dblclick()
    expect(page.locator("[data-device=allowed]")).to_be_visible()
    page.reload()
    expect(page.locator("[data-device=allowed]")).to_be_visible()
    page.go_back()
    expect(page.locator("[data-device=allowed]")).to_be_visible()
    assert poll(dev, started).status_code == 200


def test_who_guesses_too_often_is_told_how_long_to_wait(browser: Browser, dev: DevServer) -> None:
    # covers: DEV-01
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{dev.issuer}/device")
        for _ in range(10):
            page.locator("#device-user-code").fill("BCDF-GHJK")
            page.locator("#device-submit").click()
        expect(page.locator("#device-problem")).to_contain_text("This code is not right")
        page.locator("#device-user-code").fill("BCDF-GHJK")
        with page.expect_response(f"{dev.issuer}/device") as answered:
            page.locator("#device-submit").click()
        assert answered.value.status == 429
        assert int(answered.value.headers["retry-after"]) > 0
        expect(page.locator("#device-problem")).to_have_text("Too many attempts. You can try again in one minute.")


def test_a_code_that_is_over_leads_back_to_the_start(page: Page, dev: DevServer) -> None:
    started = start(dev)
    reach_the_answer(page, dev, started)
    other = dev.person()
    other.connect(started["user_code"], "device-deny")
    page.locator("#device-allow").click()
    expect(page.locator("main")).to_have_attribute("data-error", "expired_token")
    page.locator("#error-way-on").click()
    expect(page.locator("#device-submit")).to_be_visible()


def test_a_person_whose_browser_speaks_german_is_asked_in_german(browser: Browser, dev: DevServer) -> None:
    with browser.new_context(locale="de-DE") as context:
        watched(context)
        page = context.new_page()
        page.goto(start(dev)["verification_uri_complete"])
        expect(page.locator("h1")).to_have_text("Gerät verbinden")
        page.locator("#device-submit").click()
        expect(page.locator("h1")).to_have_text("Anmelden")


def test_the_home_of_the_dev_server_shows_a_line_that_starts_a_device(page: Page, dev: DevServer) -> None:
    page.goto(dev.issuer)
    expect(page.locator("#home-device-line")).to_contain_text("device_authorization")
    page.locator("#home-device-page").click()
    expect(page.locator("#device-submit")).to_be_visible()
