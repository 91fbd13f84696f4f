"""The statements that write security events beside the changes they tell of, and what is asked of the events.

Each tenant counts its events in a row of its own, which a transaction that writes events locks first: whoever has
read the event with a number has read every event with a lower one.
"""

# ruff: noqa: S608 - these statements are put together from constants of this file alone.

from collections.abc import Sequence
from typing import assert_never

from valetkey.adapters.storage.sql.records import decode_strings, encode
from valetkey.adapters.storage.sql.step import Record, Step
from valetkey.authorization_server.revocation.deaths import (
    AuthorizationDies,
    AuthorizationsDie,
    Death,
    GenerationMoves,
    SessionDies,
    TokenDies,
)
from valetkey.authorization_server.revocation.events import StoredSecurityEvent
from valetkey.oauth.security_event import Cause, Revocation, RevokedKind
from valetkey.oauth.types import TenantId

_LOCK = """
INSERT INTO event_counters (tenant, last) VALUES ($1, 0)
ON CONFLICT (tenant) DO UPDATE SET last = event_counters.last
"""
_LOCK_ALL = """
INSERT INTO event_counters (tenant, last) SELECT tenant, 0 FROM configurations WHERE tenant <> ''
ON CONFLICT (tenant) DO UPDATE SET last = event_counters.last
"""
_COLUMNS = "tenant, sequence, kind, handle, lowest_generation, token_expires_at, cause, audience"


def _of_authorizations(condition: str) -> str:
    return f"""
INSERT INTO security_events ({_COLUMNS})
SELECT a.tenant, event_counters.last + ROW_NUMBER() OVER (ORDER BY a.authorization_id), 'authorization',
    a.authorization_id, 0, 0, 'revoked', '[]'
FROM authorizations AS a JOIN event_counters ON event_counters.tenant = a.tenant
WHERE a.tenant = $1 AND a.revoked_at IS NULL AND {condition}
"""


_TELL_OF_AUTHORIZATION = _of_authorizations("a.authorization_id = $2")
_TELL_OF_CONSENTED = _of_authorizations("a.subject = $2 AND a.client_id = $3")
_TELL_OF_BOUND = _of_authorizations("a.sid = $2 AND a.bound_to_session = 1")
_TELL_OF_SESSION = f"""
INSERT INTO security_events ({_COLUMNS})
SELECT s.tenant, event_counters.last + 1, 'session', s.sid, 0, 0, 'revoked', '[]'
FROM sessions AS s JOIN event_counters ON event_counters.tenant = s.tenant
WHERE s.tenant = $1 AND s.sid = $2 AND s.ended_at IS NULL
"""
_TELL_OF_TOKEN = f"""
INSERT INTO security_events ({_COLUMNS})
SELECT event_counters.tenant, event_counters.last + 1, 'token', $2, 0, $5, 'revoked', $3 FROM event_counters
WHERE event_counters.tenant = $1
    AND NOT EXISTS (SELECT 1 FROM revoked_tokens AS r WHERE r.tenant = $1 AND r.digest = $4)
"""
_TELL_OF_GENERATION = f"""
INSERT INTO security_events ({_COLUMNS})
SELECT event_counters.tenant, event_counters.last + 1, g.kind, g.name, g.value, 0, $4, '[]'
FROM generations AS g JOIN event_counters ON event_counters.tenant = g.tenant
WHERE g.tenant = $1 AND g.kind = $2 AND g.name = $3 AND g.value > g.announced
"""
_IS_NEWLY_DEAD = """p.tenant = $1 AND p.subject = $2 AND EXISTS (
    SELECT 1 FROM generations AS g
    WHERE g.tenant = p.tenant AND g.kind = 'subject' AND g.name = p.subject AND g.value > g.announced
) AND NOT EXISTS (
    SELECT 1 FROM living_authorizations AS a WHERE a.tenant = p.tenant AND a.authorization_id = p.authorization_id
)"""
# A token of a pairwise client bears another subject than the event, so its authorization is named as well.
_TELL_OF_PAIRWISE = f"""
INSERT INTO security_events ({_COLUMNS})
SELECT p.tenant, event_counters.last + ROW_NUMBER() OVER (ORDER BY p.authorization_id), 'authorization',
    p.authorization_id, 0, 0, $3, '[]'
FROM pairwise_tokens AS p JOIN event_counters ON event_counters.tenant = p.tenant
WHERE {_IS_NEWLY_DEAD}
"""
_FORGET_PAIRWISE = f"DELETE FROM pairwise_tokens AS p WHERE {_IS_NEWLY_DEAD}"
_ANNOUNCED = """
UPDATE generations SET announced = value WHERE tenant = $1 AND kind = $2 AND name = $3 AND value > announced
"""
_TELL_ALL = f"""
INSERT INTO security_events ({_COLUMNS})
SELECT event_counters.tenant, event_counters.last + 1, g.kind, g.name, g.value, 0, $1, '[]'
FROM generations AS g, event_counters
WHERE g.tenant = '' AND g.kind = 'server' AND g.name = '' AND g.value > g.announced
"""
_ADVANCE = """
UPDATE event_counters SET last = COALESCE((
    SELECT MAX(e.sequence) FROM security_events AS e WHERE e.tenant = $1 AND e.sequence > event_counters.last
), last)
WHERE tenant = $1
"""
_ADVANCE_ALL = """
UPDATE event_counters SET last = COALESCE((
    SELECT MAX(e.sequence) FROM security_events AS e
    WHERE e.tenant = event_counters.tenant AND e.sequence > event_counters.last
), last)
"""
# When a row is over is said by the first purge after it: no change has to know the time for its event's sake.
DATE_EVENTS = "UPDATE security_events SET expires_at = $1 WHERE expires_at IS NULL"

