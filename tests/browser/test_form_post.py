"""A response that is posted: a real browser brings it to the client by itself, or by a click without script."""

from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Page, expect

from support.chromium import Watch
from support.dev_server import DevServer, running_dev
from support.house import VERIFIER
from support.relying_party import Arrival, RelyingParty, relying_party
from valetkey.jose import jwt
from valetkey.oauth.pkce import challenge_of

pytestmark = pytest.mark.browser
STATE = 'a&b="c" <d> \'\u00e4\u2028+%20'


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    with running_dev(tmp_path_factory.mktemp("form-post") / "state") as running:
        yield running


@pytest.fixture(scope="module")
def client(dev: DevServer) -> Iterator[RelyingParty]:
    """A client that has everything posted to it."""
    with relying_party() as listening:
        grants = ("--grant-type", "authorization_code", "--grant-type", "implicit")
        where = ("--redirect-uri", listening.callback, "--application-type", "native", "--scope", "openid")
        dev.add_client("posted", *grants, *where, "--profile", "OPENID")
        yield listening


def request(dev: DevServer, client: RelyingParty, response_type: str = "code id_token", **changes: str) -> str:
    parameters = {
        "client_id": "posted",
        "redirect_uri": client.callback,
        "response_type": response_type,
        "response_mode": "form_post",
        "scope": "openid",
        "state": STATE,
        "nonce": "nonce-1",
        "code_challenge": challenge_of(VERIFIER),
        "code_challenge_method": "S256",
        **changes,
    }
    return f"{dev.issuer}/authorize?{urlencode(parameters)}"


def reach_consent(page: Page, dev: DevServer, url: str) -> None:
    user = dev.report["users"][0]
    page.goto(url)
    page.locator("#login-username").fill(user["username"])
    page.locator("#login-password").fill(user["password"])
    page.locator("#login-submit").click()
    expect(page.locator("#consent-allow")).to_be_visible()


def last(client: RelyingParty) -> Arrival:
    return client.arrivals[-1]


# covers: AUT-06
@pytest.mark.requirement("OAUTHFP-2/post")
@pytest.mark.requirement("OAUTHFP-2/action")
def test_a_browser_posts_the_response_by_itself_and_keeps_nothing_of_it(
    page: Page, dev: DevServer, client: RelyingParty, watch: Watch
) -> None:
    reach_consent(page, dev, request(dev, client, prompt="consent"))
    page.locator("#consent-allow").click()
    expect(page.locator("h1")).to_have_text("At the application")
    arrived = last(client)
    assert (arrived.method, arrived.target) == ("POST", "/callback")
    assert arrived.headers["content-type"] == "application/x-www-form-urlencoded"
    assert "referer" not in arrived.headers
    assert arrived.form.keys() == {"code", "id_token", "state", "iss"}
    assert (arrived.form["state"], arrived.form["iss"]) == (STATE, dev.issuer)
    claims = jwt.peek(arrived.form["id_token"]).claims
    assert (claims["aud"], claims["nonce"]) == ("posted", "nonce-1")
    assert watch.complaints == []
    assert watch.origins == {dev.issuer, client.callback.removesuffix("/callback")}
    count = len(client.arrivals)
    page.go_back()
    # The page that posted is no step of the history: nobody posts twice by going back.
    expect(page.locator("h1")).not_to_have_text("Back to the application")
    assert len(client.arrivals) == count


def test_who_has_nothing_to_answer_is_brought_straight_to_the_client(
    page: Page, dev: DevServer, client: RelyingParty
) -> None:
    reach_consent(page, dev, request(dev, client, prompt="consent"))
    page.locator("#consent-allow").click()
    expect(page.locator("h1")).to_have_text("At the application")
    page.goto(f"{dev.issuer}/")
    page.evaluate("url => { location.href = url }", request(dev, client, "code"))
    expect(page.locator("h1")).to_have_text("At the application")
    assert last(client).form.keys() == {"code", "state", "iss"}


# covers: AUT-06
def test_an_error_is_posted_too(page: Page, dev: DevServer, client: RelyingParty) -> None:
    reach_consent(page, dev, request(dev, client, prompt="consent"))
    page.locator("#consent-deny").click()
    expect(page.locator("h1")).to_have_text("At the application")
    arrived = last(client)
    assert (arrived.method, arrived.form["error"]) == ("POST", "access_denied")
    assert (arrived.form["state"], arrived.form["iss"]) == (STATE, dev.issuer)


def test_without_javascript_a_button_posts_it(browser: Browser, dev: DevServer, client: RelyingParty) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    reach_consent(page, dev, request(dev, client, prompt="consent"))
    page.locator("#consent-allow").click()
    expect(page.locator("h1")).to_have_text("Back to the application")
    expect(page.locator("main")).to_contain_text("posted")
    count = len(client.arrivals)
    page.get_by_role("button", name="Continue to localhost:").click()
    expect(page.locator("h1")).to_have_text("At the application")
    assert len(client.arrivals) == count + 1
    assert last(client).form.keys() == {"code", "id_token", "state", "iss"}
    assert last(client).form["state"] == STATE
    context.close()
