"""The pages as people with other eyes, hands and screens meet them (WCAG 2.2 AA)."""

import gettext
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped] # it has no types
from playwright.sync_api import Browser, Page, expect

from support.chromium import Watch
from support.page_server import page_server
from support.sample_pages import SAMPLES
from valetkey.ui.languages import Language, Languages
from valetkey.ui.render import Renderer

pytestmark = pytest.mark.browser
AXE = Axe()
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
RING = """(() => {
  const {outlineStyle, outlineWidth} = getComputedStyle(document.activeElement);
  return document.activeElement === document.body ? "" : `${outlineStyle} ${outlineWidth}`;
})()"""
TOO_WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def right_to_left() -> Iterator[str]:
    """The pages as a right-to-left language would have them, its sentences aside."""
    hebrew = Languages((Language("he", gettext.NullTranslations()),))
    with page_server(SAMPLES, Renderer(hebrew)) as served:
        yield served


@pytest.fixture(scope="module", params=["light", "dark"])
def open_to_axe(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    """A page in one colour scheme; axe comes as an inline script, which our own policy forbids."""
    context = browser.new_context(bypass_csp=True, color_scheme=request.param)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module")
def measured(browser: Browser) -> Iterator[Page]:
    """One page that every sample is measured in: a context of its own for each costs three times as much."""
    context = browser.new_context()
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("name", SAMPLES)
def test_axe_finds_no_violation(open_to_axe: Page, origin: str, name: str) -> None:
    open_to_axe.goto(f"{origin}/{name}?lang=de")
    results = AXE.run(open_to_axe, options=RULES)
    assert results.violations_count == 0, results.generate_report()


def test_axe_would_find_a_field_that_lost_its_label(open_to_axe: Page, origin: str) -> None:
    open_to_axe.goto(f"{origin}/login")
    open_to_axe.evaluate("document.querySelector('label').remove()")
    results = AXE.run(open_to_axe, options=RULES)
    assert {violation["id"] for violation in results.response["violations"]} >= {"label"}


@pytest.mark.parametrize("name", SAMPLES)
def test_no_page_scrolls_sideways_on_a_small_phone(measured: Page, origin: str, name: str) -> None:
    measured.set_viewport_size({"width": 320, "height": 640})
    for language in ("en", "de"):
        measured.goto(f"{origin}/{name}?lang={language}")
        assert measured.evaluate(TOO_WIDE) is False


@pytest.mark.parametrize("name", SAMPLES)
def test_no_page_breaks_when_text_is_twice_as_large(measured: Page, origin: str, name: str) -> None:
    measured.set_viewport_size({"width": 640, "height": 800})
    measured.goto(f"{origin}/{name}?lang=de")
    measured.evaluate("document.documentElement.style.fontSize = '200%'")
    assert measured.evaluate(TOO_WIDE) is False
    cut = measured.evaluate(
        "[...document.querySelectorAll('button, .button, input, h1, p, dd')].filter("
        "(e) => e.offsetParent && e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== 'inline')"
        ".map((e) => e.outerHTML)"
    )
    assert cut == []


@pytest.mark.parametrize("name", ["login-wrong", "consent-everything", "home"])
def test_a_right_to_left_language_is_laid_out_from_the_right(page: Page, right_to_left: str, name: str) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(f"{right_to_left}/{name}")
    assert page.evaluate(TOO_WIDE) is False
    mark = page.locator(".brand-mark").bounding_box()
    assert mark is not None
    assert mark["x"] > 180


def test_reveal_stands_at_the_end_of_the_field_in_either_direction(
    page: Page, origin: str, right_to_left: str
) -> None:
    for served, is_left in ((origin, False), (right_to_left, True)):
        page.goto(f"{served}/login")
        button = page.locator("[data-reveal]").bounding_box()
        field = page.locator("#login-password").bounding_box()
        assert button is not None
        assert field is not None
        assert (button["x"] < field["x"] + field["width"] / 2) is is_left


def test_forced_colours_leave_every_control_an_edge(browser: Browser, origin: str) -> None:
    context = browser.new_context(forced_colors="active")
    page = context.new_page()
    for name in ("login", "consent", "home"):
        page.goto(f"{origin}/{name}")
        edges = page.evaluate(
            "[...document.querySelectorAll('button:not(.reveal), .button, input:not([type=hidden])')]"
            ".filter((e) => e.offsetParent).map((e) => getComputedStyle(e))"
            ".map((s) => [s.borderTopStyle, s.borderTopWidth, s.borderTopColor])"
        )
        assert edges
        assert all((style, width) == ("solid", "1px") for style, width, _ in edges), edges
        assert not any(colour.startswith("rgba") and colour.endswith(", 0)") for _, _, colour in edges), edges
    context.close()


def test_controls_are_large_enough_for_a_thumb(page: Page, origin: str) -> None:
    for name in ("login", "consent", "sign-out"):
        page.goto(f"{origin}/{name}")
        for control in page.locator("button:visible, input:visible").all():
            box = control.bounding_box()
            assert box is not None
            # The reveal button lies inside of the field's border.
            assert box["height"] >= 42


def test_a_person_signs_in_with_the_keyboard_alone(page: Page, origin: str) -> None:
    page.goto(f"{origin}/login")
    expect(page.locator("#login-username")).to_be_focused()
    page.keyboard.type("alice")
    page.keyboard.press("Tab")
    page.keyboard.type("correct horse")
    page.keyboard.press("Tab")
    expect(page.locator("[data-reveal]")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("#login-submit")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("body")).to_contain_text("username=alice&password=correct+horse")


@pytest.mark.parametrize(("steps", "answer"), [(1, "allowed"), (2, "denied")])
def test_a_person_answers_with_the_keyboard_alone(page: Page, origin: str, steps: int, answer: str) -> None:
    page.goto(f"{origin}/consent")
    for _ in range(steps):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("body")).to_contain_text(f"answer={answer}")


