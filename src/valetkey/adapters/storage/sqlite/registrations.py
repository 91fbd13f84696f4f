"""What one tenant keeps of clients that register themselves, over SQLite."""

from collections.abc import Sequence

from valetkey.adapters.storage.sql import registration_changes
from valetkey.adapters.storage.sqlite.engine import SqliteEngine
from valetkey.authorization_server.self_registration.changes import RegistrationToken, RegistrationUse
from valetkey.jose.records import dataclass
from valetkey.oauth.types import TenantId, TokenDigest


@dataclass(frozen=True, slots=True)
class SqliteRegistrations:
    """`Registrations` of one tenant."""

    _engine: SqliteEngine
    _tenant: TenantId

    async def find_token(self, digest: TokenDigest) -> RegistrationToken | None:
        """The initial access token with that digest."""
        row = self._engine.row(registration_changes.FIND_TOKEN, self._tenant, digest)
        return None if row is None else registration_changes.registration_token(row)

    async def tokens(self) -> Sequence[RegistrationToken]:
        """All initial access tokens, by id."""
        rows = self._engine.rows(registration_changes.LIST_TOKENS, self._tenant)
        return [registration_changes.registration_token(row) for row in rows]

    async def uses(self) -> Sequence[RegistrationUse]:
        """The use of every client that registered itself, by id."""
        rows = self._engine.rows(registration_changes.LIST_USES, self._tenant)
        return [registration_changes.registration_use(row) for row in rows]

    async def count(self) -> int:
        """How many clients registered themselves."""
        return int(self._engine.rows(registration_changes.COUNT, self._tenant)[0][0])
