"""The statements of API keys: changes, questions, and what leaves with an owner."""

# ruff: noqa: S608 - these statements are put together from constants of this file and of `queries` alone.

from collections.abc import Iterable
from itertools import groupby
from typing import assert_never

from valetkey.adapters.storage.sql import queries, token_changes
from valetkey.adapters.storage.sql.records import decode_strings, encode, stored_authorization
from valetkey.adapters.storage.sql.step import Bindings, Record, Step
from valetkey.authorization_server.api_key import (
    KEPT,
    USE_NOTED_EVERY,
    AddApiKey,
    ApiKey,
    ApiKeyChange,
    ApiKeySecret,
    ChangeApiKey,
    KeyRequest,
    NoteApiKeyUse,
    OwnerKind,
    RevokeApiKey,
    RotateApiKey,
    StoredApiKey,
)
from valetkey.authorization_server.decision import GrantAuthorization, RevokeAuthorization
from valetkey.oauth.types import AuthorizationId, Scope, TenantId

_ADD = """
INSERT INTO api_keys (tenant, key_id, owner_kind, owner, name, scope, resources, rate_limit, created_at, expires_at,
    kept_until, last_used_at, version, idempotency_digest, request_digest)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
ON CONFLICT DO NOTHING
RETURNING 1
"""
_ADD_SECRET = """
INSERT INTO api_key_secrets (tenant, digest, key_id, prefix, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING
RETURNING 1
"""  # noqa: S105 - a statement
_LIVES = """EXISTS (
    SELECT 1 FROM living_authorizations AS a
    WHERE a.tenant = api_keys.tenant AND a.authorization_id = api_keys.key_id
)"""
_COUNT_ROTATION = f"""
UPDATE api_keys SET version = version + 1
WHERE tenant = $1 AND key_id = $2 AND version = $3 AND COALESCE(expires_at, $4 + 1) > $4 AND {_LIVES}
RETURNING 1
"""
_END_OTHERS = """
UPDATE api_key_secrets SET expires_at = $3
WHERE tenant = $1 AND key_id = $2 AND COALESCE(expires_at, $3 + 1) > $3
"""
_CHANGE = f"""
UPDATE api_keys SET version = version + 1, name = $4, scope = $5, resources = $6, rate_limit = $7, expires_at = $8,
    kept_until = $9
WHERE tenant = $1 AND key_id = $2 AND version = $3 AND {_LIVES}
RETURNING 1
"""
_CHANGE_AUTHORIZATION = """
UPDATE authorizations SET scope = $3, resources = $4, expires_at = $5 WHERE tenant = $1 AND authorization_id = $2
"""
_REVOKE = """
UPDATE api_keys SET version = version + 1, kept_until = CASE WHEN kept_until > $3 THEN $3 ELSE kept_until END
WHERE tenant = $1 AND key_id = $2 AND EXISTS (
    SELECT 1 FROM authorizations AS a
    WHERE a.tenant = api_keys.tenant AND a.authorization_id = api_keys.key_id AND a.revoked_at IS NULL
)
"""
_KEEP_AUTHORIZATION = """
UPDATE authorizations SET expires_at = CASE WHEN expires_at > $3 THEN $3 ELSE expires_at END
WHERE tenant = $1 AND authorization_id = $2 AND revoked_at IS NULL
    AND EXISTS (SELECT 1 FROM api_keys AS k WHERE k.tenant = $1 AND k.key_id = $2)
"""
_NOTE = """
UPDATE api_keys SET last_used_at = $3
WHERE tenant = $1 AND key_id = $2 AND COALESCE(last_used_at, $4) <= $4
"""

_OF_CLIENT = "SELECT tenant, key_id FROM api_keys WHERE tenant = $1 AND owner = $2 AND owner_kind = 'client'"
_SECRETS_OF_CLIENT = f"SELECT tenant, digest FROM api_key_secrets WHERE (tenant, key_id) IN ({_OF_CLIENT})"
REMOVALS_OF_CLIENT = (
    f"DELETE FROM api_key_secrets WHERE (tenant, digest) IN ({_SECRETS_OF_CLIENT})",
    f"DELETE FROM api_keys WHERE (tenant, key_id) IN ({_OF_CLIENT})",
)
REMOVALS_OF_SUBJECT = tuple(statement.replace("'client'", "'end_user'") for statement in REMOVALS_OF_CLIENT)

_KEY = (
    "k.key_id, k.owner_kind, k.owner, k.name, k.scope, k.resources, k.rate_limit, k.created_at, k.expires_at, "
    "k.kept_until, k.last_used_at, k.version, k.idempotency_digest, k.request_digest"
)
_SECRET = "s.digest, s.prefix, s.created_at, s.expires_at"  # noqa: S105 - column names
_AUTHORIZATION_COLUMNS = 25
_KEY_COLUMNS = 14


