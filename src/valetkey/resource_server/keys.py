"""The port through which a guard verifies what an issuer signed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from valetkey.jose import VerifiedJwt, Verifier


class KeySource(Protocol):
    """Verifies with the issuer's keys, fetching them when needed (`valetkey.jose.AsyncRemoteJwkSet`)."""

    async def verify(self, verifier: Verifier, token: str, now: int | None = None) -> VerifiedJwt:
        """Return the verified JWT; raises InvalidToken, or KeySourceUnavailable when no key can be had."""
        ...
