"""How many exchanges are under way at once: a bounded number in each lane, and a bounded number that wait."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.outbound import Lane, Unfetchable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

AT_ONCE: Final = 16
WAITING: Final = 64


class Lanes:
    """The places of each lane; who waits does so within the deadline of their own exchange."""

    def __init__(self, at_once: int = AT_ONCE, waiting: int = WAITING) -> None:
        self._places = {lane: asyncio.Semaphore(at_once) for lane in Lane}
        self._present = dict.fromkeys(Lane, 0)
        self._most = at_once + waiting

    @asynccontextmanager
    async def place(self, lane: Lane) -> AsyncIterator[None]:
        """Hold a place in `lane`; raises Unfetchable when too many already wait for one."""
        if self._present[lane] >= self._most:
            raise Unfetchable("too many exchanges are under way")
        self._present[lane] += 1
        try:
            async with self._places[lane]:
                yield
        finally:
            self._present[lane] -= 1
