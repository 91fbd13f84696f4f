"""The worker that tells clients of logouts: no logout waits for it, and what it cannot do now it does later."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

from valetkey.authorization_server.audit import ActorKind, Origin
from valetkey.authorization_server.client_text import NoClientKey
from valetkey.authorization_server.logout_token import tell
from valetkey.authorization_server.outbound import Unfetchable
from valetkey.authorization_server.revocation.logouts import TRIES, AbandonLogout, CloseLogout, DueLogouts, claim
from valetkey.oauth.errors import Unavailable

if TYPE_CHECKING:
    from valetkey.authorization_server.model import Client
    from valetkey.authorization_server.ports import EventLog, FreshSource, Stores
    from valetkey.authorization_server.revocation.logouts import DueLogout
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.types import ClientId, NumericDate, SessionId, TenantId

TICK_SECONDS: Final = 1.0
"""How often it looks for what other processes wrote, and for what is due again."""
AT_ONCE: Final = 12
AT_ONCE_OF_ONE: Final = 3
"""Of one client: a slow one does not keep the others waiting."""
STRANGERS_AT_ONCE: Final = 8
"""Of all clients that nobody vouches for: whoever can register one can register many that never answer."""
_LOOKED_AT: Final = 240
"""Of what is due, so that one finds who is told beyond those who have to wait."""
_PARTING_SECONDS: Final = 1.0


class Storage(DueLogouts, Protocol):
    """What is due in all tenants, and where it is claimed and closed."""

    def stores(self, tenant_id: TenantId) -> Stores:
        """Return the stores of one tenant."""
        ...


class Servers(Protocol):
    """Finds the server of a tenant; None for one that is unknown or disabled."""

    async def find(self, name: str) -> AuthorizationServer | None:
        """Return it; raises Unavailable when the store cannot say."""
        ...


class LogoutDelivery:
    """One process's share of the due logouts: each is claimed in the store first, so that nobody else tries it too.

    For one event loop.
    """

    def __init__(
        self,
        storage: Storage,
        servers: Servers,
        fresh: FreshSource,
        log: EventLog,
        *,
        tick_seconds: float = TICK_SECONDS,
    ) -> None:
        self._storage = storage
        self._servers = servers
        self._fresh = fresh
        self._log = log
        self._tick_seconds = tick_seconds
        self._bell = asyncio.Event()
        self._under_way: set[asyncio.Task[None]] = set()
        self._claimed: set[tuple[TenantId, SessionId, ClientId]] = set()
        self._of_client: Counter[tuple[TenantId, ClientId]] = Counter()
        self._of_strangers: set[asyncio.Task[None]] = set()

    def wake(self) -> None:
        """Look at once: something may be due."""
        self._bell.set()

    async def run(self) -> None:
        """Deliver until it is cancelled; what is under way then gets a moment to end."""
        try:
            while True:
                self._bell.clear()
                with suppress(Unavailable):
                    await self.begin_due()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._tick_seconds):
                        await self._bell.wait()
        finally:
            await self._part()

    async def begin_due(self) -> None:
        """Begin a try of what is due, as far as there is room; raises Unavailable."""
        room = AT_ONCE - len(self._under_way)
        if room <= 0:
            return
        known: dict[tuple[TenantId, ClientId], bool] = {}
        for due in await self._storage.due_logouts(self._fresh().now, AT_ONCE_OF_ONE, _LOOKED_AT):
            client = (due.tenant_id, due.client_id)
            # Its claim may not be written yet.
            is_begun = (due.tenant_id, due.sid, due.client_id) in self._claimed
            if is_begun or self._of_client[client] >= AT_ONCE_OF_ONE:
                continue
            if client not in known:
                known[client] = await _is_strangers(due, self._servers)
            if known[client] and len(self._of_strangers) >= STRANGERS_AT_ONCE:
                continue
            self._begin(due, is_strangers=known[client])
            room -= 1
            if not room:
                return

    async def settled(self) -> None:
        """Return once nothing is under way."""
        while self._under_way:
            await asyncio.wait(tuple(self._under_way))

    def _begin(self, due: DueLogout, *, is_strangers: bool) -> None:
        self._claimed.add((due.tenant_id, due.sid, due.client_id))
        self._of_client[due.tenant_id, due.client_id] += 1
        task = asyncio.get_running_loop().create_task(self._try(due))
        self._under_way.add(task)
        if is_strangers:
            self._of_strangers.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._of_strangers.discard(task)
        self.wake()

    async def _try(self, due: DueLogout) -> None:
        try:
            now = self._fresh().now
            stores = self._storage.stores(due.tenant_id)
            if await stores.commit([claim(due, now)]):
                await (self._tell(due, now) if due.tries < TRIES else self._abandon(due, "nobody lived to tell"))
        except Unavailable as outage:
            self._log.write("logout.postponed", client_id=due.client_id, sid=due.sid, why=outage.what)
        finally:
            self._claimed.discard((due.tenant_id, due.sid, due.client_id))
            self._of_client[due.tenant_id, due.client_id] -= 1
            # Drops whom nothing is under way for.
            self._of_client += Counter()

    async def _tell(self, due: DueLogout, now: NumericDate) -> None:
        server = await self._servers.find(due.tenant_id)
        client = None if server is None else await server.find_client(due.client_id)
        if server is not None and (client is None or not _wants_to_know(client)):
            await server.stores.commit([CloseLogout(due.sid, due.client_id)])
            return
        why = "the tenant is disabled"
        if server is not None and client is not None:
            try:
                status = await tell(due, client, server, now)
                why = "" if status is None else f"answered {status}"
            except Unfetchable as failure:
                why = failure.detail
            except NoClientKey as missing:
                why = f"there is no {missing.what}"
        if why:
            await self._postpone(due, why)
            return
        stores = self._storage.stores(due.tenant_id)
        await stores.commit([CloseLogout(due.sid, due.client_id)])
        self._log.write("logout.told", client_id=due.client_id, sid=due.sid, tries=due.tries + 1)

    async def _postpone(self, due: DueLogout, why: str) -> None:
        tries = due.tries + 1
        if tries < TRIES:
            # The claim has said already when it is tried again.
            self._log.write("logout.postponed", client_id=due.client_id, sid=due.sid, tries=tries, why=why)
        else:
            await self._abandon(due, why)

    async def _abandon(self, due: DueLogout, why: str) -> None:
        fresh = self._fresh()
        origin = Origin(ActorKind.SERVER, fresh.now, "back-channel logout", fresh.identifier("abandoned logout"))
        given_up = AbandonLogout(due.sid, due.client_id, due.subject)
        await self._storage.stores(due.tenant_id).commit([given_up], origin)
        self._log.write("logout.abandoned", client_id=due.client_id, sid=due.sid, tries=TRIES, why=why)

    async def _part(self) -> None:
        # What is broken off here is tried again by the next process, once its claim has run out.
        if not self._under_way:
            return
        _, late = await asyncio.wait(tuple(self._under_way), timeout=_PARTING_SECONDS)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)


def _wants_to_know(client: Client) -> bool:
    return not client.disabled and client.openid.backchannel_logout_uri is not None


async def _is_strangers(due: DueLogout, servers: Servers) -> bool:
    try:
        server = await servers.find(due.tenant_id)
        client = None if server is None else await server.find_client(due.client_id)
    except Unavailable:
        # Its own try finds that out again, and says so.
        return False
    return client is not None and client.is_unverified
