"""Logouts that clients are still to be told of: an outbox (OpenID Connect Back-Channel Logout, 2.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from valetkey.jose.records import dataclass
from valetkey.oauth.types import ClientId, NumericDate, Seconds, SessionId, Subject, TenantId

if TYPE_CHECKING:
    from collections.abc import Sequence

PAUSES: Final = (Seconds(15), Seconds(60), Seconds(300), Seconds(1_800), Seconds(7_200))
"""Seconds after each try. The first is longer than any try takes: it is also the lease of who tries."""
TRIES: Final = len(PAUSES) + 1


@dataclass(frozen=True, slots=True)
class DueLogout:
    """A session that ended, and a client that signed its end-user in by it: written with what ended the session."""

    tenant_id: TenantId
    sid: SessionId
    client_id: ClientId
    subject: Subject
    tries: int
    """How often it was tried already."""


@dataclass(frozen=True, slots=True)
class ClaimLogout:
    """Takes a due logout for one try; must win: while nobody else has tried it since, and it is due.

    Until `next_at` it is nobody else's: who dies meanwhile leaves it to be tried again then.
    """

    sid: SessionId
    client_id: ClientId
    tries: int
    """Those before this one."""
    now: NumericDate
    next_at: NumericDate


@dataclass(frozen=True, slots=True)
class CloseLogout:
    """Forgets a logout that its client was told of, or that concerns nobody any more; idempotent."""

    sid: SessionId
    client_id: ClientId


@dataclass(frozen=True, slots=True)
class AbandonLogout:
    """Gives up a logout that its client never took; idempotent."""

    sid: SessionId
    client_id: ClientId
    subject: Subject


LogoutChange = ClaimLogout | CloseLogout | AbandonLogout


class DueLogouts(Protocol):
    """The logouts of all tenants that clients are still to be told of."""

    async def due_logouts(self, now: NumericDate, most_of_one: int, limit: int) -> Sequence[DueLogout]:
        """Return at most `limit` that are due, the longest due first, and at most `most_of_one` of each client."""
        ...


def claim(due: DueLogout, now: NumericDate) -> ClaimLogout:
    """Return what takes `due` for its next try."""
    pause = PAUSES[min(due.tries, len(PAUSES) - 1)]
    return ClaimLogout(due.sid, due.client_id, due.tries, now, NumericDate(now + pause))
