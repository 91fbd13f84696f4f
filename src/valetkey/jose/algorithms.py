"""The one table of algorithms: a row per `alg` and per `enc`, nothing else knows a name (RFC 7518, 3 to 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384, SHA512

from valetkey.jose import akp
from valetkey.jose.content_encryption import ContentEncryption, aes_cbc_hmac, aes_gcm
from valetkey.jose.errors import ConfigurationError
from valetkey.jose.key_management import (
    BoundEncryption,
    aes_gcm_kw,
    aes_kw,
    bind_direct,
    bind_rsa1_5,
    ecdh_es,
    pbes2,
    rsa_oaep,
)
from valetkey.jose.signatures import bind_eddsa, ecdsa_with, hmac_with, rsa_pkcs1_with, rsa_pss_with

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from valetkey.jose.key_material import BoundKey, Material

RSA_BITS: Final = 2048


class SignatureAlgorithm(msgspec.Struct, frozen=True):
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
        # RFC8037-3.2/not-signing
        SignatureAlgorithm("EdDSA", "OKP", bind_eddsa, ("Ed25519", "Ed448")),
        SignatureAlgorithm("Ed25519", "OKP", bind_eddsa, ("Ed25519",)),
        SignatureAlgorithm("Ed448", "OKP", bind_eddsa, ("Ed448",)),
        SignatureAlgorithm("ML-DSA-44", "AKP", akp.bind, ("ML-DSA-44",)),
        SignatureAlgorithm("ML-DSA-65", "AKP", akp.bind, ("ML-DSA-65",)),
        SignatureAlgorithm("ML-DSA-87", "AKP", akp.bind, ("ML-DSA-87",)),
    )
}


class KeyManagementAlgorithm(msgspec.Struct, frozen=True):
    """A row per JWE `alg`: the key type and curves it goes with, and how a key is bound to it.

    A key may also name an `enc`: then it is the content key itself, the header says `dir`, and `encryption` is the
    only `enc` it is for. `size` is what a generated key gets: octets for `oct`, bits for RSA.
    """

    name: str
    kty: str
    bind: Callable[[Material], BoundEncryption]
    curves: tuple[str, ...] = ()
    size: int = 0
    encryption: str | None = None

    @property
    def header_name(self) -> str:
        """The `alg` that a header says for a key of this row."""
        return self.name if self.encryption is None else DIRECT

    def fits(self, kty: object, curve: object) -> bool:
        """Tells whether a key of this `kty` and `crv` may be used with this algorithm."""
        return kty == self.kty and (not self.curves or curve in self.curves)


DIRECT: Final = "dir"
_AGREEMENT_CURVES: Final = ("P-256", "P-384", "P-521")
_AGREEMENT: Final = (("ECDH-ES", 0), ("ECDH-ES+A128KW", 16), ("ECDH-ES+A192KW", 24), ("ECDH-ES+A256KW", 32))

CONTENT_ENCRYPTIONS: Final[Mapping[str, ContentEncryption]] = {
    row.name: row
    for row in (
        ContentEncryption("A128GCM", 16, 12, aes_gcm),
        ContentEncryption("A192GCM", 24, 12, aes_gcm),
        ContentEncryption("A256GCM", 32, 12, aes_gcm),
        ContentEncryption("A128CBC-HS256", 32, 16, aes_cbc_hmac("sha256")),
        ContentEncryption("A192CBC-HS384", 48, 16, aes_cbc_hmac("sha384")),
        ContentEncryption("A256CBC-HS512", 64, 16, aes_cbc_hmac("sha512")),
    )
}

# RFC8037-3.1/not-agreement
_AGREEMENT_ROWS: Final = tuple(
    KeyManagementAlgorithm(name, kty, ecdh_es(name, octets), curves)
    for name, octets in _AGREEMENT
    for kty, curves in (("EC", _AGREEMENT_CURVES), ("OKP", ("X25519", "X448")))
)

# One name of key agreement goes with two key types, so a row is found by its name and type.
KEY_MANAGEMENT_ALGORITHMS: Final[Mapping[tuple[str, str], KeyManagementAlgorithm]] = {
    (row.name, row.kty): row
    for row in (
        # SHA-1 is sound where OAEP uses it; it is the hash that the name has always meant (RFC 7518, 4.3).
        KeyManagementAlgorithm("RSA-OAEP", "RSA", rsa_oaep(SHA1()), size=RSA_BITS),  # noqa: S303 - see above
        KeyManagementAlgorithm("RSA-OAEP-256", "RSA", rsa_oaep(SHA256()), size=RSA_BITS),
        KeyManagementAlgorithm("RSA-OAEP-384", "RSA", rsa_oaep(SHA384()), size=RSA_BITS),
        KeyManagementAlgorithm("RSA-OAEP-512", "RSA", rsa_oaep(SHA512()), size=RSA_BITS),
        KeyManagementAlgorithm("RSA1_5", "RSA", bind_rsa1_5, size=RSA_BITS),
        *_AGREEMENT_ROWS,
        KeyManagementAlgorithm("A128KW", "oct", aes_kw(16), size=16),
        KeyManagementAlgorithm("A192KW", "oct", aes_kw(24), size=24),
        KeyManagementAlgorithm("A256KW", "oct", aes_kw(32), size=32),
        KeyManagementAlgorithm("A128GCMKW", "oct", aes_gcm_kw(16), size=16),
        KeyManagementAlgorithm("A192GCMKW", "oct", aes_gcm_kw(24), size=24),
        KeyManagementAlgorithm("A256GCMKW", "oct", aes_gcm_kw(32), size=32),
        KeyManagementAlgorithm("PBES2-HS256+A128KW", "oct", pbes2("PBES2-HS256+A128KW", SHA256(), 16), size=32),
        KeyManagementAlgorithm("PBES2-HS384+A192KW", "oct", pbes2("PBES2-HS384+A192KW", SHA384(), 24), size=32),
        KeyManagementAlgorithm("PBES2-HS512+A256KW", "oct", pbes2("PBES2-HS512+A256KW", SHA512(), 32), size=32),
        KeyManagementAlgorithm(DIRECT, "oct", bind_direct, size=32),
        *(
            KeyManagementAlgorithm(enc.name, "oct", bind_direct, size=enc.key_octets, encryption=enc.name)
            for enc in CONTENT_ENCRYPTIONS.values()
        ),
    )
}

INSECURE_RSA1_5: Final = "insecure_RSA1_5"
"""How a list of key-management algorithms names RSA1_5: whoever writes it has read why (RFC 7516, 11.5)."""


def row_for(name: object, kty: object) -> SignatureAlgorithm | KeyManagementAlgorithm | None:
    """Returns the row of an algorithm for a key type, or None where there is none."""
    signature = SIGNATURE_ALGORITHMS.get(name) if isinstance(name, str) else None
    if signature is not None:
        return signature
    if isinstance(name, str) and isinstance(kty, str):
        return KEY_MANAGEMENT_ALGORITHMS.get((name, kty))
    return None


def allowed_key_management(names: object) -> frozenset[str]:
    """Returns the set of a recipient's `alg` list; ConfigurationError for an empty list or an unknown name."""
    known = {row.header_name for row in KEY_MANAGEMENT_ALGORITHMS.values()} - {"RSA1_5"} | {INSECURE_RSA1_5}
    chosen = _chosen(names, known)
    return chosen - {INSECURE_RSA1_5} | {"RSA1_5"} if INSECURE_RSA1_5 in chosen else chosen


