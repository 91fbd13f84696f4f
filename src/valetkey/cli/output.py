"""How commands speak: tables and lines for people, JSON for scripts; colour only on a terminal."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from valetkey.administration.views import View

_WIDEST: Final = 60
_TIMES: Final = frozenset(
    {
        "activated_at",
        "created_at",
        "due_at",
        "expires_at",
        "kept_until",
        "last_used_at",
        "registered_at",
        "retired_at",
        "updated_at",
    }
)


def show_json(value: object) -> None:
    """Print one JSON document, indented for whoever looks."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def show_table(views: Sequence[View], columns: Sequence[str], nothing: str) -> None:
    """Print a table of some members, or `nothing` where there are no rows."""
    if not views:
        click.echo(nothing)
        return
    rows = [[_cut(_words(name, view[name])) for name in columns] for view in views]
    heads = [name.replace("_", " ").upper() for name in columns]
    widths = [max(len(row[place]) for row in (heads, *rows)) for place in range(len(columns))]
    click.secho(_line(heads, widths), bold=True, color=_colour())
    for view, row in zip(views, rows, strict=True):
        click.secho(_line(row, widths), dim=view.get("disabled") is True, color=_colour())


def show_record(view: View) -> None:
    """Print one thing, a member a line."""
    width = max(len(name) for name in view)
    for name, value in view.items():
        words = _words(name, value)
        click.echo(click.style(name.replace("_", " ").ljust(width), dim=True) + "  " + words, color=_colour())


def show_secret(name: str, secret: str, kept: str = "only as a digest") -> None:
    """Print a secret that was drawn just now and can never be shown again."""
    click.echo(f"{name}: {click.style(secret, bold=True)}", color=_colour())
    click.echo(f"It is shown this once and kept {kept}: store it now.", err=True)


def say(line: str) -> None:
    """Print one line for a person."""
    click.echo(line, color=_colour())


def say_refused(lines: Iterable[str]) -> None:
    """Print why nothing was done on stderr, a line each."""
    for line in lines:
        click.echo(f"valetkey: {line}", err=True)


def say_faults(lines: Iterable[str]) -> None:
    """Print what is wrong with a configuration on stderr, a line each, which starts with its place."""
    for line in lines:
        click.echo(line, err=True)


def _colour() -> bool | None:
    # None lets click strip colour where the output is no terminal.
    return False if "NO_COLOR" in os.environ or not sys.stdout.isatty() else None


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _cut(words: str) -> str:
    return words if len(words) <= _WIDEST else words[: _WIDEST - 1] + "…"


def _words(name: str, value: object) -> str:
    if value is None or value in ("", [], {}):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and name in _TIMES:
        return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    if isinstance(value, list):
        return ", ".join(_words(name, each) for each in value)
    if isinstance(value, dict):
        return _members(value)
    return str(value)


def _members(value: Mapping[str, object]) -> str:
    return "; ".join(f"{name}: {_words(name, each)}" for name, each in value.items())
