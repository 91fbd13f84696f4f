"""The state folder of `valetkey dev`: secrets, database and certificates, readable by their owner alone."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from base64 import urlsafe_b64encode
from contextlib import suppress
from dataclasses import field
from pathlib import Path
from typing import Final

import msgspec

from valetkey.cli import EXIT_UNAVAILABLE, fail
from valetkey.jose.records import dataclass
from valetkey.oauth.types import OpaqueToken

USERS: Final = {"alice": "user", "admin": "admin"}
"""User name to role."""
SECRET_CLIENTS: Final = ("web", "machine", "api-gateway", "demo-api", "print-shop", "reading-room")

_OURS: Final = (
    "secrets.json",
    "dev.json",
    "valetkey.db",
    "valetkey.db-wal",
    "valetkey.db-shm",
    "valetkey.db-lock",
    "valetkey.db-turnstile",
    "sessions.db",
    "sessions.db-wal",
    "sessions.db-shm",
    "sessions.db-lock",
    "sessions.db-turnstile",
)
_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without those that look alike."""


class DevSecrets(msgspec.Struct, frozen=True):
    """What was generated when the folder was first used; printed on every start."""

    key_encryption_key: bytes
    passwords: dict[str, str]
    client_secrets: dict[str, str]


@dataclass(frozen=True, slots=True)
class DevState:
    """One state folder, locked while a server uses it."""

    folder: Path
    secrets: DevSecrets = field(repr=False)
    is_new: bool

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.folder / "valetkey.db"

    @property
    def sessions(self) -> Path:
        """The SQLite file of the session layer of a demo application."""
        return self.folder / "sessions.db"

    def write_report(self, report: bytes) -> None:
        """Keep what a ready server says of itself, for `valetkey demo`."""
        _write_private(self.folder / "dev.json", report)


def open_state(folder: Path) -> DevState:
    """Return the state in `folder`, made where there is none."""
    path = folder / "secrets.json"
    try:
        found = msgspec.json.decode(path.read_bytes(), type=DevSecrets)
        return DevState(folder, _completed(found, path), is_new=False)
    except FileNotFoundError:
        drawn = _draw()
        _write_private(path, msgspec.json.encode(drawn))
        return DevState(folder, drawn, is_new=True)
    except (OSError, msgspec.DecodeError) as error:
        fail(f"{path} cannot be read ({error}); `valetkey dev --reset` starts over")


def lock(folder: Path) -> int:
    """Make `folder` and share its lock until this process ends; return the descriptor that holds it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / ".gitignore").write_text("*\n", "ascii")
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        fail(f"the state folder {folder} cannot be used: {error.strerror}; choose another: --state DIR")
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


def reset(folder: Path, descriptor: int) -> None:
    """Remove what `valetkey dev` made in `folder`, and nothing else; ends where another server uses it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        fail(f"another valetkey dev runs on {folder}: stop it before --reset", EXIT_UNAVAILABLE)
    for name in _OURS:
        with suppress(FileNotFoundError):
            (folder / name).unlink()
    shutil.rmtree(folder / "tls", ignore_errors=True)
    fcntl.flock(descriptor, fcntl.LOCK_SH)


def _completed(found: DevSecrets, path: Path) -> DevSecrets:
    """Draw the secrets of clients that the folder does not know yet, because an older version made it."""
    missing = [name for name in SECRET_CLIENTS if name not in found.client_secrets]
    if not missing:
        return found
    secrets_of_clients = found.client_secrets | {name: _client_secret() for name in missing}
    completed = DevSecrets(found.key_encryption_key, found.passwords, secrets_of_clients)
    _write_private(path, msgspec.json.encode(completed))
    return completed


def _draw() -> DevSecrets:
    return DevSecrets(
        key_encryption_key=os.urandom(32),
        passwords={name: _password() for name in USERS},
        client_secrets={name: _client_secret() for name in SECRET_CLIENTS},
    )


def _client_secret() -> str:
    return OpaqueToken.from_entropy("vk_cs_", os.urandom(32)).reveal()


def _password() -> str:
    # Four times four letters of 31: 79 bits, and still typed without a mistake.
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(4))


def _write_private(path: Path, content: bytes) -> None:
    # Written beside and moved into place: an interrupted start leaves the old file or the new one.
    part = path.with_name(f".{path.name}.{urlsafe_b64encode(os.urandom(6)).decode()}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(content)
    part.replace(path)
