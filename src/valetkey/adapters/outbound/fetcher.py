"""GuardedFetcher: every address outside that the server asks is asked here (DESIGN, 8)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from valetkey.adapters.outbound.exchange import Exchange, trust
from valetkey.adapters.outbound.lanes import Lanes
from valetkey.adapters.outbound.resolving import Resolver, SystemResolver
from valetkey.adapters.outbound.target import parse_target, places_of
from valetkey.authorization_server.outbound import FetchedDocument, FetchRules, Lane, Unfetchable

if TYPE_CHECKING:
    import ssl
    from collections.abc import Coroutine, Mapping

    from valetkey.authorization_server.outbound import OutboundBody
    from valetkey.authorization_server.outbound_guard import Guard
    from valetkey.authorization_server.ports import EventLog

_HTTP_OK: Final = 200
_HTTP_NOT_MODIFIED: Final = 304

Outcome = FetchedDocument | Unfetchable


class GuardedFetcher:
    """The OutboundFetch of a process: judged and pinned addresses, https, no redirect, size and time caps.

    One exchange at a time for one URL, however many ask for it. Failures are logged here, with their reason; the
    error that is raised says nothing in its text.
    """

    def __init__(
        self, guard: Guard, log: EventLog, *, resolver: Resolver | None = None, lanes: Lanes | None = None
    ) -> None:
        self._guard = guard
        self._log = log
        # Lookups cannot be broken off: those of strangers, which may hang, have threads of their own.
        self._own_resolvers = {} if resolver is not None else {lane: SystemResolver() for lane in Lane}
        self._resolvers: Mapping[Lane, Resolver] = (
            dict.fromkeys(Lane, resolver) if resolver is not None else self._own_resolvers
        )
        self._lanes = lanes or Lanes()
        self._flights: dict[tuple[str, FetchRules], asyncio.Task[Outcome]] = {}
        self._posts: set[asyncio.Task[Outcome]] = set()
        self._context: asyncio.Task[ssl.SSLContext] | None = None

    async def get(self, url: str, asked: FetchRules) -> FetchedDocument:
        """Return a document that came with 200 and one of the media types, or a 304; raises Unfetchable."""
        key = (url, asked)
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = asyncio.get_running_loop().create_task(self._get(url, asked))
            flight.add_done_callback(lambda _: self._flights.pop(key, None))
        return await _landed(flight)

    async def post(self, url: str, body: OutboundBody, asked: FetchRules) -> FetchedDocument:
        """Return the answer to `body`, with any status that leads nowhere else; raises Unfetchable."""
        post = asyncio.get_running_loop().create_task(self._logged(url, self._exchange("POST", url, asked, body)))
        self._posts.add(post)
        post.add_done_callback(self._posts.discard)
        return await _landed(post)

    def is_blocked(self, url: str) -> bool:
        """Say whether the operator forbids `url`, or whether it is none that could be asked for."""
        try:
            target = parse_target(url, self._guard.openings)
        except Unfetchable:
            return True
        return self._guard.blocks.forbids(url, target.host)

    def is_opened(self, host: str) -> bool:
        """Say whether the operator named `host`, in lower case, as one of their own network."""
        return self._guard.openings.names(host)

    async def close(self) -> None:
        """Break off what is under way."""
        tasks: list[asyncio.Task[Outcome] | asyncio.Task[ssl.SSLContext]] = [*self._flights.values(), *self._posts]
        if self._context is not None:
            tasks.append(self._context)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for resolver in self._own_resolvers.values():
            resolver.close()

    async def _get(self, url: str, asked: FetchRules) -> Outcome:
        return await self._logged(url, self._document(url, asked))

    async def _document(self, url: str, asked: FetchRules) -> FetchedDocument:
        found = await self._exchange("GET", url, asked, None)
        if found.status == _HTTP_NOT_MODIFIED and asked.etag is not None:
            return found
        if found.status != _HTTP_OK:  # CIMD-4/status
            raise Unfetchable(f"answered {found.status}", found.status)
        if not asked.accepts(found.media_type):
            raise Unfetchable(f"answered with the media type {found.media_type[:100]!r}", found.status)
        return found

    async def _logged(self, url: str, exchange: Coroutine[None, None, FetchedDocument]) -> Outcome:
        try:
            return await exchange
        except Unfetchable as failure:
            # Its query may hold what is not ours to keep.
            self._log.write("outbound.failed", url=url.partition("?")[0], why=failure.detail)
            return failure

    async def _exchange(
        self, method: str, url: str, asked: FetchRules, body: OutboundBody | None
    ) -> FetchedDocument:
        target = parse_target(url, self._guard.openings)
        if self._guard.blocks.forbids(url, target.host):
            raise Unfetchable("the operator forbids it")
        # Before the clock starts: to read our own certificates is no delay of theirs.
        trusted = await self._trust()
        try:
            async with asyncio.timeout(asked.deadline_seconds), self._lanes.place(asked.lane):
                places = await places_of(target, self._guard.openings, self._resolvers[asked.lane])
                return await Exchange(method, target, asked, body).run(places, trusted)
        except TimeoutError:
            raise Unfetchable(f"no answer within {asked.deadline_seconds:g} s") from None

    async def _trust(self) -> ssl.SSLContext:
        if self._context is None:
            # In a thread: it takes long enough to be felt by every other request.
            reading = asyncio.to_thread(trust, self._guard.ca_file)
            self._context = asyncio.get_running_loop().create_task(reading)
        try:
            return await asyncio.shield(self._context)
        except OSError as error:
            self._context = None
            raise Unfetchable(f"the trusted certificates cannot be read: {error}") from None


async def _landed(flight: asyncio.Task[Outcome]) -> FetchedDocument:
    try:
        # Shielded: who gives up waiting does not break off what others wait for.
        outcome = await asyncio.shield(flight)
    except asyncio.CancelledError:
        if flight.cancelled():
            raise Unfetchable("the server is stopping") from None
        raise
    if isinstance(outcome, Unfetchable):
        # A new one for each who waited: a traceback belongs to one of them.
        raise Unfetchable(outcome.detail, outcome.status)
    return outcome
