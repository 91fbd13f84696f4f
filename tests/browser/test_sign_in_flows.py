"""A person with a real browser at the real server: signs in, consents, declines, comes back, goes astray."""

import json
import shutil
import subprocess
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from support.chromium import Watch, watched
from support.dev_server import DevServer, running_dev

pytestmark = pytest.mark.browser
WRONG = "The user name or the password is not right. Try again."


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    with running_dev(tmp_path_factory.mktemp("browser") / "state") as running:
        yield running


def user(dev: DevServer) -> tuple[str, str]:
    first = dev.report["users"][0]
    return first["username"], first["password"]


def start(page: Page, dev: DevServer, prompt: str = "") -> None:
    page.goto(f"{dev.issuer}/demo/start" + (f"?prompt={prompt}" if prompt else ""))


def sign_in(page: Page, dev: DevServer) -> None:
    username, password = user(dev)
    page.locator("#login-username").fill(username)
    page.locator("#login-password").fill(password)
    page.locator("#login-submit").click()


def expect_code(page: Page) -> None:
    expect(page.locator("[data-demo-callback] h1")).to_have_text("A code arrived")


def reach_consent(page: Page, dev: DevServer) -> None:
    start(page, dev, "consent")
    sign_in(page, dev)
    expect(page.locator("#consent-allow")).to_be_visible()


def test_a_person_starts_at_home_signs_in_consents_and_the_code_is_redeemed(
    page: Page, dev: DevServer, watch: Watch
) -> None:
    page.goto(dev.issuer)
    page.get_by_role("link", name="Ask for consent again").click()
    expect(page).to_have_title("Sign in to continue to Photo Prints \N{EN DASH} Valetkey")
    sign_in(page, dev)
    expect(page.locator("main")).to_contain_text("See your albums")
    expect(page.locator("main")).to_contain_text(user(dev)[0])
    assert page.evaluate("window.brokenPolicies") == []
    page.locator("#consent-allow").click()
    expect_code(page)
    assert page.evaluate("window.brokenPolicies") == []
    assert watch.origins == {dev.issuer}
    assert watch.complaints == []
    line = page.locator("#demo-curl").text_content()
    assert line
    if shutil.which("curl") is None:
        pytest.skip("curl is missing")
    answered = subprocess.run(line, shell=True, capture_output=True, text=True, check=True)  # noqa: S602 - shown so
    assert {"access_token", "refresh_token", "id_token"} <= json.loads(answered.stdout).keys()


def test_who_allowed_a_client_before_and_is_signed_in_is_asked_nothing(page: Page, dev: DevServer) -> None:
    reach_consent(page, dev)
    page.locator("#consent-allow").click()
    expect_code(page)
    start(page, dev)
    expect_code(page)


def test_a_person_declines_and_the_client_hears_it(page: Page, dev: DevServer) -> None:
    reach_consent(page, dev)
    page.locator("#consent-deny").click()
    expect(page.locator("main")).to_have_attribute("data-error", "access_denied")
    expect(page.locator("h1")).to_have_text("No code arrived")


def test_a_mistyped_password_is_told_without_telling_whether_the_account_exists(page: Page, dev: DevServer) -> None:
    start(page, dev)
    for username in (user(dev)[0], "nobody-of-that-name"):
        page.locator("#login-username").fill(username)
        page.locator("#login-password").fill("mistyped")
        page.locator("#login-submit").click()
        expect(page.locator("#login-problem")).to_have_text(WRONG)
        expect(page.locator("#login-username")).to_have_value(username)
        expect(page.locator("#login-password")).to_have_value("")
        expect(page.locator("#login-password")).to_be_focused()
    sign_in(page, dev)
    expect(page.locator("#login-submit")).to_have_count(0)


def test_the_back_button_from_consent_does_not_ask_for_the_password_again(page: Page, dev: DevServer) -> None:
    reach_consent(page, dev)
    page.go_back()
    expect(page.locator("#consent-allow")).to_be_visible()
    page.locator("#consent-allow").click()
    expect_code(page)