EVENTS_AFTER = """
SELECT sequence, kind, handle, lowest_generation, token_expires_at, cause, audience FROM security_events
WHERE tenant = $1 AND sequence > $2 ORDER BY sequence LIMIT $3
"""
LAST_EVENT = "SELECT last FROM event_counters WHERE tenant = $1"


def before(tenant: TenantId, deaths: Sequence[Death]) -> tuple[Step, ...]:
    """The statements that have to see what still lives: they stand before the change."""
    told = [step for death in deaths for step in _before(tenant, death)]
    return () if not told else (Step(_LOCK, (tenant,)), *told)


def after(tenant: TenantId, deaths: Sequence[Death]) -> tuple[Step, ...]:
    """The statements that have to see whether a counter has moved: they stand behind the change."""
    return tuple(step for death in deaths if isinstance(death, GenerationMoves) for step in _after(tenant, death))


def _before(tenant: TenantId, death: Death) -> tuple[Step, ...]:
    advance = Step(_ADVANCE, (tenant,))
    match death:
        case AuthorizationDies(authorization_id):
            return (Step(_TELL_OF_AUTHORIZATION, (tenant, authorization_id)), advance)
        case AuthorizationsDie(subject, client_id):
            return (Step(_TELL_OF_CONSENTED, (tenant, subject, client_id)), advance)
        case SessionDies(sid):
            told = (Step(_TELL_OF_SESSION, (tenant, sid)), Step(_TELL_OF_BOUND, (tenant, sid)))
            return tuple(step for one in told for step in (one, advance))
        case TokenDies(digest, expires_at, audience):
            bindings = (tenant, death.name, encode(audience), digest, expires_at)
            return (Step(_TELL_OF_TOKEN, bindings), advance)
        case GenerationMoves():
            return ()
        case _:
            assert_never(death)


def _after(tenant: TenantId, death: GenerationMoves) -> tuple[Step, ...]:
    if death.kind is RevokedKind.SERVER:
        announced = Step(_ANNOUNCED, ("", death.kind, death.name))
        return (Step(_LOCK_ALL, ()), Step(_TELL_ALL, (death.cause,)), announced, Step(_ADVANCE_ALL, ()))
    told: tuple[Step, ...] = (Step(_TELL_OF_GENERATION, (tenant, death.kind, death.name, death.cause)),)
    if death.kind is RevokedKind.SUBJECT:
        pairwise = Step(_TELL_OF_PAIRWISE, (tenant, death.name, Cause.REVOKED))
        told = (*told, Step(_ADVANCE, (tenant,)), pairwise, Step(_FORGET_PAIRWISE, (tenant, death.name)))
    return (
        Step(_LOCK, (tenant,)),
        *told,
        Step(_ANNOUNCED, (tenant, death.kind, death.name)),
        Step(_ADVANCE, (tenant,)),
    )


def stored_event(row: Record) -> StoredSecurityEvent:
    """A row of EVENTS_AFTER."""
    sequence, kind, handle, lowest_generation, token_expires_at, cause, audience = row
    revocation = Revocation(RevokedKind(kind), handle, lowest_generation, Cause(cause), token_expires_at)
    return StoredSecurityEvent(sequence, revocation, decode_strings(audience))
