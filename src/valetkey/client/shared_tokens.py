"""SharedTokens: tokens that threads share, each fetched by one of them for all (OAuth 2.1, 4.2; RFC 8693)."""

from __future__ import annotations

import threading
from collections import OrderedDict
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, Final, TypeAlias

from valetkey.client.errors import FlowError, ServerUnreachable
from valetkey.client.flow import Moment
from valetkey.client.kept_tokens import TokenSet
from valetkey.client.token_memory import Fail, Slot, Use, UseAndRenew
from valetkey.jose.clock import Clock, system_clock
from valetkey.jose.entropy import random_octets

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from valetkey.client.connection import Connection
    from valetkey.client.exchange import Party
    from valetkey.client.flow import Flow

FLIGHT_SECONDS: Final = 60
"""For how long one question may be under way: a process that was forked meanwhile never hears its answer."""
ENTROPY_OCTETS: Final = 32

Draw: TypeAlias = "Callable[[int], bytes]"


class _Entry:
    __slots__ = ("flight", "given_up_at", "slot")

    def __init__(self) -> None:
        self.slot = Slot()
        self.flight: Future[TokenSet] | None = None
        self.given_up_at = 0


class SharedTokens:
    """Tokens by key, at most `most`: the ones that were not used for longest go first.

    However many threads want one token, one asks for it. While the present token lives nobody waits: the next one
    is fetched by a thread of its own.
    """

    def __init__(
        self, client: Connection, *, most: int, clock: Clock = system_clock, draw: Draw = random_octets
    ) -> None:
        if most < 1:
            raise ValueError("at least one token has to be kept")
        self._client, self._most, self._clock, self._draw = client, most, clock, draw
        self._lock = threading.Lock()
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()

    def token(
        self, key: Hashable, fetch: Callable[[Party], Flow[TokenSet]], refused: str | None = None
    ) -> TokenSet:
        """Return the token of `key`, another one than `refused` where that is to be had; raises FlowError."""
        with self._lock:
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
            is_under_way = entry.flight is not None and now < entry.given_up_at
            flight = entry.flight if entry.flight is not None and is_under_way else Future[TokenSet]()
            entry.flight = flight
            if not is_under_way:
                entry.given_up_at = now + FLIGHT_SECONDS
        if isinstance(plan, UseAndRenew):
            if not is_under_way:
                self._renew_in_background(entry, flight, fetch)
            return plan.tokens
        if not is_under_way:
            self._fly(entry, flight, fetch)
        try:
            return flight.result(FLIGHT_SECONDS)
        except TimeoutError:
            raise ServerUnreachable("The server did not answer in time.") from None

    def forget(self, is_meant: Callable[[Hashable], bool]) -> None:
        """Drop every token whose key is meant; what is being fetched for one is not kept either."""
        with self._lock:
            for key in [key for key in self._entries if is_meant(key)]:
                del self._entries[key]

    def settle(self, seconds: float = FLIGHT_SECONDS) -> None:
        """Wait until what is being fetched is there or has failed, for so long at most."""
        with self._lock:
            flights = [entry.flight for entry in self._entries.values() if entry.flight is not None]
        wait(flights, seconds)

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

    def _renew_in_background(
        self, entry: _Entry, flight: Future[TokenSet], fetch: Callable[[Party], Flow[TokenSet]]
    ) -> None:
        thread = threading.Thread(target=self._fly, args=(entry, flight, fetch), daemon=True, name="token-renewal")
        try:
            thread.start()
        except RuntimeError as error:
            # The interpreter ends, or the system has no thread left: the present token has to do.
            self._land(entry, flight, ServerUnreachable(f"No thread can be started ({error})."))

    def _fly(self, entry: _Entry, flight: Future[TokenSet], fetch: Callable[[Party], Flow[TokenSet]]) -> None:
        try:
            outcome: TokenSet | FlowError = self._client.run(fetch)
        except FlowError as failure:
            outcome = failure
        except Exception as error:  # noqa: BLE001 - whatever it is, others wait for an end of it
            outcome = ServerUnreachable(f"The token cannot be fetched ({type(error).__name__}).")
            outcome.__cause__ = error
        except BaseException:
            self._land(entry, flight, ServerUnreachable("The thread that asked was stopped."))
            raise
        self._land(entry, flight, outcome)

    def _land(self, entry: _Entry, flight: Future[TokenSet], outcome: TokenSet | FlowError) -> None:
        with self._lock:
            if entry.flight is flight:
                entry.flight = None
            if isinstance(outcome, FlowError):
                entry.slot = entry.slot.failed(outcome, Moment(self._clock(), self._draw(ENTROPY_OCTETS)))
            else:
                entry.slot = entry.slot.filled(outcome)
        if isinstance(outcome, FlowError):
            flight.set_exception(outcome)
        else:
            flight.set_result(outcome)
