"""The one table of algorithms: a row per `alg`; nothing else knows an algorithm's name (RFC 7518, 3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512

from valetkey.jose import akp
from valetkey.jose.errors import ConfigurationError
from valetkey.jose.key_material import BoundKey, Material
from valetkey.jose.signatures import bind_eddsa, ecdsa_with, hmac_with, rsa_pkcs1_with, rsa_pss_with

RSA_BITS: Final = 2048


@dataclass(frozen=True, slots=True)
class SignatureAlgorithm:
    """A row per JWS `alg`: the key type and curves it goes with, and how a key is bound to it.

    `size` is what a generated key gets: octets for `oct`, bits for RSA.
    """

    name: str
    kty: str
    bind: Callable[[Material], BoundKey]
    curves: tuple[str, ...] = ()
    size: int = 0

    @property
    def is_symmetric(self) -> bool:
        """Whether whoever can verify can also sign."""
        return self.kty == "oct"

    def fits(self, kty: object, curve: object) -> bool:
        """Tells whether a key of this `kty` and `crv` may be used with this algorithm (RFC 7518, 3.1)."""
        return kty == self.kty and (not self.curves or curve in self.curves)


SIGNATURE_ALGORITHMS: Final[Mapping[str, SignatureAlgorithm]] = {
    row.name: row
    for row in (
        SignatureAlgorithm("HS256", "oct", hmac_with(SHA256()), size=32),
        SignatureAlgorithm("HS384", "oct", hmac_with(SHA384()), size=48),
        SignatureAlgorithm("HS512", "oct", hmac_with(SHA512()), size=64),
        SignatureAlgorithm("RS256", "RSA", rsa_pkcs1_with(SHA256()), size=RSA_BITS),
        SignatureAlgorithm("RS384", "RSA", rsa_pkcs1_with(SHA384()), size=RSA_BITS),
        SignatureAlgorithm("RS512", "RSA", rsa_pkcs1_with(SHA512()), size=RSA_BITS),
        SignatureAlgorithm("PS256", "RSA", rsa_pss_with(SHA256()), size=RSA_BITS),
        SignatureAlgorithm("PS384", "RSA", rsa_pss_with(SHA384()), size=RSA_BITS),
        SignatureAlgorithm("PS512", "RSA", rsa_pss_with(SHA512()), size=RSA_BITS),
        SignatureAlgorithm("ES256", "EC", ecdsa_with(SHA256()), ("P-256",)),
        SignatureAlgorithm("ES384", "EC", ecdsa_with(SHA384()), ("P-384",)),
        SignatureAlgorithm("ES512", "EC", ecdsa_with(SHA512()), ("P-521",)),
        SignatureAlgorithm("ES256K", "EC", ecdsa_with(SHA256()), ("secp256k1",)),
        SignatureAlgorithm("EdDSA", "OKP", bind_eddsa, ("Ed25519", "Ed448")),
        SignatureAlgorithm("Ed25519", "OKP", bind_eddsa, ("Ed25519",)),
        SignatureAlgorithm("Ed448", "OKP", bind_eddsa, ("Ed448",)),
        SignatureAlgorithm("ML-DSA-44", "AKP", akp.bind, ("ML-DSA-44",)),
        SignatureAlgorithm("ML-DSA-65", "AKP", akp.bind, ("ML-DSA-65",)),
        SignatureAlgorithm("ML-DSA-87", "AKP", akp.bind, ("ML-DSA-87",)),
    )
}


def allowed_signatures(names: object) -> frozenset[str]:
    """Returns the set of a verifier's algorithm list, or raises ConfigurationError for a list that is unsafe.

    Unsafe are a string, an empty list, a name that no row has (`none` and wildcards among them), and symmetric
    together with asymmetric algorithms, with which a public key could pass for a secret (RFC 8725, 2.1 and 3.1).
    """
    if isinstance(names, (str, bytes)) or not isinstance(names, (list, tuple, set, frozenset)) or not names:
        raise ConfigurationError("The algorithms are a non-empty collection of names.")
    unknown = [name for name in names if not isinstance(name, str) or name not in SIGNATURE_ALGORITHMS]
    if unknown:
        raise ConfigurationError(f"Unknown signature algorithm: {unknown[0]!r}.")
    if len({SIGNATURE_ALGORITHMS[name].is_symmetric for name in names}) > 1:
        raise ConfigurationError("Symmetric and asymmetric algorithms cannot be mixed in one list.")
    return frozenset(names)
