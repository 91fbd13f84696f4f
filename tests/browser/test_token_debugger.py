"""The token debugger in a real browser, as a person uses it: nothing leaves the page, nothing is kept."""

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped] # it has no types
from playwright.sync_api import Browser, BrowserContext, Page, expect

from support.chromium import Watch
from support.dev_server import DevServer, running_dev
from valetkey.jose import Jwk, JwkSet, Verifier, jwe, jwt

pytestmark = pytest.mark.browser
AXE = Axe()
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
TOO_WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
ISSUER = "https://login.example"
AUDIENCE = "https://api.example"
KEY = Jwk.generate("ES256", kid="summer")


def signed(**changes: object) -> str:
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "jti": "1", "iat": now, "exp": now + 300, **changes}
    return jwt.sign(claims, KEY, typ="JWT")


@pytest.fixture
def debugger(page: Page, origin: str) -> Page:
    """The page, loaded to the end, in a window where three panes have room."""
    page.goto(f"{origin}/jwt", wait_until="networkidle")
    expect(page.locator("#decode-token")).to_be_visible()
    return page


def decode(page: Page, text: str) -> None:
    page.locator("#decode-token").fill(text)
    expect(page.locator("#decode-result")).to_be_visible()


def verify(page: Page, token: str, key: object, **expected: str) -> None:
    page.locator("#tab-verify").click()
    page.locator("#verify-token").fill(token)
    page.locator("#verify-key").fill(key if isinstance(key, str) else json.dumps(key))
    page.locator("#verify-algorithm").select_option(expected.get("algorithm", "ES256"))
    page.locator("#verify-issuer").fill(expected.get("issuer", ISSUER))
    page.locator("#verify-audience").fill(expected.get("audience", AUDIENCE))
    page.locator("#verify-typ").fill(expected.get("typ", "JWT"))
    page.locator("#verify-submit").click()
    expect(page.locator("#verify-result")).to_be_visible()


def generate(page: Page) -> dict[str, str]:
    page.locator("#tab-generate").click()
    page.locator("#generate-submit").click()
    expect(page.locator("#generate-result")).to_be_visible()
    return {name: page.locator(f"#generate-{name}").text_content() or "" for name in ("token", "public", "private")}


def codes(page: Page) -> set[str | None]:
    return {line.get_attribute("data-code") for line in page.locator("#decode-findings .finding").all()}


def test_a_pasted_token_is_shown_in_its_three_parts_with_its_times_and_remarks(debugger: Page) -> None:
    expires_at = int(time.time()) + 7_500
    decode(debugger, f"Authorization: Bearer {signed(exp=expires_at, password='hunter2')}")
    parts = debugger.locator("#decode-parts > section")
    assert [part.get_attribute("data-part") for part in parts.all()] == ["header", "claims", "signature"]
    expect(parts.nth(0)).to_contain_text('"kid": "summer"')
    expect(parts.nth(1)).to_contain_text('"sub": "alice"')
    moment = debugger.locator("#decode-times time").first
    written = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(expires_at))
    expect(moment).to_have_attribute("datetime", written)
    expect(debugger.locator("#decode-times")).to_contain_text("in 2 hours")
    assert {"bearer_prefix", "secret_claim"} <= codes(debugger)
    expect(debugger.locator("#decode-findings .finding").first).to_contain_text("Error")
    expect(debugger.locator("#decode-findings")).to_contain_text("A claim looks like a secret")
    expect(debugger.locator("#decode-status")).to_contain_text("remarks")
    expect(debugger.locator("#pane-decode")).to_contain_text("Decoding is not verifying")


def test_duplicate_members_encrypted_tokens_and_mere_text_are_told(debugger: Page) -> None:
    decode(debugger, "eyJhbGciOiJub25lIiwiYWxnIjoiRVMyNTYifQ.eyJzdWIiOiJhIiwic3ViIjoiYiJ9.")
    expect(debugger.locator("[data-code=duplicate_member]")).to_have_count(2)
    expect(debugger.locator("[data-part=claims]")).to_contain_text('"sub": "a",\n  "sub": "b"')
    decode(debugger, "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..AAAA.AAAA.AAAA")
    expect(debugger.locator("[data-code=encrypted]")).to_be_visible()
    expect(debugger.locator("[data-part=sealed]").first).to_contain_text("Without the key")
    decode(debugger, "hello")
    expect(debugger.locator("#decode-findings")).to_contain_text("this text has 1")
    expect(debugger.locator("#decode-parts-section")).to_be_hidden()