def test_the_back_button_after_the_answer_ends_at_a_page_with_a_way_on(page: Page, dev: DevServer) -> None:
    reach_consent(page, dev)
    page.locator("#consent-allow").click()
    expect_code(page)
    page.go_back()
    expect(page.locator("h1")).to_have_text("Already answered")
    expect(page.locator("main")).to_contain_text("Go back to the application.")


def test_reloading_shows_the_same_question(page: Page, dev: DevServer) -> None:
    start(page, dev, "consent")
    page.reload()
    sign_in(page, dev)
    page.reload()
    page.locator("#consent-allow").click()
    expect_code(page)


# covers: CON-06
def test_a_double_click_answers_once(page: Page, dev: DevServer) -> None:
    start(page, dev, "consent")
    username, password = user(dev)
    page.locator("#login-username").fill(username)
    page.locator("#login-password").fill(password)
    page.locator("#login-submit").dblclick()
    expect(page.locator("#consent-allow")).to_be_visible()
    page.locator("#consent-allow").dblclick()
    expect_code(page)


# covers: CON-06
def test_two_tabs_each_finish_their_own_request(page: Page, dev: DevServer) -> None:
    start(page, dev, "consent")
    other = page.context.new_page()
    other.goto(page.url)
    expect(other.locator("#login-submit")).to_be_visible()
    sign_in(page, dev)
    # The session of the first tab serves the second.
    other.reload()
    expect(other.locator("#consent-allow")).to_be_visible()
    other.locator("#consent-deny").click()
    expect(other.locator("main")).to_have_attribute("data-error", "access_denied")
    page.locator("#consent-allow").click()
    expect(page.locator("h1")).to_have_text("Already answered")


def test_two_tabs_with_two_requests_do_not_mix(page: Page, dev: DevServer) -> None:
    start(page, dev, "consent")
    other = page.context.new_page()
    other.goto(f"{dev.issuer}/demo/start?prompt=consent")
    sign_in(page, dev)
    expect(page.locator("#consent-allow")).to_be_visible()
    sign_in(other, dev)
    expect(other.locator("#consent-allow")).to_be_visible()
    other.locator("#consent-allow").click()
    expect_code(other)
    # The demo client keeps one flow a browser: the first tab's answer is one that it must not trust any more.
    page.locator("#consent-deny").click()
    expect(page.locator("h1")).to_have_text("No code arrived")


def test_a_question_that_was_asked_of_another_browser_is_not_answered_here(
    browser: Browser, page: Page, dev: DevServer
) -> None:
    start(page, dev)
    with browser.new_context() as elsewhere:
        stranger = elsewhere.new_page()
        stranger.goto(page.url)
        expect(stranger.locator("h1")).to_have_text("Started somewhere else")
        expect(stranger.locator("#login-submit")).to_have_count(0)


def test_a_person_signs_out_and_is_asked_for_the_password_again(page: Page, dev: DevServer) -> None:
    reach_consent(page, dev)
    page.locator("#consent-allow").click()
    expect_code(page)
    page.goto(f"{dev.issuer}/logout")
    expect(page.locator("main")).to_contain_text(user(dev)[0])
    page.locator("#logout-confirm").click()
    expect(page.locator("[data-signed-out] h1")).to_have_text("You are signed out")
    start(page, dev)
    expect(page.locator("#login-submit")).to_be_visible()


def test_a_person_without_javascript_signs_in_and_consents(browser: Browser, dev: DevServer) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        reach_consent(page, dev)
        page.locator("#consent-allow").click()
        expect_code(page)


def test_a_person_whose_browser_speaks_german_is_asked_in_german(browser: Browser, dev: DevServer) -> None:
    with browser.new_context(locale="de-DE") as context:
        watched(context)
        page = context.new_page()
        start(page, dev)
        expect(page.locator("h1")).to_have_text("Anmelden")
        expect(page.locator("html")).to_have_attribute("lang", "de")


def test_a_wrong_address_is_answered_by_a_page_with_a_reference(page: Page, dev: DevServer) -> None:
    response = page.goto(f"{dev.issuer}/nowhere")
    assert response is not None
    assert response.status == 404
    expect(page.locator("h1")).to_have_text("Page not found")
    reference = response.headers["x-request-id"]
    expect(page.locator("main")).to_contain_text(reference)
