"""What lies between a proxy and the decision service: it can be cut, or fall silent, and come back."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager, suppress
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

WITHIN = 10


class State(Enum):
    PASSING = 1
    CUT = 2
    """Nobody listens."""
    SILENT = 3
    """Whoever connects waits in vain."""


class Relay:
    """Listens on one port for another; `be` changes what becomes of connections, those that are open included."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self._target = target
        self._state = State.CUT
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    def run(self) -> None:
        self._loop.run_forever()
        self._loop.close()

    def stop(self) -> None:
        self.be(State.CUT)
        self._loop.call_soon_threadsafe(self._loop.stop)

    def be(self, state: State) -> None:
        """Change over; return when it is done."""
        asyncio.run_coroutine_threadsafe(self._become(state), self._loop).result(WITHIN)

    async def _become(self, state: State) -> None:
        self._state = state
        for writer in list(self._writers):
            writer.transport.abort()
        if state is State.CUT and self._server is not None:
            self._server.close()
            self._server = None
        elif state is not State.CUT and self._server is None:
            self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]
        # What was aborted is gone before anybody goes on.
        await asyncio.sleep(0)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with suppress(OSError, asyncio.CancelledError):
            if self._state is State.PASSING:
                there, back = await asyncio.open_connection("127.0.0.1", self._target)
                self._writers.add(back)
                await asyncio.gather(_pump(reader, back), _pump(there, writer))
                self._writers.discard(back)
            else:
                await reader.read()
        self._writers.discard(writer)
        writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while octets := await reader.read(65_536):
            writer.write(octets)
            await writer.drain()
    finally:
        writer.close()


@contextmanager
def running_relay(target: int) -> Iterator[Relay]:
    """Pass connections on to a loopback port until the end."""
    relay = Relay(target)
    thread = threading.Thread(target=relay.run, daemon=True)
    thread.start()
    relay.be(State.PASSING)
    try:
        yield relay
    finally:
        relay.stop()
        thread.join(WITHIN)
