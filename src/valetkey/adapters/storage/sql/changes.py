"""The closed union of changes as statements: the one place where a new `Change` gets its SQL."""

from collections.abc import Sequence

from valetkey.adapters.storage.sql import (
    configuration_changes,
    device_changes,
    sign_in_changes,
    status_changes,
    token_changes,
)
from valetkey.adapters.storage.sql.sign_in_changes import SignInChange
from valetkey.adapters.storage.sql.step import Step
from valetkey.adapters.storage.sql.token_changes import TokenChange
from valetkey.authorization_server.decision import Change
from valetkey.authorization_server.device.codes import DeviceChange
from valetkey.authorization_server.revocation.statuses import StatusChange
from valetkey.oauth.types import TenantId


def unit_of(tenant: TenantId, changes: Sequence[Change]) -> list[Step]:
    """The statements of all changes, in their order: one unit of work."""
    return [step for change in changes for step in _steps(tenant, change)]


def _steps(tenant: TenantId, change: Change) -> tuple[Step, ...]:
    if isinstance(change, TokenChange):
        return token_changes.steps(tenant, change)
    if isinstance(change, SignInChange):
        return sign_in_changes.steps(tenant, change)
    if isinstance(change, DeviceChange):
        return device_changes.steps(tenant, change)
    if isinstance(change, StatusChange):
        return status_changes.steps(tenant, change)
    return configuration_changes.steps(tenant, change)
