"""Device codes in memory: the changes and the questions."""

from dataclasses import replace
from typing import assert_never

from valetkey.adapters.storage.memory.state import State
from valetkey.adapters.storage.memory.token_changes import is_alive, stored
from valetkey.authorization_server.device.codes import (
    AddDeviceCode,
    ApproveDeviceCode,
    DenyDeviceCode,
    DeviceChange,
    DeviceCode,
    RecordPoll,
    RedeemDeviceCode,
    StoredDeviceCode,
)
from valetkey.authorization_server.model import ConsentAnswer
from valetkey.jose.records import dataclass
from valetkey.oauth.types import TenantId, TokenDigest


def apply(state: State, tenant: TenantId, change: DeviceChange) -> bool:
    """Makes the change; False where it has lost."""
    if isinstance(change, AddDeviceCode):
        return _add(state, tenant, change.code)
    code = state.device_codes.get(tenant, change.digest)
    changed = None if code is None else _changed(state, tenant, code, change)
    if changed is None:
        return False
    state.device_codes.put(tenant, changed.digest, changed)
    return True


def _add(state: State, tenant: TenantId, code: DeviceCode) -> bool:
    for digest, other in state.device_codes.of(tenant):
        if digest == code.digest or other.user_code_digest == code.user_code_digest:
            return False
    state.device_codes.put(tenant, code.digest, code)
    return True


def _changed(
    state: State,
    tenant: TenantId,
    code: DeviceCode,
    change: ApproveDeviceCode | DenyDeviceCode | RecordPoll | RedeemDeviceCode,
) -> DeviceCode | None:
    """The code as the change leaves it; None where the change has lost."""
    match change:
        case ApproveDeviceCode(_, authorization_id, now):
            is_pending = _stored(state, tenant, code).is_pending(now)
            approved = replace(code, answer=ConsentAnswer.ALLOWED, authorization_id=authorization_id)
            return approved if is_pending else None
        case DenyDeviceCode(_, now):
            is_open = code.answer is None and now < code.expires_at
            return replace(code, answer=ConsentAnswer.DENIED) if is_open else None
        case RecordPoll(_, before, after):
            stands = code.answer is None and code.polling == before
            return replace(code, polling=after) if stands else None
        case RedeemDeviceCode(_, now):
            is_due = code.redeemed_at is None and now < code.expires_at
            granted = code.authorization_id
            is_good = is_due and granted is not None and is_alive(state, tenant, granted, now)
            return replace(code, redeemed_at=now) if is_good else None
        case _:
            assert_never(change)


def _stored(state: State, tenant: TenantId, code: DeviceCode) -> StoredDeviceCode:
    current = state.current(tenant, code.client_id, None)
    granted = None if code.authorization_id is None else stored(state, tenant, code.authorization_id)
    return StoredDeviceCode(code, current, granted)


@dataclass(frozen=True, slots=True)
class MemoryDeviceCodes:
    """`DeviceCodes` of one tenant."""

    _state: State
    _tenant: TenantId

    async def find(self, digest: TokenDigest) -> StoredDeviceCode | None:
        """The device code with what was granted for it."""
        code = self._state.device_codes.get(self._tenant, digest)
        return None if code is None else _stored(self._state, self._tenant, code)

    async def find_by_user_code(self, digest: TokenDigest) -> StoredDeviceCode | None:
        """The device code whose user code has this digest."""
        for _, code in self._state.device_codes.of(self._tenant):
            if code.user_code_digest == digest:
                return _stored(self._state, self._tenant, code)
        return None
