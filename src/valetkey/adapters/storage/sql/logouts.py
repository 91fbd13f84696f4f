"""The statements that note whom a logout concerns beside the changes that end sessions, and what is asked."""

# ruff: noqa: S608 - these statements are put together from constants of this file alone.

from collections.abc import Sequence
from typing import assert_never

from valetkey.adapters.storage.sql.step import Record, Step
from valetkey.authorization_server.revocation.deaths import Death, GenerationMoves, SessionDies
from valetkey.authorization_server.revocation.logouts import (
    AbandonLogout,
    ClaimLogout,
    CloseLogout,
    DueLogout,
    LogoutChange,
)
from valetkey.oauth.security_event import RevokedKind
from valetkey.oauth.types import TenantId

# A client that introduced itself by its URL has no row: whether it wants to be told is known to its document.
_WANTS_TO_KNOW = """
(c.document LIKE '%"backchannel_logout_uri":"%' OR (c.client_id IS NULL AND a.client_id LIKE 'https://%'))
"""
_SIGNED_IN = "a.sid = s.sid AND ' ' || a.scope || ' ' LIKE '% openid %'"


def _note(waits_for: str, condition: str) -> str:
    return f"""
INSERT INTO logouts (tenant, sid, client_id, subject, tries, due_at, waits_for)
SELECT DISTINCT s.tenant, s.sid, a.client_id, s.subject, 0, 0, {waits_for}
FROM living_sessions AS s
JOIN authorizations AS a ON a.tenant = s.tenant AND a.subject = s.subject AND {_SIGNED_IN}
LEFT JOIN clients AS c ON c.tenant = a.tenant AND c.client_id = a.client_id
WHERE {_WANTS_TO_KNOW} AND {condition}
ON CONFLICT (sid, client_id, tenant) DO NOTHING
"""


def _counter(tenant: str, kind: str, name: str) -> str:
    found = f"SELECT value FROM generations WHERE tenant = {tenant} AND kind = '{kind}' AND name = {name}"
    return f"COALESCE(({found}), 0)"


_OF_SUBJECT = _counter("$1", "subject", "$2")
_OF_TENANT = _counter("$1", "tenant", "''")
_OF_SERVER = _counter("''", "server", "''")

_NOTE_SESSION = _note("NULL", "s.tenant = $1 AND s.sid = $2")
_NOTE_SUBJECT = _note(_OF_SUBJECT, "s.tenant = $1 AND s.subject = $2")
_NOTE_TENANT = _note(_OF_TENANT, "s.tenant = $1")
_NOTE_ALL = _note(_OF_SERVER, "1 = 1")

_UNLESS_MOVED = "DELETE FROM logouts WHERE waits_for IS NOT NULL AND waits_for >= "
_FORGET_UNLESS_SUBJECT_MOVED = _UNLESS_MOVED + _OF_SUBJECT
_FORGET_UNLESS_TENANT_MOVED = _UNLESS_MOVED + _OF_TENANT
_FORGET_UNLESS_SERVER_MOVED = _UNLESS_MOVED + _OF_SERVER
_SETTLE = "UPDATE logouts SET waits_for = NULL WHERE waits_for IS NOT NULL"

_CLAIM = """
UPDATE logouts SET tries = tries + 1, due_at = $6
WHERE tenant = $1 AND sid = $2 AND client_id = $3 AND tries = $4 AND due_at <= $5
RETURNING 1
"""
_CLOSE = "DELETE FROM logouts WHERE tenant = $1 AND sid = $2 AND client_id = $3"

DUE_LOGOUTS = """
SELECT tenant, sid, client_id, subject, tries FROM (
    SELECT logouts.*, ROW_NUMBER() OVER (PARTITION BY tenant, client_id ORDER BY due_at, sid) AS place
    FROM logouts WHERE due_at <= $1
) AS due
WHERE place <= $2 ORDER BY due_at, tenant, client_id, sid LIMIT $3
"""


def before(tenant: TenantId, deaths: Sequence[Death]) -> tuple[Step, ...]:
    """The statements that have to see who is still signed in: they stand before the change."""
    return tuple(step for death in deaths for step in _before(tenant, death))


def after(tenant: TenantId, deaths: Sequence[Death]) -> tuple[Step, ...]:
    """The statements that have to see whether a counter has moved: they stand behind the change."""
    return tuple(step for death in deaths if isinstance(death, GenerationMoves) for step in _after(tenant, death))


def steps(tenant: TenantId, change: LogoutChange) -> tuple[Step, ...]:
    """The statements that make the change, in order."""
    match change:
        case ClaimLogout(sid, client_id, tries, now, next_at):
            return (Step(_CLAIM, (tenant, sid, client_id, tries, now, next_at), must_win=True),)
        case CloseLogout(sid, client_id) | AbandonLogout(sid, client_id):
            return (Step(_CLOSE, (tenant, sid, client_id)),)
        case _:
            assert_never(change)


def due_logout(row: Record) -> DueLogout:
    """A row of DUE_LOGOUTS."""
    tenant, sid, client_id, subject, tries = row
    return DueLogout(tenant, sid, client_id, subject, tries)


def _before(tenant: TenantId, death: Death) -> tuple[Step, ...]:
    match death:
        case SessionDies(sid):
            return (Step(_NOTE_SESSION, (tenant, sid)),)
        case GenerationMoves(RevokedKind.SUBJECT, subject):
            return (Step(_NOTE_SUBJECT, (tenant, subject)),)
        case GenerationMoves(RevokedKind.TENANT):
            return (Step(_NOTE_TENANT, (tenant,)),)
        case GenerationMoves(RevokedKind.SERVER):
            return (Step(_NOTE_ALL, ()),)
        case _:
            return ()


def _after(tenant: TenantId, death: GenerationMoves) -> tuple[Step, ...]:
    match death.kind:
        case RevokedKind.SUBJECT:
            return (Step(_FORGET_UNLESS_SUBJECT_MOVED, (tenant, death.name)), Step(_SETTLE, ()))
        case RevokedKind.TENANT:
            return (Step(_FORGET_UNLESS_TENANT_MOVED, (tenant,)), Step(_SETTLE, ()))
        case RevokedKind.SERVER:
            return (Step(_FORGET_UNLESS_SERVER_MOVED, ()), Step(_SETTLE, ()))
        case _:
            return ()
