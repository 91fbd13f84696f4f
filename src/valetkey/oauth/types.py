"""A type for every string that matters in OAuth 2.1 and OpenID Connect."""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from dataclasses import field
from typing import TYPE_CHECKING, Final, NewType, Self
from urllib.parse import urlsplit

from valetkey.jose.records import dataclass
from valetkey.oauth.errors import ErrorCode, OAuthError

if TYPE_CHECKING:
    from collections.abc import Iterable

ClientId = NewType("ClientId", str)
Subject = NewType("Subject", str)
TenantId = NewType("TenantId", str)
AuthorizationId = NewType("AuthorizationId", str)
SessionId = NewType("SessionId", str)
GrantType = NewType("GrantType", str)
NumericDate = NewType("NumericDate", int)
"""Whole seconds since 1970-01-01T00:00:00Z."""
Seconds = NewType("Seconds", int)
TokenDigest = NewType("TokenDigest", bytes)
"""SHA-256 of an opaque token: what a store keeps instead of it (32 bytes)."""
RequirementId = NewType("RequirementId", str)
"""The id of a row in `requirements/`."""

DEFAULT_TENANT: Final = TenantId("default")

_SCOPE_TOKEN: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,256}")
_LOOPBACK_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class Scope(frozenset[str]):
    """A set of scope names (RFC 6749, 3.3); its text form is sorted, so that equal scopes read the same."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the scope that space-separated `text` names; raises OAuthError `invalid_scope`."""
        names = text.split(" ") if text else []
        if len(names) > 100 or not all(_SCOPE_TOKEN.fullmatch(name) for name in names):  # noqa: PLR2004 - a cap
            raise OAuthError(ErrorCode.INVALID_SCOPE, "The scope is malformed.", "RFC6749-3.3")
        return cls(names)

    @classmethod
    def of(cls, names: Iterable[str]) -> Self:
        """Return the scope that holds `names`, which are known to be well-formed."""
        return cls(names)

    def narrowed_to(self, allowed: frozenset[str]) -> Scope:
        """Return the part of this scope that `allowed` holds too."""
        return Scope(self & allowed)

    def __str__(self) -> str:
        return " ".join(sorted(self))


@dataclass(frozen=True, slots=True)
class Issuer:
    """An issuer identifier: an https URL without query and fragment (RFC 8414, 2); http only on loopback."""

    url: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the issuer that `text` names; raises ValueError that says what is wrong with it."""
        parts = urlsplit(text)
        host = parts.hostname
        if not host or parts.query or parts.fragment or "?" in text or "#" in text:
            raise ValueError("an issuer is an absolute URL without query and fragment")
        if parts.username is not None or parts.password is not None:
            raise ValueError("an issuer carries no user name or password")
        if parts.scheme != "https" and not (parts.scheme == "http" and host in _LOOPBACK_HOSTS):
            raise ValueError("an issuer is an https URL (http only on loopback)")
        if text.endswith("/"):
            raise ValueError("an issuer does not end in a slash")
        return cls(text)

    @property
    def origin(self) -> str:
        """Scheme, host and port, as browsers name an origin."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def path(self) -> str:
        """The path component, empty for an issuer at the root."""
        return urlsplit(self.url).path

    def endpoint(self, path: str) -> str:
        """Return the URL of the endpoint at `path`, which starts with a slash."""
        return self.url + path

    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True, slots=True, eq=False)
class OpaqueToken:
    """A bearer secret that we drew: prefixed, 256 bits, never printed and never compared by accident."""

    _value: str = field(repr=False)

    @classmethod
    def from_entropy(cls, prefix: str, entropy: bytes) -> Self:
        """Return the token that spells 32 random bytes behind `prefix` (`vk_rt_` and so on)."""
        return cls(prefix + urlsafe_b64encode(entropy).rstrip(b"=").decode())

    @classmethod
    def presented(cls, text: str) -> Self:
        """Return what somebody presented to us as a token; nothing is known of it yet."""
        return cls(text)

    def digest(self) -> TokenDigest:
        """Return the SHA-256 that a store keeps of this token."""
        return TokenDigest(hashlib.sha256(self._value.encode("utf-8", "surrogatepass")).digest())

    def reveal(self) -> str:
        """Return the text, for the one response that hands it out."""
        return self._value

    def __str__(self) -> str:
        return "<OpaqueToken>"


@dataclass(frozen=True, slots=True, eq=False)
class SecretText:
    """A secret that a person or a client presented (password, client secret): never printed."""

    _value: str = field(repr=False)

    def reveal(self) -> str:
        """Return the text, for the one comparison it was presented for."""
        return self._value

    def digest(self) -> bytes:
        """Return its SHA-256: only for secrets with enough entropy to be stored so."""
        return hashlib.sha256(self._value.encode("utf-8", "surrogatepass")).digest()

    def __str__(self) -> str:
        return "<SecretText>"


@dataclass(frozen=True, slots=True, eq=False)
class SecretDigest:
    """The stored SHA-256 of a secret with at least 256 bits of entropy."""

    value: bytes = field(repr=False)

    def matches(self, presented: SecretText) -> bool:
        """Compare in constant time."""
        return hmac.compare_digest(self.value, presented.digest())
