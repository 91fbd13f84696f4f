"""Key types: JWK members to prepared keys and back, each by one row (RFC 7518, 6; RFC 8037, 2; RFC 9964, 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey, Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x448 import X448PrivateKey, X448PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from valetkey.jose import akp, weak_keys
from valetkey.jose.encoding import b64url_encode
from valetkey.jose.entropy import random_octets
from valetkey.jose.errors import AlgorithmUnavailable, InvalidKey
from valetkey.jose.key_material import (
    KeyType,
    Material,
    Members,
    integer_member,
    integer_text,
    octets_member,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

MINIMUM_RSA_BITS: Final = 2048
MAXIMUM_RSA_BITS: Final = 8192
MAXIMUM_SECRET_OCTETS: Final = 1024
_RSA_OCTETS: Final = MAXIMUM_RSA_BITS // 8


# --- oct ---------------------------------------------------------------------------------------------------------


def _load_oct(members: Members) -> Material:
    secret = octets_member(members, "k")
    if not secret or len(secret) > MAXIMUM_SECRET_OCTETS:
        raise InvalidKey("The secret is empty or too long.")  # RFC8725-3.5/entropy
    if weak_keys.is_asymmetric_text(secret):
        raise InvalidKey("The secret is the text of an asymmetric key.")
    return Material(secret=secret)


def _dump_secret(material: Material) -> dict[str, object]:
    return {"k": b64url_encode(material.secret or b"")}


def _dump_nothing(_material: Material) -> dict[str, object]:
    return {}


def _generate_oct(_curve: str, octets: int) -> Material:
    return Material(secret=random_octets(octets))


# --- RSA ---------------------------------------------------------------------------------------------------------


def _load_rsa(members: Members) -> Material:
    if "oth" in members:
        raise InvalidKey("Keys with more than two primes are not supported.")  # RFC7518-6.3.2.7/oth
    numbers = rsa.RSAPublicNumbers(
        integer_member(members, "e", _RSA_OCTETS), integer_member(members, "n", _RSA_OCTETS)
    )
    try:
        if "d" not in members:
            return rsa_material(numbers.public_key())
        # RFC7518-6.3.2/all
        parts = {name: integer_member(members, name, _RSA_OCTETS) for name in ("p", "q", "d", "dp", "dq", "qi")}
        private = rsa.RSAPrivateNumbers(
            parts["p"], parts["q"], parts["d"], parts["dp"], parts["dq"], parts["qi"], numbers
        )
        require_sound_rsa(numbers)
        return rsa_material(private.private_key())
    except (ValueError, TypeError, OverflowError):
        raise InvalidKey("The RSA key is inconsistent.") from None


def rsa_material(key: rsa.RSAPrivateKey | rsa.RSAPublicKey) -> Material:
    """Returns the prepared key, or InvalidKey where its size or exponent is unsafe (RFC 7518, 3.3)."""
    if isinstance(key, rsa.RSAPrivateKey):
        public = key.public_key()
        require_sound_rsa(public.public_numbers())
        return Material(private=key, public=public)
    require_sound_rsa(key.public_numbers())
    return Material(public=key)


def require_sound_rsa(numbers: rsa.RSAPublicNumbers) -> None:
    """Returns, or raises InvalidKey for a modulus or exponent that is unsafe."""
    if not MINIMUM_RSA_BITS <= numbers.n.bit_length() <= MAXIMUM_RSA_BITS:
        raise InvalidKey(f"An RSA key has {MINIMUM_RSA_BITS} to {MAXIMUM_RSA_BITS} bits.")  # RFC7518-3.3/key-size
    if numbers.n % 2 == 0 or numbers.e % 2 == 0 or not 3 <= numbers.e < 2**32:  # noqa: PLR2004 - the smallest odd exponent
        raise InvalidKey("The RSA exponent or modulus is unsafe.")
    if weak_keys.is_roca(numbers.n):
        raise InvalidKey("The RSA key was made by a generator that is known to be broken.")


def _dump_rsa(material: Material) -> dict[str, object]:
    assert isinstance(material.public, rsa.RSAPublicKey)  # noqa: S101 - the row that loads is the row that dumps
    numbers = material.public.public_numbers()
    return {"n": integer_text(numbers.n), "e": integer_text(numbers.e)}


def _dump_rsa_private(material: Material) -> dict[str, object]:
    assert isinstance(material.private, rsa.RSAPrivateKey)  # noqa: S101 - the row that loads is the row that dumps
    numbers = material.private.private_numbers()
    named = {"d": numbers.d, "p": numbers.p, "q": numbers.q}
    named |= {"dp": numbers.dmp1, "dq": numbers.dmq1, "qi": numbers.iqmp}
    return {name: integer_text(value) for name, value in named.items()}


def _generate_rsa(_curve: str, bits: int) -> Material:
    return rsa_material(rsa.generate_private_key(public_exponent=65537, key_size=bits))


# --- EC ----------------------------------------------------------------------------------------------------------

CURVES: Final[Mapping[str, ec.EllipticCurve]] = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
    "secp256k1": ec.SECP256K1(),
}
_CURVE_OF: Final = {curve.name: name for name, curve in CURVES.items()}


def _load_ec(members: Members) -> Material:
    name = members.get("crv")
    curve = CURVES.get(name) if isinstance(name, str) else None
    if curve is None:
        raise InvalidKey("The curve is unknown.")
    width = (curve.key_size + 7) // 8
    coordinates = [octets_member(members, part) for part in ("x", "y")]
    if any(len(part) != width for part in coordinates):
        raise InvalidKey("A coordinate has another length than its curve's.")  # RFC7518-6.2.1.2/coordinate-length
    try:
        # The library proves here that the point is on the curve.
        public = ec.EllipticCurvePublicKey.from_encoded_point(curve, b"\x04" + b"".join(coordinates))
        if "d" not in members:
            return Material(public=public, curve=str(name))
        d = octets_member(members, "d")
        if len(d) != width:
            raise InvalidKey("The private part has another length than its curve's.")  # RFC7518-6.2.2.1/length
        private = ec.derive_private_key(int.from_bytes(d, "big"), curve)
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidKey("The point is not on its curve, or the private part is out of range.") from None
    if private.public_key().public_numbers() != public.public_numbers():
        raise InvalidKey("The private part does not belong to the public part.")
    return ec_material(private)


def ec_material(key: ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey) -> Material:
    """Returns the prepared key, or InvalidKey where its curve is none of ours (RFC 7518, 6.2; RFC 8812)."""
    curve = _CURVE_OF.get(key.curve.name)
    if curve is None:
        raise InvalidKey("The curve is unknown.")
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return Material(private=key, public=key.public_key(), curve=curve)
    return Material(public=key, curve=curve)


def _dump_ec(material: Material) -> dict[str, object]:
    assert isinstance(material.public, ec.EllipticCurvePublicKey)  # noqa: S101 - the row that loads is the row that dumps
    numbers = material.public.public_numbers()
    width = (material.public.key_size + 7) // 8
    x, y = (b64url_encode(value.to_bytes(width, "big")) for value in (numbers.x, numbers.y))
    return {"crv": material.curve, "x": x, "y": y}


def _dump_ec_private(material: Material) -> dict[str, object]:
    assert isinstance(material.private, ec.EllipticCurvePrivateKey)  # noqa: S101 - as above
    width = (material.private.key_size + 7) // 8
    return {"d": b64url_encode(material.private.private_numbers().private_value.to_bytes(width, "big"))}


def _generate_ec(curve: str, _size: int) -> Material:
    return ec_material(ec.generate_private_key(CURVES[curve]))


# --- OKP ---------------------------------------------------------------------------------------------------------

OkpPrivate: TypeAlias = Ed25519PrivateKey | Ed448PrivateKey | X25519PrivateKey | X448PrivateKey
OkpPublic: TypeAlias = Ed25519PublicKey | Ed448PublicKey | X25519PublicKey | X448PublicKey
_OKP: Final[Mapping[str, tuple[type[OkpPrivate], type[OkpPublic]]]] = {
    "Ed25519": (Ed25519PrivateKey, Ed25519PublicKey),
    "Ed448": (Ed448PrivateKey, Ed448PublicKey),
    "X25519": (X25519PrivateKey, X25519PublicKey),
    "X448": (X448PrivateKey, X448PublicKey),
}


def _load_okp(members: Members) -> Material:
    # RFC8037-2/curve, RFC8037-2/public
    curve = members.get("crv")
    classes = _OKP.get(curve) if isinstance(curve, str) else None
    if classes is None:
        raise InvalidKey("The curve is unknown.")
    x = octets_member(members, "x")
    try:
        public = classes[1].from_public_bytes(x)
        if "d" not in members:
            return okp_material(public)
        private = classes[0].from_private_bytes(octets_member(members, "d"))
    except ValueError:
        raise InvalidKey("The key has another length than its curve's.") from None
    except UnsupportedAlgorithm:
        raise AlgorithmUnavailable("The installed cryptography does not have this curve.") from None
    if private.public_key().public_bytes_raw() != x:
        raise InvalidKey("The private part does not belong to the public part.")
    return okp_material(private)


def okp_material(key: OkpPrivate | OkpPublic) -> Material:
    """Returns the prepared key, or InvalidKey for a point of small order (RFC 8032, 5.1.7; RFC 7748, 6)."""
    private = key if isinstance(key, OkpPrivate) else None
    public = key if isinstance(key, OkpPublic) else key.public_key()
    curve = next(name for name, classes in _OKP.items() if isinstance(public, classes[1]))
    if weak_keys.has_small_order(curve, public.public_bytes_raw()):
        raise InvalidKey("The public part is a point of small order.")
    return Material(private=private, public=public, curve=curve)


def _dump_okp(material: Material) -> dict[str, object]:
    assert isinstance(material.public, OkpPublic)  # noqa: S101 - the row that loads is the row that dumps
    return {"crv": material.curve, "x": b64url_encode(material.public.public_bytes_raw())}


def _dump_okp_private(material: Material) -> dict[str, object]:
    assert isinstance(material.private, OkpPrivate)  # noqa: S101 - the row that loads is the row that dumps
    return {"d": b64url_encode(material.private.private_bytes_raw())}


def _generate_okp(curve: str, _size: int) -> Material:
    return okp_material(_OKP[curve][0].generate())


# --- the table ---------------------------------------------------------------------------------------------------

KEY_TYPES: Final[Mapping[str, KeyType]] = {
    row.kty: row
    for row in (
        KeyType("oct", ("k",), ("k",), _load_oct, _dump_nothing, _dump_secret, _generate_oct),
        KeyType(
            "RSA",
            ("e", "n"),
            ("d", "p", "q", "dp", "dq", "qi", "oth"),
            _load_rsa,
            _dump_rsa,
            _dump_rsa_private,
            _generate_rsa,
        ),
        KeyType("EC", ("crv", "x", "y"), ("d",), _load_ec, _dump_ec, _dump_ec_private, _generate_ec),
        KeyType("OKP", ("crv", "x"), ("d",), _load_okp, _dump_okp, _dump_okp_private, _generate_okp),
        KeyType("AKP", ("alg", "pub"), ("priv",), akp.load, akp.dump_public, akp.dump_private, akp.generate),
    )
}


def material_of(key: object) -> tuple[str, Material]:
    """Returns the `kty` and the prepared material of a key object of the cryptography library, or InvalidKey."""
    if isinstance(key, (rsa.RSAPrivateKey, rsa.RSAPublicKey)):
        return "RSA", rsa_material(key)
    if isinstance(key, (ec.EllipticCurvePrivateKey, ec.EllipticCurvePublicKey)):
        return "EC", ec_material(key)
    if isinstance(key, (OkpPrivate, OkpPublic)):
        return "OKP", okp_material(key)
    material = akp.material_of(key)
    if material is None:
        raise InvalidKey("Keys of this type are not supported.")
    return "AKP", material
