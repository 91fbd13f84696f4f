"""The diagrams of the flows are drawn from their sources, and a source that cannot be drawn says why."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from tools import diagrams

ROOT = diagrams.ROOT
SOURCES = sorted((ROOT / diagrams.SOURCES).glob("*.txt"))


def test_every_diagram_is_drawn_as_its_source_says() -> None:
    assert SOURCES
    assert diagrams.outdated(ROOT) == []


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_what_is_said_in_a_diagram_stands_inside_of_it_and_is_told_to_who_cannot_see_it(source: object) -> None:
    name = getattr(source, "stem", "")
    svg = ET.fromstring((ROOT / diagrams.DRAWN / f"{name}.svg").read_text("utf-8"))  # noqa: S314 - our own drawing
    width = float(svg.attrib["width"])
    space = "{http://www.w3.org/2000/svg}"

    told = svg.findtext(f"{space}desc", "")
    for text in svg.iter(f"{space}text"):
        said, place = text.text or "", float(text.attrib["x"])
        half = len(said) * 6.9 / 2
        left, right = (place, place + 2 * half) if text.attrib["class"] == "own" else (place - half, place + half)
        assert left >= -4, said
        assert right <= width + 4, said
        assert text.attrib["class"] == "who" or said in told


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_every_diagram_is_shown_by_a_page(source: object) -> None:
    name = getattr(source, "stem", "")
    pages = "".join(path.read_text("utf-8") for path in (ROOT / "docs").rglob("*.md"))

    assert re.search(rf"!\[[^\]]+\]\((\.\./)?images/flows/{re.escape(name)}\.svg\)", pages)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("", "it is empty"),
        ("A | B\nA -> B", "expected WHO -> WHOM: WHAT"),
        ("A | B\nA -> C: hello", "'C' takes no part"),
        ("A | B\nC: thinks", "'C' takes no part"),
    ],
)
def test_a_source_that_cannot_be_drawn_says_why(source: str, words: str) -> None:
    with pytest.raises(diagrams.BadDiagram, match=re.escape(words)):
        diagrams.parse("x", source)


def test_what_is_said_is_text_and_never_markup() -> None:
    drawn = diagrams.draw(diagrams.parse("<x>", "A | B\nA -> B: <script> & more"))

    assert "<script>" not in drawn
    assert "&lt;script&gt; &amp; more" in drawn
