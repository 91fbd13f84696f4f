"""Audit records in memory: what is recorded beside each change, and what is asked of the records."""

from collections.abc import Sequence
from dataclasses import replace

from valetkey.adapters.storage.memory.state import State
from valetkey.authorization_server.audit import (
    ActorKind,
    AuditQuestion,
    AuditRecord,
    Origin,
)
from valetkey.authorization_server.audit_entries import entries_of
from valetkey.authorization_server.audit_entry import AuditEntry
from valetkey.authorization_server.decision import Change
from valetkey.jose.records import dataclass
from valetkey.oauth.types import NumericDate, TenantId


def record(state: State, tenant: TenantId, change: Change, origin: Origin, position: int) -> None:
    """Records `change`, before it ends what is looked up; `position` counts the changes of one commit."""
    for entry in entries_of(change):
        living = _completed(state, tenant, entry)
        if living is not None:
            number = sum(1 for _ in state.audit)
            state.audit.put(tenant, (origin.now, origin.request_id, position, number), _record(living, origin))


def forget(state: State, before: NumericDate, limit: int) -> bool:
    """Deletes at most `limit` records older than `before`, the oldest first; True where it deleted any."""
    over = sorted((key, tenant) for tenant, key, _ in state.audit if key[0] < before)[:limit]
    for key, tenant in over:
        state.audit.remove(tenant, key)
    return bool(over)


def _completed(state: State, tenant: TenantId, entry: AuditEntry) -> AuditEntry | None:
    if entry.subject is None and entry.authorization_id is not None:
        authorization = state.authorizations.get(tenant, entry.authorization_id)
        if authorization is None or authorization.revoked_at is not None:
            return None
        subject, client_id = authorization.subject, authorization.client_id
        return replace(entry, subject=subject, client_id=client_id, sid=authorization.sid)
    if entry.subject is None and entry.sid is not None:
        session = state.sessions.get(tenant, entry.sid)
        return None if session is None or session.ended_at is not None else replace(entry, subject=session.subject)
    return entry


def _record(entry: AuditEntry, origin: Origin) -> AuditRecord:
    own = {ActorKind.END_USER: entry.subject, ActorKind.CLIENT: entry.client_id}.get(origin.kind)
    return AuditRecord(
        origin.now,
        entry.event.value,
        origin.kind,
        origin.actor or own or "",
        entry.subject,
        entry.client_id,
        entry.authorization_id,
        entry.sid,
        entry.name,
        dict(entry.detail),
        origin.surface,
        origin.address,
        origin.request_id,
    )


@dataclass(frozen=True, slots=True)
class MemoryAuditTrail:
    """`AuditTrail` of one tenant."""

    _state: State
    _tenant: TenantId

    async def find(self, asked: AuditQuestion) -> Sequence[AuditRecord]:
        """The newest records that were asked for, the newest first."""
        found = sorted(self._state.audit.of(self._tenant), reverse=True)
        return tuple(record for _, record in found if _is_meant(record, asked))[: asked.limit]


def _is_meant(record: AuditRecord, asked: AuditQuestion) -> bool:
    return (
        asked.since <= record.at <= asked.until
        and asked.subject in (None, record.subject)
        and asked.client_id in (None, record.client_id)
        and record.event.startswith(asked.event or "")
    )
