"""Names to addresses, in threads of their own: a nameserver that never answers holds up nothing else."""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

_THREADS: Final = 16


class Resolver(Protocol):
    """Where a name leads to."""

    async def resolve(self, host: str, port: int) -> Sequence[tuple[str, int]]:
        """Return every IP address of `host` with the port to connect to; raises OSError."""
        ...


class SystemResolver:
    """The resolver of the operating system."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="resolver")

    async def resolve(self, host: str, port: int) -> Sequence[tuple[str, int]]:
        """Return every IP address of `host` once, in the order of RFC 6724; raises OSError."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, _look_up, host, port)
        return tuple(dict.fromkeys(found))

    def close(self) -> None:
        """Let the threads end when they have nothing to do."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _look_up(host: str, port: int) -> list[tuple[str, int]]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(str(address[0]), int(address[1])) for *_, address in found]
