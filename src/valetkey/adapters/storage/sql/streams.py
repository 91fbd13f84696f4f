"""Streams of Shared Signals: the statements of their changes, and what is asked of them."""

# ruff: noqa: S608 - these statements are put together from constants of this file alone.

from typing import assert_never

import msgspec

from valetkey.adapters.storage.sql.records import encode
from valetkey.adapters.storage.sql.step import Record, Step
from valetkey.authorization_server.signals.streams import (
    MOST_HELD,
    AcknowledgeStreamEvents,
    ClaimStream,
    Delivery,
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
)
from valetkey.oauth.shared_signals import OF_STREAMS, DeliveryMethod, StreamStatus
from valetkey.oauth.types import ClientId, NumericDate, TenantId

_ABOUT_STREAMS = ", ".join(f"'{one}'" for one in sorted(OF_STREAMS))
_COLUMNS = """
stream_id, client_id, status, is_for_all, document, sealed_authorization, created_at, last_number, tries, due_at
"""
FIND_STREAM = f"SELECT {_COLUMNS} FROM streams WHERE tenant = $1 AND stream_id = $2"
STREAMS_OF_CLIENT = f"""
SELECT {_COLUMNS} FROM streams WHERE tenant = $1 AND client_id = $2 ORDER BY created_at, stream_id
"""
LIST_STREAMS = f"SELECT {_COLUMNS} FROM streams WHERE tenant = $1 ORDER BY created_at, stream_id"
STREAM_EVENTS = f"""
SELECT number, event_type, subject, sid, transaction_number, occurred_at, detail FROM stream_events
WHERE tenant = $1 AND stream_id = $2 AND ($4 = 'enabled' OR event_type IN ({_ABOUT_STREAMS}))
ORDER BY number LIMIT $3
"""
GRANTED = "SELECT subject FROM authorizations WHERE tenant = $1 AND client_id = $2"
EXCLUDED = "SELECT subject FROM stream_exclusions WHERE tenant = $1 AND stream_id = $2 ORDER BY subject"
DUE_STREAMS = f"""
SELECT s.tenant, s.stream_id, s.client_id, s.tries FROM streams AS s
WHERE s.is_pushed = 1 AND s.due_at <= $1 AND EXISTS (
    SELECT 1 FROM stream_events AS e WHERE e.tenant = s.tenant AND e.stream_id = s.stream_id
        AND (s.status = 'enabled' OR e.event_type IN ({_ABOUT_STREAMS}))
)
ORDER BY s.due_at, s.tenant, s.stream_id LIMIT $2
"""

_PUT = """
INSERT INTO streams (tenant, stream_id, client_id, status, is_pushed, is_for_all, delivered, document,
    sealed_authorization, created_at, last_number, tries, due_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, 0, 0)
ON CONFLICT (tenant, stream_id) DO UPDATE
SET status = excluded.status, is_pushed = excluded.is_pushed, is_for_all = excluded.is_for_all,
    delivered = excluded.delivered, document = excluded.document,
    sealed_authorization = excluded.sealed_authorization
"""
_TABLES = ("stream_events", "stream_exclusions", "streams")
_REMOVALS = tuple(f"DELETE FROM {table} WHERE tenant = $1 AND stream_id = $2" for table in _TABLES)
REMOVALS_OF_CLIENT = tuple(
    f"""
DELETE FROM {table} WHERE tenant = $1 AND stream_id IN (
    SELECT s.stream_id FROM streams AS s WHERE s.tenant = $1 AND s.client_id = $2
)
"""
    for table in _TABLES
)
_COUNT = "UPDATE streams SET last_number = last_number + 1 WHERE tenant = $1 AND stream_id = $2"
_QUEUE = """
INSERT INTO stream_events (tenant, stream_id, number, event_type, transaction_number, occurred_at, detail)
SELECT s.tenant, s.stream_id, s.last_number, $3, 0, $4, $5 FROM streams AS s
WHERE s.tenant = $1 AND s.stream_id = $2
"""
_ACKNOWLEDGE = "DELETE FROM stream_events WHERE tenant = $1 AND stream_id = $2 AND number = $3"
_FORGET = f"""
DELETE FROM stream_events WHERE tenant = $1 AND stream_id = $2 AND event_type NOT IN ({_ABOUT_STREAMS})
"""
_CLAIM = """
UPDATE streams SET tries = tries + 1, due_at = $5
WHERE tenant = $1 AND stream_id = $2 AND tries = $3 AND due_at <= $4
RETURNING 1
"""
_RELEASE = "UPDATE streams SET tries = $3, due_at = $4 WHERE tenant = $1 AND stream_id = $2"
_EXCLUDE = """
INSERT INTO stream_exclusions (tenant, stream_id, subject)
SELECT s.tenant, s.stream_id, $3 FROM streams AS s WHERE s.tenant = $1 AND s.stream_id = $2
ON CONFLICT (tenant, stream_id, subject) DO NOTHING
"""
_INCLUDE = "DELETE FROM stream_exclusions WHERE tenant = $1 AND stream_id = $2 AND subject = $3"

