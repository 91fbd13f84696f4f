"""Brings a SQLite database to this version's schema: each migration whole or not at all, one process at a time."""

import time
from contextlib import closing

import apsw

from valetkey.adapters.storage.sql.dialect import schema_to_sqlite, to_sqlite
from valetkey.adapters.storage.sql.migrations import (
    APPLIED,
    LEDGER,
    RECORD,
    AppliedMigration,
    Migration,
    SchemaMismatchError,
    pending,
    shipped,
)
from valetkey.adapters.storage.sqlite.connection import open_writer
from valetkey.adapters.storage.sqlite.lock import FairFileLock


def upgrade(path: str, known: tuple[Migration, ...] | None = None) -> tuple[Migration, ...]:
    """Applies what is pending to the database at `path`, made where it does not exist, and returns that.

    Interrupted, it goes on where it stopped. Raises SchemaMismatchError, SqliteTooOldError or apsw.Error.
    """
    known = shipped() if known is None else known
    applied = []
    with closing(FairFileLock(path)) as lock, lock, closing(open_writer(path)) as connection:
        connection.execute(schema_to_sqlite(LEDGER))
        for migration in pending(known, applied_to(connection)):
            with connection:
                connection.execute(schema_to_sqlite(migration.script))
                connection.execute(
                    to_sqlite(RECORD),
                    (
                        migration.number,
                        migration.name,
                        migration.checksum,
                        migration.works_with,
                        int(time.time()),
                    ),
                )
            applied.append(migration)
    return tuple(applied)


def refuse_other_schema(connection: apsw.Connection) -> None:
    """SchemaMismatchError where the database is not at the schema of this version, or one that it works with."""
    missing = pending(
        shipped(), applied_to(connection) if connection.table_exists(None, "schema_migration") else ()
    )
    if missing:
        raise SchemaMismatchError(
            f"The database lacks migration {missing[0].number:04}_{missing[0].name}: run 'valetkey db upgrade'."
        )


def applied_to(connection: apsw.Connection) -> tuple[AppliedMigration, ...]:
    """The ledger of a database, in order."""
    return tuple(AppliedMigration(*row) for row in connection.execute(APPLIED))
