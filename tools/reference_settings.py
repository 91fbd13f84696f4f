"""docs/reference/settings.md, from the table that reads the settings."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from valetkey.resource_server.limits import RateLimit
from valetkey.settings.declared_table import DECLARATIONS
from valetkey.settings.environment import variable_of
from valetkey.settings.setting import FromFile, Required
from valetkey.settings.table import SECTIONS, SETTINGS
from valetkey.settings.template import key_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from valetkey.settings.setting import DeclarationTable, Setting

HEAD = """\
# Settings

<!-- Written by tools/reference_settings.py from the table of settings: change it there. -->

`valetkey serve --config FILE` reads a TOML file. `valetkey init` writes one with every key in comments,
`valetkey config check FILE` says everything that is wrong with one, and `valetkey config show FILE` what holds.

Every key can also come from the environment, and is believed over the file: `VALETKEY_` and the key in capitals,
with `__` where the key has a dot. A flag of the command is believed over both. A list is separated by commas, a
table is a JSON object. What is declared is reached by its name: `VALETKEY_CLIENTS__SHOP__SECRET` is the secret
of the client `shop`; every character of a name that is neither letter nor digit is written `_`.

**Secrets** stand in files of their own. Where a key has a form with `_file`, that names the file, relative to
the configuration; the variable has it too (`VALETKEY_KEY_ENCRYPTION_KEY_FILE`). A secret's file that every
user of the machine can read is refused.

An unknown key, an unknown `VALETKEY_` variable or a wrong value stops the start with exit code 78, before
anything is opened: one line for each, which names the place, what is expected and the nearest known key.
"""


def page() -> str:
    """Return the reference page."""
    parts = [HEAD, *(_setting(row) for row in SETTINGS if "." not in row.path)]
    for section, doc in SECTIONS.items():
        parts.append(f"## `[{section}]`\n\n{doc}\n")
        parts.extend(_setting(row) for row in SETTINGS if row.path.startswith(f"{section}."))
    parts.extend("\n".join(_declaration(table)) + "\n" for table in DECLARATIONS)
    return "\n".join(parts)


def _setting(row: Setting[object]) -> str:
    names = " or ".join(f"`{name}`" for name in row.names)
    return (
        f"### {names}\n\n{row.doc}\n\n"
        f"- expects {row.kind.expected}\n"
        f"- default: {_default(row)}\n"
        f"- variable: {' or '.join(f'`{variable_of(name)}`' for name in row.names)}\n"
        f"- example: `{key_of(row).rpartition('.')[2]} = {row.example}`\n"
    )


def _declaration(table: DeclarationTable) -> Iterator[str]:
    yield f"## `[[{table.name}]]`\n\n{table.doc} Named by `{table.key.path}`.\n"
    yield "| key | meaning | expects | default |\n| --- | --- | --- | --- |"
    for row in table.rows:
        names = " or ".join(f"`{name}`" for name in row.names)
        yield f"| {names} | {row.doc} | {row.kind.expected} | {_default(row)} |"
    yield f"\n```toml\n[[{table.name}]]"
    yield from (f"{key_of(row)} = {row.example}" for row in table.rows)
    yield "```"


def _default(row: Setting[object]) -> str:
    match row.default:
        case Required():
            return "none, it must be set"
        case None | () | {}:
            return "none"
        case RateLimit() as rate:
            return f'`"{rate.count}/{rate.period}s"`'
        case Enum() as member:
            return f"`{member.value}`"
        case bool() as flag:
            return f"`{str(flag).lower()}`"
        case tuple() as several:
            return ", ".join(f"`{each}`" for each in several)
        case other:
            return "none" if row.from_file is not FromFile.NO or other == {} else f"`{other}`"
