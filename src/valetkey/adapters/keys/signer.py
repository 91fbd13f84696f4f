"""The Signer that works in this process: keys unsealed once, kept as long as the configuration version says."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import field, replace
from typing import TYPE_CHECKING, Final

from valetkey.adapters.keys.generation import PURPOSE, place_of
from valetkey.adapters.keys.own_key import own_key
from valetkey.adapters.keys.sealing import SealBroken
from valetkey.authorization_server.key_algorithms import is_signature
from valetkey.authorization_server.model import KeyState
from valetkey.jose import Jwk, JwkSet, jwt
from valetkey.jose.algorithms import CONTENT_ENCRYPTIONS
from valetkey.jose.errors import UnknownKey
from valetkey.jose.records import dataclass
from valetkey.oauth.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Executor

    from valetkey.adapters.keys.sealing import Sealer
    from valetkey.authorization_server.model import SigningKey
    from valetkey.authorization_server.ports import SigningKeys
    from valetkey.oauth.types import TenantId

_SLOW: Final = "RSA"
"""What is done with a private key of this type takes as long as several requests: it leaves the event loop."""


@dataclass(frozen=True, slots=True)
class _OwnKey:
    """A private key of ours: as JSON, and as it is at work."""

    kid: str
    algorithm: str
    private: bytes = field(repr=False)
    prepared: list[Jwk] = field(repr=False, default_factory=list)
    """Empty until it is used: not every tenant uses every algorithm."""

    def prepare(self) -> Jwk:
        """Return the key at work."""
        if not self.prepared:
            self.prepared.append(own_key(self.private))
        return self.prepared[0]


@dataclass(frozen=True, slots=True)
class _Ring:
    """The keys of one version of the configuration."""

    version: int
    signing: Mapping[str, _OwnKey]
    """By algorithm: the active ones, and no other key ever signs."""
    decrypting: tuple[_OwnKey, ...]
    """Announced, active and retired: others encrypt to what they have read."""
    published: JwkSet


class LocalSigner:
    """Signs and decrypts with the keys of one tenant; private ones are plain only in the memory of this process."""

    def __init__(self, keys: SigningKeys, tenant: TenantId, sealer: Sealer, slow: Executor) -> None:
        self._keys = keys
        self._tenant = tenant
        self._sealer = sealer
        self._slow = slow
        self._ring: _Ring | None = None

    async def sign(self, claims: Mapping[str, object], *, typ: str, algorithm: str) -> str:
        """Return the compact JWS; raises Unavailable when no active key has the algorithm."""
        own = (await self._current()).signing.get(algorithm)
        if own is None:
            raise Unavailable(f"a signing key for {algorithm}")
        key = own.prepare()
        if key.kty == _SLOW:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._slow, lambda: jwt.sign(claims, key, typ=typ))
        return jwt.sign(claims, key, typ=typ)

    async def encrypt(
        self, text: str, recipient: Jwk, *, typ: str, encryption: str, content_type: str | None = "JWT"
    ) -> str:
        """Return the compact JWE of a text, as a rule a signed JWT, for `recipient` (RFC 7519, 11.2)."""
        from valetkey.jose.jwe import encrypt  # noqa: PLC0415 - most servers never encrypt

        header = {"typ": typ} if content_type is None else {"cty": content_type, "typ": typ}
        return encrypt(text.encode(), recipient, encryption=encryption, header=header)

    async def decrypt(self, jwe: str) -> bytes:
        """Return the plaintext of a compact JWE that was encrypted to one of our keys; raises InvalidToken."""
        from valetkey.jose.jwe import Decrypter  # noqa: PLC0415 - most servers never decrypt

        own = (await self._current()).decrypting
        if not own:
            raise UnknownKey("This server has no key to encrypt to.")
        decrypter = Decrypter(
            keys=JwkSet(tuple(key.prepare() for key in own)),
            algorithms=frozenset(key.algorithm for key in own),
            encryptions=tuple(CONTENT_ENCRYPTIONS),
        )
        opened = await asyncio.get_running_loop().run_in_executor(self._slow, decrypter.decrypt, jwe)
        return opened.plaintext

    async def public_keys(self) -> JwkSet:
        """Return every key that a verifier may still meet, and those that one may encrypt to."""
        return (await self._current()).published

    async def algorithms(self) -> frozenset[str]:
        """Return the algorithms that have an active signing key."""
        return frozenset((await self._current()).signing)

    async def decryption_algorithms(self) -> frozenset[str]:
        """Return the algorithms that one may encrypt to us with."""
        published = (await self._current()).published.keys
        return frozenset(key.algorithm for key in published if not is_signature(key.algorithm))

    async def _current(self) -> _Ring:
        version = await self._keys.version()
        ring = self._ring
        if ring is None or ring.version != version:
            # Read after the version: newer keys under an older number are only read again.
            ring = self._ring = self._opened(version, await self._keys.list(), ring)
        return ring

    def _opened(self, version: int, stored: Sequence[SigningKey], before: _Ring | None) -> _Ring:
        # Any change of the configuration moves the version: keys that stayed are not opened and prepared again.
        known = {} if before is None else {key.kid: key for key in (*before.signing.values(), *before.decrypting)}
        signing = {
            row.algorithm: known.get(row.kid) or self._unsealed(row)
            for row in stored
            if row.state is KeyState.ACTIVE and is_signature(row.algorithm)
        }
        own = [row for row in stored if not is_signature(row.algorithm)]
        decrypting = tuple(known.get(row.kid) or self._unsealed(row) for row in own)
        return _Ring(version, signing, decrypting, JwkSet(tuple(_published(stored))))

    def _unsealed(self, row: SigningKey) -> _OwnKey:
        try:
            opened = self._sealer.open(PURPOSE, place_of(self._tenant, row.kid), row.sealed_private_jwk)
        except SealBroken:
            raise Unavailable(
                f"the signing key {row.kid}: the key-encryption key does not open it, so it"
            ) from None
        return _OwnKey(row.kid, row.algorithm, opened)


def _published(stored: Sequence[SigningKey]) -> Iterator[Jwk]:
    for row in stored:
        if is_signature(row.algorithm):
            yield replace(Jwk.parse_public(row.public_jwk), use="sig")  # OIDCD-3/use
        elif row.state is KeyState.ACTIVE:
            # Nobody new shall choose one that is on its way out: OIDCC-10.2.1/retain
            yield replace(Jwk.parse_public(row.public_jwk), use="enc")
