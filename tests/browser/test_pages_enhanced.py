"""What the pages' one script adds, and that nothing is missing without it."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Route, expect

from support.chromium import Watch
from support.page_server import page_server
from support.sample_pages import LOGIN, SAMPLES
from valetkey.authorization_server import pages

pytestmark = pytest.mark.browser

# A page whose form waits for its answer cannot be asked, but it can tell.
TELL = """
new MutationObserver((changes) => changes.forEach(({target}) =>
  target.ariaBusy && console.log(`busy ${target.id} ${target.textContent}`)
)).observe(document, {subtree: true, attributeFilter: ["aria-busy"]});
window.addEventListener("submit", (event) => event.defaultPrevented && console.log("stopped"));
"""


@contextmanager
def login_that_ends_at(target: str, redirect_source: str | None) -> Iterator[str]:
    """Serve a sign-in page whose form is answered by a redirect to `target`."""
    form = replace(LOGIN.form, action=f"/go?to={target}", redirect_source=redirect_source)
    with page_server({"login": pages.Page(replace(LOGIN, form=form))}) as served:
        yield served


def held_at(page: Page, url: str) -> list[Route]:
    """Let requests to `url` wait until the test answers them."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(url, hold)
    return held


def is_told(start: str) -> Callable[[ConsoleMessage], bool]:
    return lambda message: message.text.startswith(start)


def fill(page: Page) -> None:
    page.locator("#login-username").fill("alice")
    page.locator("#login-password").fill("correct horse")


def test_without_javascript_a_person_signs_in_and_answers(browser: Browser, origin: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{origin}/login")
    expect(page.locator("[data-reveal]")).to_be_hidden()
    fill(page)
    page.locator("#login-submit").click()
    expect(page.locator("body")).to_contain_text(
        "interaction=sample-interaction&csrf=sample-token&username=alice&password=correct+horse"
    )
    page.goto(f"{origin}/consent")
    page.locator("#consent-deny").click()
    expect(page.locator("body")).to_contain_text("answer=denied")
    page.goto(f"{origin}/home")
    expect(page.locator(".copy").first).to_be_hidden()
    context.close()


def test_a_password_can_be_shown_and_is_sent_as_a_password(page: Page, origin: str) -> None:
    page.goto(f"{origin}/login")
    password, reveal = page.locator("#login-password"), page.locator("[data-reveal]")
    fill(page)
    expect(password).to_have_attribute("type", "password")
    reveal.click()
    expect(password).to_have_attribute("type", "text")
    expect(reveal).to_have_attribute("aria-pressed", "true")
    expect(reveal).to_contain_text("Hide")
    page.evaluate(
        "document.forms[0].addEventListener('submit', (event) => { event.preventDefault();"
        "document.title = document.getElementById('login-password').type; })"
    )
    page.locator("#login-submit").click()
    expect(page).to_have_title("password")


def test_a_password_may_be_pasted(page: Page, origin: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=origin)
    page.goto(f"{origin}/login")
    page.evaluate("navigator.clipboard.writeText('from a password store')")
    page.locator("#login-password").focus()
    page.keyboard.press("Control+V")
    expect(page.locator("#login-password")).to_have_value("from a password store")


def test_a_form_is_sent_once_and_says_that_it_is_under_way(page: Page, origin: str) -> None:
    page.add_init_script(TELL)
    page.goto(f"{origin}/login")
    held = held_at(page, "**/login")
    fill(page)
    with page.expect_console_message(is_told("busy login-submit Signing in")):
        page.keyboard.press("Enter")
    with page.expect_console_message(is_told("stopped")):
        page.keyboard.press("Enter")
    assert len(held) == 1
    held[0].fulfill(status=200, body="signed in", content_type="text/plain")
    expect(page.locator("body")).to_have_text("signed in")


def test_only_the_button_that_was_pressed_is_under_way(page: Page, origin: str) -> None:
    page.add_init_script(TELL)
    page.goto(f"{origin}/consent")
    held = held_at(page, "**/consent")
    with page.expect_console_message(is_told("busy")) as told:
        page.locator("#consent-deny").click(no_wait_after=True)
    assert told.value.text.startswith("busy consent-deny")
    assert "answer=denied" in (held[0].request.post_data or "")
    held[0].fulfill(status=200, body="denied", content_type="text/plain")
    expect(page.locator("body")).to_have_text("denied")


def test_a_page_that_the_back_button_brings_back_can_be_sent_again(page: Page, origin: str) -> None:
    page.goto(f"{origin}/login")
    for _ in range(2):
        fill(page)
        page.locator("#login-submit").click()
        expect(page.locator("body")).to_contain_text("username=alice")
        page.go_back()
        expect(page.locator("#login-submit")).to_have_text("Sign in")


def test_an_identifier_is_copied_exactly(page: Page, origin: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=origin)
    page.goto(f"{origin}/home")
    button = page.locator('[data-copy="home-curl-line"]')
    button.click()
    expect(button).to_have_text("Copied")
    shown = page.locator("#home-curl-line").text_content()
    assert page.evaluate("navigator.clipboard.readText()") == shown
    assert json.dumps(shown).count("\\n") == 0


# Chromium applies form-action to the redirects after a POST, so the pages must name the client's origin.
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_forms_redirect_to_the_verified_redirect_is_followed(page: Page, address: str) -> None:
    with (
        page_server(SAMPLES, address=address) as client,
        login_that_ends_at(f"{client}/callback", client) as served,
    ):
        page.goto(f"{served}/login")
        fill(page)
        page.locator("#login-submit").click()
        expect(page).to_have_url(f"{client}/callback")
        expect(page.locator("h1")).to_have_text("A code arrived")


# covers: CON-08
def test_a_forms_redirect_to_anywhere_else_is_stopped_by_the_browser(page: Page, watch: Watch) -> None:
    with (
        page_server(SAMPLES) as elsewhere,
        login_that_ends_at(f"{elsewhere}/callback", "https://prints.example") as served,
    ):
        page.goto(f"{served}/login")
        fill(page)
        page.locator("#login-submit").click()
        page.wait_for_function("window.brokenPolicies.length > 0")
        assert page.url == f"{served}/login"
        assert any("form-action" in text for text in watch.complaints)
