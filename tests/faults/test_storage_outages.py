"""A disk that is full or read-only, a database that somebody holds: commits say so, reads go on, and it passes."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from valetkey.adapters.storage.sql.step import Step
from valetkey.adapters.storage.sqlite.connection import open_writer
from valetkey.adapters.storage.sqlite.engine import SqliteEngine
from valetkey.adapters.storage.sqlite.lock import FairFileLock
from valetkey.oauth.errors import Unavailable

NOTE = "INSERT INTO notes (text) VALUES ($1)"


def note(text: str) -> list[Step]:
    return [Step(NOTE, (text,))]


@pytest.fixture
def path(tmp_path: Path) -> str:
    path = str(tmp_path / "valetkey.db")
    connection = open_writer(path)
    connection.execute("CREATE TABLE notes (text TEXT NOT NULL)")
    connection.close()
    return path


@pytest.fixture
async def engine(path: str) -> AsyncIterator[SqliteEngine]:
    opened = SqliteEngine(path, patience=0.1)
    yield opened
    await opened.close()


def writers_connection(engine: SqliteEngine) -> apsw.Connection:
    connection = engine._writer._connection
    assert connection is not None
    return connection


async def test_a_full_disk_refuses_the_whole_batch_and_passes(path: str, engine: SqliteEngine) -> None:
    # covers: FLT-05
    await engine.commit(note("before"))
    writers_connection(engine).pragma("max_page_count", 4)
    lock = FairFileLock(path)
    with lock:
        batch = [asyncio.create_task(engine.commit(note(text * 40_000))) for text in "abc"]
        await asyncio.sleep(0)
    lock.close()
    for outcome in await asyncio.gather(*batch, return_exceptions=True):
        assert isinstance(outcome, Unavailable)
        assert isinstance(outcome.__cause__, apsw.FullError)
    assert engine.rows("SELECT text FROM notes") == [("before",)]
    assert await engine.commit(note("after"))


async def test_a_read_only_database_refuses_commits_and_passes(engine: SqliteEngine) -> None:
    # covers: FLT-05
    writers_connection(engine).pragma("query_only", True)
    with pytest.raises(Unavailable):
        await engine.commit(note("a"))
    assert engine.rows("SELECT text FROM notes") == []
    assert await engine.commit(note("b"))


async def test_a_lock_that_is_never_given_back_refuses_commits_while_reads_go_on(
    path: str, engine: SqliteEngine
) -> None:
    # covers: FLT-03, FLT-05
    await engine.commit(note("before"))
    lock = FairFileLock(path)
    with lock:
        with pytest.raises(Unavailable):
            await engine.commit(note("refused"))
        assert engine.rows("SELECT text FROM notes") == [("before",)]
    lock.close()
    assert await engine.commit(note("after"))
    # What was refused was never written later.
    assert engine.rows("SELECT text FROM notes") == [("before",), ("after",)]


async def test_a_stranger_who_holds_sqlites_own_lock_refuses_commits_until_he_lets_go(
    path: str, engine: SqliteEngine
) -> None:
    # covers: FLT-05
    stranger = apsw.Connection(path)
    stranger.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable):
        await engine.commit(note("refused"))
    stranger.execute("ROLLBACK")
    stranger.close()
    assert await engine.commit(note("after"))
    assert engine.rows("SELECT text FROM notes") == [("after",)]


CAPPED = """
import asyncio, json, resource, sys
from valetkey.adapters.storage.sql.step import Step
from valetkey.adapters.storage.sqlite.engine import SqliteEngine
from valetkey.oauth.errors import Unavailable

async def outcome(engine, text):
    try:
        return await engine.commit([Step("INSERT INTO notes (text) VALUES ($1)", (text,))])
    except Unavailable as error:
        return type(error.__cause__).__name__

async def main():
    engine = SqliteEngine(sys.argv[1])
    outcomes = [await outcome(engine, "before")]
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (65536, hard))
    outcomes += [await outcome(engine, "x" * 100_000)]
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    outcomes += [await outcome(engine, "after")]
    outcomes += [[row[0] for row in engine.rows("SELECT text FROM notes")]]
    await engine.close()
    print(json.dumps(outcomes))

asyncio.run(main())
"""


def test_a_write_that_the_system_refuses_at_commit_leaves_nothing_and_passes(path: str) -> None:
    # covers: FLT-05
    run = subprocess.run(
        [sys.executable, "-c", CAPPED, path], capture_output=True, text=True, check=True, timeout=60
    )
    before, refused, after, texts = json.loads(run.stdout)
    assert (before, after) == (True, True)
    assert refused in {"IOError", "FullError"}
    assert texts == ["before", "after"]
