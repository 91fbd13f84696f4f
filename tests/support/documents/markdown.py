"""A Markdown page as its examples: fenced blocks with what comments above them say, tables and links.

A comment on the lines above a block or a table directs how it is run; it is invisible on the page:

    <!-- not run: REASON -->        left alone; the reason is a sentence
    <!-- stage: NAME -->            (anywhere) the whole page runs where a stage of that name was set up
    <!-- file: NAME -->             the block is written to a file of that name, for the blocks below
    <!-- lines of PATH -->          not run, but its lines stand in a file of the repository, which tests run
    <!-- output -->                 what the Python block before it printed
    <!-- run column: HEAD -->       the code in this column of a table is run as Python, row by row
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^( *)(`{3,}|~{3,}) *([\w+-]*)[^`]*$")
_COMMENT = re.compile(r"^\s*<!-- *(not run|file|output|run column|lines of|stage)\b:? *(.*?) *-->\s*$")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.*?) *#*$")
_CODE_SPAN = re.compile(r"(`+)(.+?)\1")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: `line` is that of its first line of content, counted from 1."""

    language: str
    source: str
    line: int
    directives: tuple[tuple[str, str], ...]

    def directive(self, name: str) -> str | None:
        """What a comment above the block says, or None."""
        return dict(self.directives).get(name)


@dataclass(frozen=True, slots=True)
class Cell:
    """The code of one cell of a column that is run."""

    source: str
    line: int


@dataclass(frozen=True, slots=True)
class Page:
    """What a page shows and where it leads."""

    path: Path
    parts: tuple[Block | Cell, ...]
    stages: tuple[str, ...]
    links: tuple[tuple[str, int], ...]
    anchors: frozenset[str]
    faults: tuple[str, ...]

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The fenced blocks."""
        return tuple(part for part in self.parts if isinstance(part, Block))


def read_page(path: Path) -> Page:
    """The page of a file."""
    return parse_page(path, path.read_text("utf-8"))


def parse_page(path: Path, text: str) -> Page:
    """The page of a Markdown text."""
    lines = text.splitlines()
    parts: list[Block | Cell] = []
    faults: list[str] = []
    links: list[tuple[str, int]] = []
    anchors: set[str] = set()
    stages: list[str] = []
    directives: list[tuple[str, str]] = []
    place = 0
    while place < len(lines):
        line = lines[place]
        if comment := _COMMENT.match(line):
            (stages.append(comment[2]) if comment[1] == "stage" else directives.append((comment[1], comment[2])))
        elif fence := _FENCE.match(line):
            end = _end_of(lines, place, fence[2])
            source = textwrap.dedent("\n".join(lines[place + 1 : end])) + "\n"
            parts.append(Block(fence[3], source, place + 2, tuple(directives)))
            directives, place = [], end
        elif line.lstrip().startswith("|") and any(name == "run column" for name, _ in directives):
            end = next((n for n in range(place, len(lines)) if not lines[n].lstrip().startswith("|")), len(lines))
            parts += _cells(lines[place:end], place + 1, dict(directives)["run column"], faults)
            directives, place = [], end - 1
        elif line.strip():
            faults += [f"line {place + 1}: the comment {name!r} stands above no block" for name, _ in directives]
            directives = []
            if heading := _HEADING.match(line):
                anchors.add(_anchor(heading[1]))
            links += [(target, place + 1) for target in _LINK.findall(_CODE_SPAN.sub("", line))]
        place += 1
    faults += [f"the comment {name!r} stands above no block" for name, _ in directives]
    return Page(path, tuple(parts), tuple(stages), tuple(links), frozenset(anchors), tuple(faults))


def columns(text: str, head: str, below: str | None = None) -> list[Cell]:
    """The cells with code in the column called `head` of the first table that has it, and one called `below`."""
    lines = text.splitlines()
    for place, line in enumerate(lines[:-1]):
        heads = _split(line)
        if set(lines[place + 1]) <= set("|- :") and head in heads and (below is None or below in heads):
            end = next((n for n in range(place, len(lines)) if not lines[n].lstrip().startswith("|")), len(lines))
            return _cells(lines[place:end], place + 1, head, [])
    return []


def _end_of(lines: list[str], start: int, fence: str) -> int:
    for place in range(start + 1, len(lines)):
        if lines[place].strip() == fence:
            return place
    return len(lines)


def _cells(rows: list[str], line: int, head: str, faults: list[str]) -> list[Cell]:
    heads = _split(rows[0])
    if head not in heads:
        faults.append(f"line {line}: the table has no column {head!r}")
        return []
    column = heads.index(head)
    cells = []
    for number, row in enumerate(rows[2:], line + 2):
        spans = [found[1].strip() for found in _CODE_SPAN.findall(_split(row)[column])]
        if spans:
            cells.append(Cell("\n".join(spans), number))
    return cells


def _split(row: str) -> list[str]:
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", row.strip().strip("|"))]


def _anchor(heading: str) -> str:
    """The fragment that GitHub makes of a heading."""
    bare = re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower())
    return bare.strip().replace(" ", "-")
