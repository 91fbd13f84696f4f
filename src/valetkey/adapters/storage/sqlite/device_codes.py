"""The device codes of one tenant over SQLite."""

from valetkey.adapters.storage.sql import device_changes
from valetkey.adapters.storage.sqlite.engine import SqliteEngine
from valetkey.authorization_server.device.codes import StoredDeviceCode
from valetkey.jose.records import dataclass
from valetkey.oauth.types import TenantId, TokenDigest


@dataclass(frozen=True, slots=True)
class SqliteDeviceCodes:
    """`DeviceCodes` of one tenant."""

    _engine: SqliteEngine
    _tenant: TenantId

    async def find(self, digest: TokenDigest) -> StoredDeviceCode | None:
        """The device code with what was granted for it."""
        row = self._engine.row(device_changes.FIND_DEVICE_CODE, self._tenant, digest)
        return None if row is None else device_changes.stored_device_code(row)

    async def find_by_user_code(self, digest: TokenDigest) -> StoredDeviceCode | None:
        """The device code whose user code has this digest."""
        row = self._engine.row(device_changes.FIND_BY_USER_CODE, self._tenant, digest)
        return None if row is None else device_changes.stored_device_code(row)
