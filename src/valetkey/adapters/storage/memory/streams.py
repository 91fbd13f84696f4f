"""Streams of Shared Signals in memory: their changes, what is put into them beside others, and the questions."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import assert_never

from valetkey.adapters.storage.memory.state import WHOLE_SERVER, State
from valetkey.authorization_server.decision import Change, PutEndUser
from valetkey.authorization_server.model import Authorization
from valetkey.authorization_server.revocation.deaths import Death, GenerationMoves, SessionDies
from valetkey.authorization_server.signals.streams import (
    AcknowledgeStreamEvents,
    ClaimStream,
    DueStream,
    ExcludeSubject,
    ForgetStreamEvents,
    IncludeSubject,
    PutStream,
    QueueStreamEvent,
    ReleaseStream,
    RemoveStream,
    StoredStream,
    Stream,
    StreamChange,
    StreamEvent,
    StreamId,
    StreamSubjects,
    StreamTraffic,
)
from valetkey.authorization_server.signals.telling import signals_of
from valetkey.jose.records import dataclass
from valetkey.oauth.security_event import RevokedKind
from valetkey.oauth.shared_signals import ACCOUNT_ENABLED, OF_STREAMS, DeliveryMethod, StreamStatus
from valetkey.oauth.types import ClientId, NumericDate, Subject, TenantId

Added = tuple[TenantId, StreamId, int]


@dataclass(frozen=True, slots=True)
class NotedEvents:
    """What was put into streams for a counter that has to move, and its value before."""

    added: tuple[Added, ...]
    waits_for: int


def tell_before(state: State, tenant: TenantId, death: Death, now: NumericDate | None) -> NotedEvents | None:
    """Puts events into the streams of those who are concerned, before the change."""
    added = [
        place
        for event_type in signals_of(death)
        for place in _told(state, tenant, death, StreamEvent(0, event_type, occurred_at=now))
    ]
    return NotedEvents(tuple(added), _counter(state, tenant, death)) if isinstance(death, GenerationMoves) else None


def _told(state: State, tenant: TenantId, death: Death, event: StreamEvent) -> list[Added]:
    match death:
        case SessionDies(sid):
            session = state.sessions.get(tenant, sid)
            if session is None or session.ended_at is not None:
                return []
            subject = session.subject
            found = replace(event, subject=subject, sid=sid)
            return _tell(state, tenant, found, lambda one: (one.sid, one.subject) == (sid, subject))
        case GenerationMoves(RevokedKind.SUBJECT, name):
            found = replace(event, subject=Subject(name))
            return _tell(state, tenant, found, lambda one: one.subject == name)
        case GenerationMoves(RevokedKind.TENANT):
            return _tell(state, tenant, event, lambda _: True)
        case GenerationMoves(RevokedKind.SERVER):
            everybody = sorted({one for one, _, _ in state.streams})
            return [place for one in everybody for place in _tell(state, one, event, lambda _: True)]
        case _:
            return []


def tell_after(state: State, tenant: TenantId, death: Death, noted: NotedEvents | None) -> None:
    """Takes away again what was put there for a counter that the change has not moved."""
    if noted is None or not isinstance(death, GenerationMoves):
        return
    if _counter(state, tenant, death) <= noted.waits_for:
        for owner, stream_id, number in noted.added:
            state.stream_events.remove(owner, (stream_id, number))


def tell_of_enabling(state: State, tenant: TenantId, change: Change, now: NumericDate | None) -> None:
    """Tells of an end-user who is enabled again, before the change."""
    if not isinstance(change, PutEndUser) or change.end_user.disabled:
        return
    subject = change.end_user.subject
    held = state.end_users.get(tenant, subject)
    if held is not None and held.disabled:
        event = StreamEvent(0, ACCOUNT_ENABLED, subject, occurred_at=now)
        _tell(state, tenant, event, lambda one: one.subject == subject)


def apply(state: State, tenant: TenantId, change: StreamChange) -> bool:
    """Makes the change; False where it must win and has lost."""
    if isinstance(change, PutStream):
        held = state.streams.get(tenant, change.stream.stream_id)
        after = StoredStream(change.stream) if held is None else replace(held, stream=_kept(held, change.stream))
        state.streams.put(tenant, change.stream.stream_id, after)
        return True
    match change:
        case RemoveStream(stream_id):
            remove(state, tenant, stream_id)
        case ExcludeSubject(stream_id, subject):
            if state.streams.get(tenant, stream_id) is not None:
                state.stream_exclusions.put(tenant, (stream_id, subject), None)
        case IncludeSubject(stream_id, subject):
            state.stream_exclusions.remove(tenant, (stream_id, subject))
        case _:
            return _pass(state, tenant, change)
    return True


def _pass(state: State, tenant: TenantId, change: StreamTraffic) -> bool:
    held = state.streams.get(tenant, change.stream_id)
    match change:
        case QueueStreamEvent(stream_id, event_type, detail, now):
            if held is not None:
                _add(state, tenant, stream_id, StreamEvent(0, event_type, occurred_at=now, detail=detail))
        case AcknowledgeStreamEvents(stream_id, numbers):
            for number in numbers:
                state.stream_events.remove(tenant, (stream_id, number))
        case ForgetStreamEvents(stream_id):
            _forget(state, tenant, stream_id)
        case ClaimStream(stream_id, tries, now, next_at):
            if held is None or held.tries != tries or held.due_at > now:
                return False
            state.streams.put(tenant, stream_id, replace(held, tries=tries + 1, due_at=next_at))
        case ReleaseStream(stream_id, tries, due_at):
            if held is not None:
                state.streams.put(tenant, stream_id, replace(held, tries=tries, due_at=due_at))
        case _:
            assert_never(change)
    return True


def _forget(state: State, tenant: TenantId, stream_id: StreamId) -> None:
    for key, (event, _) in state.stream_events.of(tenant):
        if key[0] == stream_id and event.event_type not in OF_STREAMS:
            state.stream_events.remove(tenant, key)


def remove(state: State, tenant: TenantId, stream_id: StreamId) -> None:
    """Removes a stream with all that waits in it."""
    for key, _ in state.stream_events.of(tenant):
        if key[0] == stream_id:
            state.stream_events.remove(tenant, key)
    for excluded, _ in state.stream_exclusions.of(tenant):
        if excluded[0] == stream_id:
            state.stream_exclusions.remove(tenant, excluded)
    state.streams.remove(tenant, stream_id)


def reseal(state: State, tenant: TenantId, stream_id: StreamId, before: bytes, after: bytes) -> None:
    """Replaces a sealed header, unless it is another one meanwhile."""
    held = state.streams.get(tenant, stream_id)
    if held is not None and held.stream.delivery.sealed_authorization == before:
        delivery = replace(held.stream.delivery, sealed_authorization=after)
        state.streams.put(tenant, stream_id, replace(held, stream=replace(held.stream, delivery=delivery)))


def remove_of(state: State, tenant: TenantId, client_id: ClientId) -> None:
    """Removes the streams of one receiver."""
    for stream_id, stored in state.streams.of(tenant):
        if stored.stream.client_id == client_id:
            remove(state, tenant, stream_id)


def due_streams(state: State, now: NumericDate, limit: int) -> Sequence[DueStream]:
    """Those whose events may be pushed, the longest due first."""
    found = [
        (stored.due_at, tenant, stream_id, stored)
        for tenant, stream_id, stored in state.streams
        if stored.due_at <= now
        and stored.stream.delivery.method is DeliveryMethod.PUSH
        and any(event.may_leave(stored.stream.status) for event in _events(state, tenant, stream_id))
    ]
    found.sort(key=lambda row: row[:3])
    return [
        DueStream(tenant, stream_id, stored.stream.client_id, stored.tries)
        for _, tenant, stream_id, stored in found[:limit]
    ]


class MemoryStreams:
    """`Streams` of one tenant."""

    __slots__ = ("_state", "_tenant")

    def __init__(self, state: State, tenant: TenantId) -> None:
        self._state = state
        self._tenant = tenant

    async def find(self, stream_id: StreamId) -> StoredStream | None:
        """One of them."""
        return self._state.streams.get(self._tenant, stream_id)

    async def of(self, client_id: ClientId) -> Sequence[StoredStream]:
        """Those of one receiver, oldest first."""
        return [stored for stored in await self.list() if stored.stream.client_id == client_id]

    async def list(self) -> Sequence[StoredStream]:
        """All of them, oldest first."""
        found = [stored for _, stored in self._state.streams.of(self._tenant)]
        return sorted(found, key=lambda stored: (stored.stream.created_at, stored.stream.stream_id))

    async def events(self, stream_id: StreamId, limit: int, status: StreamStatus) -> Sequence[StreamEvent]:
        """What waits in one and may leave it while it has this status, oldest first."""
        found = _events(self._state, self._tenant, stream_id)
        return [event for event in found if event.may_leave(status)][:limit]

    async def excluded(self, stream_id: StreamId) -> Sequence[Subject]:
        """Of whom a stream is told nothing."""
        return sorted(key[1] for key, _ in self._state.stream_exclusions.of(self._tenant) if key[0] == stream_id)

    async def granted(self, client_id: ClientId) -> Sequence[Subject]:
        """The end-users who granted a client an authorization."""
        authorizations = self._state.authorizations.of(self._tenant)
        return sorted({one.subject for _, one in authorizations if one.client_id == client_id})


def _kept(held: StoredStream, put: Stream) -> Stream:
    return replace(put, client_id=held.stream.client_id, created_at=held.stream.created_at)


def _events(state: State, tenant: TenantId, stream_id: StreamId) -> list[StreamEvent]:
    found = [event for key, (event, _) in state.stream_events.of(tenant) if key[0] == stream_id]
    return sorted(found, key=lambda event: event.number)


def _tell(
    state: State, tenant: TenantId, event: StreamEvent, is_granted: Callable[[Authorization], bool]
) -> list[Added]:
    numbered = replace(event, transaction=(state.event_counters.get(tenant, "") or 0) + 1)
    return [
        (tenant, stream_id, _add(state, tenant, stream_id, numbered))
        for stream_id, stored in state.streams.of(tenant)
        if _hears(state, tenant, stored.stream, event, is_granted)
    ]


def _hears(
    state: State,
    tenant: TenantId,
    stream: Stream,
    event: StreamEvent,
    is_granted: Callable[[Authorization], bool],
) -> bool:
    if stream.status is StreamStatus.DISABLED or event.event_type not in stream.delivered:
        return False
    if event.subject is None:
        return True
    if (stream.stream_id, event.subject) in dict(state.stream_exclusions.of(tenant)):
        return False
    return stream.subjects is StreamSubjects.ALL or any(
        one.client_id == stream.client_id and is_granted(one) for _, one in state.authorizations.of(tenant)
    )


def _add(state: State, tenant: TenantId, stream_id: StreamId, event: StreamEvent) -> int:
    stored = state.streams.get(tenant, stream_id)
    if stored is None:
        raise LookupError(stream_id)
    number = stored.last_number + 1
    state.streams.put(tenant, stream_id, replace(stored, last_number=number))
    state.stream_events.put(tenant, (stream_id, number), (replace(event, number=number), None))
    return number


def _counter(state: State, tenant: TenantId, death: GenerationMoves) -> int:
    owner = WHOLE_SERVER if death.kind is RevokedKind.SERVER else tenant
    return state.generations.get(owner, (str(death.kind), death.name)) or 0
