"""The statements of changes to a tenant's secrets and to what depends on them, and what is asked of them."""

from typing import assert_never

from valetkey.adapters.storage.sql.step import Step
from valetkey.authorization_server.tenant_secrets import AddTenantSecret, NotePairwiseToken, TenantSecretChange
from valetkey.oauth.types import TenantId

LIST_TENANT_SECRETS = "SELECT purpose, sealed FROM tenant_secrets WHERE tenant = $1 ORDER BY purpose"

_ADD = """
INSERT INTO tenant_secrets (tenant, purpose, sealed) VALUES ($1, $2, $3)
ON CONFLICT (purpose, tenant) DO NOTHING
RETURNING 1
"""
_NOTE = """
INSERT INTO pairwise_tokens (tenant, subject, authorization_id, expires_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (subject, authorization_id, tenant) DO UPDATE SET expires_at = excluded.expires_at
WHERE pairwise_tokens.expires_at < excluded.expires_at
"""


def steps(tenant: TenantId, change: TenantSecretChange) -> tuple[Step, ...]:
    """The statements that make the change."""
    match change:
        case AddTenantSecret(purpose, sealed):
            return (Step(_ADD, (tenant, purpose, sealed), must_win=True),)
        case NotePairwiseToken(subject, authorization_id, expires_at):
            return (Step(_NOTE, (tenant, subject, authorization_id, expires_at)),)
        case _:
            assert_never(change)
