"""A tenant's first signing keys: one for each algorithm that its tokens may need (RFC 7518, RFC 8037, RFC 9864)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import msgspec

from valetkey.authorization_server.audit import ActorKind, Origin
from valetkey.authorization_server.decision import AddSigningKey
from valetkey.authorization_server.model import KeyState, SigningKey
from valetkey.jose import Jwk

if TYPE_CHECKING:
    from valetkey.adapters.keys.sealing import Sealer
    from valetkey.authorization_server.ports import Stores
    from valetkey.oauth.types import NumericDate, TenantId

ALGORITHMS: Final = ("ES256", "RS256", "Ed25519", "EdDSA")
"""Access tokens are signed with the first; Ed25519 is the one algorithm under its new and its old name."""

PURPOSE: Final = "signing-key"


async def ensure_signing_keys(stores: Stores, tenant: TenantId, sealer: Sealer, now: NumericDate) -> int:
    """Give the tenant an active key for each algorithm that has none; return how many were made.

    Two nodes that start at once end with one key for each: the change of the slower one does not win.
    """
    present = {key.algorithm for key in await stores.signing_keys.list() if key.state is KeyState.ACTIVE}
    made = 0
    for algorithm in ALGORITHMS:
        if algorithm not in present:
            key = await asyncio.to_thread(generate_key, algorithm, tenant, sealer, now)
            origin = Origin(ActorKind.SERVER, now, "signing keys", key.kid)
            made += await stores.commit((AddSigningKey(key),), origin)
    return made


def generate_key(algorithm: str, tenant: TenantId, sealer: Sealer, now: NumericDate) -> SigningKey:
    """Return a new active key whose private part is sealed; an RSA key takes up to a second."""
    key = Jwk.generate(algorithm)
    kid = key.thumbprint()
    return SigningKey(
        kid=kid,
        algorithm=algorithm,
        public_jwk=msgspec.json.encode(key.as_dict()).decode(),
        sealed_private_jwk=sealer.seal(PURPOSE, place_of(tenant, kid), msgspec.json.encode(key.as_private_dict())),
        state=KeyState.ACTIVE,
        created_at=now,
    )


def place_of(tenant: TenantId, kid: str) -> str:
    """Return the context to which a sealed key is bound, so that it cannot be moved to another row."""
    return f"{tenant}/{kid}"
