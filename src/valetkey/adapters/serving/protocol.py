"""uvicorn's HTTP/1.1 connection with the limits it lacks: on slow or large headers and on slow readers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

if TYPE_CHECKING:
    import asyncio

    from uvicorn.config import Config

HEADER_SECONDS: Final = 5.0
BODY_SECONDS: Final = 10.0
UPLOAD_SECONDS: Final = 300.0
"""For a body that is not ours to read but handed on: people upload over slow lines."""
READER_SECONDS: Final = 30.0
IDLE_SECONDS: Final = 30
MAXIMUM_HEADERS: Final = 64 * 1024
"""Bytes of request line and headers."""

_UNUSUAL: Final = frozenset({b"connection", b"transfer-encoding"})
_LAST_WORDS: Final = b"\r\ncontent-length: 0\r\ncache-control: no-store\r\nconnection: close\r\n\r\n"
_TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large" + _LAST_WORDS
_TOO_SLOW: Final = b"HTTP/1.1 408 Request Timeout" + _LAST_WORDS


class LimitedState(ServerState):
    """What the connections of one server share; while it drains, each response closes its connection."""

    def __init__(self) -> None:
        super().__init__()
        self.draining = False


class OneWriteCycle(RequestResponseCycle):
    """One exchange; a response that is whole at once leaves in one write: one packet and one system call."""

    _start: Any = None

    async def send(self, message: Any) -> None:
        """Keep the start of a response until its body comes; leave everything unusual to uvicorn.

        `message` is one of ASGI's, which uvicorn types more narrowly than the standard does.
        """
        if message["type"] == "http.response.start" and not self.response_started:
            # A second one replaces the first: uvicorn's own 500 for an application that failed between the two.
            self._start = message
            return
        start, self._start = self._start, None
        if start is None:
            await super().send(message)
            return
        body = message.get("body", b"")
        head = None if message.get("more_body") or self.flow.write_paused else self._head(start, len(body))
        if head is None:
            await super().send(start)
            await super().send(message)
        elif not self.disconnected:
            self.response_started = self.response_complete = True
            self.transport.write(head + body if self.scope["method"] != "HEAD" else head)
            self.message_event.set()
            if not self.keep_alive:
                self.transport.close()
            self.on_response()

    def _head(self, start: Any, length: int) -> bytes | None:
        """Return status line and headers; None where uvicorn has to look at them."""
        content = [STATUS_LINE[start["status"]]]
        is_sized = False
        for name, value in (*self.default_headers, *start["headers"]):
            if name == b"content-length":
                is_sized = self.scope["method"] == "HEAD" or int(value) == length
            elif name in _UNUSUAL:
                return None
            content += (name, b": ", value, b"\r\n")
        head = b"".join(content)
        # Two line ends more than there are headers, or a bare one: somebody put a line into a value.
        lines = (len(content) - 1) // 4 + 1
        if not is_sized or head.count(b"\n") != lines or head.count(b"\r") != lines or b"\0" in head:
            return None
        return head + (b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n")


class LimitedProtocol(HttpToolsProtocol):
    """One connection; the server's clock calls `expire` once a second."""

    body_seconds: ClassVar[float] = BODY_SECONDS

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
        self._body_since: float | None = None

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
        self._body_since = self._headers_since or self.loop.time()
        self._headers_since = None
        self._header_octets = 0
        super().on_headers_complete()
        # uvicorn makes the cycle itself; its task has not begun, so it runs as ours from its first step.
        self.cycle.__class__ = OneWriteCycle
        if self._state.draining:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._body_since = None
        super().on_message_complete()

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
        elif self._body_since is not None and now - self._body_since > self.body_seconds:
            if not self.cycle.response_started:
                self.transport.write(_TOO_SLOW)
            self.transport.close()
        elif self._paused_since is not None and now - self._paused_since > READER_SECONDS:
            self.transport.abort()


class ForwardingProtocol(LimitedProtocol):
    """A connection whose requests are handed on to others: their bodies may take as long as uploads do."""

    body_seconds: ClassVar[float] = UPLOAD_SECONDS
