"""The sweep that ends sessions whose time is over: what hangs off them dies, and clients are told (DESIGN, 5)."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Final, Protocol

from valetkey.authorization_server.audit import ActorKind, Origin
from valetkey.authorization_server.decision import EndSession
from valetkey.authorization_server.policy import PROFILES
from valetkey.oauth.errors import Unavailable
from valetkey.oauth.types import NumericDate

if TYPE_CHECKING:
    from valetkey.authorization_server.model import Tenant
    from valetkey.authorization_server.ports import EventLog, FreshSource, Stores, Tenants
    from valetkey.oauth.types import TenantId

SWEEP_SECONDS: Final = 60.0
AT_ONCE: Final = 100
"""Sessions of one commit."""


class Storage(Protocol):
    """Every tenant and what it keeps."""

    @property
    def tenants(self) -> Tenants:
        """All tenants."""
        ...

    def stores(self, tenant_id: TenantId) -> Stores:
        """Return the stores of one tenant."""
        ...


async def end_timed_out(storage: Storage, tenant: Tenant, fresh_source: FreshSource) -> int:
    """End the sessions of a tenant that nobody may use any more, as many as there are; return how many.

    They are refused without it too: this is for what hangs off them, and for who waits to hear of it.
    """
    policy, stores, ended = PROFILES[tenant.profile], storage.stores(tenant.tenant_id), 0
    while True:
        fresh = fresh_source()
        unseen_since = NumericDate(fresh.now - policy.session_idle_lifetime)
        begun_by = NumericDate(fresh.now - policy.session_lifetime)
        sids = await stores.browsers.timed_out(unseen_since, begun_by, AT_ONCE)
        if sids:
            origin = Origin(ActorKind.SERVER, fresh.now, "session timeout", fresh.identifier("session timeout"))
            await stores.commit([EndSession(sid, fresh.now) for sid in sids], origin)
        ended += len(sids)
        if len(sids) < AT_ONCE:
            return ended


async def end_forever(storage: Storage, fresh_source: FreshSource, log: EventLog) -> None:
    """Sweep every tenant about once a minute, until it is cancelled."""
    while True:
        # Several workers share one database: they do not all come at the same moment.
        await asyncio.sleep(SWEEP_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311 - guards nothing
        try:
            for tenant in await storage.tenants.list():
                ended = await end_timed_out(storage, tenant, fresh_source)
                if ended:
                    log.write("sessions.timed_out", tenant=tenant.tenant_id, count=ended)
        except Unavailable as outage:
            log.write("sessions.postponed", what=outage.what)
