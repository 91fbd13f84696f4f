"""Places in status lists: which are reserved, whose they are, and which are revoked."""

from __future__ import annotations

from dataclasses import field
from typing import Final, NewType

from valetkey.authorization_server.model import Generations
from valetkey.jose.records import dataclass
from valetkey.oauth.types import AuthorizationId, ClientId, NumericDate

StatusListId = NewType("StatusListId", str)

CAPACITY: Final = 1 << 17
"""Places in one list; a full list is followed by another."""


@dataclass(frozen=True, slots=True)
class OpenStatusList:
    """A list of which the positions from `reserved` on are still free."""

    list_id: StatusListId
    key: bytes = field(repr=False)
    """32 bytes from which the order of its places is drawn (`permutation`)."""
    reserved: int
    expires_at: NumericDate
    """When no token can be alive whose place is in it."""


@dataclass(frozen=True, slots=True)
class StatusBlock:
    """`size` positions from `start` on, which belong to one client: whatever it is given for itself takes one."""

    list_id: StatusListId
    start: int
    size: int
    client_id: ClientId
    generations: Generations
    """The counters that its tokens are stamped with; `subject` is 0."""
    expires_at: NumericDate


@dataclass(frozen=True, slots=True)
class StoredStatusList:
    """What is revoked in a list: places by their index, and whole blocks by (first position, size)."""

    list_id: StatusListId
    key: bytes = field(repr=False)
    indices: frozenset[int] = frozenset()
    blocks: frozenset[tuple[int, int]] = frozenset()


@dataclass(frozen=True, slots=True)
class ReserveStatusRange:
    """Takes `size` positions from `start` on for one process.

    Must win: while the list's reserved positions end at `start`; one at 0 opens the list with this `key`. The
    list lives until `expires_at` at least.
    """

    list_id: StatusListId
    key: bytes = field(repr=False)
    start: int
    size: int
    expires_at: NumericDate


@dataclass(frozen=True, slots=True)
class AssignStatusBlock:
    """Stores whose the positions of a block are; idempotent. Its tokens die with the client's generations."""

    block: StatusBlock


@dataclass(frozen=True, slots=True)
class AssignStatus:
    """Stores whose a place is; idempotent. The token there dies with its authorization."""

    list_id: StatusListId
    index: int
    authorization_id: AuthorizationId
    expires_at: NumericDate


@dataclass(frozen=True, slots=True)
class AssignStatusToClient:
    """Stores that the token at a place dies with a client too, whatever else it hangs off; idempotent.

    `generation` is the client's counter that the token is stamped with.
    """

    list_id: StatusListId
    index: int
    client_id: ClientId
    generation: int
    expires_at: NumericDate


@dataclass(frozen=True, slots=True)
class RevokeStatus:
    """Marks one place revoked until its token would expire; idempotent."""

    list_id: StatusListId
    index: int
    expires_at: NumericDate


StatusChange = ReserveStatusRange | AssignStatusBlock | AssignStatus | AssignStatusToClient | RevokeStatus
