"""Elliptic-curve key agreement with an ephemeral key, and its key derivation (RFC 7518, 4.6; RFC 8037, 3.2)."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, cast

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x448 import X448PrivateKey, X448PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from valetkey.jose.errors import AlgorithmUnavailable, InvalidKey, MalformedToken
from valetkey.jose.key_types import KEY_TYPES

if TYPE_CHECKING:
    from valetkey.jose.key_material import Material

_BAD_EPK = "The header's epk is no sound key of the recipient's curve."


def agree(material: Material, algorithm: str, octets: int) -> tuple[bytes, dict[str, object]]:
    """Returns a key agreed with the public key of `material`, and the JWK of the ephemeral key that was drawn."""
    kty = "EC" if isinstance(material.public, ec.EllipticCurvePublicKey) else "OKP"
    row = KEY_TYPES[kty]
    ephemeral = row.generate(material.curve or "", 0)  # RFC7518-4.6/ephemeral
    shared = _shared(ephemeral, material)
    return _derived(shared, algorithm, octets, b"", b""), {"kty": kty} | row.dump_public(ephemeral)


def agreed_with(  # noqa: PLR0917 - the inputs of the derivation, each once
    material: Material, epk: object, algorithm: str, octets: int, apu: bytes, apv: bytes
) -> bytes:
    """Returns the key agreed with the sender's ephemeral key `epk`; MalformedToken where that is unsound."""
    kty = epk.get("kty") if isinstance(epk, Mapping) else None
    if not isinstance(epk, Mapping) or kty not in {"EC", "OKP"} or epk.get("crv") != material.curve or "d" in epk:
        # RFC7518-4.6.1.1/public-only, RFC7518-4.6.1.1/present
        raise MalformedToken(_BAD_EPK)
    if apu and apu == apv:
        raise MalformedToken("The header's apu and apv name one party twice.")  # RFC7518-4.6.2/distinct
    try:
        # The point is proven to be on the curve before the private key touches it (RFC 8725, 2.5).
        other = KEY_TYPES[str(kty)].load(cast("Mapping[str, object]", epk))
        shared = _shared(material, other)
    except (InvalidKey, AlgorithmUnavailable, ValueError):
        raise MalformedToken(_BAD_EPK) from None  # RFC8725-3.4/inputs
    return _derived(shared, algorithm, octets, apu, apv)


def _shared(private: Material, public: Material) -> bytes:
    match private.private, public.public:
        case ec.EllipticCurvePrivateKey() as ours, ec.EllipticCurvePublicKey() as theirs:
            return ours.exchange(ec.ECDH(), theirs)
        case X25519PrivateKey() as ours, X25519PublicKey() as theirs:
            return ours.exchange(theirs)
        case X448PrivateKey() as ours, X448PublicKey() as theirs:
            return ours.exchange(theirs)
        case _:
            raise InvalidKey("The keys are of different curves.")


def _derived(shared: bytes, algorithm: str, octets: int, apu: bytes, apv: bytes) -> bytes:
    # RFC7518-4.6/length
    info = b"".join(len(part).to_bytes(4, "big") + part for part in (algorithm.encode("ascii"), apu, apv))
    hashed = shared + info + (octets * 8).to_bytes(4, "big")
    # The one-step derivation of NIST SP 800-56A, 5.8.1: a counter, then a hash of it all, as often as needed.
    rounds = range(1, (octets + 31) // 32 + 1)
    return b"".join(sha256(number.to_bytes(4, "big") + hashed).digest() for number in rounds)[:octets]
