"""What a session's handle opens: a digest to find its row, and the key of what the row holds (HKDF, RFC 5869)."""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from valetkey.client.session_records import Owner
from valetkey.jose.entropy import random_octets

HANDLE_OCTETS: Final = 32
_HANDLE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_KEY: Final = 32
_NONCE: Final = 12
_VERSION: Final = b"\x01"
_SALT: Final = b"valetkey gateway sessions 1"


class SealBroken(Exception):
    """A sealed text does not open: another key sealed it, or it was changed or moved."""


class Seal:
    """AES-256-GCM under one key; `place` says what a text is, so that none can stand for another."""

    __slots__ = ("_cipher",)

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def close(self, place: str, text: bytes) -> bytes:
        """Return `text` sealed."""
        nonce = random_octets(_NONCE)
        return _VERSION + nonce + self._cipher.encrypt(nonce, text, place.encode())

    def open(self, place: str, sealed: bytes) -> bytes:
        """Return what was sealed; raises SealBroken."""
        nonce, body = sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :]
        try:
            if sealed[:1] != _VERSION:
                raise SealBroken(place)
            return self._cipher.decrypt(nonce, body, place.encode())
        except (InvalidTag, ValueError):
            raise SealBroken(place) from None


@dataclass(frozen=True, slots=True, eq=False)
class SessionHandle:
    """What the browser's cookie holds: 256 bits that stand nowhere else."""

    _octets: bytes = field(repr=False)

    @classmethod
    def draw(cls) -> SessionHandle:
        """Return a new one."""
        return cls(random_octets(HANDLE_OCTETS))

    @classmethod
    def parse(cls, text: str) -> SessionHandle | None:
        """Return the handle of a cookie; None for what cannot be one."""
        if not _HANDLE.fullmatch(text):
            return None
        handle = cls(urlsafe_b64decode(text + "="))
        # The last character has two bits to spare: one handle has one spelling.
        return handle if handle.reveal() == text else None

    def reveal(self) -> str:
        """Return the text for the cookie."""
        return urlsafe_b64encode(self._octets).rstrip(b"=").decode()

    @property
    def row_id(self) -> bytes:
        """The name of the row; nobody gets from it to the handle."""
        return derived(self._octets, "row")

    @property
    def seal(self) -> Seal:
        """What opens the row."""
        return Seal(derived(self._octets, "seal"))


@dataclass(frozen=True, slots=True, eq=False)
class OwnKeys:
    """What is derived from the key of this layer: one seal for cookies, one key for names in the store."""

    _key: bytes = field(repr=False)

    @property
    def cookie_seal(self) -> Seal:
        """What seals a sign-in or sign-out under way, which the browser itself carries."""
        return Seal(derived(self._key, "cookies"))

    def owner(self, issuer: str, subject: str | None, sid: str | None) -> Owner:
        """Return how the store names whom a session belongs to; at least one of both is there."""
        return Owner(
            None if subject is None else self._name("sub", issuer, subject),
            None if sid is None else self._name("sid", issuer, sid),
        )

    def token_id(self, issuer: str, jti: str) -> bytes:
        """Return how the store names a logout token."""
        return self._name("jti", issuer, jti)

    def _name(self, kind: str, issuer: str, name: str) -> bytes:
        # The lengths keep two names apart whatever characters they hold.
        text = f"{kind}:{len(issuer)}:{issuer}:{name}"
        return hmac.digest(derived(self._key, "names"), text.encode("utf-8", "surrogatepass"), "sha256")


def derived(secret: bytes, purpose: str) -> bytes:
    """Return the 32 octets that `secret` yields for one purpose."""
    return HKDF(SHA256(), _KEY, _SALT, purpose.encode()).derive(secret)
