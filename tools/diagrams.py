"""Draws the sequence diagrams of docs/flows: each docs/diagrams/NAME.txt becomes docs/images/flows/NAME.svg.

`python tools/diagrams.py` draws them; `--check` draws nothing and exits with 1 where one is out of date.

A source names who takes part, from left to right, and then what happens, a line each:

    Browser | Client | Authorization server
    Browser -> Client: opens the page
    Client --> Browser: 303 to /authorize
    = the end-user signs in and allows
    Authorization server: stores the code
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT: Final = Path(__file__).resolve().parents[1]
SOURCES: Final = Path("docs/diagrams")
DRAWN: Final = Path("docs/images/flows")

_LETTER: Final = 6.9
"""Width of a letter, in pixels at 12 px."""
_MARGIN: Final = 16
_ROW: Final = 38
_TOP: Final = 64
_NARROWEST: Final = 110
_STYLE: Final = """
text { font: 12px ui-sans-serif, system-ui, sans-serif; fill: #1b2430; }
.who { font-weight: 600; text-anchor: middle; }
.said { text-anchor: middle; }
.own { font-style: italic; }
.part { text-anchor: middle; font-weight: 600; fill: #44505e; }
rect { fill: #eef2f7; stroke: #6b7a8c; }
.life { stroke: #b3bdc9; stroke-dasharray: 3 4; }
.asks, .answers, .mark { stroke: #2454d6; fill: none; stroke-width: 1.4; }
.answers { stroke-dasharray: 6 4; }
.rule { stroke: #b3bdc9; }
#head path { fill: #2454d6; stroke: none; }
@media (prefers-color-scheme: dark) {
text { fill: #e6ebf2; }
.part { fill: #a9b4c2; }
rect { fill: #1d2733; stroke: #8594a6; }
.life, .rule { stroke: #4a5766; }
.asks, .answers, .mark { stroke: #8fb0ff; }
#head path { fill: #8fb0ff; }
}
"""


class BadDiagram(Exception):
    """A source that cannot be drawn: the line says why."""


@dataclass(frozen=True, slots=True)
class Message:
    """One party says something to another; `is_answer` draws it dashed."""

    sender: int
    receiver: int
    text: str
    is_answer: bool


@dataclass(frozen=True, slots=True)
class Deed:
    """One party does something by itself."""

    who: int
    text: str


@dataclass(frozen=True, slots=True)
class Part:
    """A line across the diagram: what comes next."""

    text: str


Step = Message | Deed | Part


@dataclass(frozen=True, slots=True)
class Diagram:
    """Who takes part, and what happens."""

    title: str
    parties: tuple[str, ...]
    steps: tuple[Step, ...]


def parse(title: str, source: str) -> Diagram:
    """Return the diagram of a source; raises BadDiagram."""
    lines = [line.strip() for line in source.splitlines() if line.strip()]
    if not lines:
        raise BadDiagram("it is empty")
    parties = tuple(name.strip() for name in lines[0].split("|"))
    return Diagram(title, parties, tuple(_step(line, parties) for line in lines[1:]))


def _step(line: str, parties: tuple[str, ...]) -> Step:
    if line.startswith("= "):
        return Part(line.removeprefix("= "))
    head, separator, text = line.partition(": ")
    if not separator:
        raise BadDiagram(f"expected WHO -> WHOM: WHAT, found {line!r}")
    for arrow in (" --> ", " -> "):
        sender, found, receiver = head.partition(arrow)
        if found:
            return Message(_place(sender, parties), _place(receiver, parties), text, arrow == " --> ")
    return Deed(_place(head, parties), text)


def _place(name: str, parties: tuple[str, ...]) -> int:
    if name not in parties:
        raise BadDiagram(f"{name!r} takes no part: {', '.join(parties)}")
    return parties.index(name)


def draw(diagram: Diagram) -> str:
    """Return the SVG: readable in light and dark, with its whole text for who cannot see it."""
    columns = _columns(diagram)
    width = round(columns[-1] + _NARROWEST / 2 + _MARGIN + _overhang(diagram, columns))
    height = _TOP + _ROW * len(diagram.steps) + _MARGIN
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'role="img" aria-labelledby="title told">'
    )
    arrow = (
        '<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
        'orient="auto-start-reverse"><path d="M0 0 L8 4 L0 8 z"/></marker>'
    )
    levels = (_TOP + _ROW * number + 20 for number in range(len(diagram.steps)))
    steps = zip(diagram.steps, levels, strict=True)
    body = [
        opening,
        f'<title id="title">{escape(diagram.title)}</title>',
        f'<desc id="told">{escape(" ".join(_told(diagram)))}</desc>',
        f"<style>{_STYLE}</style>",
        arrow,
        *_parties(diagram, columns, height),
        *(line for step, level in steps for line in _drawn(step, columns, level, width)),
        "</svg>",
    ]
    return "\n".join(body) + "\n"


def _columns(diagram: Diagram) -> list[float]:
    """Return the middle of each party, wide enough for the longest thing said between neighbours."""
    gaps = [float(_NARROWEST)] * (len(diagram.parties) - 1)
    for left, right in pairwise(range(len(diagram.parties))):
        heads = (_width(diagram.parties[left]) + _width(diagram.parties[right])) / 2 + 40
        gaps[left] = max(gaps[left], heads)
    for step in diagram.steps:
        if isinstance(step, Message):
            first, last = sorted((step.sender, step.receiver))
            missing = _width(step.text) + 28 - sum(gaps[first:last])
            if first != last and missing > 0:
                for gap in range(first, last):
                    gaps[gap] += missing / (last - first)
        elif isinstance(step, Deed) and step.who < len(gaps):
            gaps[step.who] = max(gaps[step.who], _width(step.text) + 30)
    start = _MARGIN + max(_NARROWEST, _width(diagram.parties[0]) + 20) / 2
    return [start + sum(gaps[:number]) for number in range(len(diagram.parties))]


def _overhang(diagram: Diagram, columns: Sequence[float]) -> float:
    last = len(columns) - 1
    widest = [_width(step.text) for step in diagram.steps if isinstance(step, Deed) and step.who == last]
    heads = _width(diagram.parties[last]) / 2 - _NARROWEST / 2 + 10
    return max([0.0, heads, *(each - _NARROWEST / 2 + 20 for each in widest)])


def _width(text: str) -> float:
    return len(text) * _LETTER


def _parties(diagram: Diagram, columns: Sequence[float], height: int) -> Iterator[str]:
    for name, column in zip(diagram.parties, columns, strict=True):
        wide = max(_NARROWEST - 20, _width(name) + 20)
        yield f'<line class="life" x1="{column:.0f}" y1="46" x2="{column:.0f}" y2="{height - 8}"/>'
        yield f'<rect x="{column - wide / 2:.0f}" y="14" width="{wide:.0f}" height="32" rx="8"/>'
        yield f'<text class="who" x="{column:.0f}" y="34">{escape(name)}</text>'


def _drawn(step: Step, columns: Sequence[float], level: int, width: int) -> Iterator[str]:
    match step:
        case Part(text):
            yield f'<line class="rule" x1="{_MARGIN}" y1="{level - 16}" x2="{width - _MARGIN}" y2="{level - 16}"/>'
            yield f'<text class="part" x="{width / 2:.0f}" y="{level + 2}">{escape(text)}</text>'
        case Deed(who, text):
            yield f'<circle class="mark" cx="{columns[who]:.0f}" cy="{level - 4}" r="3"/>'
            yield f'<text class="own" x="{columns[who] + 12:.0f}" y="{level}">{escape(text)}</text>'
        case Message(sender, receiver, text, is_answer):
            start, end = columns[sender], columns[receiver]
            kind = "answers" if is_answer else "asks"
            yield (
                f'<line class="{kind}" x1="{start:.0f}" y1="{level}" x2="{end:.0f}" y2="{level}" '
                'marker-end="url(#head)"/>'
            )
            yield f'<text class="said" x="{(start + end) / 2:.0f}" y="{level - 7}">{escape(text)}</text>'


def _told(diagram: Diagram) -> Iterator[str]:
    for step in diagram.steps:
        match step:
            case Part(text):
                yield f"{text}:"
            case Deed(who, text):
                yield f"{diagram.parties[who]} {text}."
            case Message(sender, receiver, text):
                yield f"{diagram.parties[sender]} to {diagram.parties[receiver]}: {text}."


def outdated(root: Path) -> list[str]:
    """Return the names of the diagrams that are not drawn as their sources say, and of drawings without one."""
    sources = {path.stem: path for path in (root / SOURCES).glob("*.txt")}
    drawn = {path.stem: path for path in (root / DRAWN).glob("*.svg")}
    stale = [
        name for name, path in sources.items() if name not in drawn or drawn[name].read_text("utf-8") != _of(path)
    ]
    return sorted([*stale, *(drawn.keys() - sources.keys())])


def _of(path: Path) -> str:
    try:
        return draw(parse(path.stem.replace("-", " ").capitalize(), path.read_text("utf-8")))
    except BadDiagram as error:
        raise BadDiagram(f"{path.name}: {error}") from None


def main(arguments: Sequence[str]) -> int:
    """Draw what is out of date, or say with `--check` what is; return the exit code."""
    stale = outdated(ROOT)
    if "--check" in arguments:
        for name in stale:
            sys.stderr.write(f"{DRAWN / name}.svg is out of date: run `make docs`\n")
        return 1 if stale else 0
    (ROOT / DRAWN).mkdir(parents=True, exist_ok=True)
    for name in stale:
        source, target = ROOT / SOURCES / f"{name}.txt", ROOT / DRAWN / f"{name}.svg"
        if source.exists():
            target.write_text(_of(source), "utf-8")
        else:
            target.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
