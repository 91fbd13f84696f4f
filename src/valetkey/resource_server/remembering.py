"""A key source that verifies an access token once and looks it up after that: opt in with a guard's `keys`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from valetkey.jose.token_kinds import AT_JWT
from valetkey.jose.verified_tokens import DEFAULT_SIZE, VerifiedTokens, require_size

if TYPE_CHECKING:
    from valetkey.jose import VerifiedJwt, Verifier
    from valetkey.jose.verified_tokens import TokenVerifier


class PublishedKeys(Protocol):
    """The keys of an issuer, fetched when needed (`valetkey.jose.AsyncRemoteJwkSet`)."""

    async def verify(self, verifier: TokenVerifier, token: str, now: int | None = None) -> VerifiedJwt:
        """Return the verified JWT; raises InvalidToken, or KeySourceUnavailable when no key can be had."""
        ...


class RememberingKeys:
    """Verifies as `keys` does, and an access token that comes again without its signature.

    Only the verification is remembered, and only until the token expires or the issuer's keys change: status list,
    sender constraint and scope are judged for each request, after this. At most `size` tokens are held.
    """

    def __init__(self, keys: PublishedKeys, *, size: int = DEFAULT_SIZE) -> None:
        """Build it over the keys of one issuer; raises ConfigurationError for a size outside of 2 to 1,000,000."""
        require_size(size)
        self._keys = keys
        self._size = size
        self._tokens: VerifiedTokens | None = None

    async def verify(self, verifier: Verifier, token: str, now: int | None = None) -> VerifiedJwt:
        """Return the verified JWT; raises as the keys do."""
        if self._tokens is None and verifier.kind is AT_JWT:
            self._tokens = VerifiedTokens(verifier, size=self._size)
        # Status lists, which come seldom and are large, have a verifier of their own.
        if self._tokens is None or self._tokens.verifier is not verifier:
            return await self._keys.verify(verifier, token, now)
        return await self._keys.verify(self._tokens, token, now)