def _find(keys: str) -> str:
    return (
        f"SELECT {queries.AUTHORIZATION}, {_KEY}, {_SECRET} FROM {keys} AS k "
        "JOIN authorizations_now AS a ON a.tenant = k.tenant AND a.authorization_id = k.key_id "
        "LEFT JOIN api_key_secrets AS s ON s.tenant = k.tenant AND s.key_id = k.key_id "
        "ORDER BY k.created_at, k.key_id, s.created_at DESC, s.digest"
    )


FIND = _find("(SELECT * FROM api_keys WHERE tenant = $1 AND key_id = $2)")
FIND_BY_SECRET = _find(
    "(SELECT * FROM api_keys WHERE tenant = $1 AND key_id = "
    "(SELECT key_id FROM api_key_secrets WHERE tenant = $1 AND digest = $2))"
)
FIND_BY_REQUEST = _find("(SELECT * FROM api_keys WHERE tenant = $1 AND idempotency_digest = $2)")
_PAGE = "tenant = $1 AND (created_at, key_id) > ($2, $3)"
_OLDEST = "ORDER BY created_at, key_id LIMIT $4"
PAGE = _find(f"(SELECT * FROM api_keys WHERE {_PAGE} {_OLDEST})")
PAGE_OF_OWNER = _find(f"(SELECT * FROM api_keys WHERE {_PAGE} AND owner = $5 {_OLDEST})")


def steps(tenant: TenantId, change: ApiKeyChange) -> tuple[Step, ...]:
    """The statements that make the change, in order."""
    match change:
        case AddApiKey(key, generations):
            grant = token_changes.steps(tenant, GrantAuthorization(key.authorization(generations), None))
            added = Step(_ADD, _key_row(tenant, key), must_win=True)
            return (added, *grant, *(_add_secret(tenant, key.key_id, each) for each in key.secrets))
        case RotateApiKey(key_id, version, secret, others_end_at, now):
            return (
                Step(_COUNT_ROTATION, (tenant, key_id, version, now), must_win=True),
                Step(_END_OTHERS, (tenant, key_id, others_end_at)),
                _add_secret(tenant, key_id, secret),
            )
        case ChangeApiKey():
            return _change(tenant, change)
        case RevokeApiKey(key_id, now):
            kept = (tenant, key_id, now + KEPT)
            revoke = token_changes.steps(tenant, RevokeAuthorization(AuthorizationId(key_id), now))
            return (Step(_REVOKE, kept), Step(_KEEP_AUTHORIZATION, kept), *revoke)
        case NoteApiKeyUse(key_id, now):
            return (Step(_NOTE, (tenant, key_id, now, now - USE_NOTED_EVERY)),)
        case _:
            assert_never(change)


def api_keys(rows: Iterable[Record]) -> tuple[StoredApiKey, ...]:
    """The answer of any of the questions: a row for each secret, those of one key together."""
    by_key = groupby(rows, key=lambda row: str(row[_AUTHORIZATION_COLUMNS]))
    return tuple(_stored_key(tuple(found)) for _, found in by_key)


def _stored_key(rows: tuple[Record, ...]) -> StoredApiKey:
    row = rows[0][_AUTHORIZATION_COLUMNS:]
    secrets = (each[_AUTHORIZATION_COLUMNS + _KEY_COLUMNS :] for each in rows)
    key = ApiKey(
        key_id=row[0],
        owner_kind=OwnerKind(row[1]),
        owner=row[2],
        name=row[3],
        scope=Scope.of(row[4].split()),
        resources=decode_strings(row[5]),
        created_at=row[7],
        expires_at=row[8],
        secrets=tuple(ApiKeySecret(*each) for each in secrets if each[0] is not None),
        limit=row[6],
        last_used_at=row[10],
        version=row[11],
        kept_until=row[9],
        request=None if row[12] is None else KeyRequest(row[12], row[13]),
    )
    return StoredApiKey(key, stored_authorization(rows[0]))


def _key_row(tenant: TenantId, key: ApiKey) -> Bindings:
    request = key.request
    return (
        tenant,
        key.key_id,
        key.owner_kind.value,
        key.owner,
        key.name,
        str(key.scope),
        encode(key.resources),
        key.limit,
        key.created_at,
        key.expires_at,
        key.kept_until,
        key.last_used_at,
        key.version,
        None if request is None else request.digest,
        None if request is None else request.content,
    )


def _add_secret(tenant: TenantId, key_id: str, secret: ApiKeySecret) -> Step:
    row = (tenant, secret.digest, key_id, secret.prefix, secret.created_at, secret.expires_at)
    return Step(_ADD_SECRET, row, must_win=True)


def _change(tenant: TenantId, change: ChangeApiKey) -> tuple[Step, ...]:
    key, scope, resources = change.after, str(change.after.scope), encode(change.after.resources)
    changed = (key.name, scope, resources, key.limit, key.expires_at, key.kept_until)
    return (
        Step(_CHANGE, (tenant, key.key_id, change.before.version, *changed), must_win=True),
        Step(_CHANGE_AUTHORIZATION, (tenant, key.key_id, scope, resources, key.kept_until)),
    )
