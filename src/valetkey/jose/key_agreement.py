"""Elliptic-curve key agreement with an ephemeral key, and its key derivation (RFC 7518, 4.6; RFC 8037, 3.2)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, cast

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x448 import X448PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from valetkey.jose.errors import AlgorithmUnavailable, InvalidKey, MalformedToken
from valetkey.jose.key_types import KEY_TYPES

if TYPE_CHECKING:
    from collections.abc import Callable

    from valetkey.jose.key_material import Material

_BAD_EPK = "The header's epk is no sound key of the recipient's curve."


def agree(material: Material, algorithm: str, octets: int) -> tuple[bytes, dict[str, object]]:
    """Returns a key agreed with the public key of `material`, and the JWK of the ephemeral key that was drawn."""
    kty = _kty_of(material)
    row = KEY_TYPES[kty]
    ephemeral = row.generate(material.curve or "", 0)  # RFC7518-4.6/ephemeral
    shared = _exchange_of(ephemeral.private)(material.public)
    return _derived(shared, algorithm, octets, b"", b""), {"kty": kty} | row.dump_public(ephemeral)


def agreement_of(material: Material, algorithm: str, octets: int) -> Callable[[object, bytes, bytes], bytes]:
    """Returns what agrees, with the private key of `material`, on a key of `octets` for `algorithm`.

    It takes the sender's `epk`, `apu` and `apv`; MalformedToken where they are unsound.
    """
    share = _sharing_of(material)

    def agreed_with(epk: object, apu: bytes, apv: bytes) -> bytes:
        if apu and apu == apv:
            raise MalformedToken("The header's apu and apv name one party twice.")  # RFC7518-4.6.2/distinct
        return _derived(share(epk), algorithm, octets, apu, apv)

    return agreed_with


def _sharing_of(material: Material) -> Callable[[object], bytes]:
    kty, curve, exchange = _kty_of(material), material.curve, _exchange_of(material.private)
    load = KEY_TYPES[kty].load

    def share(epk: object) -> bytes:
        if not isinstance(epk, (dict, Mapping)) or epk.get("kty") != kty or epk.get("crv") != curve or "d" in epk:
            # RFC7518-4.6.1.1/public-only, RFC7518-4.6.1.1/present
            raise MalformedToken(_BAD_EPK)
        try:
            # The point is proven to be on the curve before the private key touches it (RFC 8725, 2.5).
            return exchange(load(epk).public)
        except (InvalidKey, AlgorithmUnavailable, ValueError):
            raise MalformedToken(_BAD_EPK) from None  # RFC8725-3.4/inputs

    return share


def _kty_of(material: Material) -> str:
    return "EC" if isinstance(material.public, ec.EllipticCurvePublicKey) else "OKP"


def _exchange_of(private: object) -> Callable[[object], bytes]:
    match private:
        case ec.EllipticCurvePrivateKey():
            agree_on = cast("Callable[[ec.ECDH, object], bytes]", private.exchange)
            return partial(agree_on, ec.ECDH())
        case X25519PrivateKey() | X448PrivateKey():
            return cast("Callable[[object], bytes]", private.exchange)
        case _:
            raise InvalidKey("The key is not one for key agreement.")


def _derived(shared: bytes, algorithm: str, octets: int, apu: bytes, apv: bytes) -> bytes:
    # RFC7518-4.6/length
    named = _named(algorithm.encode("ascii")) + _named(apu) + _named(apv)
    hashed = shared + named + (octets * 8).to_bytes(4, "big")
    # The one-step derivation of NIST SP 800-56A, 5.8.1: a counter, then a hash of it all, as often as needed.
    derived = sha256(b"\0\0\0\1" + hashed).digest()
    if octets > len(derived):
        derived += sha256(b"\0\0\0\2" + hashed).digest()
    return derived[:octets]


def _named(party: bytes) -> bytes:
    return len(party).to_bytes(4, "big") + party
