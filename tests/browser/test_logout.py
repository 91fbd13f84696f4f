"""Logout in a real browser: frames of two clients, the watched login state, the back button, and no script."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from support.chromium import Watch
from support.lines import Question
from support.logout_party import LogoutParty, logout_party
from support.production_server import PASSWORD, VERIFIER, ProductionServer, authorization_url, running_production

pytestmark = pytest.mark.browser
NAMES = ("prints", "frames")


@dataclass
class Stage:
    server: ProductionServer
    parties: dict[str, LogoutParty]
    secrets: dict[str, str]

    def sign_in(self, page: Page, name: str) -> dict[str, str]:
        """Sign in at a client, as far as pages are shown; return what it got at its redirect URI."""
        party = self.parties[name]
        page.goto(authorization_url(self.server.issuer, name, redirect_uri=party.callback, scope="openid"))
        if page.locator("#login-username").count():
            page.locator("#login-username").fill("ada")
            page.locator("#login-password").fill(PASSWORD)
            page.locator("#login-submit").click()
        expect(page.locator("h1")).to_have_text("/callback")
        return dict(parse_qsl(urlsplit(page.url).query))

    def id_token(self, name: str, code: str) -> str:
        """Redeem a code as the client does."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "code_verifier": VERIFIER,
            "redirect_uri": self.parties[name].callback,
        }
        asked = Question.form("/token", form, (name, self.secrets[name]))
        return str(self.server.ask_any(asked).document["id_token"])

    def logout_url(self, hint: str, name: str = "prints") -> str:
        """Return a logout request of a client that wants the browser back."""
        asked = {
            "id_token_hint": hint,
            "post_logout_redirect_uri": f"{self.parties[name].origin}/bye",
            "state": "state-1",
        }
        return f"{self.server.issuer}/logout?{urlencode(asked)}"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("logout")
    with (
        logout_party() as prints,
        logout_party() as frames,
        running_production(folder, environ={"VALETKEY_PROFILE": "OPENID"}) as server,
    ):
        parties = dict(zip(NAMES, (prints, frames), strict=True))
        secrets = {name: _registered(server, name, party) for name, party in parties.items()}
        yield Stage(server, parties, secrets)


def _registered(server: ProductionServer, name: str, party: LogoutParty) -> str:
    command = [
        *(sys.executable, "-m", "valetkey", "client", "add", name, "--config", str(server.config), "--json"),
        *("--redirect-uri", party.callback, "--scope", "openid", "--consent", "first_party"),
        *("--grant-type", "authorization_code", "--post-logout-redirect-uri", f"{party.origin}/bye"),
        *("--frontchannel-logout-uri", f"{party.origin}/out?of={name}", "--frontchannel-logout-session-required"),
        *("--id-token-signed-response-alg", "ES256", "--profile", "OPENID"),
    ]
    # In a process of its own: the browser's event loop runs in this one.
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    return str(said["client_secret"])


def _verdict(page: Page, stage: Stage, party: LogoutParty, message: str) -> None:
    page.goto(party.watching(f"{stage.server.issuer}/session", message))


# covers: LGO-09
@pytest.mark.requirement("OIDCFCL-2/iss-and-sid")
@pytest.mark.requirement("OIDCFCL-2/keep-query")
def test_the_frames_of_two_clients_load_and_then_the_browser_goes_on(
    page: Page, stage: Stage, watch: Watch
) -> None:
    hint = stage.id_token("prints", stage.sign_in(page, "prints")["code"])
    stage.sign_in(page, "frames")
    before = [len(party.framed) for party in stage.parties.values()]
    page.goto(stage.logout_url(hint))
    page.wait_for_url(f"{stage.parties['prints'].origin}/bye?state=state-1")
    for (name, party), count in zip(stage.parties.items(), before, strict=True):
        (told,) = party.framed[count:]
        assert told.keys() == {"of", "iss", "sid"}
        assert (told["of"], told["iss"]) == (name, stage.server.issuer)
    assert watch.complaints == []
    page.goto(f"{stage.server.issuer}/account")
    expect(page.locator("#login-username")).to_be_visible()


def test_without_javascript_a_button_leads_on_and_the_frames_load_too(browser: Browser, stage: Stage) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    hint = stage.id_token("prints", stage.sign_in(page, "prints")["code"])
    party = stage.parties["prints"]
    before = len(party.framed)
    page.goto(stage.logout_url(hint))
    expect(page.locator("[data-signed-out]")).to_be_visible()
    expect(page.locator("iframe")).to_have_count(1)
    page.locator("#signed-out-continue").click()
    page.wait_for_url(f"{party.origin}/bye?state=state-1")
    assert len(party.framed) == before + 1
    context.close()


# covers: CON-01
@pytest.mark.requirement("OIDCSM-3.2/recalculate")
def test_a_page_of_a_client_sees_in_the_frame_that_somebody_signed_out(
    context: BrowserContext, page: Page, stage: Stage
) -> None:
    told = stage.sign_in(page, "prints")["session_state"]
    _verdict(page, stage, stage.parties["prints"], f"prints {told}")
    expect(page.locator("#verdict")).to_have_text("unchanged")
    other = context.new_page()
    other.goto(f"{stage.server.issuer}/logout")
    expect(page.locator("#verdict")).to_have_text("unchanged")
    other.locator("#logout-confirm").click()
    expect(other.locator("[data-signed-out]")).to_be_visible()
    expect(page.locator("#verdict")).to_have_text("changed")


# covers: CON-01
@pytest.mark.requirement("OIDCSM-3.2/changed")
@pytest.mark.requirement("OIDCSM-3.2/unchanged")
def test_what_the_frame_says_of_a_client_is_for_its_own_origin(page: Page, stage: Stage) -> None:
    told = stage.sign_in(page, "prints")["session_state"]
    for party, message, verdict in (
        ("prints", f"prints {told}", "unchanged"),
        ("frames", f"prints {told}", "changed"),
        ("prints", f"frames {told}", "changed"),
        ("prints", told, "error"),
        ("prints", "prints no-salt", "error"),
        ("prints", "", "error"),
    ):
        _verdict(page, stage, stage.parties[party], message)
        expect(page.locator("#verdict")).to_have_text(verdict)


# covers: CON-01
@pytest.mark.requirement("OIDCSM-3.2/origin")
@pytest.mark.requirement("OIDCSM-3.2/other-origins")
def test_a_page_of_another_origin_cannot_frame_it_or_any_page_of_ours(page: Page, stage: Stage) -> None:
    told = stage.sign_in(page, "prints")["session_state"]
    with logout_party() as stranger:
        for path in ("/session", "/logout", "/account"):
            with page.expect_console_message(lambda message: "frame-ancestors" in message.text):
                page.goto(stranger.watching(f"{stage.server.issuer}{path}", f"prints {told}"))
            expect(page.locator("#verdict")).to_have_text("none")


# covers: LGO-05
def test_going_back_after_the_sign_out_shows_nothing(page: Page, stage: Stage) -> None:
    stage.sign_in(page, "prints")
    page.goto(f"{stage.server.issuer}/account")
    expect(page.locator("main")).to_contain_text("ada")
    page.goto(f"{stage.server.issuer}/logout")
    page.locator("#logout-confirm").click()
    expect(page.locator("[data-signed-out]")).to_be_visible()
    for _ in range(2):
        page.go_back()
    expect(page.locator("#login-username")).to_be_visible()
    assert "ada" not in page.content()
