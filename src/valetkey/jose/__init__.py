"""The JWT toolkit: sign, verify and read JSON Web Tokens, strict by default (RFC 7515 to RFC 7519, RFC 8725)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from valetkey.jose import jwe, jwe_json, jws, jws_json, jwt
from valetkey.jose.errors import (
    AlgorithmNotAllowed,
    AlgorithmUnavailable,
    ClaimInvalid,
    ClaimMissing,
    ConfigurationError,
    DecryptionFailed,
    DuplicateMember,
    InvalidKey,
    InvalidToken,
    JoseError,
    KeySourceUnavailable,
    MalformedToken,
    SignatureInvalid,
    TokenExpired,
    TokenNotYetValid,
    TokenTooLarge,
    TypMismatch,
    UnknownKey,
)
from valetkey.jose.jwe import DecryptedJwe, Decrypter
from valetkey.jose.jwk import Jwk
from valetkey.jose.jwk_set import JwkSet
from valetkey.jose.jwt import UnverifiedJwt, VerifiedJwt, Verifier
from valetkey.jose.remote import RemoteJwkSet

if TYPE_CHECKING:
    from valetkey.jose.fetching import AsyncRemoteJwkSet, SyncRemoteJwkSet

__all__ = [
    "AlgorithmNotAllowed",
    "AlgorithmUnavailable",
    "AsyncRemoteJwkSet",
    "ClaimInvalid",
    "ClaimMissing",
    "ConfigurationError",
    "DecryptedJwe",
    "Decrypter",
    "DecryptionFailed",
    "DuplicateMember",
    "InvalidKey",
    "InvalidToken",
    "JoseError",
    "Jwk",
    "JwkSet",
    "KeySourceUnavailable",
    "MalformedToken",
    "RemoteJwkSet",
    "SignatureInvalid",
    "SyncRemoteJwkSet",
    "TokenExpired",
    "TokenNotYetValid",
    "TokenTooLarge",
    "TypMismatch",
    "UnknownKey",
    "UnverifiedJwt",
    "VerifiedJwt",
    "Verifier",
    "jwe",
    "jwe_json",
    "jws",
    "jws_json",
    "jwt",
]


def __getattr__(name: str) -> object:
    # The faces bring an event loop and an HTTP client with them: who only signs does not pay for that.
    if name in {"AsyncRemoteJwkSet", "SyncRemoteJwkSet"}:
        from valetkey.jose import fetching  # noqa: PLC0415 - see above

        return getattr(fetching, name)
    raise AttributeError(name)
