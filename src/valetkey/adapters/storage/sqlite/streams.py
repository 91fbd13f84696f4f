"""The streams of Shared Signals of one tenant over SQLite."""

from collections.abc import Sequence

from valetkey.adapters.storage.sql import streams
from valetkey.adapters.storage.sqlite.engine import SqliteEngine
from valetkey.authorization_server.signals.streams import StoredStream, StreamEvent, StreamId
from valetkey.jose.records import dataclass
from valetkey.oauth.shared_signals import StreamStatus
from valetkey.oauth.types import ClientId, Subject, TenantId


@dataclass(frozen=True, slots=True)
class SqliteStreams:
    """`Streams` of one tenant."""

    _engine: SqliteEngine
    _tenant: TenantId

    async def find(self, stream_id: StreamId) -> StoredStream | None:
        """One of them."""
        row = self._engine.row(streams.FIND_STREAM, self._tenant, stream_id)
        return None if row is None else streams.stored_stream(row)

    async def of(self, client_id: ClientId) -> Sequence[StoredStream]:
        """Those of one receiver, oldest first."""
        rows = self._engine.rows(streams.STREAMS_OF_CLIENT, self._tenant, client_id)
        return [streams.stored_stream(row) for row in rows]

    async def list(self) -> Sequence[StoredStream]:
        """All of them, oldest first."""
        return [streams.stored_stream(row) for row in self._engine.rows(streams.LIST_STREAMS, self._tenant)]

    async def events(self, stream_id: StreamId, limit: int, status: StreamStatus) -> Sequence[StreamEvent]:
        """What waits in one and may leave it while it has this status, oldest first."""
        rows = self._engine.rows(streams.STREAM_EVENTS, self._tenant, stream_id, limit, status)
        return [streams.stream_event(row) for row in rows]

    async def excluded(self, stream_id: StreamId) -> Sequence[Subject]:
        """Of whom a stream is told nothing."""
        return [Subject(row[0]) for row in self._engine.rows(streams.EXCLUDED, self._tenant, stream_id)]

    async def granted(self, client_id: ClientId) -> Sequence[Subject]:
        """The end-users who granted a client an authorization."""
        found = {row[0] for row in self._engine.rows(streams.GRANTED, self._tenant, client_id)}
        return sorted(map(Subject, found))