@pytest.mark.parametrize(
    "algorithm", ["RSA-OAEP-256", "A256KW", "A128GCMKW", "dir", "ECDH-ES", "ECDH-ES+A256KW", "PBES2-HS256+A128KW"]
)
def test_an_encrypted_token_is_opened_with_its_key_and_the_one_inside_decoded(
    debugger: Page, algorithm: str
) -> None:
    key = Jwk.generate(algorithm)
    encryption = "A256GCM" if algorithm in {"dir", "A256KW"} else "A128CBC-HS256"
    decode(debugger, jwe.encrypt(signed().encode(), key, encryption=encryption, header={"cty": "JWT"}))
    debugger.locator("#decode-key").fill(json.dumps(key.as_private_dict()))
    debugger.locator("#decode-open").click()
    expect(debugger.locator("#decode-plaintext")).to_contain_text("eyJ")
    expect(debugger.locator("#decode-opened")).to_contain_text("only a signature inside of it can prove")
    debugger.locator("#decode-inside").click()
    expect(debugger.locator("#decode-token")).to_have_value(re.compile(r"^eyJ[^.]+\.[^.]+\.[^.]+$"))
    expect(debugger.locator("[data-part=claims] pre")).to_contain_text('"sub": "alice"')
    expect(debugger.locator("#decode-open-section")).to_be_hidden()


def test_a_key_that_opens_nothing_marks_its_field_and_shows_nothing(debugger: Page) -> None:
    key, other = (Jwk.generate("A256KW", kid="k") for _ in range(2))
    decode(debugger, jwe.encrypt(b"unseen", key, encryption="A256GCM"))
    for pasted, said in (
        ("", "Paste the key"),
        (json.dumps(other.as_private_dict()), "nobody can tell"),
        (json.dumps(KEY.as_private_dict()), "No private key of those"),
    ):
        debugger.locator("#decode-key").fill(pasted)
        debugger.locator("#decode-open").click()
        expect(debugger.locator("#decode-key-problem")).to_contain_text(said)
        expect(debugger.locator("#decode-key")).to_be_focused()
        expect(debugger.locator("#decode-opened")).to_be_hidden()
    debugger.locator("#decode-key").fill(json.dumps(key.as_private_dict()))
    debugger.locator("#decode-open").click()
    expect(debugger.locator("#decode-plaintext")).to_contain_text("unseen")
    expect(debugger.locator("#decode-inside")).to_be_hidden()
    # Another token is shown without what the one before held.
    decode(debugger, jwe.encrypt(b"other", other, encryption="A256GCM"))
    expect(debugger.locator("#decode-opened")).to_be_hidden()


def test_markup_in_a_token_stays_text(debugger: Page) -> None:
    decode(debugger, signed(name="<img src=x onerror=alert(1)><b>"))
    expect(debugger.locator("[data-part=claims] pre")).to_contain_text("<img src=x onerror=alert(1)><b>")
    assert debugger.locator("#decode-parts img, #decode-parts b").count() == 0


def test_a_token_of_the_toolkit_is_verified_and_the_key_named(debugger: Page) -> None:
    verify(debugger, signed(), {"keys": [Jwk.generate("RS256").as_dict(), KEY.as_dict()]})
    expect(debugger.locator("#verify-title")).to_have_text("Verified")
    expect(debugger.locator("#verify-rows")).to_contain_text("Signed by the key with the kid summer.")
    debugger.locator("#verify-audience").fill("https://other.example")
    expect(debugger.locator("#verify-result")).to_be_hidden()


@pytest.mark.parametrize(
    ("expected", "row"),
    [
        ({"issuer": "https://other.example"}, "iss_wrong"),
        ({"audience": "https://other.example"}, "aud_wrong"),
        ({"typ": "at+jwt"}, "typ_wrong"),
        ({"algorithm": "RS256"}, "algorithm_other"),
    ],
)
def test_what_is_wrong_is_said_in_words(debugger: Page, expected: dict[str, str], row: str) -> None:
    verify(debugger, signed(), KEY.as_dict(), **expected)
    expect(debugger.locator("#verify-title")).to_have_text("Not verified")
    expect(debugger.locator(f"[data-row={row}]")).to_have_attribute("data-state", "failed")


def test_a_key_that_cannot_be_read_marks_its_field(debugger: Page) -> None:
    verify(debugger, signed(), "no key at all")
    field = debugger.locator("#verify-key")
    expect(field).to_have_attribute("aria-invalid", "true")
    described = (field.get_attribute("aria-describedby") or "").split()
    assert "verify-key-problem" in described
    expect(debugger.locator("#verify-key-problem")).to_contain_text("This is no JWK")


