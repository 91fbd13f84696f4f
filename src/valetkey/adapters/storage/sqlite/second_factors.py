"""The second factors of one tenant over SQLite."""

from collections.abc import Sequence

from valetkey.adapters.storage.sql import second_factors
from valetkey.adapters.storage.sqlite.engine import SqliteEngine
from valetkey.authorization_server.second_factor import OneTimeCodeFactor
from valetkey.jose.records import dataclass
from valetkey.oauth.types import Subject, TenantId


@dataclass(frozen=True, slots=True)
class SqliteSecondFactors:
    """`SecondFactors` of one tenant."""

    _engine: SqliteEngine
    _tenant: TenantId

    async def find(self, subject: Subject) -> OneTimeCodeFactor | None:
        """The end-user's factor, confirmed or not."""
        row = self._engine.row(second_factors.FIND_FACTOR, self._tenant, subject)
        return None if row is None else second_factors.factor_from(row)

    async def list(self) -> Sequence[OneTimeCodeFactor]:
        """All of them, by subject."""
        return list(map(second_factors.factor_from, self._engine.rows(second_factors.LIST_FACTORS, self._tenant)))
