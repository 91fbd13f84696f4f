"""The statements of changes to device codes, and what is asked of them."""

from typing import assert_never

from valetkey.adapters.storage.sql import queries
from valetkey.adapters.storage.sql.records import (
    decode_strings,
    encode,
    stored_authorization,
)
from valetkey.adapters.storage.sql.step import Record, Step
from valetkey.authorization_server.device.codes import (
    AddDeviceCode,
    ApproveDeviceCode,
    DenyDeviceCode,
    DeviceChange,
    DeviceCode,
    Polling,
    RecordPoll,
    RedeemDeviceCode,
    StoredDeviceCode,
)
from valetkey.authorization_server.model import ConsentAnswer, Generations
from valetkey.oauth.types import Scope, TenantId

_COLUMNS = (
    "d.digest, d.user_code_digest, d.client_id, d.scope, d.resources, d.server_generation, d.tenant_generation, "
    "d.client_generation, d.created_at, d.expires_at, d.polling_interval, d.polled_at, d.answer, "
    "d.authorization_id, d.redeemed_at, d.current_server, d.current_tenant, d.current_client"
)
_WIDTH = 18
_ADD = """
INSERT INTO device_codes (tenant, digest, user_code_digest, client_id, scope, resources, server_generation,
    tenant_generation, client_generation, created_at, expires_at, polling_interval, polled_at, answer,
    authorization_id, redeemed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
ON CONFLICT DO NOTHING
RETURNING 1
"""
_APPROVE = """
UPDATE device_codes SET answer = 'allowed', authorization_id = $4
WHERE tenant = $1 AND digest = $2 AND EXISTS (
    SELECT 1 FROM pending_device_codes AS p
    WHERE p.tenant = device_codes.tenant AND p.digest = device_codes.digest AND p.expires_at > $3
)
RETURNING 1
"""
_DENY = """
UPDATE device_codes SET answer = 'denied'
WHERE tenant = $1 AND digest = $2 AND answer IS NULL AND expires_at > $3
RETURNING 1
"""
_RECORD_POLL = """
UPDATE device_codes SET polling_interval = $5, polled_at = $6
WHERE tenant = $1 AND digest = $2 AND answer IS NULL AND polling_interval = $3
    AND COALESCE(polled_at, -1) = COALESCE($4, -1)
RETURNING 1
"""
_REDEEM = """
UPDATE device_codes SET redeemed_at = $3
WHERE tenant = $1 AND digest = $2 AND answer = 'allowed' AND redeemed_at IS NULL AND expires_at > $3 AND EXISTS (
    SELECT 1 FROM living_authorizations AS a
    WHERE a.tenant = device_codes.tenant AND a.authorization_id = device_codes.authorization_id
        AND a.expires_at > $3
)
RETURNING 1
"""
_FIND = f"""
SELECT {_COLUMNS}, {queries.AUTHORIZATION} FROM device_codes_now AS d
LEFT JOIN authorizations_now AS a ON a.tenant = d.tenant AND a.authorization_id = d.authorization_id
"""  # noqa: S608 - put together from constants alone
FIND_DEVICE_CODE = _FIND + "WHERE d.tenant = $1 AND d.digest = $2"
FIND_BY_USER_CODE = _FIND + "WHERE d.tenant = $1 AND d.user_code_digest = $2"


def steps(tenant: TenantId, change: DeviceChange) -> tuple[Step, ...]:
    """The statements that make the change, in order."""
    match change:
        case AddDeviceCode(code):
            step = _add(tenant, code)
        case ApproveDeviceCode(digest, authorization_id, now):
            step = Step(_APPROVE, (tenant, digest, now, authorization_id), must_win=True)
        case DenyDeviceCode(digest, now):
            step = Step(_DENY, (tenant, digest, now), must_win=True)
        case RecordPoll(digest, before, after):
            polls = (before.interval, before.polled_at, after.interval, after.polled_at)
            step = Step(_RECORD_POLL, (tenant, digest, *polls), must_win=True)
        case RedeemDeviceCode(digest, now):
            step = Step(_REDEEM, (tenant, digest, now), must_win=True)
        case _:
            assert_never(change)
    return (step,)


def stored_device_code(row: Record) -> StoredDeviceCode:
    """The answer of FIND_DEVICE_CODE or FIND_BY_USER_CODE."""
    code = DeviceCode(
        digest=row[0],
        user_code_digest=row[1],
        client_id=row[2],
        scope=Scope.of(row[3].split()),
        resources=decode_strings(row[4]),
        generations=Generations(row[5], row[6], row[7]),
        created_at=row[8],
        expires_at=row[9],
        polling=Polling(row[10], row[11]),
        answer=None if row[12] is None else ConsentAnswer(row[12]),
        authorization_id=row[13],
        redeemed_at=row[14],
    )
    granted = row[_WIDTH:]
    stored = None if granted[0] is None else stored_authorization(granted)
    return StoredDeviceCode(code, Generations(row[15], row[16], row[17]), stored)


def _add(tenant: TenantId, code: DeviceCode) -> Step:
    stamp = code.generations
    return Step(
        _ADD,
        (
            tenant,
            code.digest,
            code.user_code_digest,
            code.client_id,
            str(code.scope),
            encode(code.resources),
            stamp.server,
            stamp.tenant,
            stamp.client,
            code.created_at,
            code.expires_at,
            code.polling.interval,
            code.polling.polled_at,
            code.answer,
            code.authorization_id,
            code.redeemed_at,
        ),
        must_win=True,
    )