def allowed_encryptions(names: object) -> frozenset[str]:
    """Returns the set of a recipient's `enc` list; ConfigurationError for an empty list or an unknown name."""
    return _chosen(names, CONTENT_ENCRYPTIONS.keys())


def _chosen(names: object, known: Collection[str]) -> frozenset[str]:
    if isinstance(names, (str, bytes)) or not isinstance(names, (list, tuple, set, frozenset)) or not names:
        raise ConfigurationError("The algorithms are a non-empty collection of names.")
    unknown = [name for name in names if not isinstance(name, str) or name not in known]
    if unknown:
        # RFC7518-3.6/none
        raise ConfigurationError(f"Unknown algorithm: {unknown[0]!r}.")
    return frozenset(names)


def allowed_signatures(names: object) -> frozenset[str]:
    """Returns the set of a verifier's algorithm list, or raises ConfigurationError for a list that is unsafe.

    Unsafe are a string, an empty list, a name that no row has (`none` and wildcards among them), and symmetric
    together with asymmetric algorithms, with which a public key could pass for a secret (RFC 8725, 2.1 and 3.1).
    """
    chosen = _chosen(names, SIGNATURE_ALGORITHMS.keys())
    if len({SIGNATURE_ALGORITHMS[name].is_symmetric for name in chosen}) > 1:
        raise ConfigurationError("Symmetric and asymmetric algorithms cannot be mixed in one list.")
    return chosen