def test_the_algorithm_is_never_taken_from_the_token(debugger: Page) -> None:
    decode(debugger, signed())
    debugger.locator("#decode-verify").click()
    expect(debugger.locator("#verify-key")).to_be_focused()
    expect(debugger.locator("#verify-algorithm")).to_have_value("")
    debugger.locator("#verify-submit").click()
    expect(debugger.locator("#verify-algorithm")).to_be_focused()
    expect(debugger.locator("#verify-algorithm-problem")).to_be_visible()


@pytest.mark.parametrize("algorithm", ["ES256", "Ed25519", "PS256", "HS256"])
def test_a_generated_token_is_believed_by_the_toolkit_and_by_the_other_pane(debugger: Page, algorithm: str) -> None:
    debugger.locator("#tab-generate").click()
    debugger.locator("#generate-algorithm").select_option(algorithm)
    made = generate(debugger)
    shown = made["private"] if algorithm == "HS256" else made["public"]
    issuer = debugger.locator("#jwt-debugger").get_attribute("data-issuer") or ""
    verifier = Verifier(issuer=issuer, audience=AUDIENCE, typ="JWT", algorithms=[algorithm])
    claims = verifier.verify(made["token"], JwkSet((Jwk.parse(shown),))).claims
    assert claims.keys() == {"iss", "sub", "aud", "iat", "exp", "jti"}
    assert "d" in json.loads(made["private"]) or algorithm == "HS256"
    assert made["public"] == "" or "d" not in json.loads(made["public"])
    debugger.locator("#generate-verify").click()
    expect(debugger.locator("#verify-submit")).to_be_focused()
    debugger.keyboard.press("Enter")
    expect(debugger.locator("#verify-title")).to_have_text("Verified")


def test_claims_that_are_no_object_mark_their_field(debugger: Page) -> None:
    debugger.locator("#tab-generate").click()
    debugger.locator("#generate-claims").fill("[1]")
    debugger.locator("#generate-submit").click()
    expect(debugger.locator("#generate-claims")).to_be_focused()
    expect(debugger.locator("#generate-claims-problem")).to_have_text("The claims are no JSON object.")
    expect(debugger.locator("#generate-result")).to_be_hidden()
    debugger.locator("#generate-fresh").click()
    expect(debugger.locator("#generate-claims-problem")).to_be_hidden()


def test_weak_choices_are_remarked(debugger: Page) -> None:
    debugger.locator("#tab-generate").click()
    debugger.locator("#generate-algorithm").select_option("HS256")
    debugger.locator("#generate-pasted").check()
    debugger.locator("#generate-key").fill("a-string-secret-at-least-256-bits-long")
    debugger.locator("#generate-typ").fill("")
    debugger.locator("#generate-claims").fill('{"sub":"alice"}')
    debugger.locator("#generate-submit").click()
    for code in ("secret_guessable", "typ_missing", "exp_missing", "aud_missing", "alg_symmetric"):
        expect(debugger.locator(f"#generate-findings [data-code={code}]").first).to_be_visible()


def test_a_token_and_a_key_are_copied_apart(debugger: Page, origin: str) -> None:
    debugger.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=origin)
    made = generate(debugger)
    for name in ("token", "public", "private"):
        debugger.locator(f'[data-copy="generate-{name}"]').click()
        expect(debugger.locator(f'[data-copy="generate-{name}"]')).to_have_text("Copied")
        assert debugger.evaluate("navigator.clipboard.readText()") == made[name]


# covers: CON-01
def test_nothing_leaves_the_page_and_nothing_is_kept(debugger: Page, watch: Watch, context: BrowserContext) -> None:
    asked: list[str] = []
    said: list[str] = []
    debugger.on("request", lambda request: asked.append(request.url))
    debugger.on("console", lambda message: said.append(message.text))
    address = debugger.url
    decode(debugger, signed(jku="https://elsewhere.example/keys"))
    opener = Jwk.generate("A256KW")
    decode(debugger, jwe.encrypt(b"unseen", opener, encryption="A256GCM"))
    debugger.locator("#decode-key").fill(json.dumps(opener.as_private_dict()))
    debugger.locator("#decode-open").click()
    expect(debugger.locator("#decode-plaintext")).to_contain_text("unseen")
    verify(debugger, signed(), KEY.as_dict())
    generate(debugger)
    assert asked == said == watch.complaints == []
    assert debugger.url == address
    assert debugger.evaluate("window.brokenPolicies") == []
    assert debugger.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
    assert context.cookies() == []
    # Even a script of the page itself could send nothing.
    refused = debugger.evaluate("fetch('/jwt').then(() => 'sent', () => 'refused')")
    assert refused == "refused"
    assert asked == []


