"""A token issuer for tests of whoever verifies: real keys, real signatures, and a key source that can fail."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from valetkey.jose import Jwk, JwkSet, KeySourceUnavailable, VerifiedJwt, Verifier, jwt

ISSUER = "https://as.example"
RESOURCE = "https://api.example/albums"
NOW = 1_800_000_000


@dataclass
class HeldKeys:
    """A key source that holds its keys, or is down."""

    keys: JwkSet
    is_down: bool = False

    async def verify(self, verifier: Verifier, token: str, now: int | None = None) -> VerifiedJwt:
        if self.is_down:
            raise KeySourceUnavailable("The issuer does not answer.")
        return verifier.verify(token, self.keys, now=NOW if now is None else now)


@dataclass
class TestIssuer:
    """Signs whatever a test asks for."""

    __test__ = False

    key: Jwk = field(default_factory=lambda: Jwk.generate("ES256"))

    def source(self) -> HeldKeys:
        return HeldKeys(JwkSet((self.key.public(),)))

    def token(self, changes: Mapping[str, object | None] | None = None, *, typ: str = "at+jwt") -> str:
        """Sign the claims of a good token with `changes`; None removes a claim."""
        claims: dict[str, object] = {
            "iss": ISSUER,
            "sub": "alice",
            "aud": RESOURCE,
            "client_id": "web",
            "iat": NOW - 10,
            "exp": NOW + 300,
            "jti": "token-1",
            "scope": "albums.read",
        }
        merged = claims | dict(changes or {})
        return jwt.sign({name: value for name, value in merged.items() if value is not None}, self.key, typ=typ)
