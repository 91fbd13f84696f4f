"""The live feed of security events in one process: signed once, given to all who wait at once (RFC 8936)."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from valetkey.authorization_server import paths
from valetkey.jose.token_kinds import SECURITY_EVENT_TOKEN
from valetkey.oauth.errors import Unavailable
from valetkey.oauth.event_poll import EventAnswer
from valetkey.oauth.security_event import security_event_claims

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from valetkey.authorization_server.ports import FreshSource, Signer
    from valetkey.authorization_server.revocation.events import StoredSecurityEvent
    from valetkey.authorization_server.revocation.outbox import EventQuestion, SecurityEvents
    from valetkey.oauth.types import ClientId, Issuer

TICK_SECONDS: Final = 0.05
"""How often one look, shared by all who wait, asks whether another process wrote something."""
DRAINING_SECONDS: Final = 0.5
"""How long anybody waits while the process ends."""
MAXIMUM_WAITING: Final = 1_000
MAXIMUM_WAITING_OF_ONE: Final = 256
_PAGE: Final = 256
_SIGNED: Final = 4_096
_SIGNED_SECONDS: Final = 300
"""After which a token is signed again: the key that signed it stays published at least as long."""
_ALGORITHM: Final = "ES256"


class PublishedEvents:
    """`EventFeed` of one tenant in one process; for one event loop."""

    def __init__(self, issuer: Issuer, events: SecurityEvents, signer: Signer, fresh: FreshSource) -> None:
        self._issuer = issuer.url
        self._audience = issuer.endpoint(paths.REVOCATION_EVENTS)
        self._events = events
        self._signer = signer
        self._fresh = fresh
        self._signed: dict[int, tuple[int, str]] = {}
        self._bell = asyncio.Event()
        self._waiting: Counter[ClientId] = Counter()
        self._ticking: asyncio.Task[None] | None = None
        self._draining = False
        events.on_written(self._ring)

    async def poll(self, question: EventQuestion) -> EventAnswer:
        """Return what is there, or comes within the time; raises Unavailable when too many wait already."""
        deadline = asyncio.get_running_loop().time() + question.wait_seconds
        # A position ahead of us was given by a database that is no more: its reader begins anew.
        position = question.position if question.position <= await self._events.last() else 0
        while True:
            # What is written from here on rings this very bell, so nothing can slip between the look and the wait.
            bell = self._bell
            page = await self._events.after(position, _PAGE)
            found = [event for event in page if event.concerns(question.audiences)]
            if found:
                chosen = found[: question.maximum]  # RFC8936-2.2/maximum
                return EventAnswer(await self._tokens(chosen), len(found) > len(chosen) or len(page) == _PAGE)
            position = page[-1].sequence if page else position
            if len(page) == _PAGE:
                continue
            if not await self._is_rung(bell, deadline, question.reader):
                return EventAnswer()

    @property
    def waiting(self) -> int:
        """How many readers wait at the moment."""
        return self._waiting.total()

    def drain(self) -> None:
        """Answer who waits, and let nobody wait long from now on."""
        self._draining = True
        self._ring()

    async def close(self) -> None:
        """Stop looking."""
        self.drain()
        if self._ticking is not None:
            self._ticking.cancel()
            with suppress(asyncio.CancelledError):
                await self._ticking

    async def _is_rung(self, bell: asyncio.Event, deadline: float, reader: ClientId) -> bool:
        loop = asyncio.get_running_loop()
        if bell.is_set():
            return True
        remaining = deadline - loop.time()
        if self._draining:
            remaining = min(remaining, DRAINING_SECONDS)
        if remaining <= 0:
            return False
        with self._place(reader):
            if self._ticking is None or self._ticking.done():
                self._ticking = loop.create_task(self._tick())
            try:
                async with asyncio.timeout(remaining):
                    await bell.wait()
            except TimeoutError:
                return False
        return True

    @contextmanager
    def _place(self, reader: ClientId) -> Iterator[None]:
        if self._waiting.total() >= MAXIMUM_WAITING or self._waiting[reader] >= MAXIMUM_WAITING_OF_ONE:
            raise Unavailable("a place to wait for security events")
        self._waiting[reader] += 1
        try:
            yield
        finally:
            self._waiting[reader] -= 1
            if not self._waiting[reader]:
                del self._waiting[reader]

    def _ring(self) -> None:
        bell, self._bell = self._bell, asyncio.Event()
        bell.set()

    async def _tick(self) -> None:
        seen = -1
        while self._waiting:
            # An outage is told to whoever asks; who waits goes on waiting.
            with suppress(Unavailable):
                last = await self._events.last()
                if last != seen:
                    self._ring()
                seen = last
            await asyncio.sleep(TICK_SECONDS)

    async def _tokens(self, events: Sequence[StoredSecurityEvent]) -> dict[str, str]:
        return {event.token_id: await self._token(event) for event in events}

    async def _token(self, event: StoredSecurityEvent) -> str:
        now = self._fresh().now
        signed_at, token = self._signed.get(event.sequence, (0, ""))
        if now < signed_at + _SIGNED_SECONDS:
            return token
        claims = security_event_claims(
            event.revocation, issuer=self._issuer, audience=self._audience, token_id=event.token_id, now=now
        )
        # OIDSSF-4.1.1/typ
        token = await self._signer.sign(claims, typ=SECURITY_EVENT_TOKEN.typ, algorithm=_ALGORITHM)
        if len(self._signed) >= _SIGNED:
            self._signed.clear()
        self._signed[event.sequence] = (now, token)
        return token
