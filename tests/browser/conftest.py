"""One Chromium for the tests of a file, and a fresh context for each: two at once would share one event loop."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from support.chromium import Watch, chromium, watched
from support.page_server import page_server
from support.sample_pages import SAMPLES


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    """The origin of a server that shows the sample pages."""
    with page_server(SAMPLES) as served:
        yield served


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    fresh = browser.new_context()
    yield fresh
    fresh.close()


@pytest.fixture
def watch(context: BrowserContext) -> Watch:
    return watched(context)


@pytest.fixture
def page(context: BrowserContext, watch: Watch) -> Page:
    """A page whose requests and complaints are watched."""
    del watch
    return context.new_page()
