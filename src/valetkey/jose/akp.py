"""The key type AKP: ML-DSA keys, where the installed cryptography has them (RFC 9964, 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, cast

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from valetkey.jose.encoding import b64url_encode
from valetkey.jose.errors import AlgorithmUnavailable, InvalidKey, SignatureInvalid
from valetkey.jose.key_material import BoundKey, Material, Members, octets_member

if TYPE_CHECKING:
    from collections.abc import Callable

SEED_OCTETS: Final = 32


class _Public(Protocol):
    def public_bytes_raw(self) -> bytes: ...
    def verify(self, signature: bytes, data: bytes) -> None: ...


class _Private(Protocol):
    def public_key(self) -> _Public: ...
    def private_bytes_raw(self) -> bytes: ...
    def sign(self, data: bytes) -> bytes: ...


class _PrivateClass(Protocol):
    def generate(self) -> _Private: ...
    def from_seed_bytes(self, data: bytes, /) -> _Private: ...


class _PublicClass(Protocol):
    def from_public_bytes(self, data: bytes, /) -> _Public: ...


def _classes(name: str) -> tuple[_PrivateClass, _PublicClass]:
    """Returns the library's two classes for an ML-DSA parameter set, or raises AlgorithmUnavailable."""
    try:
        from cryptography.hazmat.primitives.asymmetric import mldsa  # noqa: PLC0415 - older releases lack it
    except ImportError:
        raise AlgorithmUnavailable("The installed cryptography has no ML-DSA.") from None
    found: dict[str, tuple[object, object]] = {
        "ML-DSA-44": (mldsa.MLDSA44PrivateKey, mldsa.MLDSA44PublicKey),
        "ML-DSA-65": (mldsa.MLDSA65PrivateKey, mldsa.MLDSA65PublicKey),
        "ML-DSA-87": (mldsa.MLDSA87PrivateKey, mldsa.MLDSA87PublicKey),
    }
    if name not in found:
        raise InvalidKey("An AKP key must name its algorithm.")  # RFC9964-3/alg
    return cast("tuple[_PrivateClass, _PublicClass]", found[name])


def load(members: Members) -> Material:
    """Returns the prepared key of `alg`, `pub` and, where private, `priv` (the 32-octet seed)."""
    name = str(members.get("alg"))
    private_class, public_class = _classes(name)
    pub = octets_member(members, "pub")
    try:
        public = public_class.from_public_bytes(pub)
        if "priv" not in members:
            return Material(public=public, curve=name)
        seed = octets_member(members, "priv")
        private = private_class.from_seed_bytes(seed)
    except ValueError:
        # RFC9964-4/seed, RFC9964-7.3/seed-length
        raise InvalidKey("The key has another length than its algorithm's.") from None
    except UnsupportedAlgorithm:
        raise AlgorithmUnavailable("The installed cryptography has no ML-DSA.") from None
    if private.public_key().public_bytes_raw() != pub:
        raise InvalidKey("The private part does not belong to the public part.")
    return Material(private=private, public=public, curve=name)


def material_of(key: object) -> Material | None:
    """Returns the material of a key object of the library, or None where it is no ML-DSA key."""
    for name in ("ML-DSA-44", "ML-DSA-65", "ML-DSA-87"):
        try:
            private_class, public_class = _classes(name)
        except AlgorithmUnavailable:
            return None
        if isinstance(key, cast("type", private_class)):
            return Material(private=key, public=cast("_Private", key).public_key(), curve=name)
        if isinstance(key, cast("type", public_class)):
            return Material(public=key, curve=name)
    return None


def dump_public(material: Material) -> dict[str, object]:
    """Returns the public members; `alg` is one of them, because the thumbprint covers it."""
    return {"alg": material.curve, "pub": b64url_encode(cast("_Public", material.public).public_bytes_raw())}


def dump_private(material: Material) -> dict[str, object]:
    """Returns the private member: the seed."""
    return {"priv": b64url_encode(cast("_Private", material.private).private_bytes_raw())}


def generate(name: str, _size: int) -> Material:
    """Returns a new key for the parameter set `name`, or raises AlgorithmUnavailable."""
    try:
        private = _classes(name)[0].generate()
    except UnsupportedAlgorithm:
        raise AlgorithmUnavailable("The installed cryptography has no ML-DSA.") from None
    return Material(private=private, public=private.public_key(), curve=name)


def bind(material: Material) -> BoundKey:
    """Returns the key bound to its parameter set (RFC 9964, 4: pure ML-DSA, empty context)."""
    verify = cast("_Public", material.public).verify
    sign: Callable[[bytes], bytes] | None = None
    if material.private is not None:
        sign = cast("_Private", material.private).sign  # RFC9964-5/context: the library's default is the empty one

    def verify_or_raise(signature: bytes, signed: bytes) -> None:
        try:
            verify(signature, signed)
        except (InvalidSignature, ValueError):
            raise SignatureInvalid("The signature does not match.") from None

    return BoundKey(sign, verify_or_raise)