def test_focus_is_drawn_as_a_ring_around_each_control(page: Page, origin: str) -> None:
    for name in ("login", "consent", "home"):
        page.goto(f"{origin}/{name}")
        rings = []
        for _ in range(4):
            page.keyboard.press("Tab")
            rings.append(page.evaluate(RING))
        # After the last control the browser's own come, and nothing of the page has the focus.
        rings = [ring for ring in rings if ring]
        assert len(rings) >= 2
        assert all(ring == "solid 2px" for ring in rings)


def test_who_mistyped_the_password_lands_in_its_field_and_hears_why(page: Page, origin: str) -> None:
    page.goto(f"{origin}/login-wrong")
    password = page.locator("#login-password")
    expect(password).to_be_focused()
    expect(password).to_have_accessible_description("The user name or the password is not right. Try again.")
    expect(page.locator("#login-username")).to_have_value("alice")


def test_the_outline_of_the_consent_page_reads_like_what_it_asks(page: Page, origin: str) -> None:
    page.goto(f"{origin}/consent")
    expect(page.locator("main")).to_match_aria_snapshot("""
      - main:
        - heading "Allow access?" [level=1]
        - list:
          - listitem:
            - paragraph: Photo Prints
            - paragraph: prints.example
          - listitem:
            - paragraph: alice
            - paragraph: Your account
        - heading "Photo Prints wants to" [level=2]
        - list:
          - listitem: Recognise you when you come back
          - listitem: See your name and your profile
          - listitem: See your email address
        - heading "At Photo API it wants to" [level=2]
        - list:
          - listitem: See your albums
          - listitem: Add photos to your albums
        - list:
          - listitem: It will not see your password.
          - listitem: Its access ends when you sign out.
          - listitem: If you allow it, we remember that and do not ask again for the same access.
        - button "Allow"
        - button "Not now"
    """)


def test_a_page_is_quiet(page: Page, origin: str, watch: Watch) -> None:
    for name, sample in SAMPLES.items():
        page.goto(f"{origin}/{name}")
        assert page.evaluate("window.brokenPolicies") == []
        del sample
    # An error page is a failed resource to the console; nothing else is worth a word.
    assert [text for text in watch.complaints if "the server responded with a status of" not in text] == []
    assert watch.origins == {origin}