DATE_STREAM_EVENTS = "UPDATE stream_events SET expires_at = $1 WHERE expires_at IS NULL"
DROP_BEYOND = f"""
DELETE FROM stream_events WHERE (tenant, stream_id, number) IN (
    SELECT e.tenant, e.stream_id, e.number FROM streams AS s CROSS JOIN stream_events AS e
    WHERE e.tenant = s.tenant AND e.stream_id = s.stream_id AND e.number <= s.last_number - {MOST_HELD}
)
"""


class _Document(msgspec.Struct, omit_defaults=True):
    """What no statement has to know of a stream."""

    method: DeliveryMethod
    requested: tuple[str, ...]
    endpoint_url: str = ""
    description: str = ""
    reason: str = ""
    verified_at: int | None = None


_documents = msgspec.json.Decoder(_Document)
_details = msgspec.json.Decoder(dict[str, str])


def steps(tenant: TenantId, change: StreamChange) -> tuple[Step, ...]:
    """The statements that make the change, in order."""
    key = (tenant, change.stream.stream_id if isinstance(change, PutStream) else change.stream_id)
    match change:
        case PutStream(stream):
            return (_put(tenant, stream),)
        case RemoveStream():
            return tuple(Step(each, key) for each in _REMOVALS)
        case QueueStreamEvent(_, event_type, detail, now):
            return (Step(_COUNT, key), Step(_QUEUE, (*key, event_type, now, encode(detail))))
        case AcknowledgeStreamEvents(_, numbers):
            return tuple(Step(_ACKNOWLEDGE, (*key, number)) for number in numbers)
        case ForgetStreamEvents():
            return (Step(_FORGET, key),)
        case ClaimStream(_, tries, now, next_at):
            return (Step(_CLAIM, (*key, tries, now, next_at), must_win=True),)
        case ReleaseStream(_, tries, due_at):
            return (Step(_RELEASE, (*key, tries, due_at)),)
        case ExcludeSubject(_, subject):
            return (Step(_EXCLUDE, (*key, subject)),)
        case IncludeSubject(_, subject):
            return (Step(_INCLUDE, (*key, subject)),)
        case _:
            assert_never(change)


def stored_stream(row: Record) -> StoredStream:
    """A row of FIND_STREAM, STREAMS_OF_CLIENT or LIST_STREAMS."""
    said = _documents.decode(row[4])
    stream = Stream(
        StreamId(row[0]),
        ClientId(row[1]),
        Delivery(said.method, said.endpoint_url, row[5]),
        said.requested,
        NumericDate(row[6]),
        said.description,
        StreamStatus(row[2]),
        said.reason,
        StreamSubjects.ALL if row[3] else StreamSubjects.GRANTED,
        None if said.verified_at is None else NumericDate(said.verified_at),
    )
    return StoredStream(stream, row[7], row[8], NumericDate(row[9]))


def stream_event(row: Record) -> StreamEvent:
    """A row of STREAM_EVENTS."""
    return StreamEvent(row[0], row[1], row[2], row[3], row[4], row[5], _details.decode(row[6]))


def due_stream(row: Record) -> DueStream:
    """A row of DUE_STREAMS."""
    return DueStream(row[0], row[1], row[2], row[3])


def _put(tenant: TenantId, stream: Stream) -> Step:
    delivery = stream.delivery
    document = _Document(
        delivery.method,
        stream.requested,
        delivery.endpoint_url,
        stream.description,
        stream.reason,
        stream.verified_at,
    )
    bindings = (
        tenant,
        stream.stream_id,
        stream.client_id,
        stream.status,
        int(delivery.method is DeliveryMethod.PUSH),
        int(stream.subjects is StreamSubjects.ALL),
        encode(stream.delivered),
        msgspec.json.encode(document).decode(),
        delivery.sealed_authorization,
        stream.created_at,
    )
    return Step(_PUT, bindings)
