"""The one thread of a process that writes: what waits is committed together, each unit of work by itself."""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress

import apsw

from valetkey.adapters.storage.sql.dialect import to_sqlite
from valetkey.adapters.storage.sql.step import UnitOfWork
from valetkey.adapters.storage.sqlite.connection import open_writer
from valetkey.adapters.storage.sqlite.lock import FairFileLock
from valetkey.oauth.errors import Unavailable

BATCH = 256
THE_STORE = "the store"
Outcome = bool | BaseException

# What a statement may raise without touching the transaction around it: a fault of ours, in that unit alone.
_UNIT_FAULTS = (
    apsw.ConstraintError,
    apsw.BindingsError,
    apsw.MismatchError,
    apsw.RangeError,
    apsw.SQLError,
    apsw.TooBigError,
    OverflowError,
    TypeError,
    ValueError,
)
_log = logging.getLogger(__name__)


class Pending:
    """A unit of work that waits for the writer; `since` is the event loop's time, in seconds."""

    __slots__ = ("future", "since", "unit")

    def __init__(self, unit: UnitOfWork, future: asyncio.Future[bool], since: float) -> None:
        self.unit = unit
        self.future = future
        self.since = since


class Writer:
    """Commits pending units in batches of at most 256, under the file lock, and wakes the loop once a batch."""

    def __init__(self, path: str, loop: asyncio.AbstractEventLoop, on_commit: Callable[[int], None]) -> None:
        self.queue: deque[Pending] = deque()
        self._path = path
        self._loop = loop
        self._on_commit = on_commit
        self._lock = FairFileLock(path)
        self._connection: apsw.Connection | None = self._open()
        self._wake = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="valetkey-writer", daemon=True)
        self._thread.start()

    def submit(self, pending: Pending) -> None:
        """Queues a unit; its future is resolved after the COMMIT that holds it, never before."""
        self.queue.append(pending)
        if not self._wake.is_set():
            self._wake.set()

    def close(self, patience: float) -> bool:
        """Drains the queue and stops; False where that took longer than `patience` seconds."""
        self._closing = True
        self._wake.set()
        self._thread.join(patience)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while not (self._closing and not self.queue):
                self._wake.wait()
                self._wake.clear()
                while self.queue:
                    self._resolve(*self._commit_batch())
        finally:
            self._discard()
            self._lock.close()

    def _commit_batch(self) -> tuple[list[Pending], list[Outcome]]:
        batch: list[Pending] = []
        try:
            with self._lock:
                connection = self._connection = self._connection or self._open()
                connection.execute("BEGIN IMMEDIATE")
                batch = self._take()
                outcomes = [_attempt(connection, pending.unit) for pending in batch]
                connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001  # whatever it was, the units must hear of it and the thread must live
            _log.warning("storage.commit_failed", exc_info=error)
            # After a failed write or fsync the pages in memory are not to be trusted: the next batch opens anew.
            self._discard()
            batch = batch or self._take()
            return batch, [_unavailable(error) for _ in batch]
        return batch, outcomes

    def _take(self) -> list[Pending]:
        batch: list[Pending] = []
        # The loop's sweep may empty the queue between the test and the pop.
        with suppress(IndexError):
            while len(batch) < BATCH:
                batch.append(self.queue.popleft())
        return batch

    def _resolve(self, batch: list[Pending], outcomes: list[Outcome]) -> None:
        # The loop may be closed by now, and with it everyone who could have waited.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(settle, batch, outcomes)

    def _open(self) -> apsw.Connection:
        connection = open_writer(self._path)
        connection.set_wal_hook(self._committed)
        return connection

    def _committed(self, _connection: apsw.Connection, _database: str, pages: int) -> int:
        self._on_commit(pages)
        return apsw.SQLITE_OK

    def _discard(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(apsw.Error):
                connection.close(True)


def settle(batch: list[Pending], outcomes: list[Outcome]) -> None:
    """Resolves the futures of a batch, on their event loop; those that were cancelled are left alone."""
    for pending, outcome in zip(batch, outcomes, strict=True):
        if pending.future.done():
            continue
        if isinstance(outcome, BaseException):
            pending.future.set_exception(outcome)
        else:
            pending.future.set_result(outcome)


def _unavailable(error: Exception) -> Unavailable:
    unavailable = Unavailable(THE_STORE)
    unavailable.__cause__ = error
    return unavailable


def _attempt(connection: apsw.Connection, unit: UnitOfWork) -> Outcome:
    if len(unit) == 1:
        # One statement is all or nothing by itself.
        try:
            return _apply(connection, unit)
        except _UNIT_FAULTS as error:
            return error
    connection.execute("SAVEPOINT unit")
    try:
        won = _apply(connection, unit)
    except _UNIT_FAULTS as error:
        connection.execute("ROLLBACK TO unit")
        connection.execute("RELEASE unit")
        return error
    if not won:
        connection.execute("ROLLBACK TO unit")
    connection.execute("RELEASE unit")
    return won


def _apply(connection: apsw.Connection, unit: UnitOfWork) -> bool:
    for step in unit:
        rows = connection.execute(to_sqlite(step.statement), step.bindings)
        if step.must_win and not rows.fetchall():
            return False
    return True
