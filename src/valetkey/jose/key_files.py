"""Keys as files, read and written: PEM and DER of PKCS #8, SPKI and what else is read (RFC 7468, RFC 5958)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, cast

from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from valetkey.jose.errors import ConfigurationError, InvalidKey
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


def to_pem(key: Jwk, *, password: bytes | None = None) -> bytes:
    """Returns the key as PEM: PKCS #8 where it is private, else SPKI. InvalidKey for a shared secret.

    `password` encrypts the private key with the strongest scheme of the library (PBES2); ConfigurationError where
    it is empty or longer than 1,023 octets, or the key is public and there is nothing to encrypt.
    """
    return _encoded(key, Encoding.PEM, password)


def to_der(key: Jwk, *, password: bytes | None = None) -> bytes:
    """As `to_pem`, errors too, but the DER octets that a PEM text wraps."""
    return _encoded(key, Encoding.DER, password)


# What the library takes: OpenSSL's buffer for a passphrase.
_LONGEST_PASSWORD: Final = 1_023


def _encoded(key: Jwk, encoding: Encoding, password: bytes | None) -> bytes:
    material = key._material  # noqa: SLF001 - one room: what the library prepared, it also writes
    if material.secret is not None:
        raise InvalidKey("A symmetric key has no PEM or DER form.")
    if password is not None and not (0 < len(password) <= _LONGEST_PASSWORD and material.private is not None):
        raise ConfigurationError("A password of 1 to 1,023 octets encrypts a private key, and no other.")
    if material.private is not None:
        private = cast("_Private", material.private)
        encryption = NoEncryption() if password is None else BestAvailableEncryption(password)
        return private.private_bytes(encoding, PrivateFormat.PKCS8, encryption)
    return cast("_Public", material.public).public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)
