"""`VALETKEY_*` variables: `__` nests, and a declared thing is reached by its key (`VALETKEY_USERS__ADA__NAME`)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from valetkey.jose.records import dataclass
from valetkey.settings.declared_table import DECLARATIONS
from valetkey.settings.setting import Setting
from valetkey.settings.sources import Found, Layer, Sources, Values, hint, rows_by_name, text_from_outside
from valetkey.settings.table import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Mapping

READ_ELSEWHERE: Final = frozenset({"VALETKEY_CONFIG", "VALETKEY_STATE", "VALETKEY_REQUIRE"})
"""Variables that are no settings: they name the file itself, or steer commands and tests."""


@dataclass(frozen=True, slots=True)
class _Place:
    row: Setting[object]
    name: str
    values: Values


def take_environment(environ: Mapping[str, str], sources: Sources) -> None:
    """Add what the variables say, over what is there; one for a thing that is not declared is unknown."""
    places = _places(sources)
    for variable in sorted(environ):
        if not variable.startswith("VALETKEY_") or variable in READ_ELSEWHERE:
            continue
        place = places.get(variable)
        if place is None:
            sources.faults.append(f"{variable}: unknown variable{_undeclared(variable) or hint(variable, places)}")
            continue
        try:
            value = text_from_outside(place.row, place.name, environ[variable])
        except ValueError as error:
            sources.faults.append(f"{variable}: expected {error}")
            continue
        sources.put(place.values, place.row, place.name, Found(value, variable, Path(), Layer.ENVIRONMENT))


def variable_of(path: str) -> str:
    """Return the variable that sets what stands at a dotted path."""
    return "VALETKEY_" + "__".join(re.sub(r"[^A-Z0-9]", "_", part.upper()) for part in path.split("."))


def _places(sources: Sources) -> dict[str, _Place]:
    places = {variable_of(name): _Place(row, name, sources.values) for name, row in rows_by_name(SETTINGS).items()}
    for table in DECLARATIONS:
        for entry in sources.entries.get(table.name, ()):
            for name, row in rows_by_name(table.rows).items():
                # A dot in the key is no nesting.
                key = entry.key.replace(".", "_")
                places[variable_of(f"{table.name}.{key}.{name}")] = _Place(row, name, entry.values)
    return places


def _undeclared(variable: str) -> str:
    for table in DECLARATIONS:
        start = variable_of(table.name) + "__"
        if variable.startswith(start):
            declared = variable.removeprefix(start).partition("__")[0]
            return f"; the file has no [[{table.name}]] with a {table.key.path} spelt {declared.lower()}"
    return ""
