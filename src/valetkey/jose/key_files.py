"""Keys as files, read and written: PEM and DER of PKCS #8, SPKI and what else is read (RFC 7468, RFC 5958)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from valetkey.jose.errors import InvalidKey
from valetkey.jose.key_parsing import load_der, load_pem

__all__ = ["load_der", "load_pem", "to_der", "to_pem"]

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.serialization import KeySerializationEncryption

    from valetkey.jose.jwk import Jwk


class _Private(Protocol):
    def private_bytes(
        self, encoding: Encoding, form: PrivateFormat, encryption: KeySerializationEncryption, /
    ) -> bytes: ...


class _Public(Protocol):
    def public_bytes(self, encoding: Encoding, form: PublicFormat, /) -> bytes: ...


def to_pem(key: Jwk) -> bytes:
    """Returns the key as PEM: PKCS #8, not encrypted, where it is private, else SPKI; InvalidKey for a secret."""
    return _encoded(key, Encoding.PEM)


def to_der(key: Jwk) -> bytes:
    """Returns the key as DER: PKCS #8, not encrypted, where it is private, else SPKI; InvalidKey for a secret."""
    return _encoded(key, Encoding.DER)


def _encoded(key: Jwk, encoding: Encoding) -> bytes:
    material = key._material  # noqa: SLF001 - one room: what the library prepared, it also writes
    if material.secret is not None:
        raise InvalidKey("A symmetric key has no PEM or DER form.")
    if material.private is not None:
        private = cast("_Private", material.private)
        return private.private_bytes(encoding, PrivateFormat.PKCS8, NoEncryption())
    return cast("_Public", material.public).public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)
