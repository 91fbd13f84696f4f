"""Our uvicorn server: it owns the signals and drains before it stops."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
import time
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import uvicorn

from valetkey.adapters.serving.protocol import IDLE_SECONDS, LimitedProtocol, LimitedState
from valetkey.jose.records import dataclass

if TYPE_CHECKING:
    import socket
    from collections.abc import Generator
    from types import FrameType

Messages = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Messages]]
Send = Callable[[Messages], Awaitable[None]]
Asgi = Callable[[Messages, Receive, Send], Awaitable[None]]
"""An ASGI 3.0 application."""

IN_FLIGHT_SECONDS: Final = 20
_TICKS_A_SECOND: Final = 10


@dataclass(frozen=True, slots=True)
class Tls:
    """The certificate chain and private key files (PEM) with which a server speaks TLS itself."""

    certificate: Path
    key: Path


def configure(
    app: Asgi, tls: Tls | None = None, *, protocol: type[LimitedProtocol] = LimitedProtocol
) -> uvicorn.Config:
    """Return the one way in which we run uvicorn: httptools, uvloop, no access log, no believed proxy headers."""
    return uvicorn.Config(
        app,
        loop="auto",
        http=protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=IN_FLIGHT_SECONDS,
        ssl_certfile=tls.certificate if tls else None,
        ssl_keyfile=tls.key if tls else None,
    )


class DrainingServer(uvicorn.Server):
    """On SIGTERM it goes on accepting for `drain_delay` seconds while it says that it is not ready, then ends.

    SIGINT ends at once, with what is in flight; a second one gives that up too. `on_drain` is called once.
    """

    def __init__(self, config: uvicorn.Config, drain_delay: float, on_drain: Callable[[], None]) -> None:
        super().__init__(config)
        self._state = LimitedState()
        self.server_state = self._state
        self._drain_delay = drain_delay
        self._on_drain = on_drain
        self._exit_at: float | None = None
        self.listening = asyncio.Event()
        """Set once connections are accepted."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept."""
        await super().startup(sockets)
        self.listening.set()

    def drain(self) -> None:
        """Begin to end, as SIGTERM does; again: nothing more."""
        if not self._state.draining:
            self._state.draining = True
            self._on_drain()
            self._exit_at = time.monotonic() + self._drain_delay

    def stop(self) -> None:
        """End now: requests in flight are finished, nothing new is accepted."""
        self.drain()
        self.should_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Answer a signal (uvicorn's name for it)."""
        del frame
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        elif sig == signal.SIGINT:
            self.stop()
        else:
            self.drain()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Own SIGINT and SIGTERM while serving; unlike uvicorn, never raise them again: a drain exits with 0."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {sig: signal.signal(sig, self.handle_exit) for sig in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for sig, previous in before.items():
                signal.signal(sig, previous)

    async def on_tick(self, counter: int) -> bool:
        """Look at the clock: ten times a second for the drain, once for peers that keep us waiting."""
        if counter % _TICKS_A_SECOND == 0:
            now = asyncio.get_running_loop().time()
            for connection in tuple(self.server_state.connections):
                if isinstance(connection, LimitedProtocol):
                    connection.expire(now)
        if self._exit_at is not None and time.monotonic() >= self._exit_at:
            self.should_exit = True
        return await super().on_tick(counter)


class CompanionServer(DrainingServer):
    """A server beside the main one in the same process: it hears no signal and ends when it is told."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave the signals to the main server."""
        yield
