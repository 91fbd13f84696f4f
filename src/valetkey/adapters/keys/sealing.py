"""Secrets that the server must read again, sealed under its key-encryption key: AES-256-GCM."""

from __future__ import annotations

import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_VERSION: Final = b"\x01"
_NONCE: Final = 12
_KEY: Final = 32
_SALT: Final = b"valetkey sealing 1"


class SealBroken(Exception):
    """A sealed value does not open: another key-encryption key sealed it, or it was changed or moved."""


class Sealer:
    """Seals and opens under one key-encryption key of at least 32 bytes; each purpose has a key of its own.

    What `previous`, the key before, has sealed is opened too.
    """

    def __init__(self, key_encryption_key: bytes, previous: bytes | None = None) -> None:
        if len(key_encryption_key) < _KEY:
            raise ValueError("a key-encryption key has at least 32 bytes")
        self._secret = key_encryption_key
        self._ciphers: dict[str, AESGCM] = {}
        self._previous = None if previous is None else Sealer(previous)

    def seal(self, purpose: str, context: str, plaintext: bytes) -> bytes:
        """Return `plaintext` sealed; it opens only for the same `purpose` and `context` (its place)."""
        nonce = os.urandom(_NONCE)
        return _VERSION + nonce + self._cipher(purpose).encrypt(nonce, plaintext, context.encode())

    def open(self, purpose: str, context: str, sealed: bytes) -> bytes:
        """Return what was sealed; raises SealBroken."""
        try:
            return self._open(purpose, context, sealed)
        except SealBroken:
            if self._previous is None:
                raise
        return self._previous.open(purpose, context, sealed)

    def reseal(self, purpose: str, context: str, sealed: bytes) -> bytes | None:
        """Return what the key before has sealed, sealed anew; None where it opens already. Raises SealBroken."""
        try:
            self._open(purpose, context, sealed)
        except SealBroken:
            return self.seal(purpose, context, self.open(purpose, context, sealed))
        return None

    def _open(self, purpose: str, context: str, sealed: bytes) -> bytes:
        if sealed[:1] != _VERSION:
            raise SealBroken("the sealed value has an unknown form")
        nonce, body = sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :]
        try:
            return self._cipher(purpose).decrypt(nonce, body, context.encode())
        except (InvalidTag, ValueError):
            raise SealBroken("the key-encryption key does not open the sealed value") from None

    def _cipher(self, purpose: str) -> AESGCM:
        # Purposes are named in the code: the dictionary stays small.
        cipher = self._ciphers.get(purpose)
        if cipher is None:
            derived = HKDF(SHA256(), _KEY, _SALT, purpose.encode()).derive(self._secret)
            cipher = self._ciphers[purpose] = AESGCM(derived)
        return cipher
