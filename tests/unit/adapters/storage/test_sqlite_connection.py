"""SQLite is opened in one way only."""

from pathlib import Path

import apsw
import pytest

from valetkey.adapters.storage.sqlite.connection import (
    SqliteTooOldError,
    open_reader,
    open_writer,
    refuse_old_sqlite,
)


@pytest.mark.parametrize("version", ["3.51.2", "3.50.9", "3.7.17", "2.8.17"])
def test_a_sqlite_that_can_corrupt_a_write_ahead_log_is_refused(version: str) -> None:
    # covers: FLT-16
    with pytest.raises(SqliteTooOldError, match=r"3\.51\.3"):
        refuse_old_sqlite(version)


@pytest.mark.parametrize("version", ["3.51.3", "3.52.0", "3.54.1", "4.0.0", "3.51.3.1"])
def test_a_mended_sqlite_is_accepted(version: str) -> None:
    refuse_old_sqlite(version)


def test_a_writer_syncs_every_commit_and_keeps_foreign_keys(tmp_path: Path) -> None:
    connection = open_writer(str(tmp_path / "valetkey.db"))
    assert connection.pragma("journal_mode") == "wal"
    assert connection.pragma("synchronous") == 2
    assert connection.pragma("foreign_keys") == 1
    assert connection.pragma("mmap_size") == 0
    assert connection.pragma("wal_autocheckpoint") == 0
    connection.close()


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    path = str(tmp_path / "valetkey.db")
    writer = open_writer(path)
    writer.execute("CREATE TABLE t (a)")
    reader = open_reader(path)
    with pytest.raises(apsw.ReadOnlyError):
        reader.execute("INSERT INTO t VALUES (1)")
    reader.close()
    writer.close()


def test_a_reader_does_not_make_a_database(tmp_path: Path) -> None:
    with pytest.raises(apsw.CantOpenError):
        open_reader(str(tmp_path / "missing.db"))
    assert list(tmp_path.iterdir()) == []


def test_a_misspelt_column_is_an_error_and_not_a_text(tmp_path: Path) -> None:
    connection = open_writer(str(tmp_path / "valetkey.db"))
    with pytest.raises(apsw.SQLError):
        connection.execute('SELECT "no such column"')
    connection.close()
