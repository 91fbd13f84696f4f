"""Which tokens that count once were already presented (RFC 7519, 4.1.7; RFC 8725, 3.10)."""

from __future__ import annotations

from hashlib import sha256
from heapq import heappop, heappush
from threading import Lock
from typing import Final, Protocol

from valetkey.jose.clock import Clock, system_clock

MOST_REMEMBERED: Final = 200_000
"""Identifiers that are held at once in memory; beyond it nothing is accepted until some have expired."""


class UsedTokensUnavailable(Exception):
    """Whether a token was presented before cannot be said at the moment."""


class UsedTokens(Protocol):
    """Remembers the identifiers of tokens that count once."""

    async def burn(self, issuer: str, token_id: str, until: int) -> bool:
        """Remember one until `until` (seconds since the epoch); False where it was known already.

        Raises UsedTokensUnavailable, never True, where it cannot be remembered.
        """
        ...


class MemoryUsedTokens:
    """Remembers them in this process: a guard of several processes shares a store instead."""

    def __init__(self, *, clock: Clock = system_clock, most: int = MOST_REMEMBERED) -> None:
        """Hold at most `most` identifiers."""
        self._clock = clock
        self._most = most
        self._known: dict[bytes, int] = {}
        self._expiring: list[tuple[int, bytes]] = []
        self._lock = Lock()

    async def burn(self, issuer: str, token_id: str, until: int) -> bool:
        """Remember one; raises UsedTokensUnavailable when it is full of living ones."""
        key = sha256(f"{len(issuer)} {issuer} {token_id}".encode("utf-8", "surrogatepass")).digest()
        with self._lock:
            now = self._clock()
            while self._expiring and self._expiring[0][0] <= now:
                self._known.pop(heappop(self._expiring)[1], None)
            if key in self._known:
                return False
            if len(self._known) >= self._most:
                # To forget one that lives would let it be presented again.
                raise UsedTokensUnavailable(f"{self._most} tokens are remembered already")
            self._known[key] = until
            heappush(self._expiring, (until, key))
            return True
