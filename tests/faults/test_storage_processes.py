"""Processes that are killed in the middle of a batch, and processes that race over one file."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

import pytest

from contracts.stored_values import TENANT
from faults.storage_writer import ROUNDS, granted, waiting
from valetkey.adapters.storage.sqlite.connection import open_writer
from valetkey.adapters.storage.sqlite.migrate import upgrade
from valetkey.adapters.storage.sqlite.storage import SqliteStorage

TESTS = Path(__file__).resolve().parents[1]
WRITER = TESTS / "faults" / "storage_writer.py"


@contextmanager
def started(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], IO[str], IO[str]]]:
    """A writer, its input and its output; it is dead at the end, whatever happens."""
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    pipe = subprocess.PIPE
    command = [sys.executable, str(WRITER), *arguments]
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, text=True, env=os.environ | {"PYTHONPATH": path}
    ) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        try:
            yield writer, writer.stdin, writer.stdout
        finally:
            writer.kill()


@pytest.fixture
def path(tmp_path: Path) -> str:
    path = str(tmp_path / "valetkey.db")
    upgrade(path)
    return path


def test_a_killed_writer_leaves_all_or_nothing_and_all_that_it_acknowledged(path: str) -> None:
    # covers: FLT-01
    acknowledged: set[int] = set()
    for kill, first in enumerate(range(0, 5_000_000, 1_000_000)):
        with started("grant", path, str(first)) as (writer, _, output):
            for _ in range(1 + kill * 97):
                acknowledged.add(int(output.readline()))
            writer.kill()
            acknowledged |= {int(line) for line in output.read().split()}
    with closing(open_writer(path)) as connection:
        assert connection.pragma("integrity_check") == "ok"
        authorizations, codes, refresh_tokens = (
            {row[0] for row in connection.execute(statement)}
            for statement in (
                "SELECT authorization_id FROM authorizations",
                "SELECT authorization_id FROM codes",
                "SELECT authorization_id FROM refresh_tokens",
            )
        )
    assert codes == refresh_tokens == authorizations
    assert {f"authorization-{number}" for number in acknowledged} <= authorizations
    assert len(acknowledged) >= 5


@pytest.mark.parametrize(
    "change", ["BurnJti", "RedeemCode", "RotateRefreshToken", "RedeemDeviceCode", "RecordPoll"]
)
async def test_of_two_processes_on_one_file_exactly_one_wins_each_round(path: str, change: str) -> None:
    # covers: COD-02, REF-02, DEV-02, DEV-03
    storage = await SqliteStorage.open(path)
    if change != "BurnJti":
        rows = ((*granted(number), *waiting(number)) for number in range(ROUNDS))
        granting = (storage.stores(TENANT).commit(row) for row in rows)
        assert all(await asyncio.gather(*granting))
    await storage.close()
    with started("race", path, change) as one, started("race", path, change) as other:
        for _, _, output in (one, other):
            assert output.readline() == "ready\n"
        for _, given, _ in (one, other):
            given.write("go\n")
            given.flush()
        won = [int(line) for _, _, output in (one, other) for line in output.read().split()]
        assert [racer.wait() for racer, _, _ in (one, other)] == [0, 0]
    assert sorted(won) == list(range(ROUNDS))
