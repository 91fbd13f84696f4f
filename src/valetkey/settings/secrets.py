"""Secrets in a configuration: as digests, from files of their own, or from the environment."""

from __future__ import annotations

import binascii
import re
import stat
from base64 import b64decode
from datetime import datetime
from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.declaration import DeclaredSecret
from valetkey.authorization_server.model import PasswordHash
from valetkey.authorization_server.registration import (
    PASSWORD_EXPECTED,
    SECRET_EXPECTED,
    is_sound_password,
    is_sound_secret,
)
from valetkey.oauth.types import NumericDate, SecretDigest, SecretText
from valetkey.settings.values import KeyEncryptionKey

if TYPE_CHECKING:
    from pathlib import Path

_KEY_OCTETS: Final = 32
# 32 random bytes hold 30 different ones on average, and fewer than 20 never in practice: what does was made up.
_DIFFERENT_OCTETS: Final = 20
_DIGEST: Final = re.compile(r"sha256:([0-9a-fA-F]{64})")
_PASSWORD_HASH: Final = re.compile(
    r"\$argon2id\$v=19\$m=\d{1,7},t=\d{1,2},p=\d{1,2}\$[A-Za-z0-9+/]{11,64}\$[A-Za-z0-9+/]{22,128}"
)
_FILE_LIMIT: Final = 65_536


def key_encryption_key(found: object) -> KeyEncryptionKey:
    """Return the key that base64, base64url or hex text spells; ValueError below 32 bytes of entropy."""
    expected = "at least 32 random bytes as base64 or hex (openssl rand -base64 32)"
    if not isinstance(found, SecretText):
        raise ValueError("key_encryption_key_file or VALETKEY_KEY_ENCRYPTION_KEY: no key stands in this file")  # noqa: TRY004 - one error type
    octets = _octets(found.reveal().strip())
    if len(octets) < _KEY_OCTETS or len(set(octets)) < _DIFFERENT_OCTETS:
        raise ValueError(expected)
    return KeyEncryptionKey(octets)


def client_secret(found: object) -> tuple[DeclaredSecret, ...]:
    """Return the secrets of a client: one by its text, or digests "sha256:<hex>" and tables with their ends."""
    if isinstance(found, SecretText):
        if _DIGEST.fullmatch(found.reveal()):
            return (DeclaredSecret(_digest(found.reveal())),)
        if not is_sound_secret(found):
            raise ValueError(SECRET_EXPECTED)
        return (DeclaredSecret(SecretDigest(found.digest()), found),)
    digests = found if isinstance(found, list) and found else [found]
    return tuple(_declared_secret(each) for each in digests)


def _declared_secret(found: object) -> DeclaredSecret:
    if not isinstance(found, dict):
        return DeclaredSecret(_digest(found))
    if not found.keys() <= {"digest", "expires_at"}:
        raise ValueError("a digest, or a table of digest and expires_at")
    ends = found.get("expires_at")
    if ends is None:
        return DeclaredSecret(_digest(found.get("digest")))
    if not isinstance(ends, datetime) or ends.tzinfo is None:
        raise ValueError("expires_at with its zone, such as 2027-01-31T00:00:00Z")
    return DeclaredSecret(_digest(found.get("digest")), None, NumericDate(int(ends.timestamp())))


def initial_password(found: object) -> SecretText | PasswordHash:
    """Return a password, or the Argon2id hash of one that is told by its $argon2id$."""
    password = found.reveal() if isinstance(found, SecretText) else found
    if not isinstance(password, str):
        raise ValueError("a password or its $argon2id$ hash")  # noqa: TRY004 - one error type for wrong values
    if _PASSWORD_HASH.fullmatch(password):
        return PasswordHash(password)
    if not is_sound_password(password):
        raise ValueError(PASSWORD_EXPECTED)
    return SecretText(password)


def read_secret_file(path: Path) -> SecretText:
    """Return the text of a file without its line end; ValueError when it is absent or open to every user."""
    try:
        if is_open_to_others(path.stat().st_mode):
            raise ValueError(f"a file that other users cannot read (chmod 600 {path})")
    except OSError as error:
        raise ValueError(f"a readable file, and {path} is not: {(error.strerror or '').lower()}") from None
    return read_text_file(path)


def read_text_file(path: Path) -> SecretText:
    """Return the text of a file without its line end; ValueError when it is absent, too large or no text."""
    try:
        octets = path.read_bytes()
        # Only the one line end that an editor or a shell leaves: all other characters belong to the value.
        content = octets.decode().removesuffix("\n").removesuffix("\r")
    except OSError as error:
        raise ValueError(f"a readable file, and {path} is not: {(error.strerror or '').lower()}") from None
    except UnicodeDecodeError:
        raise ValueError(f"a text file, and {path} is none") from None
    if not content or len(octets) > _FILE_LIMIT:
        raise ValueError(f"a file of 1 to {_FILE_LIMIT} bytes, and {path} is not")
    return SecretText(content)


def is_open_to_others(mode: int) -> bool:
    """Say whether every user of the machine may read or write a file of this mode."""
    return bool(mode & (stat.S_IROTH | stat.S_IWOTH))


def _digest(found: object) -> SecretDigest:
    spelled = _DIGEST.fullmatch(found) if isinstance(found, str) else None
    if spelled is None:
        raise ValueError("the secret's digest sha256:<64 hex digits>, or the secret itself in a file or a variable")
    return SecretDigest(bytes.fromhex(spelled[1]))


def _octets(spelled: str) -> bytes:
    if re.fullmatch(r"(?:[0-9a-fA-F]{2}){32,}", spelled):
        return bytes.fromhex(spelled)
    try:
        standard = spelled.replace("-", "+").replace("_", "/")
        return b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""
