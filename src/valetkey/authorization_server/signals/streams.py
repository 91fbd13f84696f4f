"""Streams of Shared Signals: what a receiver asked for, what waits for it, and the changes to both (SSF, 8.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NewType, Protocol

from valetkey.jose.records import dataclass
from valetkey.oauth.shared_signals import OF_STREAMS, SENT, DeliveryMethod, StreamStatus
from valetkey.oauth.types import ClientId, NumericDate, Seconds, SessionId, Subject, TenantId

if TYPE_CHECKING:
    from collections.abc import Sequence

    from valetkey.oauth.types import SecretText

StreamId = NewType("StreamId", str)

MOST_STREAMS: Final = 8
"""Of one client."""
MOST_HELD: Final = 10_000
"""Events that one stream holds: beyond, the oldest are dropped."""
HELD_SECONDS: Final = Seconds(7 * 86_400)
"""For how long an event waits for its receiver."""


_AT_ONCE: Final = NumericDate(0)


class StreamSubjects(StrEnum):
    """Whose events a stream tells; only the operator widens it."""

    GRANTED = "granted"
    """End-users who granted the receiver's client an authorization."""
    ALL = "all"
    """Every end-user of the tenant."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """How the events of a stream reach its receiver."""

    method: DeliveryMethod = DeliveryMethod.POLL
    endpoint_url: str = ""
    """Where they are pushed to; empty where they are polled."""
    sealed_authorization: bytes | None = field(default=None, repr=False)
    """The `Authorization` header of each push, sealed under the key-encryption key."""


@dataclass(frozen=True, slots=True)
class Stream:
    """What one receiver asked for."""

    stream_id: StreamId
    client_id: ClientId
    delivery: Delivery
    requested: tuple[str, ...]
    """The event types that it asked for, known to us or not."""
    created_at: NumericDate
    description: str = ""
    status: StreamStatus = StreamStatus.ENABLED
    reason: str = ""
    """Why the status is what it is."""
    subjects: StreamSubjects = StreamSubjects.GRANTED
    verified_at: NumericDate | None = None
    """When its receiver last asked for a verification event."""

    @property
    def delivered(self) -> tuple[str, ...]:
        """The event types that it tells: those asked for that we have."""
        return tuple(one for one in SENT if one in self.requested)  # OIDSSF-8.1.1/events-delivered


@dataclass(frozen=True, slots=True)
class StoredStream:
    """A stream, and how its delivery stands."""

    stream: Stream
    last_number: int = 0
    """Of the newest event that was ever put into it."""
    tries: int = 0
    """How often in a row a delivery was begun and did not end well."""
    due_at: NumericDate = _AT_ONCE
    """When its events may be pushed next."""


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One event that waits for the receiver of a stream, written in the transaction of what it tells of."""

    number: int
    """Its place in the stream: no number is given twice."""
    event_type: str
    subject: Subject | None = None
    """The end-user, as the server knows them; None where it is about the whole tenant, or about the stream."""
    sid: SessionId | None = None
    """The session, where it is about one."""
    transaction: int = 0
    """The same for all events of one cause; 0 for one about the stream."""
    occurred_at: NumericDate | None = None
    detail: Mapping[str, str] = field(default_factory=dict)
    """What an event about the stream says."""

    def may_leave(self, status: StreamStatus) -> bool:
        """Say whether it is told while the stream has this status: what is about the stream itself always is."""
        return status is StreamStatus.ENABLED or self.event_type in OF_STREAMS  # OIDSSF-8.1.2/paused


@dataclass(frozen=True, slots=True)
class DueStream:
    """A stream with events that may be pushed now."""

    tenant_id: TenantId
    stream_id: StreamId
    client_id: ClientId
    tries: int


@dataclass(frozen=True, slots=True)
class PutStream:
    """Adds a stream, or replaces what its receiver and the operator say of it; idempotent.

    What waits in it stays, and so does the standing of its delivery.
    """

    stream: Stream


