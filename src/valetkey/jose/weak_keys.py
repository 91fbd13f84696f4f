"""Keys that are well-formed and still unsafe: small-order points, ROCA moduli, public keys used as secrets."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm

_P25519: Final = 2**255 - 19
_P448: Final = 2**448 - 2**224 - 1
_Y8: Final = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826

# The y coordinates of all points whose order divides the cofactor (RFC 8032, 5.1 and 5.2).
_SMALL_ED25519: Final = frozenset({0, 1, _P25519 - 1, _Y8, _P25519 - _Y8})
_SMALL_ED448: Final = frozenset({0, 1, _P448 - 1})


def has_small_order(curve: str, octets: bytes) -> bool:
    """Tells whether the public key of a signing `curve` is of small order, or not in canonical form.

    A signature by such a key holds for nearly any message. The key-agreement curves are judged at the agreement.
    """
    if curve == "Ed25519":
        y = int.from_bytes(octets, "little") & (2**255 - 1)
        return y in _SMALL_ED25519 or y >= _P25519
    if curve == "Ed448":
        y = int.from_bytes(octets[:56], "little")
        return y in _SMALL_ED448 or y >= _P448
    return False


_ROCA_PRIMES: Final = (
    *(3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97),
    *(101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167),
)


@lru_cache(maxsize=1)
def _roca_residues() -> tuple[frozenset[int], ...]:
    return tuple(frozenset(pow(65537, n, prime) for n in range(prime)) for prime in _ROCA_PRIMES)


def is_roca(modulus: int) -> bool:
    """Tells whether `modulus` has the mark of the generator of CVE-2017-15361, whose keys can be factored."""
    return all(modulus % prime in residues for prime, residues in zip(_ROCA_PRIMES, _roca_residues(), strict=True))


_TEXT_MARKS: Final = (b"-----BEGIN ", b"ssh-", b"ecdsa-sha2-", b"sk-ssh-", b"sk-ecdsa-")
_SEQUENCE: Final = 0x30


def is_asymmetric_text(secret: bytes) -> bool:
    """Tells whether a would-be secret is an asymmetric key as PEM, DER, SSH or JWK text (RFC 8725, 2.1)."""
    text = secret.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text.startswith(_TEXT_MARKS) or b"-----BEGIN " in text:
        return True
    if text.startswith(b"{") and b'"kty"' in text:
        return True
    return secret[:1] == bytes([_SEQUENCE]) and _is_der_key(secret)


def _is_der_key(octets: bytes) -> bool:
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 - dear to import, seldom wanted
        load_der_private_key,
        load_der_public_key,
    )

    try:
        load_der_public_key(octets)
    except (ValueError, UnsupportedAlgorithm):
        pass
    else:
        return True
    try:
        load_der_private_key(octets, password=None)
    except (ValueError, UnsupportedAlgorithm):
        return _is_der_certificate(octets)
    except TypeError:
        return True
    return True


def _is_der_certificate(octets: bytes) -> bool:
    from cryptography.x509 import load_der_x509_certificate  # noqa: PLC0415 - dear to import, seldom wanted

    try:
        load_der_x509_certificate(octets)
    except ValueError:
        return False
    return True
