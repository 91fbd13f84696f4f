"""The port through which a guard verifies what an issuer signed, and the opening of what was encrypted for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from valetkey.jose import JwkSet
from valetkey.jose.jwt import opened_jwt

if TYPE_CHECKING:
    from valetkey.jose import Jwk, VerifiedJwt, Verifier
    from valetkey.jose.jwe import Decrypter


class KeySource(Protocol):
    """Verifies with the issuer's keys, fetching them when needed (`valetkey.jose.AsyncRemoteJwkSet`)."""

    async def verify(self, verifier: Verifier, token: str, now: int | None = None) -> VerifiedJwt:
        """Return the verified JWT; raises InvalidToken, or KeySourceUnavailable when no key can be had."""
        ...


class HeldKeys:
    """A KeySource that asks nobody: keys that came by another way than a URL, or a test's own."""

    def __init__(self, *keys: Jwk) -> None:
        """Hold the public part of these keys; secrets are refused with ValueError."""
        if any(key.is_symmetric for key in keys):
            raise ValueError("an issuer's keys are public ones")
        self._keys = JwkSet(tuple(key.public() for key in keys))

    async def verify(self, verifier: Verifier, token: str, now: int | None = None) -> VerifiedJwt:
        """Return the verified JWT; raises InvalidToken."""
        return verifier.verify(token, self._keys, now=now)


class DecryptingKeys:
    """A KeySource for a resource server whose tokens are encrypted for it: a signed one alone is no longer good.

    The signature inside is verified as ever: whoever knows the public key can encrypt (RFC 7519, 11.2).
    """

    def __init__(self, keys: KeySource, decrypter: Decrypter) -> None:
        """Open tokens with `decrypter`, then verify them with `keys`."""
        self._keys = keys
        self._decrypter = decrypter

    async def verify(self, verifier: Verifier, token: str, now: int | None = None) -> VerifiedJwt:
        """Return the verified JWT of an encrypted one; raises InvalidToken, DecryptionFailed among them."""
        return await self._keys.verify(verifier, opened_jwt(token, self._decrypter), now)
