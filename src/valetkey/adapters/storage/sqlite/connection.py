"""Opens SQLite in the one way we trust: no version with the WAL-reset fault, WAL, full synchronisation."""

import os
from contextlib import suppress

import apsw

OLDEST_SQLITE = (3, 51, 3)
# Milliseconds. The file lock queues us: these are for a stranger's shell on the same file.
BUSY_TIMEOUT = 2000
_READER_BUSY_TIMEOUT = 250  # a reader waits on the event loop
_STATEMENTS = 400  # prepared statements kept for each connection: more than there are in adapters/storage/sql


class SqliteTooOldError(Exception):
    """The SQLite that was found can corrupt a database in WAL mode; the message is one line for an operator."""


def refuse_old_sqlite(version: str) -> None:
    """SqliteTooOldError where `version` ("3.51.2") is older than the mend of the WAL-reset corruption."""
    if tuple(int(part) for part in version.split(".")[:3]) < OLDEST_SQLITE:
        oldest = ".".join(map(str, OLDEST_SQLITE))
        raise SqliteTooOldError(
            f"SQLite {version} can corrupt a database in WAL mode: install apsw {oldest} or newer."
        )


def open_writer(path: str) -> apsw.Connection:
    """A connection that writes; a new database is readable by its owner alone."""
    refuse_old_sqlite(apsw.sqlite_lib_version())
    _create_private(path)
    connection = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE, statementcachesize=_STATEMENTS)
    try:
        connection.set_busy_timeout(BUSY_TIMEOUT)
        _enter_wal(connection)
        connection.pragma("synchronous", "full")
        connection.pragma("wal_autocheckpoint", 0)
        _settle(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def open_reader(path: str) -> apsw.Connection:
    """A connection that can only read; the database must exist."""
    refuse_old_sqlite(apsw.sqlite_lib_version())
    connection = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE, statementcachesize=_STATEMENTS)
    try:
        connection.set_busy_timeout(_READER_BUSY_TIMEOUT)
        _settle(connection)
        connection.pragma("query_only", True)
    except BaseException:
        connection.close()
        raise
    return connection


def _enter_wal(connection: apsw.Connection) -> None:
    if connection.pragma("journal_mode", "wal") != "wal":
        raise apsw.CantOpenError(f"{connection.filename}: the file system cannot hold a write-ahead log")


def _create_private(path: str) -> None:
    # SQLite gives its -wal and -shm files the mode of the database, so the mode is set before its first byte.
    # Never open an existing one: closing it would drop the POSIX locks of this process's other connections.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _settle(connection: apsw.Connection) -> None:
    connection.pragma("foreign_keys", True)
    connection.pragma("mmap_size", 0)
    connection.pragma("trusted_schema", False)
    # Without the stability guarantee a statement that a partial index might serve is prepared anew whenever it is
    # bound anew: 250 us instead of 15.
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    connection.config(apsw.SQLITE_DBCONFIG_DQS_DML, 0)
    connection.config(apsw.SQLITE_DBCONFIG_DQS_DDL, 0)
