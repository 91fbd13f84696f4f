"""The one door to the time: whole seconds since the epoch, as a NumericDate counts them (RFC 7519, 2)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeAlias

Clock: TypeAlias = Callable[[], int]


def system_clock() -> int:
    """Returns the present time in whole seconds since 1970-01-01T00:00:00Z."""
    return int(time.time())


def monotonic_microseconds() -> int:
    """Returns microseconds that never go back, from a start of their own: to measure, not to tell the time."""
    return time.monotonic_ns() // 1000
