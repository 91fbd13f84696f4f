"""Sealing of kept replies: who stole the store, but not the token, cannot read what it bought."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

if TYPE_CHECKING:
    from valetkey.authorization_server.fresh import Fresh
    from valetkey.oauth.types import OpaqueToken

_SALT: Final = 32
_PURPOSE: Final = b"valetkey kept reply 1"
_NONCE: Final = bytes(12)
"""Each key seals one text, because its salt is drawn for that text: no nonce is ever used twice with it."""


def seal(reply: bytes, presented: OpaqueToken, fresh: Fresh) -> bytes:
    """Return `reply` under AES-256-GCM: a salt of 32 bytes, the ciphertext, a tag of 16 bytes.

    The key is derived from the token that was presented, which no store holds (HKDF, RFC 5869).
    """
    salt = fresh.draw("kept reply " + hashlib.sha256(reply).hexdigest())
    return salt + AESGCM(_key(presented, salt)).encrypt(_NONCE, reply, None)


def open_sealed(sealed: bytes, presented: OpaqueToken) -> bytes | None:
    """Return the reply, or None when it was not sealed under `presented`."""
    salt, ciphertext = sealed[:_SALT], sealed[_SALT:]
    try:
        return AESGCM(_key(presented, salt)).decrypt(_NONCE, ciphertext, None)
    except InvalidTag:
        return None


def _key(presented: OpaqueToken, salt: bytes) -> bytes:
    return HKDF(SHA256(), length=32, salt=salt, info=_PURPOSE).derive(presented.reveal().encode())
