"""Our own private keys, from what was sealed: made by us, and not proven once more (RFC 7518, 6.3.2)."""

from __future__ import annotations

from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa

from valetkey.jose import Jwk
from valetkey.jose.encoding import b64url_decode

_PARTS: Final = ("p", "q", "d", "dp", "dq", "qi")


class _Members(msgspec.Struct, frozen=True):
    kty: str
    alg: str
    kid: str
    use: str | None = None


class _RsaMembers(msgspec.Struct, frozen=True):
    n: str
    e: str
    d: str
    p: str
    q: str
    dp: str
    dq: str
    qi: str


def own_key(private_jwk: bytes) -> Jwk:
    """Return the key of the JSON that was sealed when we made it; InvalidKey where it is unsound.

    The seal proves that nobody changed it. Proving its primes once more would hold up every other thread, and with
    them all requests, for as long as sixty signatures.
    """
    members = msgspec.json.decode(private_jwk, type=_Members)
    if members.kty != "RSA":
        return Jwk.parse(private_jwk)
    texts = msgspec.json.decode(private_jwk, type=_RsaMembers)
    public = rsa.RSAPublicNumbers(_number(texts.e), _number(texts.n))
    p, q, d, dp, dq, qi = (_number(getattr(texts, name)) for name in _PARTS)
    private = rsa.RSAPrivateNumbers(p, q, d, dp, dq, qi, public)
    return Jwk.from_key(
        private.private_key(unsafe_skip_rsa_key_validation=True), algorithm=members.alg, kid=members.kid
    )


def _number(text: str) -> int:
    return int.from_bytes(b64url_decode(text), "big")
