"""Trusted issuers in memory: the changes, and the questions."""

from collections.abc import Sequence
from typing import assert_never

from valetkey.adapters.storage.memory.state import State
from valetkey.authorization_server.trusted_issuer import (
    PutTrustedIssuer,
    RemoveTrustedIssuer,
    TrustedIssuer,
    TrustedIssuerChange,
)
from valetkey.jose.records import dataclass
from valetkey.oauth.types import TenantId


def apply(state: State, tenant: TenantId, change: TrustedIssuerChange) -> bool:
    """Makes the change, which always wins."""
    match change:
        case PutTrustedIssuer(found):
            state.trusted_issuers.put(tenant, found.issuer, found)
        case RemoveTrustedIssuer(issuer):
            state.trusted_issuers.remove(tenant, issuer)
        case _:
            assert_never(change)
    state.configurations.put(tenant, "", (state.configurations.get(tenant, "") or 0) + 1)
    return True


@dataclass(frozen=True, slots=True)
class MemoryTrustedIssuers:
    """`TrustedIssuers` of one tenant."""

    _state: State
    _tenant: TenantId

    async def find(self, issuer: str) -> TrustedIssuer | None:
        """The trusted issuer of that name."""
        return self._state.trusted_issuers.get(self._tenant, issuer)

    async def list(self) -> Sequence[TrustedIssuer]:
        """All trusted issuers, by name."""
        return [found for _, found in sorted(self._state.trusted_issuers.of(self._tenant), key=lambda row: row[0])]
