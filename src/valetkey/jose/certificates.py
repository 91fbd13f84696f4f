"""Keys in X.509 certificates: a chain is believed only from given trust anchors (RFC 7515, 4.1.6; RFC 5280, 6)."""

from __future__ import annotations

from base64 import b64decode
from datetime import UTC, datetime
from hashlib import sha1, sha256
from typing import TYPE_CHECKING, Final

from valetkey.jose.encoding import b64url_encode
from valetkey.jose.errors import ConfigurationError, InvalidKey
from valetkey.jose.jwk import Jwk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.x509 import Certificate

MAXIMUM_CHAIN: Final = 8
MAXIMUM_CERTIFICATE_CHARACTERS: Final = 16_384


def key_of_chain(
    x5c: Sequence[object], *, trust_anchors: Sequence[str | bytes], algorithm: str, now: int, kid: str | None = None
) -> Jwk:
    """Returns the public key of the first certificate of `x5c`, whose chain ends at a trust anchor at `now`.

    `x5c` holds base64 DER (not base64url), the certificate of the key first; `trust_anchors` are PEM certificates
    and local configuration. InvalidKey where the chain is malformed, expired or of somebody else. Which names the
    certificate may bear is the caller's to know.
    """
    leaf = _verified_leaf(_chain(x5c), trust_anchors, now)
    return Jwk.from_key(leaf.public_key(), algorithm=algorithm, kid=kid)  # RFC7515-4.1.6/first


def verify_chain_of(key: Jwk, *, trust_anchors: Sequence[str | bytes], now: int) -> None:
    """Returns where the key's own `x5c` bears this very key and ends at a trust anchor at `now` (RFC 7517, 4.7).

    InvalidKey where it has none, or one that is malformed, expired, of somebody else or of another key, or where
    `x5t` or `x5t#S256` are not the first certificate's. ConfigurationError for anchors that are no certificates.
    """
    carried = key._carried  # noqa: SLF001 - one room: what a JWK says of certificates is read here
    x5c = carried.get("x5c")
    if not isinstance(x5c, list):
        raise InvalidKey("The key carries no certificate chain.")
    leaf = _verified_leaf(_chain(x5c), trust_anchors, now)
    if Jwk.from_key(leaf.public_key(), algorithm=key.algorithm).thumbprint() != key.thumbprint():
        raise InvalidKey("The first certificate is that of another key.")  # RFC7517-4.7/match
    der = b64decode(x5c[0])
    # SHA-1 only names the certificate here, which the chain has proven: nothing is believed because of it.
    digests = {"x5t": sha1(der, usedforsecurity=False).digest(), "x5t#S256": sha256(der).digest()}
    if any(carried.get(name, b64url_encode(digest)) != b64url_encode(digest) for name, digest in digests.items()):
        raise InvalidKey("The certificate thumbprint is that of another certificate.")


def _verified_leaf(chain: list[Certificate], trust_anchors: Sequence[str | bytes], now: int) -> Certificate:
    from cryptography.x509.verification import (  # noqa: PLC0415 - dear to import, seldom wanted
        ExtensionPolicy,
        PolicyBuilder,
        Store,
        VerificationError,
    )

    anchors = _anchors(trust_anchors)
    leaf, *others = chain
    builder = (
        PolicyBuilder().store(Store(anchors)).time(datetime.fromtimestamp(now, UTC)).max_chain_depth(MAXIMUM_CHAIN)
    )
    # A signing certificate has no host name to match: only its authorities are held to the rules of the Web.
    policy = builder.extension_policies(
        ca_policy=ExtensionPolicy.webpki_defaults_ca(), ee_policy=ExtensionPolicy.permit_all()
    )
    try:
        policy.build_client_verifier().verify(leaf, others)
    except VerificationError:
        # RFC7515-4.1.6/chain
        raise InvalidKey("The certificate chain does not end at a trust anchor, or is not valid now.") from None
    return leaf


def _anchors(texts: Sequence[str | bytes]) -> list[Certificate]:
    from cryptography.x509 import load_pem_x509_certificate  # noqa: PLC0415 - as above

    try:
        anchors = [load_pem_x509_certificate(text.encode() if isinstance(text, str) else text) for text in texts]
    except ValueError:
        raise ConfigurationError("A trust anchor is a PEM certificate.") from None
    if not anchors:
        raise ConfigurationError("A chain is verified against at least one trust anchor.")
    return anchors


def _chain(x5c: Sequence[object]) -> list[Certificate]:
    from cryptography.x509 import load_der_x509_certificate  # noqa: PLC0415 - as above

    if isinstance(x5c, (str, bytes)) or not 0 < len(x5c) <= MAXIMUM_CHAIN:
        raise InvalidKey(f"A certificate chain is a list of 1 to {MAXIMUM_CHAIN} certificates.")
    certificates: list[Certificate] = []
    for text in x5c:
        if not isinstance(text, str) or len(text) > MAXIMUM_CERTIFICATE_CHARACTERS:
            raise InvalidKey("A certificate of the chain is no text of sensible length.")
        try:
            certificates.append(load_der_x509_certificate(b64decode(text, validate=True)))
        except ValueError:
            raise InvalidKey("A certificate of the chain is not base64 DER.") from None
    return certificates
