"""The statements of changes to places in status lists, and what is asked of them."""

from collections.abc import Sequence
from typing import assert_never

from valetkey.adapters.storage.sql.step import Record, Step
from valetkey.authorization_server.revocation.statuses import (
    CAPACITY,
    AssignStatus,
    AssignStatusBlock,
    AssignStatusToClient,
    OpenStatusList,
    ReserveStatusRange,
    RevokeStatus,
    StatusBlock,
    StatusChange,
    StatusListId,
    StoredStatusList,
)
from valetkey.oauth.types import TenantId

_RESERVE = """
INSERT INTO status_lists (tenant, list_id, permutation_key, reserved, expires_at)
SELECT $1, $2, $3, $4 + $5, $6 WHERE $4 + $5 <= $7
ON CONFLICT (list_id, tenant) DO UPDATE SET reserved = excluded.reserved,
    expires_at = CASE WHEN excluded.expires_at > status_lists.expires_at THEN excluded.expires_at
        ELSE status_lists.expires_at END
WHERE status_lists.reserved = $4
RETURNING 1
"""
_ASSIGN_BLOCK = """
INSERT INTO status_blocks (tenant, list_id, expires_at, first_position, size, client_id, server_generation,
    tenant_generation, client_generation)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (list_id, expires_at, first_position, tenant) DO NOTHING
"""
_ASSIGN = """
INSERT INTO statuses (tenant, list_id, expires_at, list_index, authorization_id) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (list_id, expires_at, list_index, tenant) DO NOTHING
"""
_ASSIGN_TO_CLIENT = """
INSERT INTO status_clients (tenant, list_id, expires_at, list_index, client_id, client_generation)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (list_id, expires_at, list_index, client_id, tenant) DO NOTHING
"""
_REVOKE = """
INSERT INTO revoked_statuses (tenant, list_id, expires_at, list_index) VALUES ($1, $2, $3, $4)
ON CONFLICT (list_id, expires_at, list_index, tenant) DO NOTHING
"""

OPEN_STATUS_LIST = """
SELECT list_id, permutation_key, reserved, expires_at FROM status_lists
WHERE tenant = $1 AND reserved <= $2 AND expires_at > $3
ORDER BY list_id LIMIT 1
"""
# One snapshot: the list, and then only what is revoked in it. What is over is not looked at.
FIND_STATUS_LIST = """
SELECT 0, 0, permutation_key FROM status_lists WHERE tenant = $1 AND list_id = $2 AND expires_at > $3
UNION ALL
SELECT s.list_index, 0, NULL FROM statuses AS s
WHERE s.tenant = $1 AND s.list_id = $2 AND s.expires_at > $3 AND NOT EXISTS (
    SELECT 1 FROM living_authorizations AS a WHERE a.tenant = s.tenant AND a.authorization_id = s.authorization_id
)
UNION ALL
SELECT c.list_index, 0, NULL FROM status_clients AS c
WHERE c.tenant = $1 AND c.list_id = $2 AND c.expires_at > $3
    AND c.client_generation < COALESCE((SELECT value FROM generations AS g
        WHERE g.tenant = c.tenant AND g.kind = 'client' AND g.name = c.client_id), 0)
UNION ALL
SELECT r.list_index, 0, NULL FROM revoked_statuses AS r
WHERE r.tenant = $1 AND r.list_id = $2 AND r.expires_at > $3
UNION ALL
SELECT b.first_position, b.size, NULL FROM status_blocks AS b
WHERE b.tenant = $1 AND b.list_id = $2 AND b.expires_at > $3 AND (
    b.server_generation < COALESCE((SELECT value FROM generations AS g
        WHERE g.tenant = '' AND g.kind = 'server' AND g.name = ''), 0)
    OR b.tenant_generation < COALESCE((SELECT value FROM generations AS g
        WHERE g.tenant = b.tenant AND g.kind = 'tenant' AND g.name = ''), 0)
    OR b.client_generation < COALESCE((SELECT value FROM generations AS g
        WHERE g.tenant = b.tenant AND g.kind = 'client' AND g.name = b.client_id), 0)
)
"""


def steps(tenant: TenantId, change: StatusChange) -> tuple[Step, ...]:
    """The statements that make the change."""
    match change:
        case ReserveStatusRange(list_id, key, start, size, expires_at):
            bindings = (tenant, list_id, key, start, size, expires_at, CAPACITY)
            return (Step(_RESERVE, bindings, must_win=True),)
        case AssignStatusBlock(block):
            return (_assign_block(tenant, block),)
        case AssignStatus(list_id, index, authorization_id, expires_at):
            return (Step(_ASSIGN, (tenant, list_id, expires_at, index, authorization_id)),)
        case AssignStatusToClient(list_id, index, client_id, generation, expires_at):
            return (Step(_ASSIGN_TO_CLIENT, (tenant, list_id, expires_at, index, client_id, generation)),)
        case RevokeStatus(list_id, index, expires_at):
            return (Step(_REVOKE, (tenant, list_id, expires_at, index)),)
        case _:
            assert_never(change)


def _assign_block(tenant: TenantId, block: StatusBlock) -> Step:
    stamp = block.generations
    return Step(
        _ASSIGN_BLOCK,
        (
            tenant,
            block.list_id,
            block.expires_at,
            block.start,
            block.size,
            block.client_id,
            stamp.server,
            stamp.tenant,
            stamp.client,
        ),
    )


def open_status_list(row: Record) -> OpenStatusList:
    """The answer of OPEN_STATUS_LIST."""
    return OpenStatusList(*row)


def stored_status_list(list_id: StatusListId, rows: Sequence[Record]) -> StoredStatusList | None:
    """The answer of FIND_STATUS_LIST: one row has the list's key, the others an index or a block each."""
    keys = [row[2] for row in rows if row[2] is not None]
    if not keys:
        return None
    told = [row for row in rows if row[2] is None]
    return StoredStatusList(
        list_id,
        keys[0],
        frozenset(row[0] for row in told if not row[1]),
        frozenset((row[0], row[1]) for row in told if row[1]),
    )
