"""Flows sans I/O: each is a generator that says what it wants from the world, and is told what came of it."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import field
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, TypeVar, runtime_checkable
from urllib.parse import urlsplit

from valetkey.jose.records import dataclass

if TYPE_CHECKING:
    from valetkey.oauth.http import HttpResponse

T = TypeVar("T")

MAXIMUM_OCTETS: Final = 256 * 1024
"""How long an answer may be."""
DEADLINE_SECONDS: Final = 10.0
"""How long one exchange may take."""
LOOPBACK_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class TokenStore(Protocol):
    """Keeps one document for any number of threads and processes: the tokens of one signed-in end-user.

    Both methods may raise StoreFailed. The document is secret: it holds tokens.
    """

    def load(self) -> bytes | None:
        """Return the document, None where none was kept yet."""
        ...

    def swap(self, expected: bytes | None, document: bytes) -> bool:
        """Replace the document if it still is `expected`, in one step; say whether it was."""
        ...


@runtime_checkable
class AsyncTokenStore(Protocol):
    """As TokenStore, for a store that lives on an event loop: only an asynchronous client can use it."""

    async def load_async(self) -> bytes | None:
        """Return the document, None where none was kept yet."""
        ...

    async def swap_async(self, expected: bytes | None, document: bytes) -> bool:
        """Replace the document if it still is `expected`, in one step; say whether it was."""
        ...


AnyTokenStore: TypeAlias = TokenStore | AsyncTokenStore


@dataclass(frozen=True, slots=True)
class OutgoingRequest:
    """A request to send as it is: no redirect is followed, and no more than MAXIMUM_OCTETS of the answer is read.

    Raises ValueError for a URL that is neither https nor http on loopback.
    """

    url: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)
    method: str = "POST"

    def __post_init__(self) -> None:
        if not is_safe_url(self.url):
            raise ValueError("a request goes to an https URL; http is for loopback only")


@dataclass(frozen=True, slots=True)
class Send:
    """Send the request; answered by its HttpResponse, or ServerUnreachable is thrown in."""

    request: OutgoingRequest


@dataclass(frozen=True, slots=True)
class Wait:
    """Let so many seconds pass."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Now:
    """Answered by the time, whole seconds since 1970-01-01T00:00:00Z."""


@dataclass(frozen=True, slots=True)
class Draw:
    """Answered by so many random octets."""

    octets: int


@dataclass(frozen=True, slots=True)
class Load:
    """Answered by the document of the store, or None."""

    store: AnyTokenStore


@dataclass(frozen=True, slots=True)
class Swap:
    """Answered by whether the document was the expected one and is replaced."""

    store: AnyTokenStore
    expected: bytes | None = field(repr=False)
    document: bytes = field(repr=False)


Effect: TypeAlias = Send | Wait | Now | Draw | Load | Swap
Flow: TypeAlias = Generator[Effect, Any, T]
"""What a driver runs: the next Effect is done for real, and its answer sent in, until the flow returns."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The time of one request, and 32 octets drawn for it."""

    now: int
    entropy: bytes = field(repr=False)


def send(request: OutgoingRequest) -> Flow[HttpResponse]:
    """Send a request and return its response."""
    response: HttpResponse = yield Send(request)
    return response


def present_time() -> Flow[int]:
    """Return the time in seconds since the epoch."""
    now: int = yield Now()
    return now


def this_moment() -> Flow[Moment]:
    """Return the time, and random octets of its own."""
    now = yield from present_time()
    entropy: bytes = yield Draw(32)
    return Moment(now, entropy)


def is_safe_url(url: str) -> bool:
    """Say whether tokens may be sent to `url`: it is https, or http on loopback, and carries no user name."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or parts.username is not None or parts.password is not None or not url.isascii():
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK_HOSTS)


def is_loopback_url(url: str) -> bool:
    """Say whether `url` is http on loopback: a server of this machine."""
    return is_safe_url(url) and urlsplit(url).scheme == "http"
