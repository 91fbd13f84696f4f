"""The statements of changes to a tenant's keys; each also bumps the tenant's configuration version."""

from typing import assert_never

from valetkey.adapters.storage.sql.configuration_changes import TOUCH
from valetkey.adapters.storage.sql.documents import client_document
from valetkey.adapters.storage.sql.step import Step
from valetkey.authorization_server.key_changes import (
    AddSigningKey,
    KeyChange,
    KeyStep,
    PromoteSigningKey,
    RemoveSigningKey,
    ResealSecrets,
    RetireSigningKey,
    SealedKind,
)
from valetkey.authorization_server.model import SigningKey
from valetkey.oauth.types import TenantId

_ADD = """
INSERT INTO signing_keys (tenant, kid, algorithm, public_jwk, sealed_private_jwk, state, created_at, activated_at,
    retired_at)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9 WHERE $6 = 'retired' OR NOT EXISTS (
    SELECT 1 FROM signing_keys AS other
    WHERE other.tenant = $1 AND other.algorithm = $3 AND other.state = $6
)
ON CONFLICT (tenant, kid) DO NOTHING
RETURNING 1
"""
# The one before goes first, because an algorithm has one active key; it comes back where its successor has lost.
_RETIRE_PREDECESSOR = """
UPDATE signing_keys SET state = 'retired', retired_at = $3
WHERE tenant = $1 AND state = 'active' AND algorithm = (
    SELECT successor.algorithm FROM signing_keys AS successor
    WHERE successor.tenant = $1 AND successor.kid = $2 AND successor.state = 'announced'
)
"""
_PROMOTE = """
UPDATE signing_keys SET state = 'active', activated_at = $3
WHERE tenant = $1 AND kid = $2 AND state = 'announced'
RETURNING 1
"""
_RETIRE = """
UPDATE signing_keys SET state = 'retired', retired_at = $3
WHERE tenant = $1 AND kid = $2 AND state = 'active'
RETURNING 1
"""
_REMOVE = "DELETE FROM signing_keys WHERE tenant = $1 AND kid = $2 AND state = $3 RETURNING 1"
_HOLD_VERSION = "UPDATE configurations SET version = version + 1 WHERE tenant = $1 AND version = $2 RETURNING 1"
_RESEAL = {
    SealedKind.PRIVATE_KEY: """
UPDATE signing_keys SET sealed_private_jwk = $4 WHERE tenant = $1 AND kid = $2 AND sealed_private_jwk = $3
""",
    SealedKind.TENANT_SECRET: """
UPDATE tenant_secrets SET sealed = $4 WHERE tenant = $1 AND purpose = $2 AND sealed = $3
""",
    SealedKind.ONE_TIME_CODE_KEY: """
UPDATE one_time_code_factors SET sealed_key = $4 WHERE tenant = $1 AND subject = $2 AND sealed_key = $3
""",
    SealedKind.STREAM_HEADER: """
UPDATE streams SET sealed_authorization = $4
WHERE tenant = $1 AND stream_id = $2 AND sealed_authorization = $3
""",
}
_RESEAL_CLIENT = "UPDATE clients SET document = $3 WHERE tenant = $1 AND client_id = $2"


def steps(tenant: TenantId, change: KeyChange) -> tuple[Step, ...]:
    """The statements that make the change, in order, the bump of the configuration version among them."""
    if isinstance(change, ResealSecrets):
        return _reseal(tenant, change)
    return (*_of_key(tenant, change), Step(TOUCH, (tenant,)))


def _of_key(tenant: TenantId, change: KeyStep) -> tuple[Step, ...]:
    match change:
        case AddSigningKey(key):
            return (_add(tenant, key),)
        case PromoteSigningKey(kid, now):
            bindings = (tenant, kid, now)
            return Step(_RETIRE_PREDECESSOR, bindings), Step(_PROMOTE, bindings, must_win=True)
        case RetireSigningKey(kid, now):
            return (Step(_RETIRE, (tenant, kid, now), must_win=True),)
        case RemoveSigningKey(kid, state):
            return (Step(_REMOVE, (tenant, kid, state), must_win=True),)
        case _:
            assert_never(change)


def _add(tenant: TenantId, key: SigningKey) -> Step:
    bindings = (
        tenant,
        key.kid,
        key.algorithm,
        key.public_jwk,
        key.sealed_private_jwk,
        key.state,
        key.created_at,
        key.activated_at,
        key.retired_at,
    )
    return Step(_ADD, bindings, must_win=True)


def _reseal(tenant: TenantId, change: ResealSecrets) -> tuple[Step, ...]:
    return (
        Step(_HOLD_VERSION, (tenant, change.version), must_win=True),
        *(Step(_RESEAL[each.kind], (tenant, each.name, each.before, each.after)) for each in change.values),
        *(Step(_RESEAL_CLIENT, (tenant, client.client_id, client_document(client))) for client in change.clients),
    )
