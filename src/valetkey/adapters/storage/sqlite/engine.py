"""SQLite for an event loop: reads in microseconds on the loop itself, commits in batches on the writer's thread."""

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack, suppress

import apsw

from valetkey.adapters.storage.sql import queries
from valetkey.adapters.storage.sql.dialect import to_sqlite
from valetkey.adapters.storage.sql.step import Binding, Record, UnitOfWork
from valetkey.adapters.storage.sqlite.checkpoint import Checkpointer
from valetkey.adapters.storage.sqlite.connection import open_reader
from valetkey.adapters.storage.sqlite.writer import THE_STORE, Pending, Writer, settle
from valetkey.oauth.errors import Unavailable

PATIENCE = 2.0
_CLOSING_PATIENCE = 10.0
# Anything else that a query raises is a fault of ours.
_OUTAGES = (
    apsw.BusyError,
    apsw.CantOpenError,
    apsw.ConnectionClosedError,
    apsw.CorruptError,
    apsw.FullError,
    apsw.IOError,
    apsw.LockedError,
    apsw.NotADBError,
    apsw.NoMemError,
    apsw.ProtocolError,
)


class SqliteEngine:
    """One database file, open in one process; to be made and used on one running event loop.

    `patience` is the seconds that a commit waits for the file lock before it is refused.
    """

    def __init__(self, path: str, *, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        with ExitStack() as opened:
            self._checkpointer = Checkpointer(path)
            opened.callback(self._checkpointer.close, _CLOSING_PATIENCE)
            self._writer = Writer(path, self._loop, self._checkpointer.committed)
            opened.callback(self._writer.close, _CLOSING_PATIENCE)
            self._reader = open_reader(path)
            opened.pop_all()
        self._path = path
        self._aside: apsw.Connection | None = None
        self._asking_aside = asyncio.Lock()
        self._sweep: asyncio.TimerHandle | None = None
        self._closed = False
        self._versions: dict[str, int] = {}

    async def commit(self, unit: UnitOfWork) -> bool:
        """Applies all steps or none, durably; False where a must-win step found no row.

        Unavailable where nothing could be written.
        """
        if self._closed:
            raise Unavailable(THE_STORE)
        future: asyncio.Future[bool] = self._loop.create_future()
        self._writer.submit(Pending(unit, future, self._loop.time()))
        if self._sweep is None:
            self._sweep = self._loop.call_later(self._patience / 4, self._refuse_the_impatient)
        return await future

    def rows(self, statement: str, *bindings: Binding) -> Sequence[Record]:
        """What one query, in the `$1` dialect, finds in one snapshot; Unavailable where it cannot run."""
        try:
            return self._reader.execute(to_sqlite(statement), bindings).fetchall()
        except _OUTAGES as error:
            raise Unavailable(THE_STORE) from error

    def row(self, statement: str, *bindings: Binding) -> Record | None:
        """The first row that one query finds."""
        found = self.rows(statement, *bindings)
        return found[0] if found else None

    def configuration_version(self, tenant: str) -> int:
        """The tenant's configuration version of now, 0 before the first change; one turn of the loop asks once.

        Most requests never wait and ask several caches. Whatever a commit resolves runs in a later turn, so nobody
        is answered before a change and after it by the same number.
        """
        version = self._versions.get(tenant)
        if version is None:
            row = self.row(queries.CONFIGURATION_VERSION, tenant)
            version = 0 if row is None else int(row[0])
            if not self._versions:
                self._loop.call_soon(self._versions.clear)
            self._versions[tenant] = version
        return version

    async def rows_aside(self, statement: str, *bindings: Binding) -> Sequence[Record]:
        """As `rows`, in a thread and over a connection of its own: for what would hold the event loop up."""
        # Who gives up waiting leaves the connection busy: it is not given to the next one before it is free.
        return await asyncio.shield(self._loop.create_task(self._alone_aside(statement, bindings)))

    async def _alone_aside(self, statement: str, bindings: tuple[Binding, ...]) -> Sequence[Record]:
        async with self._asking_aside:
            if self._closed:
                raise Unavailable(THE_STORE)
            return await asyncio.to_thread(self._rows_aside, statement, bindings)

    def _rows_aside(self, statement: str, bindings: tuple[Binding, ...]) -> Sequence[Record]:
        try:
            if self._aside is None:
                self._aside = open_reader(self._path)
            return self._aside.execute(to_sqlite(statement), bindings).fetchall()
        except _OUTAGES as error:
            raise Unavailable(THE_STORE) from error

    async def close(self) -> None:
        """Commits what waits, then closes the files; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        await asyncio.to_thread(self._writer.close, _CLOSING_PATIENCE)
        await asyncio.to_thread(self._checkpointer.close, _CLOSING_PATIENCE)
        if self._sweep is not None:
            self._sweep.cancel()
        self._reader.close(True)
        async with self._asking_aside:
            if self._aside is not None:
                self._aside.close(True)

    def _refuse_the_impatient(self) -> None:
        # The writer takes units only once it holds the lock, so what is swept here was never begun.
        self._sweep = None
        queue, deadline = self._writer.queue, self._loop.time() - self._patience
        late: list[Pending] = []
        # The writer may take the first between the look and the pop, and the next one is refused in its stead:
        # after such a wait it is hardly younger.
        with suppress(IndexError):
            while queue[0].since <= deadline:
                late.append(queue.popleft())
        settle(late, [Unavailable(THE_STORE) for _ in late])
        if queue:
            self._sweep = self._loop.call_later(self._patience / 4, self._refuse_the_impatient)
