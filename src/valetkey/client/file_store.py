"""FileTokenStore: tokens that processes share by a file, for its owner alone; swapped under a lock (flock)."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from valetkey.client.errors import StoreFailed
from valetkey.jose import ConfigurationError
from valetkey.jose.encoding import b64url_encode
from valetkey.jose.entropy import random_octets

try:
    import fcntl
except ImportError:  # pragma: no cover - a system without flock
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterator

_OWNER_ONLY: Final = 0o600
_FOR_OTHERS: Final = 0o077
MAXIMUM_OCTETS: Final = 256 * 1024


class FileTokenStore:
    """A TokenStore in one file, for one signed-in end-user; its folder is made, for its owner alone.

    A document is written beside the file and moved into place: a crash leaves the old one or the new one. The
    lock is a file of its own (`.lock` behind the name). For local file systems; raises ConfigurationError where
    the system has no flock.
    """

    def __init__(self, path: str | Path) -> None:
        if fcntl is None:  # pragma: no cover - a system without flock
            raise ConfigurationError("This system has no flock: keep the tokens in a store of your own.")
        self._path = Path(path).expanduser().absolute()

    def load(self) -> bytes | None:
        """Return the document, None where there is no file; StoreFailed where others may read it."""
        with _told("read"):
            return self._read()

    def swap(self, expected: bytes | None, document: bytes) -> bool:
        """Replace the document if it still is `expected`; say whether it was."""
        with _told("written"):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._locked():
                if self._read() != expected:
                    return False
                self._write(document)
                return True

    def _read(self) -> bytes | None:
        try:
            # A link could lead to a file that somebody else prepared.
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return None
        with os.fdopen(descriptor, "rb") as opened:
            status = os.fstat(descriptor)
            if status.st_mode & _FOR_OTHERS or status.st_uid != os.geteuid():
                raise StoreFailed("The token file is not its owner's alone: chmod 600, or remove it.")
            content = opened.read(MAXIMUM_OCTETS + 1)
        if len(content) > MAXIMUM_OCTETS:
            raise StoreFailed("The token file is too large to be one.")
        return content

    def _write(self, document: bytes) -> None:
        part = self._path.with_name(f".{self._path.name}.{b64url_encode(random_octets(9))}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            with os.fdopen(os.open(part, flags, _OWNER_ONLY), "wb") as opened:
                opened.write(document)
                opened.flush()
                os.fsync(opened.fileno())
            part.replace(self._path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise

    @contextmanager
    def _locked(self) -> Iterator[None]:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self._path.with_name(f"{self._path.name}.lock"), flags, _OWNER_ONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


@contextmanager
def _told(done: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreFailed(f"The token file cannot be {done} ({error.strerror or type(error).__name__}).") from error
