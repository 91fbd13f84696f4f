"""Signature families: a prepared key and its parameters become one `sign` and one `verify` (RFC 7518, 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
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
                mac.verify(signature)
            except InvalidSignature:
                raise SignatureInvalid(_MISMATCH) from None

        return BoundKey(sign, verify)

    return bind


def rsa_pkcs1_with(algorithm: HashAlgorithm) -> Callable[[Material], BoundKey]:
    """RSASSA-PKCS1-v1_5 (RFC 7518, 3.3)."""
    scheme = padding.PKCS1v15()
    return lambda material: _bind_rsa(material, scheme, algorithm)


def rsa_pss_with(algorithm: HashAlgorithm) -> Callable[[Material], BoundKey]:
    """RSASSA-PSS with a salt of the hash's length (RFC 7518, 3.5)."""
    scheme = padding.PSS(mgf=padding.MGF1(algorithm), salt_length=algorithm.digest_size)
    return lambda material: _bind_rsa(material, scheme, algorithm)


def _bind_rsa(material: Material, scheme: padding.PKCS1v15 | padding.PSS, algorithm: HashAlgorithm) -> BoundKey:
    public = cast("rsa.RSAPublicKey", material.public)
    verify_with = public.verify

    def verify(signature: bytes, signed: bytes) -> None:
        try:
            verify_with(signature, signed, scheme, algorithm)
        except (InvalidSignature, ValueError):
            raise SignatureInvalid(_MISMATCH) from None

    if material.private is None:
        return BoundKey(None, verify)
    sign_with = cast("rsa.RSAPrivateKey", material.private).sign
    return BoundKey(lambda signed: sign_with(signed, scheme, algorithm), verify)


def ecdsa_with(algorithm: HashAlgorithm) -> Callable[[Material], BoundKey]:
    """ECDSA with the signature as r and s of fixed width (RFC 7518, 3.4; RFC 8812, 3.2)."""
    scheme = ec.ECDSA(algorithm)

    def bind(material: Material) -> BoundKey:
        public = cast("ec.EllipticCurvePublicKey", material.public)
        width = (public.key_size + 7) // 8
        double = 2 * width
        verify_with = public.verify
        from_octets = int.from_bytes

        def verify(signature: bytes, signed: bytes) -> None:
            if len(signature) != double:
                raise SignatureInvalid(_MISMATCH)  # RFC7518-3.4/length
            r = from_octets(signature[:width], "big")
            s = from_octets(signature[width:], "big")
            try:
                verify_with(encode_dss_signature(r, s), signed, scheme)
            except (InvalidSignature, ValueError):
                raise SignatureInvalid(_MISMATCH) from None

        if material.private is None:
            return BoundKey(None, verify)
        sign_with = cast("ec.EllipticCurvePrivateKey", material.private).sign

        def sign(signed: bytes) -> bytes:
            der = sign_with(signed, scheme)
            if der[1] > _LONGEST_SHORT_FORM:
                r, s = decode_dss_signature(der)
                return r.to_bytes(width, "big") + s.to_bytes(width, "big")
            # Two short integers, just made by the library: cut out where they stand.
            middle = 4 + der[3]
            return der[4:middle][-width:].rjust(width, b"\0") + der[middle + 2 :][-width:].rjust(width, b"\0")

        return BoundKey(sign, verify)

    return bind


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
