"""How tokens are shown: nothing of them reaches a terminal as a control character."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click

from valetkey.cli.output import say
from valetkey.jose.encoding import numeric_date

if TYPE_CHECKING:
    from collections.abc import Mapping

    from valetkey.jose.lints import Finding

_TIMES: Final = ("iat", "nbf", "exp", "auth_time", "updated_at")
_MEMBER: Final = re.compile(r'^( *)("(?:[^"\\]|\\.)*")(: )', re.MULTILINE)
_COLOURS: Final = {"error": "red", "warning": "yellow", "note": "blue"}
_UNITS: Final = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


def printable(text: str) -> str:
    r"""Return `text` with everything that a terminal could act on, or that is invisible, written as \uXXXX."""
    return "".join(one if one.isprintable() or one == "\n" else _escaped(one) for one in text)


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[place : place + 2].hex()}" for place in range(0, len(units), 2))


def json_text(value: object) -> str:
    """Return `value` as JSON for people: indented, and safe for a terminal."""
    return printable(json.dumps(value, indent=2, ensure_ascii=False, default=dict))


def show_document(value: object) -> None:
    """Print one JSON document for a script."""
    click.echo(json_text(value))


def show_object(title: str, members: Mapping[str, object]) -> None:
    """Print a JSON object under its title."""
    say(click.style(title, bold=True))
    say(_MEMBER.sub(lambda found: found[1] + click.style(found[2], fg="cyan") + found[3], json_text(members)))


def show_times(claims: Mapping[str, object], now: int) -> None:
    """Print the times among the claims as dates, and how far away they are."""
    lines = [f"  {name}  {_date(claims[name], now)}" for name in _TIMES if name in claims]
    if lines:
        say(click.style("times", bold=True))
        say("\n".join(lines))


def show_findings(findings: tuple[Finding, ...]) -> None:
    """Print what was found, the gravest first, and how much of each."""
    for finding in findings:
        head = click.style(f"{finding.severity}: {finding.code}", fg=_COLOURS[finding.severity], bold=True)
        say(head + (f" ({printable(finding.detail)})" if finding.detail else ""))
        say(f"    {finding.sentence}")
    counts = {severity: sum(one.severity == severity for one in findings) for severity in _COLOURS}
    words = [f"{count} {name}{'' if count == 1 else 's'}" for name, count in counts.items() if count]
    say(", ".join(words) or "Nothing was found.")


def findings_document(findings: tuple[Finding, ...]) -> list[dict[str, str]]:
    """Return the findings for a script."""
    return [
        {"code": one.code, "severity": one.severity.value, "sentence": one.sentence, "detail": one.detail}
        for one in findings
    ]


def _date(value: object, now: int) -> str:
    time = numeric_date(value)
    if time is None:
        return "is no NumericDate"
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M:%SZ}  ({relative(time, now)})"


def relative(time: float, now: int) -> str:
    """Return how far `time` is from `now`, both in seconds, in words."""
    distance = abs(int(time - now))
    if distance == 0:
        return "now"
    unit, length = next((unit, length) for unit, length in _UNITS if distance >= length)
    words = f"{distance // length} {unit}{'' if distance // length == 1 else 's'}"
    return f"in {words}" if time > now else f"{words} ago"
