"""Places in status lists in memory: the changes, the questions, and what may be thrown away."""

from typing import assert_never

from valetkey.adapters.storage.memory.state import State
from valetkey.authorization_server.revocation.statuses import (
    CAPACITY,
    AssignStatus,
    AssignStatusBlock,
    AssignStatusToClient,
    OpenStatusList,
    ReserveStatusRange,
    RevokeStatus,
    StatusChange,
    StatusListId,
    StoredStatusList,
)
from valetkey.jose.records import dataclass
from valetkey.oauth.types import AuthorizationId, NumericDate, TenantId


def apply(state: State, tenant: TenantId, change: StatusChange) -> bool:
    """Makes the change; False where it must win and has lost."""
    match change:
        case ReserveStatusRange():
            return _reserve(state, tenant, change)
        case AssignStatusBlock(block):
            place = (block.list_id, block.expires_at, block.start)
            if state.status_blocks.get(tenant, place) is None:
                state.status_blocks.put(tenant, place, block)
        case AssignStatus(list_id, index, authorization_id, expires_at):
            if state.statuses.get(tenant, (list_id, expires_at, index)) is None:
                state.statuses.put(tenant, (list_id, expires_at, index), authorization_id)
        case AssignStatusToClient(list_id, index, client_id, generation, expires_at):
            client_place = (list_id, expires_at, index, client_id)
            if state.status_clients.get(tenant, client_place) is None:
                state.status_clients.put(tenant, client_place, generation)
        case RevokeStatus(list_id, index, expires_at):
            state.revoked_statuses.put(tenant, (list_id, expires_at, index), None)
        case _:
            assert_never(change)
    return True


def _reserve(state: State, tenant: TenantId, change: ReserveStatusRange) -> bool:
    reserved = change.start + change.size
    known = state.status_lists.get(tenant, change.list_id)
    if reserved > CAPACITY or (known is not None and known.reserved != change.start):
        return False
    key = change.key if known is None else known.key
    expires_at = change.expires_at if known is None else max(known.expires_at, change.expires_at)
    state.status_lists.put(tenant, change.list_id, OpenStatusList(change.list_id, key, reserved, expires_at))
    return True


@dataclass(frozen=True, slots=True)
class MemoryStatusLists:
    """`StatusLists` of one tenant."""

    _state: State
    _tenant: TenantId

    async def open(self, room: int, now: NumericDate) -> OpenStatusList | None:
        """A list that has `room` more positions."""
        roomy = [
            found
            for _, found in self._state.status_lists.of(self._tenant)
            if found.reserved + room <= CAPACITY and found.expires_at > now
        ]
        return min(roomy, key=lambda found: found.list_id, default=None)

    async def find(self, list_id: StatusListId, now: NumericDate) -> StoredStatusList | None:
        """The list with what is revoked in it."""
        state, tenant = self._state, self._tenant
        found = state.status_lists.get(tenant, list_id)
        if found is None or found.expires_at <= now:
            return None
        indices = {
            index
            for (owner, expires_at, index), authorization_id in state.statuses.of(tenant)
            if owner == list_id and expires_at > now and self._is_dead(authorization_id)
        }
        indices |= {
            index
            for (owner, expires_at, index), _ in state.revoked_statuses.of(tenant)
            if owner == list_id and expires_at > now
        }
        indices |= {
            index
            for (owner, expires_at, index, client_id), generation in state.status_clients.of(tenant)
            if owner == list_id and expires_at > now and generation < state.current(tenant, client_id, None).client
        }
        blocks = {
            (block.start, block.size)
            for _, block in state.status_blocks.of(tenant)
            if block.list_id == list_id
            and block.expires_at > now
            and block.generations.is_older_than(state.current(tenant, block.client_id, None))
        }
        return StoredStatusList(list_id, found.key, frozenset(indices), frozenset(blocks))

    def _is_dead(self, authorization_id: AuthorizationId) -> bool:
        state, tenant = self._state, self._tenant
        found = state.authorizations.get(tenant, authorization_id)
        if found is None or found.revoked_at is not None:
            return True
        return found.generations.is_older_than(state.current(tenant, found.client_id, found.subject))
