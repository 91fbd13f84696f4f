"""The JWT toolkit: sign, verify and read JSON Web Tokens, strict by default (RFC 7515 to RFC 7519, RFC 8725)."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from valetkey.jose import jws, jwt
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
from valetkey.jose.jwk import Jwk
from valetkey.jose.jwk_set import JwkSet
from valetkey.jose.jwt import UnverifiedJwt, VerifiedJwt, Verifier

if TYPE_CHECKING:
    from valetkey.jose import jwe, jwe_json, jws_json
    from valetkey.jose.fetching import AsyncRemoteJwkSet, SyncRemoteJwkSet
    from valetkey.jose.jwe import DecryptedJwe, Decrypter
    from valetkey.jose.remote import RemoteJwkSet
    from valetkey.jose.verified_tokens import VerifiedTokens

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
    "VerifiedTokens",
    "Verifier",
    "jwe",
    "jwe_json",
    "jws",
    "jws_json",
    "jwt",
]


# Who only signs and verifies does not pay for encryption, an event loop and an HTTP client: the files with what is
# asked for later, by the names that they bring.
_LATER: Final = {
    "AsyncRemoteJwkSet": "fetching",
    "DecryptedJwe": "jwe",
    "Decrypter": "jwe",
    "RemoteJwkSet": "remote",
    "SyncRemoteJwkSet": "fetching",
    "VerifiedTokens": "verified_tokens",
    "jwe": "jwe",
    "jwe_json": "jwe_json",
    "jws_json": "jws_json",
}


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(name)
    room = import_module(f"{__name__}.{_LATER[name]}")
    found: object = room if name == _LATER[name] else getattr(room, name)
    globals()[name] = found  # asked once
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
