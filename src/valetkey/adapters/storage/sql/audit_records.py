"""The statements that record a change beside it, and what is asked of the records."""

import msgspec

from valetkey.adapters.storage.sql.records import encode
from valetkey.adapters.storage.sql.step import Bindings, Record, Step
from valetkey.authorization_server.audit import (
    ActorKind,
    AuditQuestion,
    AuditRecord,
    Origin,
)
from valetkey.authorization_server.audit_entries import entries_of
from valetkey.authorization_server.audit_entry import AuditEntry
from valetkey.authorization_server.decision import Change
from valetkey.oauth.types import NumericDate, TenantId

_detail = msgspec.json.Decoder(dict[str, object])
_COLUMNS = (
    "tenant, recorded_at, request_id, position, event, actor_kind, detail, surface, address, name, actor, subject, "
    "client_id, authorization_id, sid"
)
_SAID = "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10"
# Of an end-user the actor is the subject, of a client the client itself, unless the origin names another.
_ACTOR = "COALESCE(NULLIF($11, ''), CASE $6 WHEN 'end_user' THEN {subject} WHEN 'client' THEN {client} END, '')"
_RECORD = f"INSERT INTO audit_records ({_COLUMNS}) SELECT {_SAID}, "
_RECORD_AS_SAID = (
    f"{_RECORD}{_ACTOR.format(subject='CAST($12 AS TEXT)', client='CAST($13 AS TEXT)')}, $12, $13, $14, $15"
)
_RECORD_OF_AUTHORIZATION = (
    f"{_RECORD}{_ACTOR.format(subject='a.subject', client='a.client_id')}, a.subject, a.client_id, "
    "a.authorization_id, a.sid FROM authorizations AS a "
    "WHERE a.tenant = $1 AND a.authorization_id = $12 AND a.revoked_at IS NULL"
)
_RECORD_OF_SESSION = (
    f"{_RECORD}{_ACTOR.format(subject='s.subject', client='NULL')}, s.subject, NULL, NULL, s.sid "
    "FROM sessions AS s WHERE s.tenant = $1 AND s.sid = $12 AND s.ended_at IS NULL"
)

FIND_RECORDS = """
SELECT recorded_at, event, actor_kind, actor, subject, client_id, authorization_id, sid, name, detail, surface,
    address, request_id
FROM audit_records
WHERE tenant = $1 AND recorded_at >= $2 AND recorded_at <= $3
    AND (CAST($4 AS TEXT) IS NULL OR subject = $4) AND (CAST($5 AS TEXT) IS NULL OR client_id = $5)
    AND (CAST($6 AS TEXT) IS NULL OR substr(event, 1, length($6)) = $6)
ORDER BY recorded_at DESC, request_id DESC, position DESC LIMIT $7
"""
FORGET_RECORDS = """
DELETE FROM audit_records WHERE (tenant, recorded_at, request_id, position) IN (
    SELECT tenant, recorded_at, request_id, position FROM audit_records
    WHERE recorded_at < $1 ORDER BY recorded_at LIMIT $2
)
RETURNING 1
"""


def steps(tenant: TenantId, change: Change, origin: Origin, position: int) -> tuple[Step, ...]:
    """The statements that record `change`: they stand before it, because it may end what they look up.

    `position` counts the changes of one commit.
    """
    return tuple(_step(tenant, entry, origin, position) for entry in entries_of(change))


def _step(tenant: TenantId, entry: AuditEntry, origin: Origin, position: int) -> Step:
    said: Bindings = (
        tenant,
        origin.now,
        origin.request_id,
        position,
        entry.event.value,
        origin.kind.value,
        encode(entry.detail),
        origin.surface,
        origin.address,
        entry.name,
        origin.actor,
    )
    if entry.subject is None and entry.authorization_id is not None:
        return Step(_RECORD_OF_AUTHORIZATION, (*said, entry.authorization_id))
    if entry.subject is None and entry.sid is not None:
        return Step(_RECORD_OF_SESSION, (*said, entry.sid))
    return Step(_RECORD_AS_SAID, (*said, entry.subject, entry.client_id, entry.authorization_id, entry.sid))


def question(tenant: TenantId, asked: AuditQuestion) -> Bindings:
    """The bindings of FIND_RECORDS."""
    return (tenant, asked.since, asked.until, asked.subject, asked.client_id, asked.event, asked.limit)


def audit_record(row: Record) -> AuditRecord:
    """A row of FIND_RECORDS."""
    (
        at,
        event,
        kind,
        actor,
        subject,
        client_id,
        authorization_id,
        sid,
        name,
        detail,
        surface,
        address,
        request_id,
    ) = row
    return AuditRecord(
        NumericDate(at),
        event,
        ActorKind(kind),
        actor,
        subject,
        client_id,
        authorization_id,
        sid,
        name,
        _detail.decode(detail),
        surface,
        address,
        request_id,
    )
