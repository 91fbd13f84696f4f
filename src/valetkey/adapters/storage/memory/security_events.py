"""Security events in memory: what is told beside each change, and what is asked of the events."""

from collections.abc import Callable, Sequence
from typing import assert_never

from valetkey.adapters.storage.memory.state import WHOLE_SERVER, State
from valetkey.adapters.storage.memory.token_changes import stored
from valetkey.authorization_server.model import Authorization
from valetkey.authorization_server.revocation.deaths import (
    AuthorizationDies,
    AuthorizationsDie,
    Death,
    GenerationMoves,
    SessionDies,
    TokenDies,
)
from valetkey.authorization_server.revocation.events import StoredSecurityEvent
from valetkey.jose.records import dataclass
from valetkey.oauth.security_event import Revocation, RevokedKind
from valetkey.oauth.types import TenantId

Wake = Callable[[], None]


def tell_before(state: State, tenant: TenantId, death: Death) -> None:
    """Tells of what still lives, before the change."""
    if not isinstance(death, GenerationMoves):
        _count(state, tenant)
    match death:
        case AuthorizationDies(authorization_id):
            _tell_of(state, tenant, lambda found: found.authorization_id == authorization_id)
        case AuthorizationsDie(subject, client_id):
            _tell_of(state, tenant, lambda found: (found.subject, found.client_id) == (subject, client_id))
        case SessionDies(sid):
            session = state.sessions.get(tenant, sid)
            if session is not None and session.ended_at is None:
                _tell(state, tenant, Revocation(RevokedKind.SESSION, sid))
            _tell_of(state, tenant, lambda found: found.sid == sid and found.bound_to_session)
        case TokenDies(digest, expires_at, audience):
            if state.revoked_tokens.get(tenant, digest) is None:
                revocation = Revocation(RevokedKind.TOKEN, death.name, token_expires_at=expires_at)
                _tell(state, tenant, revocation, audience)
        case GenerationMoves():
            pass
        case _:
            assert_never(death)


def tell_after(state: State, tenant: TenantId, death: Death) -> None:
    """Tells of a counter that the change has moved."""
    if not isinstance(death, GenerationMoves):
        return
    is_of_server = death.kind is RevokedKind.SERVER
    owner, key = WHOLE_SERVER if is_of_server else tenant, (str(death.kind), death.name)
    everybody = [one for one, _, _ in state.configurations if one != WHOLE_SERVER] if is_of_server else [tenant]
    for one in everybody:
        _count(state, one)
    value = state.generations.get(owner, key) or 0
    if value <= (state.announced.get(owner, key) or 0):
        return
    state.announced.put(owner, key, value)
    for one in [one for one, _, _ in state.event_counters] if is_of_server else [tenant]:
        _tell(state, one, Revocation(death.kind, death.name, value, death.cause))
    if death.kind is RevokedKind.SUBJECT:
        _tell_of_pairwise(state, tenant, death.name)


def _tell_of(state: State, tenant: TenantId, is_meant: Callable[[Authorization], bool]) -> None:
    for authorization_id, found in sorted(state.authorizations.of(tenant)):
        if found.revoked_at is None and is_meant(found):
            _tell(state, tenant, Revocation(RevokedKind.AUTHORIZATION, authorization_id))


def _tell_of_pairwise(state: State, tenant: TenantId, subject: str) -> None:
    """Names the authorizations whose tokens bear another subject than the event."""
    for (owner, authorization_id), _ in sorted(state.pairwise_tokens.of(tenant)):
        found = stored(state, tenant, authorization_id)
        is_living = (
            found is not None
            and found.authorization.revoked_at is None
            and not found.authorization.generations.is_older_than(found.current)
        )
        if owner == subject and not is_living:
            state.pairwise_tokens.remove(tenant, (owner, authorization_id))
            _tell(state, tenant, Revocation(RevokedKind.AUTHORIZATION, authorization_id))


def _count(state: State, tenant: TenantId) -> None:
    if state.event_counters.get(tenant, "") is None:
        state.event_counters.put(tenant, "", 0)


def _tell(state: State, tenant: TenantId, revocation: Revocation, audience: tuple[str, ...] = ()) -> None:
    sequence = (state.event_counters.get(tenant, "") or 0) + 1
    state.event_counters.put(tenant, "", sequence)
    state.security_events.put(tenant, sequence, (StoredSecurityEvent(sequence, revocation, audience), None))


@dataclass(frozen=True, slots=True)
class MemorySecurityEvents:
    """`SecurityEvents` of one tenant."""

    _state: State
    _tenant: TenantId

    async def after(self, position: int, limit: int) -> Sequence[StoredSecurityEvent]:
        """The events behind a position, oldest first."""
        found = sorted(self._state.security_events.of(self._tenant), key=lambda row: row[0])
        return [event for sequence, (event, _) in found if sequence > position][:limit]

    async def last(self) -> int:
        """The position of the newest event."""
        return self._state.event_counters.get(self._tenant, "") or 0

    def on_written(self, wake: Wake) -> None:
        """Calls `wake` after each commit of this process that may have written events of the tenant."""
        self._state.listeners.setdefault(self._tenant, []).append(wake)

    def announce(self) -> None:
        """Wakes who listens."""
        for wake in self._state.listeners.get(self._tenant, ()):
            wake()
