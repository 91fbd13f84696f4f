"""An ASGI application on a free loopback port, served by a thread of the test's own process."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import uvicorn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STARTS_WITHIN = 20
STOPS_WITHIN = 10


@contextmanager
def served_app(build: Callable[[str], Any]) -> Iterator[str]:
    """Serve what `build` makes of its origin, `http://127.0.0.1:PORT`, which is yielded too."""
    listening = socket.create_server(("127.0.0.1", 0))
    origin = f"http://127.0.0.1:{listening.getsockname()[1]}"
    config = uvicorn.Config(
        build(origin), lifespan="on", log_config=None, access_log=False, timeout_graceful_shutdown=STOPS_WITHIN
    )
    server = _Server(config)
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    try:
        assert server.ready.wait(STARTS_WITHIN), "the application did not start"
        yield origin
    finally:
        server.should_exit = True
        thread.join(STOPS_WITHIN)
        listening.close()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()
