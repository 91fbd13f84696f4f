"""Listening sockets, bound once, and who has a port that we wanted."""

from __future__ import annotations

import errno
import resource
import socket
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from valetkey.jose.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_BACKLOG: Final = 2048
_LISTEN: Final = "0A"
_PORTS: Final = 65_535


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that listens on a port."""

    pid: int
    command: str


class PortTakenError(Exception):
    """Somebody else listens on the port; `holder` is who, where this machine tells us."""

    def __init__(self, host: str, port: int, holder: Holder | None) -> None:
        super().__init__(f"port {port} on {host} is in use")
        self.host = host
        self.port = port
        self.holder = holder


def bind(hosts: Sequence[str], port: int) -> list[socket.socket]:
    """Return a listening socket for each host, all on one port (0: any that is free on all).

    A port that was ours a moment ago is taken again. Raises PortTakenError, and OSError for an address that this
    machine does not have.
    """
    sockets: list[socket.socket] = []
    try:
        for host in hosts:
            sockets.append(_listening(host, port))
            port = port or sockets[0].getsockname()[1]
    except BaseException:
        for opened in sockets:
            opened.close()
        raise
    return sockets


def loopback_hosts() -> tuple[str, ...]:
    """Return 127.0.0.1, and ::1 where this machine has it: some clients resolve localhost to it first."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return ("127.0.0.1",)
    return ("127.0.0.1", "::1")


def bind_next(hosts: Sequence[str], port: int) -> list[socket.socket]:
    """Return sockets on the first free port from `port` on; raises PortTakenError when twenty are taken."""
    for candidate in range(port, min(port + 20, _PORTS)):
        with suppress(PortTakenError):
            return bind(hosts, candidate)
    raise PortTakenError(hosts[0], port, None)


def allow_many_connections() -> None:
    """Let this process open as many connections as the machine grants: a thousand idle ones fill the default."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.bind((host, port))
        opened.listen(_BACKLOG)
        opened.setblocking(False)
    except OSError as error:
        opened.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTakenError(host, port, holder_of(port)) from None
        raise
    return opened


def holder_of(port: int) -> Holder | None:
    """Return the process that listens on `port`, as far as /proc of this machine shows it to us."""
    inodes = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    if not inodes:
        return None
    for folder in Path("/proc").glob("[0-9]*/fd"):
        with suppress(OSError):
            for descriptor in folder.iterdir():
                if _link_of(descriptor) in inodes:
                    words = (folder.parent / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
                    return Holder(int(folder.parent.name), " ".join(word for word in words if word)[:200])
    return None


def _link_of(descriptor: Path) -> str:
    try:
        return str(descriptor.readlink())
    except OSError:
        return ""


def _listening_inodes(port: int) -> Iterator[str]:
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        with suppress(OSError):
            for line in table.read_text("ascii").splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                    yield fields[9]
