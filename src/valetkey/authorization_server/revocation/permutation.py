"""The keyed order of a list's places: by an index nobody tells when, or next to what, a token was minted."""

from __future__ import annotations

from hashlib import shake_256
from typing import Final

from valetkey.authorization_server.revocation.statuses import CAPACITY

_LOW_BITS: Final = 8
_LOW: Final = (1 << _LOW_BITS) - 1
_HIGH: Final = CAPACITY // (_LOW + 1) - 1
_ROUNDS: Final = 4


class Permutation:
    """A bijection of 0..CAPACITY-1: an unbalanced Feistel network whose round functions are drawn from a key."""

    __slots__ = ("_tables",)

    def __init__(self, key: bytes) -> None:
        width = _HIGH + 1
        drawn = shake_256(key).digest(_ROUNDS * 2 * (width + _LOW + 1))
        words = [int.from_bytes(drawn[at : at + 2], "big") for at in range(0, len(drawn), 2)]
        each = width + _LOW + 1
        rounds = [words[at : at + each] for at in range(0, len(words), each)]
        self._tables = tuple(
            (tuple(word & _LOW for word in one[:width]), tuple(word & _HIGH for word in one[width:]))
            for one in rounds
        )

    def index(self, position: int) -> int:
        """Return the place of `position`."""
        high, low = position >> _LOW_BITS, position & _LOW
        for of_high, of_low in self._tables:
            low ^= of_high[high]
            high ^= of_low[low]
        return high << _LOW_BITS | low