def test_a_reload_forgets_what_was_pasted(debugger: Page) -> None:
    decode(debugger, signed())
    debugger.reload(wait_until="networkidle")
    expect(debugger.locator("#decode-token")).to_have_value("")


def test_the_panes_are_reached_with_the_keyboard_alone(debugger: Page) -> None:
    debugger.locator("#tab-decode").focus()
    for key, name in (
        ("ArrowRight", "verify"),
        ("End", "generate"),
        ("ArrowRight", "decode"),
        ("ArrowLeft", "generate"),
    ):
        debugger.keyboard.press(key)
        expect(debugger.locator(f"#tab-{name}")).to_be_focused()
        expect(debugger.locator(f"#tab-{name}")).to_have_attribute("aria-selected", "true")
        expect(debugger.locator(f"#pane-{name}")).to_be_visible()
    expect(debugger.locator("[role=tabpanel]:visible")).to_have_count(1)
    debugger.keyboard.press("Home")
    debugger.keyboard.press("Tab")
    expect(debugger.locator("#decode-token")).to_be_focused()
    debugger.keyboard.insert_text(signed())
    expect(debugger.locator("#decode-result")).to_be_visible()


def test_an_address_may_name_a_pane(page: Page, origin: str) -> None:
    page.goto(f"{origin}/jwt#verify")
    expect(page.locator("#pane-verify")).to_be_visible()


@pytest.fixture(scope="module", params=[("light", "signed"), ("dark", "signed"), ("dark", "encrypted")], ids=str)
def filled(request: pytest.FixtureRequest, browser: Browser, origin: str) -> Iterator[Page]:
    """All panes with results; axe comes as an inline script, which our own policy forbids."""
    context = browser.new_context(bypass_csp=True, color_scheme=request.param[0])
    page = context.new_page()
    page.goto(f"{origin}/jwt?lang=de", wait_until="networkidle")
    decode(page, signed(exp=1, email="alice@example.com", password="hunter2"))
    if request.param[1] == "encrypted":
        opener = Jwk.generate("A256KW")
        decode(page, jwe.encrypt(signed().encode(), opener, encryption="A256GCM"))
        page.locator("#decode-key").fill(json.dumps(opener.as_private_dict()))
        page.locator("#decode-open").click()
        expect(page.locator("#decode-inside")).to_be_visible()
    verify(page, signed(), KEY.as_private_dict(), issuer="", audience="https://other.example")
    generate(page)
    yield page
    context.close()


@pytest.mark.parametrize("name", ["decode", "verify", "generate"])
def test_axe_finds_no_violation_in_a_filled_pane(filled: Page, name: str) -> None:
    filled.locator(f"#tab-{name}").click()
    results = AXE.run(filled, options=RULES)
    assert results.violations_count == 0, results.generate_report()


@pytest.mark.parametrize("name", ["decode", "verify", "generate"])
def test_a_filled_pane_fits_every_window(filled: Page, name: str) -> None:
    filled.locator(f"#tab-{name}").click()
    for width in (320, 360, 768, 1024, 1440):
        filled.set_viewport_size({"width": width, "height": 800})
        assert filled.evaluate(TOO_WIDE) is False, width


def test_every_sentence_of_the_scripts_is_german_in_german(filled: Page) -> None:
    text = filled.locator("body").inner_text()
    assert not re.search(r"\{\w+\}|undefined|null", text.replace("json", ""))
    tables: dict[str, Any] = json.loads(filled.locator("#jwt-debugger").get_attribute("data-tables") or "")
    assert tables["words"]["judged"]["verified"] == "Geprüft"
    assert tables["lints"]["exp_past"]["sentence"] == "Das Token ist abgelaufen."


def test_without_javascript_the_page_names_the_command_line(browser: Browser, origin: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{origin}/jwt")
    expect(page.locator("#jwt-without")).to_contain_text("valetkey jwt decode")
    expect(page.locator("#jwt-debugger")).to_be_hidden()
    context.close()


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    with running_dev(tmp_path_factory.mktemp("debugger") / "state") as running:
        yield running


def test_the_home_page_of_the_dev_server_leads_to_the_debugger_which_reads_its_tokens(
    page: Page, dev: DevServer
) -> None:
    page.goto(dev.issuer)
    page.locator("#home-debugger").click()
    expect(page).to_have_url(f"{dev.issuer}/playground/jwt")
    expect(page.locator("h1")).to_have_text("Token debugger")
    made = generate(page)
    assert jwt.peek(made["token"]).claims["iss"] == dev.issuer
    assert page.evaluate("window.brokenPolicies") == []
