"""Group commit: what waits is committed together, and each unit of work stands or falls by itself."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from valetkey.adapters.storage.sql.step import Step
from valetkey.adapters.storage.sqlite.connection import open_writer
from valetkey.adapters.storage.sqlite.engine import SqliteEngine
from valetkey.adapters.storage.sqlite.lock import FairFileLock
from valetkey.adapters.storage.sqlite.writer import Pending, Writer
from valetkey.oauth.errors import Unavailable

CLAIM = "INSERT INTO claims (name) VALUES ($1) ON CONFLICT (name) DO NOTHING RETURNING 1"
NOTE = "INSERT INTO notes (text) VALUES ($1)"


def claim(name: str) -> Step:
    return Step(CLAIM, (name,), must_win=True)


def note(text: str | None) -> Step:
    return Step(NOTE, (text,))


@pytest.fixture
def path(tmp_path: Path) -> str:
    path = str(tmp_path / "valetkey.db")
    connection = open_writer(path)
    connection.execute("CREATE TABLE claims (name TEXT PRIMARY KEY); CREATE TABLE notes (text TEXT NOT NULL)")
    connection.close()
    return path


@pytest.fixture
async def engine(path: str) -> AsyncIterator[SqliteEngine]:
    opened = SqliteEngine(path)
    yield opened
    await opened.close()


def log_size(path: str) -> int:
    return Path(path + "-wal").stat().st_size


def names(engine: SqliteEngine, table: str, column: str) -> set[str]:
    return {row[0] for row in engine.rows(f"SELECT {column} FROM {table}")}  # noqa: S608 - the test's own names


async def test_what_was_committed_is_read_at_once(engine: SqliteEngine) -> None:
    assert await engine.commit([claim("a"), note("x")])
    assert engine.row("SELECT text FROM notes WHERE text = $1", "x") == ("x",)
    assert engine.row("SELECT text FROM notes WHERE text = $1", "y") is None


async def test_units_that_wait_together_win_and_lose_each_for_itself(path: str, engine: SqliteEngine) -> None:
    assert await engine.commit([claim("taken")])
    lock = FairFileLock(path)
    with lock:
        waiting = [
            asyncio.create_task(engine.commit(unit))
            for unit in (
                [claim("a"), note("a")],
                [note("lost before"), claim("taken"), note("lost after")],
                [claim("b")],
                [claim("b"), note("lost")],
                [note("c")],
            )
        ]
        await asyncio.sleep(0)
    assert await asyncio.gather(*waiting) == [True, False, True, False, True]
    assert names(engine, "claims", "name") == {"taken", "a", "b"}
    assert names(engine, "notes", "text") == {"a", "c"}
    lock.close()


async def test_a_fault_of_ours_in_one_unit_leaves_the_others_alone(path: str, engine: SqliteEngine) -> None:
    lock = FairFileLock(path)
    units = ([claim("a"), note(None)], [note(None)], [Step("no SQL at all", ())], [claim("b"), note("b")])
    with lock:
        waiting = [asyncio.create_task(engine.commit(unit)) for unit in units]
        await asyncio.sleep(0)
    first, second, third, fourth = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(first, apsw.ConstraintError)
    assert isinstance(second, apsw.ConstraintError)
    assert isinstance(third, apsw.SQLError)
    assert fourth is True
    assert names(engine, "claims", "name") == {"b"}
    lock.close()


async def test_three_hundred_units_that_wait_take_two_transactions(path: str) -> None:
    commits: list[int] = []
    loop = asyncio.get_running_loop()
    writer = Writer(path, loop, commits.append)
    lock = FairFileLock(path)
    with lock:
        waiting = [Pending([note(str(number))], loop.create_future(), loop.time()) for number in range(300)]
        for pending in waiting:
            writer.submit(pending)
    assert all(await asyncio.gather(*(pending.future for pending in waiting)))
    assert len(commits) == 2
    assert writer.close(10)
    lock.close()


async def test_nobody_who_gave_up_waiting_disturbs_the_others(path: str, engine: SqliteEngine) -> None:
    lock = FairFileLock(path)
    with lock:
        leaving = asyncio.create_task(engine.commit([note("a")]))
        staying = asyncio.create_task(engine.commit([note("b")]))
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.sleep(0)
    assert await staying
    assert leaving.cancelled()
    lock.close()


async def test_closing_commits_what_waits(path: str) -> None:
    engine = SqliteEngine(path)
    waiting = [asyncio.create_task(engine.commit([note(str(number))])) for number in range(50)]
    await asyncio.sleep(0)
    await engine.close()
    assert all(await asyncio.gather(*waiting))
    connection = open_writer(path)
    assert connection.execute("SELECT count(*) FROM notes").fetchall() == [(50,)]
    connection.close()


async def test_a_closed_engine_refuses_and_may_be_closed_again(path: str) -> None:
    engine = SqliteEngine(path)
    await engine.close()
    await engine.close()
    with pytest.raises(Unavailable):
        await engine.commit([note("late")])
    with pytest.raises(Unavailable):
        engine.rows("SELECT 1")


async def test_the_log_is_moved_into_the_database_while_it_grows(path: str, engine: SqliteEngine) -> None:
    # covers: FLT-05
    written = 0
    for _ in range(400):
        await engine.commit([note("x" * 100_000)])
        written += 100_000
    assert log_size(path) < written / 2


async def test_a_database_that_cannot_be_opened_leaves_no_thread_behind(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="missing"):
        SqliteEngine(str(tmp_path / "missing" / "valetkey.db"))
