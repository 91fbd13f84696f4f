"""MemoryTokenStore: tokens that threads of one process share, and that end with it."""

from __future__ import annotations

import threading


class MemoryTokenStore:
    """A TokenStore in memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._document: bytes | None = None

    def load(self) -> bytes | None:
        """Return the document, None where none was kept yet."""
        return self._document

    def swap(self, expected: bytes | None, document: bytes) -> bool:
        """Replace the document if it still is `expected`; say whether it was."""
        with self._lock:
            if self._document != expected:
                return False
            self._document = document
            return True
