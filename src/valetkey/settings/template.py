"""The commented configuration that `valetkey init` writes, from the same table that reads it."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING, Final

from valetkey.settings.declared_table import DECLARATIONS
from valetkey.settings.setting import FromFile, Required
from valetkey.settings.table import ISSUER, KEY_ENCRYPTION_KEY, SECTIONS, SETTINGS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from valetkey.settings.setting import DeclarationTable, Setting

_WIDTH: Final = 100
_HEAD: Final = """\
# Valetkey. Every key may also come from the environment: VALETKEY_SERVER__PORT=9000 sets server.port, and
# VALETKEY_KEY_ENCRYPTION_KEY_FILE names a file that holds the secret. A commented key shows an example.
# `valetkey config check FILE` finds every mistake; docs/reference/settings.md describes every key.
"""


def template(issuer: str, key_file: str) -> str:
    """Return the TOML text: what must be set is set, all else stands in comments with its meaning."""
    given = {ISSUER.path: json.dumps(issuer), KEY_ENCRYPTION_KEY.path: json.dumps(key_file)}
    alone = [row for row in SETTINGS if "." not in row.path]
    parts = [_HEAD, *(_setting(row, given.get(row.path)) for row in alone)]
    for section, doc in SECTIONS.items():
        rows = [row for row in SETTINGS if row.path.startswith(f"{section}.")]
        parts.append(f"{_comment(doc)}\n[{section}]\n")
        parts.extend(_setting(row, None) for row in rows)
    parts.append(
        "# --- what this file declares: applied at every start, and disabled when it leaves the file ---\n"
    )
    parts.extend("\n".join(_declaration(table)) + "\n" for table in DECLARATIONS)
    return "\n".join(parts)


def key_of(row: Setting[object]) -> str:
    """Return the key under which a row is best set in a file: a secret's is that of its own file."""
    return row.path if row.from_file is FromFile.NO else f"{row.path}_file"


def _setting(row: Setting[object], given: str | None) -> str:
    key = key_of(row).rpartition(".")[2]
    line = f"{key} = {given}" if given is not None else f"{key} = {row.example}"
    # Without a default the key has to be there; with one it is shown and left out.
    return f"{_comment(row.doc)}\n{'' if isinstance(row.default, Required) else '# '}{line}\n"


def _declaration(table: DeclarationTable) -> Iterator[str]:
    yield _comment(table.doc)
    yield f"# [[{table.name}]]"
    for row in table.rows:
        yield f"# {key_of(row)} = {row.example}"


def _comment(doc: str) -> str:
    return textwrap.fill(doc, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)
