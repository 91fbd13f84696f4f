"""The status lists of one tenant over SQLite: what is published is read aside, not on the event loop."""

from valetkey.adapters.storage.sql import status_changes
from valetkey.adapters.storage.sqlite.engine import SqliteEngine
from valetkey.authorization_server.revocation.statuses import (
    CAPACITY,
    OpenStatusList,
    StatusListId,
    StoredStatusList,
)
from valetkey.jose.records import dataclass
from valetkey.oauth.types import NumericDate, TenantId


@dataclass(frozen=True, slots=True)
class SqliteStatusLists:
    """`StatusLists` of one tenant."""

    _engine: SqliteEngine
    _tenant: TenantId

    async def open(self, room: int, now: NumericDate) -> OpenStatusList | None:
        """A list that has `room` more positions."""
        fullest = CAPACITY - room
        row = self._engine.row(status_changes.OPEN_STATUS_LIST, self._tenant, fullest, now)
        return None if row is None else status_changes.open_status_list(row)

    async def find(self, list_id: StatusListId, now: NumericDate) -> StoredStatusList | None:
        """The list with what is revoked in it."""
        rows = await self._engine.rows_aside(status_changes.FIND_STATUS_LIST, self._tenant, list_id, now)
        return status_changes.stored_status_list(list_id, rows)
