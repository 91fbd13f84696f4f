"""Logouts that clients are still to be told of, in memory: what is noted beside each change, and the questions."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import assert_never

from valetkey.adapters.storage.memory.state import WHOLE_SERVER, State
from valetkey.authorization_server.model import Session
from valetkey.authorization_server.revocation.deaths import Death, GenerationMoves, SessionDies
from valetkey.authorization_server.revocation.logouts import (
    AbandonLogout,
    ClaimLogout,
    CloseLogout,
    DueLogout,
    LogoutChange,
)
from valetkey.authorization_server.rights import OPENID
from valetkey.jose.records import dataclass
from valetkey.oauth.security_event import RevokedKind
from valetkey.oauth.types import ClientId, NumericDate, TenantId


@dataclass(frozen=True, slots=True)
class NotedLogouts:
    """Whom the end of sessions would concern, and the value of the counter that has to move for it."""

    logouts: tuple[DueLogout, ...]
    waits_for: int


def note_before(state: State, tenant: TenantId, death: Death) -> NotedLogouts | None:
    """Notes who is still signed in, before the change."""
    match death:
        case SessionDies(sid):
            _put(state, _concerned(state, tenant, lambda session: session.sid == sid))
            return None
        case GenerationMoves(RevokedKind.SUBJECT, subject):
            found = _concerned(state, tenant, lambda session: session.subject == subject)
        case GenerationMoves(RevokedKind.TENANT):
            found = _concerned(state, tenant, lambda _: True)
        case GenerationMoves(RevokedKind.SERVER):
            everybody = sorted({one for one, _, _ in state.sessions})
            found = tuple(due for one in everybody for due in _concerned(state, one, lambda _: True))
        case _:
            return None
    return NotedLogouts(found, _counter(state, tenant, death))


def note_after(state: State, tenant: TenantId, death: Death, noted: NotedLogouts | None) -> None:
    """Keeps what was noted where the change has moved the counter."""
    if noted is None or not isinstance(death, GenerationMoves):
        return
    if _counter(state, tenant, death) > noted.waits_for:
        _put(state, noted.logouts)


def apply(state: State, tenant: TenantId, change: LogoutChange) -> bool:
    """Makes the change; False where it must win and has lost."""
    key = (change.sid, change.client_id)
    match change:
        case ClaimLogout(_, _, tries, now, next_at):
            found = state.logouts.get(tenant, key)
            if found is None or found[0].tries != tries or found[1] > now:
                return False
            due = found[0]
            tried = DueLogout(tenant, due.sid, due.client_id, due.subject, tries + 1)
            state.logouts.put(tenant, key, (tried, next_at))
        case CloseLogout() | AbandonLogout():
            state.logouts.remove(tenant, key)
        case _:
            assert_never(change)
    return True


def due_logouts(state: State, now: NumericDate, most_of_one: int, limit: int) -> Sequence[DueLogout]:
    """Those that are due, the longest due first."""
    rows = [(due_at, due) for _, _, (due, due_at) in state.logouts if due_at <= now]
    rows.sort(key=lambda row: (row[0], row[1].tenant_id, row[1].client_id, row[1].sid))
    chosen: list[DueLogout] = []
    of_client: Counter[tuple[TenantId, ClientId]] = Counter()
    for _, due in rows:
        of_client[due.tenant_id, due.client_id] += 1
        if of_client[due.tenant_id, due.client_id] <= most_of_one:
            chosen.append(due)
    return chosen[:limit]


def _concerned(state: State, tenant: TenantId, is_meant: Callable[[Session], bool]) -> tuple[DueLogout, ...]:
    living = {
        sid: session
        for sid, session in state.sessions.of(tenant)
        if session.ended_at is None
        and is_meant(session)
        and not session.generations.is_older_than(state.current(tenant, None, session.subject))
    }
    named = {
        (one.sid, one.client_id)
        for _, one in state.authorizations.of(tenant)
        if one.sid in living and one.subject == living[one.sid].subject and OPENID in one.scope
    }
    return tuple(
        DueLogout(tenant, sid, client_id, living[sid].subject, 0)
        for sid, client_id in sorted(named)
        if _wants_to_know(state, tenant, client_id)
    )


def _wants_to_know(state: State, tenant: TenantId, client_id: ClientId) -> bool:
    client = state.clients.get(tenant, client_id)
    if client is None:
        return client_id.startswith("https://")
    return client.openid.backchannel_logout_uri is not None


def _counter(state: State, tenant: TenantId, death: GenerationMoves) -> int:
    owner = WHOLE_SERVER if death.kind is RevokedKind.SERVER else tenant
    return state.generations.get(owner, (str(death.kind), death.name)) or 0


def _put(state: State, found: Sequence[DueLogout]) -> None:
    for due in found:
        key = (due.sid, due.client_id)
        if state.logouts.get(due.tenant_id, key) is None:
            state.logouts.put(due.tenant_id, key, (due, NumericDate(0)))
