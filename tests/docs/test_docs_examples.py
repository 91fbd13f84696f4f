"""Every example of every page does what the page shows, and every link leads somewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from support.documents.markdown import read_page
from support.documents.running import READ, ROOT, RUN, broken_links, faults_of

if TYPE_CHECKING:
    from pathlib import Path

PAGES: Final = {
    str(path.relative_to(ROOT)): read_page(path)
    for path in (
        *sorted(ROOT.glob("*.md")),
        *sorted(ROOT.glob("docs/**/*.md")),
        *sorted(ROOT.glob("examples/**/*.md")),
    )
}
MOST_NOT_RUN: Final = 0.25
"""The part of the examples that may carry a reason for not being run."""


@pytest.mark.parametrize("name", PAGES)
def test_the_examples_of_a_page_do_what_it_shows(name: str, tmp_path: Path) -> None:
    assert list(faults_of(PAGES[name], tmp_path)) == []


@pytest.mark.parametrize("name", PAGES)
def test_the_links_of_a_page_lead_somewhere(name: str) -> None:
    anchors = {page.path: page.anchors for page in PAGES.values()}
    assert list(broken_links(PAGES[name], anchors)) == []


def test_few_examples_are_not_run_and_each_of_those_says_why() -> None:
    blocks = [(name, block) for name, page in PAGES.items() for block in page.blocks]
    examples = [(name, block) for name, block in blocks if block.language in RUN | set(READ)]
    left_out = [(name, block, block.directive("not run")) for name, block in examples]
    reasons = [(name, block.line, reason) for name, block, reason in left_out if reason is not None]
    assert [where for where in reasons if len(str(where[2]).split()) < 4] == []
    assert len(reasons) <= len(examples) * MOST_NOT_RUN, reasons
