"""The audit records of one tenant over SQLite."""

from collections.abc import Sequence

from valetkey.adapters.storage.sql import audit_records
from valetkey.adapters.storage.sqlite.engine import SqliteEngine
from valetkey.authorization_server.audit import AuditQuestion, AuditRecord
from valetkey.jose.records import dataclass
from valetkey.oauth.types import TenantId


@dataclass(frozen=True, slots=True)
class SqliteAuditTrail:
    """`AuditTrail` of one tenant."""

    _engine: SqliteEngine
    _tenant: TenantId

    async def find(self, asked: AuditQuestion) -> Sequence[AuditRecord]:
        """The newest records that were asked for, the newest first."""
        rows = self._engine.rows(audit_records.FIND_RECORDS, *audit_records.question(self._tenant, asked))
        return tuple(audit_records.audit_record(row) for row in rows)
