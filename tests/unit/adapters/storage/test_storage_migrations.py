"""Migrations: which are pending, which databases are refused, what an interruption leaves."""

import multiprocessing
import stat
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from valetkey.adapters.storage.sql.migrations import (
    AppliedMigration,
    Migration,
    SchemaMismatchError,
    parse,
    pending,
    shipped,
)
from valetkey.adapters.storage.sqlite.connection import open_writer
from valetkey.adapters.storage.sqlite.migrate import applied_to, refuse_other_schema, upgrade
from valetkey.adapters.storage.sqlite.storage import SqliteStorage

ONE = Migration(1, "first", "-- works with: 1\nCREATE TABLE a (x BIGINT NOT NULL);", 1)
TWO = Migration(2, "more", "-- works with: 1\nCREATE TABLE b (y BYTEA);\nINSERT INTO a VALUES (7);", 1)
THREE = Migration(3, "less", "-- works with: 3\nDROP TABLE a;", 3)


def applied(migration: Migration) -> AppliedMigration:
    return AppliedMigration(migration.number, migration.name, migration.checksum, migration.works_with)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "valetkey.db")


def test_a_script_is_known_by_its_file_name_and_header() -> None:
    assert parse({"0002_more.sql": TWO.script, "0001_first.sql": ONE.script}) == (ONE, TWO)


@pytest.mark.parametrize(
    "scripts",
    [
        {"first.sql": ONE.script},
        {"0001_first.sql": "CREATE TABLE a (x BIGINT);"},
        {"0001_first.sql": "-- works with: 2\n"},
        {"0001_first.sql": "-- works with: 0\n"},
        {"0001_first.sql": ONE.script, "0001_second.sql": ONE.script},
    ],
)
def test_a_script_without_number_or_header_is_refused(scripts: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="igration"):
        parse(scripts)


def test_the_shipped_migrations_begin_at_one() -> None:
    assert [migration.number for migration in shipped()] == list(range(1, len(shipped()) + 1))


def test_what_is_not_in_the_ledger_is_pending() -> None:
    assert pending((ONE, TWO), []) == (ONE, TWO)
    assert pending((ONE, TWO), [applied(ONE)]) == (TWO,)
    assert pending((ONE, TWO), [applied(ONE), applied(TWO)]) == ()


def test_a_changed_checksum_is_refused_in_one_line() -> None:
    # covers: FLT-16
    with pytest.raises(SchemaMismatchError, match="0001_first") as refused:
        pending((ONE,), [replace(applied(ONE), checksum="00")])
    assert "\n" not in str(refused.value)


def test_an_older_version_goes_on_beside_an_expansion_and_not_beside_a_contraction() -> None:
    # covers: FLT-12
    assert pending((ONE,), [applied(ONE), applied(TWO)]) == ()
    with pytest.raises(SchemaMismatchError, match="0003_less of a newer version"):
        pending((ONE, TWO), [applied(ONE), applied(TWO), applied(THREE)])


def test_an_upgrade_applies_what_is_pending_once(path: str) -> None:
    assert upgrade(path, (ONE,)) == (ONE,)
    assert upgrade(path, (ONE, TWO)) == (TWO,)
    assert upgrade(path, (ONE, TWO)) == ()
    connection = open_writer(path)
    assert applied_to(connection) == (applied(ONE), applied(TWO))
    assert connection.execute("SELECT x FROM a").fetchall() == [(7,)]
    connection.close()


def test_an_interrupted_migration_leaves_nothing_and_is_resumed(path: str) -> None:
    # covers: FLT-12
    broken = replace(TWO, script=TWO.script + "\nINSERT INTO nowhere VALUES (1);")
    with pytest.raises(apsw.SQLError):
        upgrade(path, (ONE, broken))
    connection = open_writer(path)
    assert applied_to(connection) == (applied(ONE),)
    assert not connection.table_exists(None, "b")
    connection.close()
    assert upgrade(path, (ONE, TWO)) == (TWO,)


def test_processes_that_migrate_at_once_apply_each_migration_once(path: str) -> None:
    # covers: FLT-12
    workers = multiprocessing.get_context("spawn").Pool(3)
    with workers:
        done = workers.map(upgrade, [path] * 3)
    workers.join()
    assert sorted(len(each) for each in done) == [0, 0, len(shipped())]


def test_a_new_database_is_readable_by_its_owner_alone(path: str) -> None:
    upgrade(path)
    connection = open_writer(path)
    connection.execute("UPDATE configurations SET version = 1")
    for file in Path(path).parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    connection.close()


async def test_a_database_that_was_not_upgraded_is_not_opened(path: str) -> None:
    # covers: FLT-16
    with pytest.raises(SchemaMismatchError, match="valetkey db upgrade"):
        await SqliteStorage.open(path)


async def test_a_database_of_a_newer_version_is_not_opened(path: str) -> None:
    # covers: FLT-16
    upgrade(path)
    number = shipped()[-1].number + 1
    newer = replace(THREE, number=number, works_with=number, script="SELECT 1;")
    upgrade(path, (*shipped(), newer))
    with pytest.raises(SchemaMismatchError, match="newer version"):
        await SqliteStorage.open(path)
    with pytest.raises(SchemaMismatchError, match="newer version"):
        upgrade(path)


def test_a_current_database_is_not_refused(path: str) -> None:
    upgrade(path)
    connection = open_writer(path)
    refuse_other_schema(connection)
    connection.close()
