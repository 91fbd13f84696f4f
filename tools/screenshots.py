"""Takes the screenshots of the pages with real Chromium.

`python tools/screenshots.py` writes the images that the documentation shows to `docs/images`;
`python tools/screenshots.py --all DIR` writes each page in both schemes, both languages and two widths.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from support.chromium import chromium  # noqa: E402 - tests is no package of the house
from support.page_server import page_server  # noqa: E402 - as above
from support.sample_pages import SAMPLE_TOKEN, SAMPLES  # noqa: E402 - as above

PHONE, DESK = 360, 1440


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture of a page; `height` crops it to a window, None shows the whole page."""

    page: str
    scheme: str = "light"
    width: int = DESK
    height: int | None = None
    language: str = "en"
    typed: tuple[tuple[str, str], ...] = ()
    """What a person types before the picture is taken: into which element, and what."""

    @property
    def name(self) -> str:
        """The file name without its suffix."""
        return f"{self.page}-{self.scheme}-{self.width}-{self.language}"


_WINDOW = 860
DOCS: dict[str, Shot] = {
    "login": Shot("login", width=960, height=720),
    "login-dark": Shot("login", "dark", 960, 720),
    "login-phone": Shot("login-wrong", width=PHONE, height=720),
    "login-de": Shot("login", width=960, height=720, language="de"),
    "select-account": Shot("select-account", width=960, height=720),
    "one-time-code": Shot("one-time-code", width=960, height=760),
    "consent": Shot("consent", width=960, height=_WINDOW),
    "consent-dark": Shot("consent", "dark", 960, _WINDOW),
    "device-code": Shot("device-link", width=960, height=760),
    "device-answer": Shot("device-answer", width=960, height=_WINDOW + 40),
    "error": Shot("error", width=960, height=720),
    "sign-out": Shot("sign-out", width=960, height=600),
    "signed-out": Shot("signed-out", width=960, height=600),
    "account": Shot("account", width=1100),
    "account-dark": Shot("account", "dark", 1100),
    "account-phone": Shot("account-wrong", width=PHONE, height=1200),
    "dev-home": Shot("home", width=1100),
    "demo-callback": Shot("callback", width=960),
    "token-debugger": Shot("jwt", width=1200, typed=(("#decode-token", SAMPLE_TOKEN),)),
    "token-debugger-dark": Shot("jwt", "dark", 1200, typed=(("#decode-token", SAMPLE_TOKEN),)),
}


def every_shot() -> dict[str, Shot]:
    """Return each sample page in each scheme, language and width."""
    shots = (
        Shot(page, scheme, width, None, language)
        for page in SAMPLES
        for scheme in ("light", "dark")
        for width in (PHONE, DESK)
        for language in ("en", "de")
    )
    return {shot.name: shot for shot in shots}


def take(shots: dict[str, Shot], folder: Path) -> None:
    """Write each shot to `folder` under its name."""
    folder.mkdir(parents=True, exist_ok=True)
    with page_server(SAMPLES) as origin, chromium() as browser:
        for name, shot in shots.items():
            page = browser.new_page(
                viewport={"width": shot.width, "height": shot.height or _WINDOW},
                color_scheme="dark" if shot.scheme == "dark" else "light",
                device_scale_factor=2 if shot.width == PHONE else 1.25,
                reduced_motion="reduce",
            )
            page.goto(f"{origin}/{shot.page}?lang={shot.language}", wait_until="networkidle")
            for element, text in shot.typed:
                page.locator(element).fill(text)
                page.wait_for_selector("#decode-result", state="visible")
            page.screenshot(path=folder / f"{name}.png", full_page=shot.height is None, caret="hide")
            page.close()
            print(folder / f"{name}.png")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--all"]:
        take(every_shot(), Path(sys.argv[2]))
    else:
        take(DOCS, ROOT / "docs" / "images")
