"""Key files to key objects: PEM and DER of PKCS #8, PKCS #1, SEC 1, SPKI and X.509 (RFC 7468, 5280, 5958)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    load_der_private_key,
    load_der_public_key,
    load_pem_private_key,
    load_pem_public_key,
)

from valetkey.jose.errors import InvalidKey

if TYPE_CHECKING:
    from collections.abc import Callable

# A password or key file of sensible size: key derivation and parsing are never asked for more.
MAXIMUM_FILE_OCTETS: Final = 65_536
_UNREADABLE: Final = (ValueError, TypeError, UnsupportedAlgorithm)


def load_pem(pem: str | bytes, password: bytes | None = None) -> object:
    """Returns the key object of the first PEM block, opened with `password` where it is encrypted.

    InvalidKey for anything else: a password that is wrong, missing or not needed, and a text over 64 KiB, included.
    """
    octets = pem.encode("ascii", "replace") if isinstance(pem, str) else pem
    _require_sensible(octets, password)
    try:
        if b"-----BEGIN CERTIFICATE-----" in octets:
            _refuse_password(password)
            from cryptography.x509 import load_pem_x509_certificate  # noqa: PLC0415 - dear to import

            return load_pem_x509_certificate(octets).public_key()
        if b"PRIVATE KEY-----" in octets:
            return load_pem_private_key(octets, password=password)
        _refuse_password(password)
        return load_pem_public_key(octets)
    except _UNREADABLE:
        raise InvalidKey("The text is not a PEM key that can be read, or its password is another.") from None


def load_der(der: bytes, password: bytes | None = None) -> object:
    """Returns the key object of DER: PKCS #8, PKCS #1, SEC 1, SPKI or a certificate; otherwise as `load_pem`."""
    _require_sensible(der, password)
    private = partial(load_der_private_key, password=password)
    readers: tuple[Callable[[bytes], object], ...] = (private,)
    if password is None:
        readers = (load_der_public_key, private, _certified)
    for read in readers:
        try:
            return read(der)
        except _UNREADABLE:
            continue
    raise InvalidKey("The octets are not a DER key that can be read, or its password is another.")


def _certified(der: bytes) -> object:
    from cryptography.x509 import load_der_x509_certificate  # noqa: PLC0415 - dear to import

    return load_der_x509_certificate(der).public_key()


def _require_sensible(octets: bytes, password: bytes | None) -> None:
    if len(octets) > MAXIMUM_FILE_OCTETS:
        raise InvalidKey("The key file is too large.")
    if password is not None and not 0 < len(password) <= MAXIMUM_FILE_OCTETS:
        raise InvalidKey("A password is not empty.")


def _refuse_password(password: bytes | None) -> None:
    if password is not None:
        raise ValueError  # answered like any other key that does not fit its password
