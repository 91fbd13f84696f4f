"""Real Chromium, and what a page did in it: where it asked, which policy it broke, what it complained of."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Request, sync_playwright

from support.require import require

FLAGS = (
    "--no-sandbox",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
)
_LISTEN = """
window.brokenPolicies = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.brokenPolicies.push(event.violatedDirective + " " + event.blockedURI));
"""


@contextmanager
def chromium(*flags: str) -> Iterator[Browser]:
    """Start Chromium, with further `flags`, for as long as the block lasts."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=require("chromium"), args=[*FLAGS, *flags])
        try:
            yield browser
        finally:
            browser.close()


class Watch:
    """What happened in a browser context since it was watched."""

    def __init__(self) -> None:
        self.origins: set[str] = set()
        self.complaints: list[str] = []

    def on_request(self, request: Request) -> None:
        """Remember the origin of a request."""
        parts = urlsplit(request.url)
        self.origins.add(f"{parts.scheme}://{parts.netloc}")

    def on_console(self, message: ConsoleMessage) -> None:
        """Remember what the page or the browser complained of."""
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)


def watched(context: BrowserContext) -> Watch:
    """Watch every page of a context; pages collect broken policies in `window.brokenPolicies`."""
    watch = Watch()
    context.on("request", watch.on_request)
    context.on("console", watch.on_console)
    context.add_init_script(_LISTEN)
    return watch
