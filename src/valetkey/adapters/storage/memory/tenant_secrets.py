"""A tenant's sealed secrets in memory: the changes, and the questions."""

from collections.abc import Mapping
from typing import assert_never

from valetkey.adapters.storage.memory.state import State
from valetkey.authorization_server.tenant_secrets import AddTenantSecret, NotePairwiseToken, TenantSecretChange
from valetkey.jose.records import dataclass
from valetkey.oauth.types import TenantId


def apply(state: State, tenant: TenantId, change: TenantSecretChange) -> bool:
    """Makes the change; False where it must win and has lost."""
    match change:
        case AddTenantSecret(purpose, sealed):
            if state.tenant_secrets.get(tenant, purpose) is not None:
                return False
            state.tenant_secrets.put(tenant, purpose, sealed)
        case NotePairwiseToken(subject, authorization_id, expires_at):
            before = state.pairwise_tokens.get(tenant, (subject, authorization_id))
            latest = expires_at if before is None else max(before, expires_at)
            state.pairwise_tokens.put(tenant, (subject, authorization_id), latest)
        case _:
            assert_never(change)
    return True


@dataclass(frozen=True, slots=True)
class MemoryTenantSecrets:
    """`TenantSecrets` of one tenant."""

    _state: State
    _tenant: TenantId

    async def list(self) -> Mapping[str, bytes]:
        """What is sealed, by purpose."""
        return dict(sorted(self._state.tenant_secrets.of(self._tenant)))
