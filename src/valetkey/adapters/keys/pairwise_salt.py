"""The salt of a tenant's pairwise subjects: drawn once, sealed, kept in this process (OpenID Connect Core, 8.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from valetkey.adapters.keys.sealing import SealBroken, Sealer
from valetkey.authorization_server.audit import ActorKind, Origin
from valetkey.authorization_server.tenant_secrets import PAIRWISE_SALT, AddTenantSecret
from valetkey.oauth.errors import Unavailable

if TYPE_CHECKING:
    from valetkey.authorization_server.ports import FreshSource, Stores
    from valetkey.oauth.types import TenantId

_ROUNDS: Final = 2


class SealedPairwiseSalt:
    """`PairwiseSalt` of one tenant."""

    def __init__(self, stores: Stores, tenant: TenantId, sealer: Sealer, fresh: FreshSource) -> None:
        self._stores = stores
        self._tenant = tenant
        self._sealer = sealer
        self._fresh = fresh
        self._known: bytes | None = None

    async def read(self) -> bytes:
        """Return the salt, made where the tenant has none; raises Unavailable."""
        if self._known is None:
            self._known = await self._stored()
        return self._known

    async def _stored(self) -> bytes:
        for _ in range(_ROUNDS):
            sealed = (await self._stores.tenant_secrets.list()).get(PAIRWISE_SALT)
            if sealed is not None:
                return self._opened(sealed)
            # Of two nodes that draw one at the same moment, the slower one reads what the other one stored.
            fresh = self._fresh()
            made = self._sealer.seal(PAIRWISE_SALT, self._tenant, fresh.draw(PAIRWISE_SALT))
            origin = Origin(ActorKind.SERVER, fresh.now, "pairwise subjects", fresh.identifier("origin"))
            await self._stores.commit((AddTenantSecret(PAIRWISE_SALT, made),), origin)
        raise Unavailable("the salt of pairwise subjects")

    def _opened(self, sealed: bytes) -> bytes:
        try:
            return self._sealer.open(PAIRWISE_SALT, self._tenant, sealed)
        except SealBroken as broken:
            raise Unavailable(f"the salt of pairwise subjects ({broken})") from None
