"""Receivers that poll wait here for what is put into their streams, by this process or another (RFC 8936)."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from valetkey.oauth.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from valetkey.authorization_server.signals.streams import Stream, StreamId, Streams

TICK_SECONDS: Final = 0.5
"""How often each who waits looks for what another process wrote."""
MAXIMUM_WAITING: Final = 1_000
MAXIMUM_WAITING_OF_ONE: Final = 16
"""At one stream."""


class WaitingReceivers:
    """`StreamWaiting` of one tenant in one process; for one event loop."""

    def __init__(self, streams: Streams, wake: Callable[[], None]) -> None:
        """Build it; `wake` is called with each ring: who pushes events looks again too."""
        self._streams = streams
        self._wake = wake
        self._bell = asyncio.Event()
        self._waiting: Counter[StreamId] = Counter()
        self._draining = False

    def ring(self) -> None:
        """Let everybody look again."""
        bell, self._bell = self._bell, asyncio.Event()
        bell.set()
        self._wake()

    async def comes(self, stream: Stream, seconds: float) -> bool:
        """Say whether something comes within `seconds`, as soon as it is there. Raises Unavailable."""
        stream_id = stream.stream_id
        if self._waiting.total() >= MAXIMUM_WAITING or self._waiting[stream_id] >= MAXIMUM_WAITING_OF_ONE:
            raise Unavailable("a place to wait for events")
        self._waiting[stream_id] += 1
        try:
            return await self._comes(stream, asyncio.get_running_loop().time() + seconds)
        finally:
            self._waiting[stream_id] -= 1
            if not self._waiting[stream_id]:
                del self._waiting[stream_id]

    def drain(self) -> None:
        """Answer who waits, and let nobody wait from now on."""
        self._draining = True
        self.ring()

    async def close(self) -> None:
        """Answer who waits."""
        self.drain()

    async def _comes(self, stream: Stream, deadline: float) -> bool:
        while True:
            # What is written from here on rings this very bell.
            bell = self._bell
            if await self._streams.events(stream.stream_id, 1, stream.status):
                return True
            remaining = deadline - asyncio.get_running_loop().time()
            if remaining <= 0 or self._draining:
                return False
            with suppress(TimeoutError):
                async with asyncio.timeout(min(remaining, TICK_SECONDS)):
                    await bell.wait()
