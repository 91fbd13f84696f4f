"""A tenant's keys are made, promoted and removed here as the plan says (RFC 7518, RFC 8037, RFC 9864)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import msgspec

from valetkey.adapters.keys.sealing import Sealer
from valetkey.authorization_server.audit import ActorKind, Origin
from valetkey.authorization_server.decision import AddSigningKey
from valetkey.authorization_server.key_algorithms import is_signature
from valetkey.authorization_server.key_rotation import KeySchedule, plan
from valetkey.authorization_server.model import KeyState, SigningKey
from valetkey.authorization_server.ports import Stores
from valetkey.jose import Jwk
from valetkey.jose.records import dataclass
from valetkey.oauth.types import TenantId

if TYPE_CHECKING:
    from valetkey.authorization_server.key_changes import KeyStep
    from valetkey.authorization_server.key_rotation import NeededKey
    from valetkey.oauth.types import NumericDate

PURPOSE: Final = "signing-key"


@dataclass(frozen=True, slots=True)
class KeyKeeper:
    """Keeps the keys of one tenant as its schedule wants them."""

    stores: Stores
    tenant: TenantId
    sealer: Sealer
    schedule: KeySchedule

    async def keep(self, now: NumericDate) -> tuple[KeyStep, ...]:
        """Do what is due, and return what was done here: of several nodes that try at once, one does each step.

        Raises Unavailable when the store cannot say or write.
        """
        due = plan(await self.stores.signing_keys.list(), self.schedule, now)
        made = await asyncio.gather(*(self._made(needed, now) for needed in due.needed))
        changes = (*map(AddSigningKey, made), *due.changes)
        return tuple([change for change in changes if await self._commit(change, now)])

    async def _made(self, needed: NeededKey, now: NumericDate) -> SigningKey:
        # An RSA key takes up to a second: in a thread, where requests do not wait for it.
        return await asyncio.to_thread(generate_key, needed.algorithm, self.tenant, self.sealer, now, needed.state)

    async def _commit(self, change: KeyStep, now: NumericDate) -> bool:
        # Each step for itself: what another node has done already takes nothing else down with it.
        kid = change.key.kid if isinstance(change, AddSigningKey) else change.kid
        return await self.stores.commit((change,), Origin(ActorKind.SERVER, now, "signing keys", kid))


def generate_key(
    algorithm: str, tenant: TenantId, sealer: Sealer, now: NumericDate, state: KeyState = KeyState.ACTIVE
) -> SigningKey:
    """Return a new key whose private part is sealed; an RSA key takes up to a second."""
    key = Jwk.generate(algorithm)
    kid = key.thumbprint()
    use = {"use": "sig" if is_signature(algorithm) else "enc"}
    private = key.as_private_dict() | use
    return SigningKey(
        kid=kid,
        algorithm=algorithm,
        public_jwk=msgspec.json.encode(key.as_dict() | use).decode(),
        sealed_private_jwk=sealer.seal(PURPOSE, place_of(tenant, kid), msgspec.json.encode(private)),
        state=state,
        created_at=now,
        activated_at=now if state is KeyState.ACTIVE else None,
    )


def place_of(tenant: TenantId, kid: str) -> str:
    """Return the context to which a sealed key is bound, so that it cannot be moved to another row."""
    return f"{tenant}/{kid}"
