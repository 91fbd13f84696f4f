"""The one door to randomness: what the operating system gives, never reused (RFC 7518, 8.1)."""

from __future__ import annotations

import os


def random_octets(count: int) -> bytes:
    """Returns `count` octets that nobody can foretell."""
    return os.urandom(count)
