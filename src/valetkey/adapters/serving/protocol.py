"""uvicorn's HTTP/1.1 connection with the limits it lacks: on slow or large headers and on slow readers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

if TYPE_CHECKING:
    import asyncio

    from uvicorn.config import Config

HEADER_SECONDS: Final = 5.0
READER_SECONDS: Final = 30.0
IDLE_SECONDS: Final = 30
MAXIMUM_HEADERS: Final = 64 * 1024
"""Bytes of request line and headers."""

_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\n"
    b"cache-control: no-store\r\nconnection: close\r\n\r\n"
)


class LimitedState(ServerState):
    """What the connections of one server share; while it drains, each response closes its connection."""

    def __init__(self) -> None:
        super().__init__()
        self.draining = False


class LimitedProtocol(HttpToolsProtocol):
    """One connection; the server's clock calls `expire` once a second."""

    def __init__(
        self,
        config: Config,
        server_state: LimitedState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._state = server_state
        # Seconds of the loop's clock since the headers of a request are awaited; None between and during requests.
        self._headers_since: float | None = None
        self._header_octets = 0
        self._paused_since: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Start the clock: a peer that connects has to ask for something."""
        super().connection_made(transport)
        self._headers_since = self.loop.time()

    def data_received(self, data: bytes) -> None:
        """Count what belongs to unfinished headers, then let it be parsed."""
        if self._headers_since is not None:
            self._header_octets += len(data)
        elif self._is_between_requests():
            self._headers_since = self.loop.time()
            self._header_octets = len(data)
        super().data_received(data)
        if self._headers_since is not None and self._header_octets > MAXIMUM_HEADERS:
            self.transport.write(_TOO_LARGE)
            self.transport.close()

    def on_headers_complete(self) -> None:
        """The request is known: its body has a deadline of its own."""
        self._headers_since = None
        self._header_octets = 0
        super().on_headers_complete()
        if self._state.draining:
            self.cycle.keep_alive = False

    def _is_between_requests(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete

    def pause_writing(self) -> None:
        """The peer reads slower than we write: remember since when."""
        self._paused_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """The peer has read on."""
        self._paused_since = None
        super().resume_writing()

    def expire(self, now: float) -> None:
        """End the connection when its peer has kept us waiting too long at `now` of the loop's clock."""
        if self._headers_since is not None and now - self._headers_since > HEADER_SECONDS:
            self.transport.close()
        elif self._paused_since is not None and now - self._paused_since > READER_SECONDS:
            self.transport.abort()
