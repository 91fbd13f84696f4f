"""The Signer that works in this process: keys unsealed once, kept as long as the configuration version says."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from valetkey.adapters.keys.generation import PURPOSE, place_of
from valetkey.adapters.keys.sealing import SealBroken
from valetkey.authorization_server.model import KeyState
from valetkey.jose import Jwk, JwkSet, jwt
from valetkey.oauth.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Executor

    from valetkey.adapters.keys.sealing import Sealer
    from valetkey.authorization_server.model import SigningKey
    from valetkey.authorization_server.ports import SigningKeys
    from valetkey.oauth.types import TenantId

_SLOW: Final = "RSA"
"""A signature of this key type takes as long as several requests: it leaves the event loop."""


@dataclass(frozen=True, slots=True)
class _Ring:
    version: int
    unsealed: Mapping[str, bytes]
    """The private JWK of each active algorithm, as JSON."""
    public: JwkSet
    prepared: dict[str, Jwk]
    """Loading an RSA key takes as long as a thousand requests: each is prepared when it first signs."""


class LocalSigner:
    """Signs with the keys of one tenant; private keys are plain only in the memory of this process."""

    def __init__(self, keys: SigningKeys, tenant: TenantId, sealer: Sealer, slow: Executor) -> None:
        self._keys = keys
        self._tenant = tenant
        self._sealer = sealer
        self._slow = slow
        self._ring: _Ring | None = None

    async def sign(self, claims: Mapping[str, object], *, typ: str, algorithm: str) -> str:
        """Return the compact JWS; raises Unavailable when no active key has the algorithm."""
        ring = await self._current()
        key = ring.prepared.get(algorithm)
        if key is None:
            key = ring.prepared[algorithm] = await self._prepared(ring, algorithm)
        if key.kty == _SLOW:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._slow, lambda: jwt.sign(claims, key, typ=typ))
        return jwt.sign(claims, key, typ=typ)

    async def encrypt(self, signed: str, recipient: Jwk, *, typ: str, encryption: str) -> str:
        """Return the compact JWE of a signed JWT for the owner of `recipient` (RFC 7519, 11.2)."""
        from valetkey.jose.jwe import encrypt  # noqa: PLC0415 - most servers never encrypt

        return encrypt(signed.encode("ascii"), recipient, encryption=encryption, header={"cty": "JWT", "typ": typ})

    async def public_keys(self) -> JwkSet:
        """Return every key that a verifier may still meet."""
        return (await self._current()).public

    async def algorithms(self) -> frozenset[str]:
        """Return the algorithms that have an active key."""
        return frozenset((await self._current()).unsealed)

    async def _current(self) -> _Ring:
        version = await self._keys.version()
        ring = self._ring
        if ring is None or ring.version != version:
            # Read after the version: newer keys under an older number are only read again.
            ring = self._ring = self._open(version, await self._keys.list(), ring)
        return ring

    async def _prepared(self, ring: _Ring, algorithm: str) -> Jwk:
        private = ring.unsealed.get(algorithm)
        if private is None:
            raise Unavailable(f"a signing key for {algorithm}")
        return await asyncio.get_running_loop().run_in_executor(self._slow, Jwk.parse, private)

    def _open(self, version: int, stored: Sequence[SigningKey], before: _Ring | None) -> _Ring:
        unsealed = {row.algorithm: self._unsealed(row) for row in stored if row.state is KeyState.ACTIVE}
        # Any change of the configuration moves the version: keys that stayed are not prepared again.
        prepared = {
            algorithm: key
            for algorithm, key in (before.prepared.items() if before else ())
            if before and unsealed.get(algorithm) == before.unsealed[algorithm]
        }
        public = JwkSet(tuple(Jwk.parse_public(row.public_jwk) for row in stored))
        return _Ring(version, unsealed, public, prepared)

    def _unsealed(self, row: SigningKey) -> bytes:
        try:
            return self._sealer.open(PURPOSE, place_of(self._tenant, row.kid), row.sealed_private_jwk)
        except SealBroken:
            raise Unavailable(
                f"the signing key {row.kid}: the key-encryption key does not open it, so it"
            ) from None
