"""Key files to key objects: PEM and DER of PKCS #8, PKCS #1, SEC 1, SPKI and X.509 (RFC 7468, 5280, 5958)."""

from __future__ import annotations

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    load_der_private_key,
    load_der_public_key,
    load_pem_private_key,
    load_pem_public_key,
)

from valetkey.jose.errors import InvalidKey


def load_pem(pem: str | bytes) -> object:
    """Returns the key object of the first PEM block; InvalidKey for anything else, encrypted keys included."""
    octets = pem.encode("ascii", "replace") if isinstance(pem, str) else pem
    try:
        if b"-----BEGIN CERTIFICATE-----" in octets:
            from cryptography.x509 import load_pem_x509_certificate  # noqa: PLC0415 - dear to import

            return load_pem_x509_certificate(octets).public_key()
        if b"PRIVATE KEY-----" in octets:
            return load_pem_private_key(octets, password=None)
        return load_pem_public_key(octets)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InvalidKey("The text is not a PEM key that can be read.") from None


def load_der(der: bytes) -> object:
    """Returns the key object of DER: PKCS #8, PKCS #1, SEC 1, SPKI or a certificate; InvalidKey otherwise."""
    try:
        return load_der_public_key(der)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        pass
    try:
        return load_der_private_key(der, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        pass
    from cryptography.x509 import load_der_x509_certificate  # noqa: PLC0415 - dear to import

    try:
        return load_der_x509_certificate(der).public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidKey("The octets are not a DER key that can be read.") from None
