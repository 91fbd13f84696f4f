"""From what was found to typed values: every wrong one is told in a line of its own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from valetkey.jose.records import dataclass
from valetkey.settings.secrets import read_secret_file, read_text_file
from valetkey.settings.setting import FromFile, Required, Setting

if TYPE_CHECKING:
    from valetkey.oauth.types import SecretText
    from valetkey.settings.sources import Found, Values

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Readings:
    """The typed values of a table's rows."""

    _values: Mapping[str, object]

    def __getitem__(self, row: Setting[Value]) -> Value:
        # The row's own kind put the value there.
        return cast("Value", self._values[row.path])


def read(rows: Iterable[Setting[object]], values: Values, origin: str, faults: list[str]) -> Readings | None:
    """Return every row's value or default; None where one is wrong or missing, which `faults` then tells.

    `origin` is what the line of a missing one starts with.
    """
    found: dict[str, object] = {}
    for row in rows:
        try:
            found[row.path] = _one(row, values)
        except ValueError as error:
            place = next((values[name].origin for name in row.names if name in values), f"{origin}{row.path}")
            faults.append(f"{place}: {error}")
    return Readings(found) if all(row.path in found for row in rows) else None


def _one(row: Setting[object], values: Values) -> object:
    direct = values.get(row.path)
    if direct is not None:
        return _located(_parsed(row, direct.value), direct)
    in_file = values.get(row.path + "_file")
    if in_file is not None:
        return _parsed(row, _content(row, in_file))
    if isinstance(row.default, Required):
        raise ValueError(f"missing; expected {row.kind.expected}")  # noqa: TRY004 - one error type
    return row.default


def _parsed(row: Setting[object], value: object) -> object:
    try:
        return row.kind.read(value)
    except ValueError as error:
        # A secret is never shown, and neither is what stands where one should.
        shown = "" if row.from_file is not FromFile.NO else f", found {_short(value)}"
        raise ValueError(f"expected {error}{shown}") from None


def _content(row: Setting[object], found: Found) -> SecretText:
    if not isinstance(found.value, str) or not found.value:
        raise ValueError("expected the path of a file")
    path = found.folder / Path(found.value).expanduser()
    try:
        return read_secret_file(path) if row.from_file is FromFile.SECRET else read_text_file(path)
    except ValueError as error:
        raise ValueError(f"expected {error}") from None


def _located(value: object, found: Found) -> object:
    return found.folder / value.expanduser() if isinstance(value, Path) else value


def _short(value: object) -> str:
    limit = 60
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= limit else text[:limit] + "..."
