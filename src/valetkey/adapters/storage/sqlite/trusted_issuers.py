"""The trusted issuers of one tenant over SQLite."""

from collections.abc import Sequence

from valetkey.adapters.storage.sql import trusted_issuers
from valetkey.adapters.storage.sqlite.engine import SqliteEngine
from valetkey.adapters.storage.sqlite.stores import VersionedCache
from valetkey.authorization_server.trusted_issuer import TrustedIssuer
from valetkey.jose.records import dataclass
from valetkey.oauth.types import TenantId


@dataclass(frozen=True, slots=True)
class SqliteTrustedIssuers:
    """`TrustedIssuers` of one tenant."""

    _engine: SqliteEngine
    _tenant: TenantId
    _cache: VersionedCache[TrustedIssuer]

    async def find(self, issuer: str) -> TrustedIssuer | None:
        """The trusted issuer of that name."""
        return self._cache.find(issuer, lambda: self._load(issuer))

    async def list(self) -> Sequence[TrustedIssuer]:
        """All trusted issuers, by name."""
        rows = self._engine.rows(trusted_issuers.LIST_TRUSTED_ISSUERS, self._tenant)
        return tuple(map(trusted_issuers.trusted_issuer_from, rows))

    def _load(self, issuer: str) -> TrustedIssuer | None:
        row = self._engine.row(trusted_issuers.FIND_TRUSTED_ISSUER, self._tenant, issuer)
        return None if row is None else trusted_issuers.trusted_issuer_from(row)
