"""The ports of what is told of revocations: where it is kept, and how it reaches those who wait for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from valetkey.jose.records import dataclass
from valetkey.oauth.types import ClientId

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from valetkey.authorization_server.revocation.events import StoredSecurityEvent
    from valetkey.oauth.event_poll import EventAnswer


class SecurityEvents(Protocol):
    """The outbox of revocations: written in the transaction of each, numbered in the order of the commits."""

    async def after(self, position: int, limit: int) -> Sequence[StoredSecurityEvent]:
        """Return the events behind a position, oldest first."""
        ...

    async def last(self) -> int:
        """Return the position of the newest event: cheap enough to be asked many times a second."""
        ...

    def on_written(self, wake: Callable[[], None]) -> None:
        """Call `wake` after each commit of this process that may have written events."""
        ...


@dataclass(frozen=True, slots=True)
class EventQuestion:
    """What one reader asks for: events behind a position that concern what it speaks for."""

    reader: ClientId
    audiences: frozenset[str]
    """The resource servers that it speaks for."""
    position: int
    maximum: int
    wait_seconds: float
    """How long it waits where nothing is there; 0 never waits."""


class EventFeed(Protocol):
    """Security events as they are published: signed, and given to who waits the moment they are written."""

    async def poll(self, question: EventQuestion) -> EventAnswer:
        """Return what is there, or comes within the time; raises Unavailable when too many wait already."""
        ...
