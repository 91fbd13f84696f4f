"""What every store of the session layer keeps to: one row a session, swaps that one wins, whole logouts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from valetkey.adapters.storage.memory.gateway_sessions import MemorySessionRecords
from valetkey.adapters.storage.sql.migrations import SchemaMismatchError
from valetkey.adapters.storage.sqlite.gateway_sessions import SqliteSessionRecords
from valetkey.client.session_records import Owner, SessionRecords, SessionRow, UsedLogoutToken
from valetkey.oauth.errors import Unavailable

NOW = 1_800_000_000
ROW = SessionRow(b"row-1", b"profile", b"tokens", b"alice", b"sid-1", NOW + 60, NOW + 600)
TOKEN = UsedLogoutToken(b"jti-1", NOW + 300)


@pytest.fixture(params=["memory", "sqlite"])
async def records(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SessionRecords]:
    if request.param == "memory":
        yield MemorySessionRecords()
        return
    opened = SqliteSessionRecords(str(tmp_path / "sessions.db"))
    yield opened
    await opened.close()


async def added(records: SessionRecords, *rows: SessionRow) -> None:
    for row in rows:
        await records.add(row, None, NOW)


async def test_a_session_is_found_as_it_was_kept(records: SessionRecords) -> None:
    without_sid = replace(ROW, row_id=b"row-2", sid_key=None, revision=7)
    await added(records, ROW, without_sid)
    assert await records.find(b"row-1", NOW) == ROW
    assert await records.find(b"row-2", NOW) == without_sid
    assert await records.find(b"row-3", NOW) is None


async def test_a_session_is_over_at_the_second_of_its_end(records: SessionRecords) -> None:
    await added(records, ROW, replace(ROW, row_id=b"long", idle_ends_at=NOW + 9_000))
    assert await records.find(b"row-1", NOW + 59) is not None
    assert await records.find(b"row-1", NOW + 60) is None
    assert await records.find(b"long", NOW + 599) is not None
    assert await records.find(b"long", NOW + 600) is None


async def test_a_used_session_lives_on_and_never_ends_earlier_for_it(records: SessionRecords) -> None:
    await added(records, ROW)
    await records.touch(b"row-1", NOW + 120)
    await records.touch(b"row-1", NOW + 90)
    await records.touch(b"nobody", NOW + 90)
    assert await records.find(b"row-1", NOW + 119) is not None
    assert await records.find(b"row-1", NOW + 120) is None


async def test_a_new_session_takes_the_place_of_the_one_before(records: SessionRecords) -> None:
    await added(records, ROW)
    await records.add(replace(ROW, row_id=b"row-2"), b"row-1", NOW)
    assert await records.find(b"row-1", NOW) is None
    assert await records.find(b"row-2", NOW) is not None


# covers: BFF-05
async def test_one_of_many_swaps_wins(records: SessionRecords) -> None:
    await added(records, ROW)
    tries = [records.swap(b"row-1", 0, f"tokens {number}".encode()) for number in range(20)]
    won = await asyncio.gather(*tries)
    assert won.count(True) == 1
    found = await records.find(b"row-1", NOW)
    assert found == replace(ROW, tokens=f"tokens {won.index(True)}".encode(), revision=1)
    assert not await records.swap(b"row-1", 0, b"late")
    assert await records.swap(b"row-1", 1, b"next")


async def test_a_session_that_ended_takes_no_tokens(records: SessionRecords) -> None:
    await added(records, ROW)
    assert await records.remove(b"row-1")
    assert not await records.remove(b"row-1")
    assert not await records.swap(b"row-1", 0, b"late")
    assert await records.find(b"row-1", NOW) is None


@pytest.mark.parametrize(
    ("owner", "left"),
    [
        (Owner(None, b"sid-1"), {b"row-2", b"row-3", b"row-4"}),
        (Owner(b"alice", None), {b"row-4"}),
        (Owner(b"alice", b"sid-2"), {b"row-1", b"row-3", b"row-4"}),
        (Owner(b"bob", b"sid-1"), {b"row-1", b"row-2", b"row-3", b"row-4"}),
        (Owner(b"nobody", None), {b"row-1", b"row-2", b"row-3", b"row-4"}),
    ],
)
async def test_a_logout_ends_whom_it_means(records: SessionRecords, owner: Owner, left: set[bytes]) -> None:
    rows = (
        ROW,
        replace(ROW, row_id=b"row-2", sid_key=b"sid-2"),
        replace(ROW, row_id=b"row-3", sid_key=None),
        replace(ROW, row_id=b"row-4", subject_key=b"bob", sid_key=b"sid-4"),
    )
    await added(records, *rows)
    assert await records.log_out(owner, TOKEN, NOW)
    assert {row.row_id for row in rows if await records.find(row.row_id, NOW)} == left


async def test_a_logout_token_is_used_once_until_it_would_be_too_old_anyway(records: SessionRecords) -> None:
    owner = Owner(b"alice", None)
    assert await records.log_out(owner, TOKEN, NOW)
    await added(records, ROW)
    assert not await records.log_out(owner, TOKEN, NOW + 299)
    assert await records.find(b"row-1", NOW) is not None
    assert await records.log_out(owner, UsedLogoutToken(b"jti-1", NOW + 600), NOW + 300)


async def test_what_has_ended_is_purged_when_somebody_signs_in(tmp_path: Path) -> None:
    records = SqliteSessionRecords(str(tmp_path / "sessions.db"))
    await added(records, ROW, replace(ROW, row_id=b"row-2", ends_at=NOW + 30))
    await records.add(replace(ROW, row_id=b"row-3", idle_ends_at=NOW + 900, ends_at=NOW + 900), None, NOW + 100)
    await records.close()
    with closing(apsw.Connection(str(tmp_path / "sessions.db"))) as database:
        assert database.execute("SELECT row_id FROM gateway_sessions").fetchall() == [(b"row-3",)]


async def test_processes_share_one_file(tmp_path: Path) -> None:
    path = str(tmp_path / "sessions.db")
    here, there = SqliteSessionRecords(path), SqliteSessionRecords(path)
    await asyncio.gather(here.add(ROW, None, NOW), there.add(replace(ROW, row_id=b"row-2"), None, NOW))
    assert await there.find(b"row-1", NOW) == ROW
    assert await here.remove(b"row-1")
    assert await there.find(b"row-1", NOW) is None
    assert not await there.swap(b"row-1", 0, b"late")
    await here.close()
    await there.close()
    assert (tmp_path / "sessions.db").stat().st_mode & 0o777 == 0o600


async def test_a_file_that_cannot_be_used_is_an_outage(tmp_path: Path) -> None:
    records = SqliteSessionRecords(str(tmp_path / "nowhere" / "sessions.db"))
    with pytest.raises(Unavailable):
        await records.find(b"row-1", NOW)


async def test_a_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sessions.db"
    records = SqliteSessionRecords(str(path))
    await records.find(b"row-1", NOW)
    await records.close()
    with closing(apsw.Connection(str(path))) as database:
        database.execute("INSERT INTO schema_migration VALUES (9, 'later', 'x', 9, 0)")
    with pytest.raises(SchemaMismatchError):
        await SqliteSessionRecords(str(path)).find(b"row-1", NOW)
