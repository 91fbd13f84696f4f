"""The statements that put events into streams beside the changes they tell of: nothing is lost by a crash.

They see who is concerned before the change, because the change may remove them.
"""

# ruff: noqa: S608 - these statements are put together from constants of this file alone.

from collections.abc import Sequence

from valetkey.adapters.storage.sql.step import Step
from valetkey.authorization_server.decision import Change, PutEndUser
from valetkey.authorization_server.revocation.deaths import Death, GenerationMoves, SessionDies
from valetkey.authorization_server.signals.telling import signals_of
from valetkey.oauth.security_event import RevokedKind
from valetkey.oauth.shared_signals import ACCOUNT_ENABLED
from valetkey.oauth.types import NumericDate, TenantId

_HEARS = "s.status <> 'disabled' AND s.delivered LIKE $2"


_OF_CLIENT = "a.client_id = s.client_id"
_UNINDEXED = "a.client_id || '' = s.client_id"


def _is_concerned(subject: str, granted: str, of_client: str = _OF_CLIENT) -> str:
    return f"""
NOT EXISTS (
    SELECT 1 FROM stream_exclusions AS x
    WHERE x.tenant = s.tenant AND x.stream_id = s.stream_id AND x.subject = {subject}
) AND (s.is_for_all = 1 OR EXISTS (
    SELECT 1 FROM authorizations AS a WHERE a.tenant = s.tenant AND {of_client} AND {granted}
))
"""


def _counter(tenant: str, kind: str, name: str) -> str:
    found = f"SELECT value FROM generations WHERE tenant = {tenant} AND kind = '{kind}' AND name = {name}"
    return f"COALESCE(({found}), 0)"


_OF_SUBJECT = _counter("$1", "subject", "$3")
_OF_TENANT = _counter("$1", "tenant", "''")
_OF_SERVER = _counter("''", "server", "''")

_CONCERNED_BY_SESSION = f"""s.tenant = $1 AND {_HEARS} AND EXISTS (
    SELECT 1 FROM sessions AS l WHERE l.tenant = s.tenant AND l.sid = $3 AND l.ended_at IS NULL
        AND {_is_concerned("l.subject", "a.sid = l.sid AND a.subject = l.subject")}
)"""
# An end-user has few authorizations, a client may have millions: the planner must not begin with the client.
_CONCERNED_BY_SUBJECT = (
    f"s.tenant = $1 AND {_HEARS} AND {_is_concerned('$3', 'a.subject = $3', of_client=_UNINDEXED)}"
)
_CONCERNED_BY_ENABLING = f"""{_CONCERNED_BY_SUBJECT} AND EXISTS (
    SELECT 1 FROM end_users AS u WHERE u.tenant = s.tenant AND u.subject = $3 AND u.disabled = 1
)"""
_CONCERNED_BY_TENANT = f"s.tenant = $1 AND {_HEARS}"
_CONCERNED_BY_SERVER = "s.status <> 'disabled' AND s.delivered LIKE $1"


def _count(condition: str) -> str:
    return f"UPDATE streams AS s SET last_number = last_number + 1 WHERE {condition}"


def _tell(condition: str, told: str) -> str:
    """`told`: event type, subject, sid, time, and the counter that has to move."""
    # Its own transaction's event of the outbox is the next one: one number for all that it is told by.
    return f"""
INSERT INTO stream_events (tenant, stream_id, number, event_type, subject, sid, occurred_at, waits_for, detail,
    transaction_number)
SELECT s.tenant, s.stream_id, s.last_number, {told}, '{{}}', COALESCE((
    SELECT c.last FROM event_counters AS c WHERE c.tenant = s.tenant
), 0) + 1
FROM streams AS s WHERE {condition}
"""


