"""The security events of one tenant over SQLite."""

from collections.abc import Callable, Sequence
from dataclasses import field

from valetkey.adapters.storage.sql import security_events
from valetkey.adapters.storage.sqlite.engine import SqliteEngine
from valetkey.authorization_server.revocation.events import StoredSecurityEvent
from valetkey.jose.records import dataclass
from valetkey.oauth.types import TenantId


@dataclass(frozen=True, slots=True)
class SqliteSecurityEvents:
    """`SecurityEvents` of one tenant."""

    _engine: SqliteEngine
    _tenant: TenantId
    _listeners: list[Callable[[], None]] = field(default_factory=list)

    async def after(self, position: int, limit: int) -> Sequence[StoredSecurityEvent]:
        """The events behind a position, oldest first."""
        rows = self._engine.rows(security_events.EVENTS_AFTER, self._tenant, position, limit)
        return [security_events.stored_event(row) for row in rows]

    async def last(self) -> int:
        """The position of the newest event."""
        row = self._engine.row(security_events.LAST_EVENT, self._tenant)
        return 0 if row is None else row[0]

    def on_written(self, wake: Callable[[], None]) -> None:
        """Calls `wake` after each commit of this process that may have written events of the tenant."""
        self._listeners.append(wake)

    def announce(self) -> None:
        """Wakes who listens."""
        for wake in self._listeners:
            wake()
