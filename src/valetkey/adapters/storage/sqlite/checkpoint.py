"""Moves the write-ahead log into the database, from a thread of its own: no commit pays for it."""

import logging
import threading
from contextlib import suppress

import apsw

from valetkey.adapters.storage.sqlite.connection import open_writer
from valetkey.adapters.storage.sqlite.lock import FairFileLock

_PAGES = 1_000  # a log of 4 MB is worth a checkpoint
_TRUNCATE_PAGES = 16_000  # a log of 64 MB, which a long read has kept alive, is given back to the disk
_log = logging.getLogger(__name__)


class Checkpointer:
    """Checkpoints when the log has grown by enough pages, under the file lock.

    A log that nobody appends to is moved whole, and the next commit starts it again from the front.
    """

    def __init__(self, path: str) -> None:
        self._connection = open_writer(path)
        self._lock = FairFileLock(path)
        self._wake = threading.Event()
        self._pages = 0
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="valetkey-checkpoint", daemon=True)
        self._thread.start()

    def committed(self, pages: int) -> None:
        """Hears from the writer how many pages the log holds."""
        if pages >= _PAGES and not self._wake.is_set():
            self._pages = pages
            self._wake.set()

    def close(self, patience: float) -> bool:
        """Stops; False where that took longer than `patience` seconds."""
        self._closing = True
        self._wake.set()
        self._thread.join(patience)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while True:
                self._wake.wait()
                if self._closing:
                    return
                self._checkpoint()
                self._wake.clear()
        finally:
            with suppress(apsw.Error):
                self._connection.close(True)
            self._lock.close()

    def _checkpoint(self) -> None:
        truncate = self._pages >= _TRUNCATE_PAGES
        mode = apsw.SQLITE_CHECKPOINT_TRUNCATE if truncate else apsw.SQLITE_CHECKPOINT_PASSIVE
        try:
            with self._lock:
                self._connection.wal_checkpoint(mode=mode)
        except (apsw.Error, OSError) as error:
            # The log keeps what was committed: nothing is lost, and the next commits ask again.
            _log.warning("storage.checkpoint_failed", exc_info=error)
