"""The worker that pushes events to receivers: each stream in its order, no stream waits for another (RFC 8935)."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

from valetkey.authorization_server.outbound import Unfetchable
from valetkey.authorization_server.signals.pushing import REFUSALS, Answered, next_try, push
from valetkey.authorization_server.signals.streams import (
    AcknowledgeStreamEvents,
    ClaimStream,
    DueStreams,
    ReleaseStream,
)
from valetkey.oauth.errors import Unavailable
from valetkey.oauth.shared_signals import DeliveryMethod
from valetkey.oauth.types import NumericDate

if TYPE_CHECKING:
    from valetkey.authorization_server.model import Client
    from valetkey.authorization_server.ports import EventLog, FreshSource, Stores
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.authorization_server.signals.streams import DueStream, Stream, StreamId
    from valetkey.oauth.types import ClientId, TenantId

TICK_SECONDS: Final = 1.0
"""How often it looks for what other processes wrote, and for what is due again."""
AT_ONCE: Final = 12
AT_ONCE_OF_ONE: Final = 3
"""Of one receiver: a slow one does not keep the others waiting."""
TURN_SECONDS: Final = 10.0
"""How long a stream may push before others have their turn: its claim lasts longer by more than one push."""
LEASE_SECONDS: Final = 30
_LOOKED_AT: Final = 240
_PARTING_SECONDS: Final = 1.0


class Storage(DueStreams, Protocol):
    """What is due in all tenants, and where it is claimed."""

    def stores(self, tenant_id: TenantId) -> Stores:
        """Return the stores of one tenant."""
        ...


class Servers(Protocol):
    """Finds the server of a tenant; None for one that is unknown or disabled."""

    async def find(self, name: str) -> AuthorizationServer | None:
        """Return it; raises Unavailable when the store cannot say."""
        ...


class StreamDelivery:
    """One process's share of the due streams: each is claimed in the store first, so that its order is kept.

    For one event loop. What a receiver has not taken stays in the store: nothing is lost by a crash, and what was
    taken in the moment of one is told again.
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
        self._claimed: set[tuple[TenantId, StreamId]] = set()
        self._of_receiver: Counter[tuple[TenantId, ClientId]] = Counter()

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
        """Begin the turns of streams that are due, as far as there is room; raises Unavailable."""
        if len(self._under_way) >= AT_ONCE:
            return
        for due in await self._storage.due_streams(self._fresh().now, _LOOKED_AT):
            receiver = (due.tenant_id, due.client_id)
            is_begun = (due.tenant_id, due.stream_id) in self._claimed
            if is_begun or self._of_receiver[receiver] >= AT_ONCE_OF_ONE:
                continue
            self._begin(due)
            if len(self._under_way) >= AT_ONCE:
                return

    async def settled(self) -> None:
        """Return once nothing is under way."""
        while self._under_way:
            await asyncio.wait(tuple(self._under_way))

    def _begin(self, due: DueStream) -> None:
        self._claimed.add((due.tenant_id, due.stream_id))
        self._of_receiver[due.tenant_id, due.client_id] += 1
        task = asyncio.get_running_loop().create_task(self._try(due))
        self._under_way.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self.wake()

    async def _try(self, due: DueStream) -> None:
        stores = self._storage.stores(due.tenant_id)
        now = self._fresh().now
        try:
            claimed = ClaimStream(due.stream_id, due.tries, now, NumericDate(now + LEASE_SECONDS))
            if await stores.commit([claimed]):
                await self._take_turn(due, stores)
        except Unavailable as outage:
            self._log.write("stream.postponed", stream_id=due.stream_id, client_id=due.client_id, why=outage.what)
        finally:
            self._claimed.discard((due.tenant_id, due.stream_id))
            self._of_receiver[due.tenant_id, due.client_id] -= 1
            # Drops whom nothing is under way for.
            self._of_receiver += Counter()

    async def _take_turn(self, due: DueStream, stores: Stores) -> None:
        server = await self._servers.find(due.tenant_id)
        client = None if server is None else await server.find_client(due.client_id)
        if server is None or client is None or client.disabled:
            # What waits is held for who comes back.
            await self._release(due, stores, why="the tenant or the receiver is disabled")
            return
        deadline = asyncio.get_running_loop().time() + TURN_SECONDS
        while asyncio.get_running_loop().time() < deadline:
            # Read again for each event: who pauses or removes a stream is heard at once.
            stored = await stores.streams.find(due.stream_id)
            if stored is None or stored.stream.delivery.method is not DeliveryMethod.PUSH:
                return
            if not await self._push_next(due, stored.stream, client, server):
                return
        await stores.commit([ReleaseStream(due.stream_id, 0, self._fresh().now)])

    async def _push_next(self, due: DueStream, stream: Stream, client: Client, server: AuthorizationServer) -> bool:
        """Push the oldest event; False where the turn is over."""
        stores = server.stores
        waiting = await stores.streams.events(stream.stream_id, 1, stream.status)
        if not waiting:
            await stores.commit([ReleaseStream(due.stream_id, 0, NumericDate(0))])
            return False
        event = waiting[0]
        try:
            answered, why = await push(event, stream, client, server)
        except Unfetchable as failure:
            answered, why = Answered.FAILED, failure.detail
        if answered is Answered.REFUSED and due.tries + 1 >= REFUSALS:
            self._log.write(
                "stream.event_refused",
                stream_id=stream.stream_id,
                client_id=client.client_id,
                token_id=str(event.number),
                error=why,
            )
            answered = Answered.TAKEN
        if answered is not Answered.TAKEN:
            await self._release(due, stores, why=why)
            return False
        await stores.commit([AcknowledgeStreamEvents(stream.stream_id, (event.number,))])
        return True

    async def _release(self, due: DueStream, stores: Stores, *, why: str) -> None:
        tries = due.tries + 1
        self._log.write("stream.postponed", stream_id=due.stream_id, client_id=due.client_id, tries=tries, why=why)
        await stores.commit([ReleaseStream(due.stream_id, tries, next_try(self._fresh().now, tries))])

    async def _part(self) -> None:
        # What is broken off here is pushed by the next process, once the claim has run out.
        if not self._under_way:
            return
        _, late = await asyncio.wait(tuple(self._under_way), timeout=_PARTING_SECONDS)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
