"""The port through which a guard verifies what an issuer signed, and the opening of what was encrypted for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from valetkey.jose.jwt import opened_jwt

if TYPE_CHECKING:
    from valetkey.jose import VerifiedJwt, Verifier
    from valetkey.jose.jwe import Decrypter


class KeySource(Protocol):
    """Verifies with the issuer's keys, fetching them when needed (`valetkey.jose.AsyncRemoteJwkSet`)."""

    async def verify(self, verifier: Verifier, token: str, now: int | None = None) -> VerifiedJwt:
        """Return the verified JWT; raises InvalidToken, or KeySourceUnavailable when no key can be had."""
        ...


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