@dataclass(frozen=True, slots=True)
class RemoveStream:
    """Removes a stream with all that waits in it; idempotent."""

    stream_id: StreamId


@dataclass(frozen=True, slots=True)
class QueueStreamEvent:
    """Puts an event about the stream itself into it, as long as the stream exists."""

    stream_id: StreamId
    event_type: str
    detail: Mapping[str, str]
    now: NumericDate


@dataclass(frozen=True, slots=True)
class AcknowledgeStreamEvents:
    """Forgets events that the receiver has; idempotent."""

    stream_id: StreamId
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ForgetStreamEvents:
    """Forgets all that waits in a stream, but for what is about the stream itself; idempotent."""

    stream_id: StreamId


@dataclass(frozen=True, slots=True)
class ClaimStream:
    """Takes a stream's delivery for a while; must win: while nobody else has begun one since, and it is due.

    Until `next_at` it is nobody else's: who dies meanwhile leaves it to be tried again then.
    """

    stream_id: StreamId
    tries: int
    """Those before this one."""
    now: NumericDate
    next_at: NumericDate


@dataclass(frozen=True, slots=True)
class ReleaseStream:
    """Says how a delivery ended, and when the next may begin; idempotent."""

    stream_id: StreamId
    tries: int
    due_at: NumericDate


@dataclass(frozen=True, slots=True)
class ExcludeSubject:
    """Tells a stream nothing of an end-user any more; idempotent."""

    stream_id: StreamId
    subject: Subject


@dataclass(frozen=True, slots=True)
class IncludeSubject:
    """Undoes ExcludeSubject; idempotent. It widens nothing: whose events a stream may tell is said elsewhere."""

    stream_id: StreamId
    subject: Subject


StreamActs = PutStream | RemoveStream | ExcludeSubject | IncludeSubject
"""What a receiver or the operator does with a stream."""
StreamTraffic = QueueStreamEvent | AcknowledgeStreamEvents | ForgetStreamEvents | ClaimStream | ReleaseStream
"""What goes through it."""
StreamChange = StreamActs | StreamTraffic


class Streams(Protocol):
    """The streams of one tenant."""

    async def find(self, stream_id: StreamId) -> StoredStream | None:
        """Return one of them, whoever its receiver is."""
        ...

    async def of(self, client_id: ClientId) -> Sequence[StoredStream]:
        """Return those of one receiver, oldest first."""
        ...

    async def list(self) -> Sequence[StoredStream]:
        """Return all of them, oldest first."""
        ...

    async def events(self, stream_id: StreamId, limit: int, status: StreamStatus) -> Sequence[StreamEvent]:
        """Return what waits in one and may leave it while it has this status, oldest first."""
        ...

    async def excluded(self, stream_id: StreamId) -> Sequence[Subject]:
        """Return of whom a stream is told nothing."""
        ...

    async def granted(self, client_id: ClientId) -> Sequence[Subject]:
        """Return the end-users who granted a client an authorization."""
        ...


class DueStreams(Protocol):
    """The streams of all tenants whose events are to be pushed."""

    async def due_streams(self, now: NumericDate, limit: int) -> Sequence[DueStream]:
        """Return at most `limit` that are due, the longest due first."""
        ...


class SealedStreamSecrets(Protocol):
    """Authorization headers of pushes: sealed under the key-encryption key, opened for each push."""

    def seal(self, stream_id: StreamId, header: SecretText) -> bytes:
        """Return the header sealed; it opens only for this stream."""
        ...

    def open(self, stream: Stream) -> SecretText | None:
        """Return it, None where there is none; raises Unavailable when the key does not open it."""
        ...


class StreamWaiting(Protocol):
    """Receivers that wait for something to be put into their streams."""

    def ring(self) -> None:
        """Let everybody look again: something was put there."""
        ...

    async def comes(self, stream: Stream, seconds: float) -> bool:
        """Say whether something comes within `seconds`, as soon as it is there; raises Unavailable."""
        ...
