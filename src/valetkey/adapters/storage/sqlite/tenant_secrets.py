"""The sealed secrets of one tenant over SQLite."""

from collections.abc import Mapping

from valetkey.adapters.storage.sql.tenant_secrets import LIST_TENANT_SECRETS
from valetkey.adapters.storage.sqlite.engine import SqliteEngine
from valetkey.jose.records import dataclass
from valetkey.oauth.types import TenantId


@dataclass(frozen=True, slots=True)
class SqliteTenantSecrets:
    """`TenantSecrets` of one tenant."""

    _engine: SqliteEngine
    _tenant: TenantId

    async def list(self) -> Mapping[str, bytes]:
        """What is sealed, by purpose."""
        return {row[0]: bytes(row[1]) for row in self._engine.rows(LIST_TENANT_SECRETS, self._tenant)}
