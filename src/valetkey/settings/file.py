"""The TOML file: its keys as values with their origin, and a line for each that nobody knows."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from valetkey.settings.declared_table import DECLARATIONS
from valetkey.settings.errors import SettingsError
from valetkey.settings.sources import Entry, Found, Layer, Sources, hint, rows_by_name
from valetkey.settings.table import SECTIONS, SETTINGS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from valetkey.settings.setting import DeclarationTable


def take_file(path: Path, sources: Sources) -> None:
    """Add what the file says; SettingsError where it cannot be read or is no TOML."""
    arrays = {table.name: table for table in DECLARATIONS}
    for name, value in _document(path).items():
        if name in arrays:
            sources.entries[name] = list(_entries(arrays[name], value, path, sources))
        elif name in SECTIONS and isinstance(value, dict):
            for inner, each in value.items():
                _take(f"{name}.{inner}", each, path, sources)
        elif name in SECTIONS:
            sources.faults.append(f"{path}: {name}: expected a table [{name}]")
        else:
            _take(name, value, path, sources)


def _document(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_bytes().decode())
    except OSError as error:
        reason = (error.strerror or "it is no file").lower()
        raise SettingsError((f"{path}: cannot be read: {reason} (valetkey init writes a new one)",)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError((f"{path}: expected TOML: {error}",)) from None


def _take(name: str, value: object, path: Path, sources: Sources) -> None:
    known = rows_by_name(SETTINGS)
    if name in known:
        found = Found(value, f"{path}: {name}", path.parent, Layer.FILE)
        sources.put(sources.values, known[name], name, found)
    else:
        near = hint(name, [*known, *(table.name for table in DECLARATIONS)])
        sources.faults.append(f"{path}: {name}: unknown setting{near}")


def _entries(table: DeclarationTable, value: object, path: Path, sources: Sources) -> Iterator[Entry]:
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        sources.faults.append(f"{path}: {table.name}: expected tables [[{table.name}]]")
        return
    known = rows_by_name(table.rows)
    for position, declared in enumerate(value, start=1):
        key = declared.get(table.key.path)
        key = key if isinstance(key, str) else ""
        entry = Entry(f"{path}: {table.name}[{key or position}]", key)
        for name, each in declared.items():
            origin = f"{entry.origin}.{name}"
            if name in known:
                sources.put(entry.values, known[name], name, Found(each, origin, path.parent, Layer.FILE))
            else:
                sources.faults.append(f"{origin}: unknown setting{hint(name, known)}")
        yield entry
