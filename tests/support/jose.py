"""Keys, made once a run, and tokens that are wrong in one place only."""

import base64
import json
from functools import lru_cache

from valetkey.jose import Jwk, JwkSet, Verifier, jwt
from valetkey.jose.algorithms import SIGNATURE_ALGORITHMS
from valetkey.jose.jwk import signer_of

NOW = 1_800_000_000
ISSUER = "https://as.example"
AUDIENCE = "https://api.example"

ASYMMETRIC = tuple(name for name, row in SIGNATURE_ALGORITHMS.items() if not row.is_symmetric)


def key_for(algorithm: str, number: int = 0) -> Jwk:
    """Return the key of that number for an algorithm: the same one for the whole run."""
    return _made(algorithm, number)


@lru_cache(maxsize=64)
def _made(algorithm: str, number: int) -> Jwk:
    return Jwk.generate(algorithm, kid=f"{algorithm}-{number}")


def key_set(key: Jwk) -> JwkSet:
    """Return the set that a recipient holds for what `key` signs."""
    return JwkSet((key if key.is_symmetric else key.public(),))


def claims_with(**changes: object) -> dict[str, object]:
    """Return good claims with some of them changed; None takes one away."""
    claims: dict[str, object] = {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "iat": NOW, "exp": NOW + 300}
    return {name: value for name, value in (claims | changes).items() if value is not None}


def b64(octets: bytes) -> str:
    """Return base64url text without padding, by another hand than the one under test."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def raw_token(header: object, payload: object, key: Jwk) -> str:
    """Return a token whose header and payload are taken as they are, truly signed by `key`."""
    first, second = (
        b64(part if isinstance(part, bytes) else json.dumps(part).encode()) for part in (header, payload)
    )
    return f"{first}.{second}.{b64(signer_of(key)(f'{first}.{second}'.encode()))}"


def header_of(key: Jwk, **changes: object) -> dict[str, object]:
    """Return the header that `key` would give an access token, changed."""
    header: dict[str, object] = {"alg": key.algorithm, "kid": key.kid, "typ": "example+jwt"}
    return {name: value for name, value in (header | changes).items() if value is not None}


def verifier_for(*algorithms: str, **changes: object) -> Verifier:
    """Return a verifier of example tokens at NOW."""
    chosen: dict[str, object] = {
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "typ": "example+jwt",
        "algorithms": algorithms or ("ES256",),
        "clock": lambda: NOW,
        **changes,
    }
    return Verifier(**chosen)  # type: ignore[arg-type]


def token_by(key: Jwk, **changes: object) -> str:
    """Return a good example token by `key`, with some claims changed."""
    return jwt.sign(claims_with(**changes), key, typ="example+jwt")
