"""A fair lock between processes and threads: SQLite's busy handler does not queue, and would starve one of them."""

import fcntl
import os
from types import TracebackType
from typing import Self


class FairFileLock:
    """An exclusive lock on a pair of files beside the database, to be taken with `with`.

    Who holds the lock and wants it again must first pass the turnstile, where the next in line already
    stands: no one takes it twice while another waits. Each thread needs an instance of its own. OSError
    where the file system cannot lock.
    """

    __slots__ = ("_lock", "_turnstile")

    def __init__(self, database: str) -> None:
        self._turnstile = os.open(database + "-turnstile", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._lock = os.open(database + "-lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except BaseException:
            os.close(self._turnstile)
            raise

    def __enter__(self) -> Self:
        fcntl.flock(self._turnstile, fcntl.LOCK_EX)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        finally:
            fcntl.flock(self._turnstile, fcntl.LOCK_UN)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        fcntl.flock(self._lock, fcntl.LOCK_UN)

    def close(self) -> None:
        """Closes the files; a lock still held is released."""
        os.close(self._lock)
        os.close(self._turnstile)
