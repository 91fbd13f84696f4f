"""The file of a guard or a gateway: TOML, its tables told apart, and the secrets that it names beside it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Final

from valetkey.jose.records import dataclass
from valetkey.settings.errors import SettingsError
from valetkey.settings.secrets import is_open_to_others

GATEWAY: Final = "gateway"
SESSION: Final = "session"
SERVING: Final = "serving"
SIGNALS: Final = "signals"
_PATHS: Final = frozenset({"client_secret_file", "key_file", "database", "valkey_url_file"})
_LARGEST: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class FolderSecrets:
    """Reads the files that stand beside the file which names them."""

    folder: Path

    def read(self, name: str) -> bytes:
        """Return a file's content without the white space around it; raises OSError, ValueError for a bad one."""
        path = self.folder / name
        with path.open("rb") as opened:
            content = opened.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise ValueError(f"{path} is larger than a secret can be")
        return content.strip()

    def read_secret(self, name: str) -> bytes:
        """Return the content of a file that other users cannot read; raises as `read` does."""
        path = self.folder / name
        if is_open_to_others(path.stat().st_mode):
            raise ValueError(f"expected a file that other users cannot read (chmod 600 {path})")
        return self.read(name)


@dataclass(frozen=True, slots=True)
class GuardFile:
    """The tables of one file: the policy of the API, and how it is served where a proxy or a browser asks."""

    policy: dict[str, object]
    gateway: dict[str, object] | None
    session: dict[str, object] | None
    serving: dict[str, object]
    signals: list[object]
    secrets: FolderSecrets


def read_guard_file(path: Path) -> GuardFile:
    """Return the tables of the file at `path`; raises SettingsError where it cannot be read or is no TOML."""
    try:
        with path.open("rb") as opened:
            found = tomllib.load(opened)
    except OSError as error:
        raise SettingsError((f"{path}: cannot be read: {(error.strerror or 'it is no file').lower()}",)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError((f"{path}: expected TOML: {error}",)) from None
    folder = path.resolve().parent
    tables: dict[str, dict[str, object] | None] = {}
    for name in (GATEWAY, SESSION, SERVING):
        table = found.pop(name, None)
        if table is not None and not isinstance(table, dict):
            raise SettingsError((f"{path}: {name}: expected a table [{name}]",))
        tables[name] = None if table is None else _beside(table, folder)
    signals = found.pop(SIGNALS, [])
    if not isinstance(signals, list):
        raise SettingsError((f"{path}: {SIGNALS}: expected tables [[{SIGNALS}]]",))
    return GuardFile(found, tables[GATEWAY], tables[SESSION], tables[SERVING] or {}, signals, FolderSecrets(folder))


def _beside(table: dict[str, object], folder: Path) -> dict[str, object]:
    """Return the table with its paths as they are meant: relative to the file."""
    meant: dict[str, object] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            meant[name] = _beside(value, folder)
        elif name in _PATHS and isinstance(value, str) and value:
            meant[name] = str(folder / value)
        else:
            meant[name] = value
    return meant