_COUNT_SESSION, _COUNT_SUBJECT = _count(_CONCERNED_BY_SESSION), _count(_CONCERNED_BY_SUBJECT)
_COUNT_ENABLING, _COUNT_TENANT = _count(_CONCERNED_BY_ENABLING), _count(_CONCERNED_BY_TENANT)
_COUNT_SERVER = _count(_CONCERNED_BY_SERVER)
_SUBJECT_OF_SESSION = "(SELECT l.subject FROM sessions AS l WHERE l.tenant = $1 AND l.sid = $3)"
_TELL_OF_SESSION = _tell(_CONCERNED_BY_SESSION, f"$4, {_SUBJECT_OF_SESSION}, $3, $5, NULL")
_TELL_OF_SUBJECT = _tell(_CONCERNED_BY_SUBJECT, f"$4, $3, NULL, $5, {_OF_SUBJECT}")
_TELL_OF_ENABLING = _tell(_CONCERNED_BY_ENABLING, "$4, $3, NULL, $5, NULL")
_TELL_OF_TENANT = _tell(_CONCERNED_BY_TENANT, f"$3, NULL, NULL, $4, {_OF_TENANT}")
_TELL_OF_SERVER = _tell(_CONCERNED_BY_SERVER, f"$2, NULL, NULL, $3, {_OF_SERVER}")

_UNLESS_MOVED = "DELETE FROM stream_events WHERE waits_for IS NOT NULL AND waits_for >= "
_FORGET_UNLESS_SUBJECT_MOVED = _UNLESS_MOVED + _OF_SUBJECT.replace("$3", "$2")
_FORGET_UNLESS_TENANT_MOVED = _UNLESS_MOVED + _OF_TENANT
_FORGET_UNLESS_SERVER_MOVED = _UNLESS_MOVED + _OF_SERVER
_SETTLE = "UPDATE stream_events SET waits_for = NULL WHERE waits_for IS NOT NULL"


def before(tenant: TenantId, change: Change, deaths: Sequence[Death], now: NumericDate | None) -> tuple[Step, ...]:
    """The statements that have to see who is concerned: they stand before the change."""
    enabled = _of_enabling(tenant, change, now)
    return (*enabled, *(step for death in deaths for step in _before(tenant, death, now)))


def after(tenant: TenantId, deaths: Sequence[Death]) -> tuple[Step, ...]:
    """The statements that have to see whether a counter has moved: they stand behind the change."""
    return tuple(step for death in deaths if isinstance(death, GenerationMoves) for step in _after(tenant, death))


def _of_enabling(tenant: TenantId, change: Change, now: NumericDate | None) -> tuple[Step, ...]:
    if not isinstance(change, PutEndUser) or change.end_user.disabled:
        return ()
    concerned = (tenant, _among(ACCOUNT_ENABLED), change.end_user.subject)
    return (Step(_COUNT_ENABLING, concerned), Step(_TELL_OF_ENABLING, (*concerned, ACCOUNT_ENABLED, now)))


def _before(tenant: TenantId, death: Death, now: NumericDate | None) -> tuple[Step, ...]:
    return tuple(step for event_type in signals_of(death) for step in _told(tenant, death, event_type, now))


def _told(tenant: TenantId, death: Death, event_type: str, now: NumericDate | None) -> tuple[Step, ...]:
    among = _among(event_type)
    concerned: tuple[str, ...]
    match death:
        case SessionDies(sid):
            count, tell, concerned = _COUNT_SESSION, _TELL_OF_SESSION, (tenant, among, sid)
        case GenerationMoves(RevokedKind.SUBJECT, subject):
            count, tell, concerned = _COUNT_SUBJECT, _TELL_OF_SUBJECT, (tenant, among, subject)
        case GenerationMoves(RevokedKind.TENANT):
            return (
                Step(_COUNT_TENANT, (tenant, among)),
                Step(_TELL_OF_TENANT, (tenant, among, event_type, now)),
            )
        case GenerationMoves(RevokedKind.SERVER):
            return (Step(_COUNT_SERVER, (among,)), Step(_TELL_OF_SERVER, (among, event_type, now)))
        case _:
            return ()
    return (Step(count, concerned), Step(tell, (*concerned, event_type, now)))


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


def _among(event_type: str) -> str:
    return f'%"{event_type}"%'
