"""`valetkey db`: the schema of the database, looked at and brought up to date."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import apsw
import click

from valetkey.adapters.storage.sql.migrations import SchemaMismatchError, pending, shipped
from valetkey.adapters.storage.sqlite.connection import SqliteTooOldError, open_reader
from valetkey.adapters.storage.sqlite.migrate import applied_to, upgrade
from valetkey.cli import EXIT_FAILED, EXIT_UNAVAILABLE, fail
from valetkey.cli.desk import place_of, store_options
from valetkey.cli.output import say, show_json

if TYPE_CHECKING:
    from pathlib import Path

    from valetkey.adapters.storage.sql.migrations import AppliedMigration, Migration


@click.group()
def db() -> None:
    """Look at the schema of the database and bring it up to date."""


@db.command("upgrade")
@store_options
def upgrade_schema(**options: Any) -> None:
    r"""Apply the migrations that are missing; a database that does not exist is made.

    \b
    Example: valetkey db upgrade --config valetkey.toml
    """
    database = place_of(options).database
    try:
        applied = upgrade(str(database))
    except (SchemaMismatchError, SqliteTooOldError, apsw.Error, OSError) as error:
        fail(f"{database}: {error}", EXIT_UNAVAILABLE)
    names = [_name(each) for each in applied]
    if options["as_json"]:
        show_json({"database": str(database), "applied": names})
        return
    for name in names:
        say(f"applied {name}")
    say(f"{database} is up to date")


@db.command("status")
@store_options
def status(**options: Any) -> None:
    r"""Show which migrations are applied and which are missing; exit code 1 while some are missing.

    \b
    Example: valetkey db status --config valetkey.toml --json
    """
    database = place_of(options).database
    try:
        applied = _applied(database)
        missing = pending(shipped(), applied)
    except (SchemaMismatchError, SqliteTooOldError, apsw.Error) as error:
        fail(f"{database}: {error}", EXIT_UNAVAILABLE)
    if options["as_json"]:
        show_json(
            {"database": str(database), "applied": [_name(each) for each in applied],
             "missing": [_name(each) for each in missing]}
        )  # fmt: skip
    else:
        for done in applied:
            say(f"applied  {_name(done)}")
        for lacking in missing:
            say(f"missing  {_name(lacking)}")
        say("run `valetkey db upgrade`, or start the server" if missing else f"{database} is up to date")
    if missing:
        raise SystemExit(EXIT_FAILED)


def _applied(database: Path) -> tuple[AppliedMigration, ...]:
    if not database.exists():
        return ()
    with closing(open_reader(str(database))) as connection:
        return applied_to(connection) if connection.table_exists(None, "schema_migration") else ()


def _name(migration: Migration | AppliedMigration) -> str:
    return f"{migration.number:04}_{migration.name}"
