"""Where everything durable is kept: one Protocol, and a room for each engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from valetkey.authorization_server.ports import Stores, Tenants
    from valetkey.authorization_server.revocation.logouts import DueLogout
    from valetkey.authorization_server.signals.streams import DueStream
    from valetkey.oauth.types import NumericDate, TenantId


class Storage(Protocol):
    """What the composition root holds of an engine."""

    @property
    def tenants(self) -> Tenants:
        """All tenants."""
        ...

    def stores(self, tenant_id: TenantId) -> Stores:
        """Return the stores of one tenant; they are kept, so a name out of a request is looked up first."""
        ...

    async def due_logouts(self, now: NumericDate, most_of_one: int, limit: int) -> Sequence[DueLogout]:
        """Return at most `limit` of all tenants that are due, and at most `most_of_one` of each client."""
        ...

    async def due_streams(self, now: NumericDate, limit: int) -> Sequence[DueStream]:
        """Return at most `limit` streams of all tenants whose events are to be pushed."""
        ...

    async def purge(self, now: NumericDate, limit: int) -> bool:
        """Delete at most `limit` rows of each table that were over at `now`; True while more are left."""
        ...

    async def forget_audit(self, before: NumericDate, limit: int) -> bool:
        """Delete at most `limit` audit records older than `before`; True where it deleted any."""
        ...

    async def close(self) -> None:
        """Commit what waits and let go of the files; a second call does nothing."""
        ...
