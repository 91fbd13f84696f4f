"""Signs for the API behind a gateway who asks, so that it sees one kind of credential whatever was presented."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from valetkey.jose import JwkSet, jwt
from valetkey.jose.clock import Clock, system_clock
from valetkey.jose.encoding import b64url_encode
from valetkey.jose.entropy import random_octets
from valetkey.jose.token_kinds import IDENTITY_ASSERTION
from valetkey.oauth.identity_assertion import LONGEST_LIFETIME, assertion_claims
from valetkey.resource_server.path import parse_target

if TYPE_CHECKING:
    from valetkey.jose import Jwk
    from valetkey.oauth.access_token import AccessToken
    from valetkey.resource_server.request import RequestView

DEFAULT_LIFETIME: Final = 30
_MOST_KEPT: Final = 4_096


class AssertionSigner:
    """Signs assertions with one key; the same question within half of a lifetime gets the same text again."""

    def __init__(
        self, key: Jwk, *, issuer: str, audience: str, lifetime: int = DEFAULT_LIFETIME, clock: Clock = system_clock
    ) -> None:
        """Build it; `lifetime` is in seconds. Raises ValueError for one out of bounds, or a shared secret."""
        if not 2 <= lifetime <= LONGEST_LIFETIME:  # noqa: PLR2004 - half of it is a second still
            raise ValueError(f"an assertion lives for 2 to {LONGEST_LIFETIME} seconds")
        if key.is_symmetric or not key.is_private:
            # Who verifies must not be able to sign.
            raise ValueError("assertions are signed with a private key")
        self.issuer, self.audience = issuer, audience
        self._key, self._lifetime, self._clock = key, lifetime, clock
        self._kept: dict[bytes, tuple[int, str]] = {}

    def published(self) -> dict[str, object]:
        """Return the JWK Set by which assertions are verified."""
        return JwkSet((self._key.public(),)).as_dict()

    def sign(self, token: AccessToken, request: RequestView) -> str:
        """Return the assertion that `token` was presented for `request`, whose target was judged before."""
        path, now = parse_target(request.target).path, self._clock()
        # Everything that is asserted goes into the key: two tokens of one identifier may say different things.
        claims = assertion_claims(
            token, issuer=self.issuer, audience=self.audience, method=request.method, path=path
        )
        key = msgspec.json.encode(claims)
        known = self._kept.get(key)
        if known is not None and 0 <= now - known[0] < self._lifetime // 2 and now < token.expires_at:
            return known[1]
        expires_at = min(now + self._lifetime, max(token.expires_at, now + 1))
        times = {"iat": now, "exp": expires_at, "jti": b64url_encode(random_octets(16))}
        signed = jwt.sign({**claims, **times}, self._key, typ=IDENTITY_ASSERTION.typ)
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        self._kept[key] = now, signed
        return signed
