"""What the endpoints of the authorization server count with: in this process, or in Valkey where nodes share it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING

from valetkey.adapters.limits.client_failures import CountedFailures
from valetkey.authorization_server.failed_clients import UncountedFailures
from valetkey.authorization_server.routes import Pace
from valetkey.jose.records import dataclass
from valetkey.oauth.types import SecretText
from valetkey.resource_server.limits import RateLimit
from valetkey.resource_server.memory_limiter import MemoryLimiter

if TYPE_CHECKING:
    from valetkey.adapters.limits.valkey import ValkeyLimiter
    from valetkey.authorization_server.failed_clients import FailedClients
    from valetkey.authorization_server.ports import EventLog


@dataclass(frozen=True, slots=True)
class Throttles:
    """How often an address may ask, and a client fail; as it stands, nobody is ever refused."""

    paces: Mapping[Pace, RateLimit] = field(default_factory=dict)
    failed_clients: RateLimit | None = None
    exempt: tuple[str, ...] = ()
    """Addresses and networks that are never counted."""
    valkey_url: SecretText | None = None
    """Where all nodes count together; None counts in each process."""


class EndpointCounts:
    """The counters of one process, or of all nodes."""

    def __init__(self, throttles: Throttles, log: EventLog) -> None:
        self.throttles = throttles
        self.local = MemoryLimiter()
        self.shared = _shared(throttles.valkey_url, log)

    def failures(self, tenant_id: str) -> FailedClients:
        """Return what counts the failed authentication of a tenant's clients."""
        limit = self.throttles.failed_clients
        if limit is None:
            return UncountedFailures()
        return CountedFailures(tenant_id, limit, MemoryLimiter(), self.shared)

    async def close(self) -> None:
        """Close what is shared."""
        if self.shared is not None:
            await self.shared.close()


def _shared(url: SecretText | None, log: EventLog) -> ValkeyLimiter | None:
    if url is None:
        return None
    from valetkey.adapters.limits.valkey import ValkeyLimiter  # noqa: PLC0415 - its client comes with an extra

    return ValkeyLimiter(url.reveal(), log)
