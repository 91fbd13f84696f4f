"""Security events as they are kept: numbered in the order of their commits, and told to those whom they concern."""

from __future__ import annotations

from typing import TYPE_CHECKING

from valetkey.jose.records import dataclass
from valetkey.oauth.security_event import Revocation

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class StoredSecurityEvent:
    """One row of the outbox: who has read it has read every event of its tenant with a lower `sequence`."""

    sequence: int
    revocation: Revocation
    audience: tuple[str, ...] = ()
    """The only audiences that it concerns; empty where that is not known."""

    @property
    def token_id(self) -> str:
        """The `jti` of every token that tells of it."""
        return str(self.sequence)  # RFC8417-2.2/jti

    def concerns(self, audiences: frozenset[str]) -> bool:
        """Say whether whoever speaks for `audiences` hears of it."""
        return not self.audience or not audiences.isdisjoint(self.audience)


def position_of(token_ids: Iterable[str]) -> int:
    """Return the highest position that is acknowledged by `token_ids`; what is not ours counts nothing."""
    return max(
        (int(one) for one in token_ids if len(one) <= _LONGEST and one.isascii() and one.isdigit()), default=0
    )


_LONGEST = 18
