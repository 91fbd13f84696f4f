"""Signature families: a prepared key and its parameters become one `sign` and one `verify` (RFC 7518, 3)."""

from __future__ import annotations

from hashlib import sha256, sha384, sha512
from typing import TYPE_CHECKING, Final, cast

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hmac import HMAC

from valetkey.jose.errors import AlgorithmUnavailable, InvalidKey, SignatureInvalid
from valetkey.jose.key_material import BoundKey, Material

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey, Ed448PublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
    from cryptography.hazmat.primitives.hashes import HashAlgorithm

_MISMATCH = "The signature does not match."
_LONGEST_SHORT_FORM = 0x7F


def hmac_with(algorithm: HashAlgorithm) -> Callable[[Material], BoundKey]:
    """HMAC with a secret of at least the hash's length (RFC 7518, 3.2)."""

    def bind(material: Material) -> BoundKey:
        if material.secret is None or len(material.secret) < algorithm.digest_size:
            # RFC7518-3.2/key-size
            raise InvalidKey(f"The secret must have at least {algorithm.digest_size} octets.")
        # Copying a keyed object skips the two hash blocks of the key, more than half of the cost.
        keyed = HMAC(material.secret, algorithm).copy

        def sign(signed: bytes) -> bytes:
            mac = keyed()
            mac.update(signed)
            return mac.finalize()

        def verify(signature: bytes, signed: bytes) -> None:
            mac = keyed()
            mac.update(signed)
            try:
                mac.verify(signature)  # RFC7518-3.2/constant-time
            except InvalidSignature:
                raise SignatureInvalid(_MISMATCH) from None

        return BoundKey(sign, verify)

    return bind


# The library hashes as well, but takes a microsecond longer to set a hash up.
_HASHES: Final = {"sha256": sha256, "sha384": sha384, "sha512": sha512}


def rsa_pkcs1_with(algorithm: HashAlgorithm) -> Callable[[Material], BoundKey]:
    """RSASSA-PKCS1-v1_5 (RFC 7518, 3.3)."""
    scheme = padding.PKCS1v15()
    return lambda material: _bind_rsa(material, scheme, algorithm)


def rsa_pss_with(algorithm: HashAlgorithm) -> Callable[[Material], BoundKey]:
    """RSASSA-PSS with a salt of the hash's length (RFC 7518, 3.5)."""
    scheme = padding.PSS(mgf=padding.MGF1(algorithm), salt_length=algorithm.digest_size)
    return lambda material: _bind_rsa(material, scheme, algorithm)


def _bind_rsa(material: Material, scheme: padding.PKCS1v15 | padding.PSS, algorithm: HashAlgorithm) -> BoundKey:
    verify_with = cast("rsa.RSAPublicKey", material.public).verify
    hashed, prehashed = _HASHES[algorithm.name], Prehashed(algorithm)

    def verify(signature: bytes, signed: bytes) -> None:
        try:
            verify_with(signature, hashed(signed).digest(), scheme, prehashed)
        except (InvalidSignature, ValueError):
            raise SignatureInvalid(_MISMATCH) from None

    if material.private is None:
        return BoundKey(None, verify)
    sign_with = cast("rsa.RSAPrivateKey", material.private).sign
    return BoundKey(lambda signed: sign_with(hashed(signed).digest(), scheme, prehashed), verify)


def ecdsa_with(algorithm: HashAlgorithm) -> Callable[[Material], BoundKey]:
    """ECDSA with the signature as r and s of fixed width (RFC 7518, 3.4; RFC 8812, 3.2)."""
    hashed = _HASHES[algorithm.name]

    def bind(material: Material) -> BoundKey:
        scheme = ec.ECDSA(Prehashed(algorithm))
        public = cast("ec.EllipticCurvePublicKey", material.public)
        width = (public.key_size + 7) // 8
        double = 2 * width
        verify_with, der_of = public.verify, _der_writer(width)

        def verify(signature: bytes, signed: bytes) -> None:
            if len(signature) != double:
                raise SignatureInvalid(_MISMATCH)  # RFC7518-3.4/length
            try:
                verify_with(der_of(signature), hashed(signed).digest(), scheme)
            except (InvalidSignature, ValueError):
                raise SignatureInvalid(_MISMATCH) from None

        if material.private is None:
            return BoundKey(None, verify)
        sign_with = cast("ec.EllipticCurvePrivateKey", material.private).sign

        def sign(signed: bytes) -> bytes:
            der = sign_with(hashed(signed).digest(), scheme)
            if der[1] > _LONGEST_SHORT_FORM:
                r, s = decode_dss_signature(der)
                return r.to_bytes(width, "big") + s.to_bytes(width, "big")
            # Two short integers, just made by the library: cut out where they stand.
            middle = 4 + der[3]
            if der[3] >= width <= der[middle + 1]:
                return der[middle - width : middle] + der[-width:]
            return der[4:middle][-width:].rjust(width, b"\0") + der[middle + 2 :][-width:].rjust(width, b"\0")

        return BoundKey(sign, verify)

    return bind


def _der_writer(width: int) -> Callable[[bytes], bytes]:
    """Returns what makes the DER form, which the library wants, of an r and an s of `width` octets each."""
    # Few numbers begin with zero octets, and few curves need the long form of lengths. For all others the heads of
    # the two integers (a first bit that is set needs a zero before it) and of their sequence are known beforehand.
    plain, padded = bytes((2, width & 0x7F)), bytes((2, width + 1 & 0x7F, 0))
    heads = {length: bytes((0x30, length & 0x7F)) for length in range(2 * width + 4, 2 * width + 7)}
    is_short = 2 * width + 6 <= _LONGEST_SHORT_FORM

    def der(signature: bytes) -> bytes:
        first, second = signature[0], signature[width]
        if first and second and is_short:
            r = (padded if first > _LONGEST_SHORT_FORM else plain) + signature[:width]
            s = (padded if second > _LONGEST_SHORT_FORM else plain) + signature[width:]
            return heads[len(r) + len(s)] + r + s
        return encode_dss_signature(
            int.from_bytes(signature[:width], "big"), int.from_bytes(signature[width:], "big")
        )

    return der


def bind_eddsa(material: Material) -> BoundKey:
    """EdDSA on the key's own curve (RFC 8037, 3.1; RFC 9864, 2.2)."""
    verify_with = cast("Ed25519PublicKey | Ed448PublicKey", material.public).verify

    def verify(signature: bytes, signed: bytes) -> None:
        try:
            verify_with(signature, signed)
        except (InvalidSignature, ValueError):
            raise SignatureInvalid(_MISMATCH) from None
        except UnsupportedAlgorithm:
            raise AlgorithmUnavailable("The installed cryptography does not have this curve.") from None

    if material.private is None:
        return BoundKey(None, verify)
    return BoundKey(cast("Ed25519PrivateKey | Ed448PrivateKey", material.private).sign, verify)
