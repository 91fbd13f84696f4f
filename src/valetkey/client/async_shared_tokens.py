"""AsyncSharedTokens: tokens that tasks share, each fetched by one of them for all (OAuth 2.1, 4.2; RFC 8693)."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, TypeAlias

from valetkey.client.errors import FlowError, ServerUnreachable
from valetkey.client.flow import Moment
from valetkey.client.shared_tokens import ENTROPY_OCTETS, FLIGHT_SECONDS
from valetkey.client.token_memory import Fail, Slot, Use, UseAndRenew
from valetkey.jose.clock import Clock, system_clock
from valetkey.jose.entropy import random_octets

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from valetkey.client.async_connection import AsyncConnection
    from valetkey.client.exchange import Party
    from valetkey.client.flow import Flow
    from valetkey.client.kept_tokens import TokenSet

Draw: TypeAlias = "Callable[[int], bytes]"


class _Entry:
    __slots__ = ("flight", "slot")

    def __init__(self) -> None:
        self.slot = Slot()
        self.flight: asyncio.Task[TokenSet] | None = None


class AsyncSharedTokens:
    """Tokens by key, at most `most`: the ones that were not used for longest go first.

    However many tasks want one token, one request is sent, and no caller's cancellation ends it. While the present
    token lives nobody waits: the next one is fetched by a task of its own.
    """

    def __init__(
        self, client: AsyncConnection, *, most: int, clock: Clock = system_clock, draw: Draw = random_octets
    ) -> None:
        if most < 1:
            raise ValueError("at least one token has to be kept")
        self._client, self._most, self._clock, self._draw = client, most, clock, draw
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()

    async def token(
        self, key: Hashable, fetch: Callable[[Party], Flow[TokenSet]], refused: str | None = None
    ) -> TokenSet:
        """Return the token of `key`, another one than `refused` where that is to be had; raises FlowError."""
        now = self._clock()
        entry = self._found(key, now)
        if refused is not None:
            entry.slot = entry.slot.refused(refused, now)
        plan = entry.slot.plan(now)
        if isinstance(plan, Use):
            return plan.tokens
        if isinstance(plan, Fail):
            # The one error is raised to many: what is known of its way belongs to none of them.
            raise plan.failure.with_traceback(None)
        if entry.flight is None:
            entry.flight = asyncio.get_running_loop().create_task(self._fly(entry, fetch))
            entry.flight.add_done_callback(_looked_at)
        if isinstance(plan, UseAndRenew):
            return plan.tokens
        return await asyncio.shield(entry.flight)

    def forget(self, is_meant: Callable[[Hashable], bool]) -> None:
        """Drop every token whose key is meant; what is being fetched for one is not kept either."""
        for key in [key for key in self._entries if is_meant(key)]:
            del self._entries[key]

    async def settle(self, seconds: float = FLIGHT_SECONDS) -> None:
        """Wait until what is being fetched is there or has failed, for so long at most."""
        flights = [entry.flight for entry in self._entries.values() if entry.flight is not None]
        if flights:
            await asyncio.wait(flights, timeout=seconds)

    def _found(self, key: Hashable, now: int) -> _Entry:
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = _Entry()
            while len(self._entries) > self._most or self._is_oldest_dead(now):
                self._entries.popitem(last=False)
        else:
            self._entries.move_to_end(key)
        return entry

    def _is_oldest_dead(self, now: int) -> bool:
        oldest = next(iter(self._entries.values()))
        return len(self._entries) > 1 and oldest.flight is None and not oldest.slot.is_worth_keeping(now)

    async def _fly(self, entry: _Entry, fetch: Callable[[Party], Flow[TokenSet]]) -> TokenSet:
        try:
            tokens = await self._client.run(fetch)
        except FlowError as failure:
            self._fail(entry, failure)
            raise
        except Exception as error:
            accident = ServerUnreachable(f"The token cannot be fetched ({type(error).__name__}).")
            self._fail(entry, accident)
            raise accident from error
        finally:
            entry.flight = None
        entry.slot = entry.slot.filled(tokens)
        return tokens

    def _fail(self, entry: _Entry, failure: FlowError) -> None:
        entry.slot = entry.slot.failed(failure, Moment(self._clock(), self._draw(ENTROPY_OCTETS)))


def _looked_at(flight: asyncio.Task[TokenSet]) -> None:
    if not flight.cancelled():
        # Looked at here, because all who waited may have been cancelled, and nobody waits for a renewal ahead.
        flight.exception()
