"""What the three layers of a configuration say, file, environment and flags, before any of it is read."""

from __future__ import annotations

import difflib
from dataclasses import field
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING

from valetkey.jose.records import dataclass
from valetkey.oauth.types import SecretText
from valetkey.settings.setting import FromFile, Setting

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Layer(IntEnum):
    """Who says it: a higher layer is believed over a lower one."""

    FILE = 1
    ENVIRONMENT = 2
    FLAG = 3


@dataclass(frozen=True, slots=True)
class Found:
    """A value as it was found: `origin` names it in a fault's line, relative paths are relative to `folder`."""

    value: object
    origin: str
    folder: Path
    layer: Layer


Values = dict[str, Found]


@dataclass(frozen=True, slots=True)
class Entry:
    """One declared thing: `origin` is what its faults' lines start with, `key` what names it ("" where nothing)."""

    origin: str
    key: str
    values: Values = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sources:
    """Everything that was found, by key, and the lines about what could not be used."""

    path: Path | None
    values: Values = field(default_factory=dict)
    entries: dict[str, list[Entry]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def put(self, values: Values, row: Setting[object], name: str, found: Found) -> None:
        """Set `row` under `name`, which is its key or that of its file; a layer that sets both is at fault."""
        for other in row.names:
            earlier = values.get(other)
            if earlier is not None and other != name and earlier.layer is found.layer:
                self.faults.append(f"{found.origin}: {earlier.origin} is set as well; expected one of the two")
                return
            values.pop(other, None)
        values[name] = found


def rows_by_name(rows: Iterable[Setting[object]]) -> Mapping[str, Setting[object]]:
    """Return each row under every key that sets it."""
    return {name: row for row in rows for name in row.names}


def text_from_outside(row: Setting[object], name: str, text: str) -> object:
    """Return the text of a variable as what `row` reads; ValueError with what is expected instead."""
    if name != row.path:
        return text
    return SecretText(text) if row.from_file is not FromFile.NO else row.kind.from_text(text)


def hint(name: str, known: Iterable[str]) -> str:
    """Return "; did you mean ...?" with the nearest of `known`: spelt alike, or right but for its table."""
    candidates = list(known)
    near = difflib.get_close_matches(name, candidates, n=1, cutoff=0.6)
    last = name.rpartition(".")[2]
    near = [candidate for candidate in candidates if candidate.rpartition(".")[2] == last] or near
    return f"; did you mean {near[0]}?" if near else ""
