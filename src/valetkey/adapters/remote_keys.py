"""Keys that clients and trusted issuers publish, kept for each URL and fetched through the guarded way out."""

from __future__ import annotations

from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.outbound import FetchRules, Lane, Unfetchable
from valetkey.jose import AsyncRemoteJwkSet, ConfigurationError, JwkSet, KeySourceUnavailable
from valetkey.jose.clock import system_clock
from valetkey.jose.remote import FetchAnswer, FetchRequest

if TYPE_CHECKING:
    from valetkey.authorization_server.ports import EventLog, OutboundFetch
    from valetkey.jose.clock import Clock
    from valetkey.jose.remote import RemoteJwkSet

MOST_SOURCES: Final = 500
"""Key sets kept in each lane: beyond them, the one that was asked for longest ago is fetched anew."""
_MEDIA_TYPES: Final = ("application/jwk-set+json", "application/json")


class FetchedKeys:
    """The RemoteKeys of a process; what strangers name never displaces what an operator registered."""

    def __init__(self, outbound: OutboundFetch, log: EventLog, *, clock: Clock = system_clock) -> None:
        self._outbound = outbound
        self._log = log
        self._clock = clock
        self._known: dict[Lane, OrderedDict[str, AsyncRemoteJwkSet]] = {lane: OrderedDict() for lane in Lane}

    async def find(self, jwks_uri: str, kid: str | None, lane: Lane = Lane.REGISTERED) -> JwkSet:
        """Return the keys of a URL, fetched anew for an unknown `kid`; raises KeySourceUnavailable."""
        known = self._known[lane]
        source = known.get(jwks_uri)
        if source is None:
            try:
                source = AsyncRemoteJwkSet(
                    jwks_uri, fetch=partial(self._fetch, lane), clock=self._clock, report=self._report
                )
            except ConfigurationError as error:
                raise KeySourceUnavailable(str(error)) from None
            known[jwks_uri] = source
            if len(known) > MOST_SOURCES:
                known.popitem(last=False)
        known.move_to_end(jwks_uri)
        return await source.keys_for(kid)

    async def _fetch(self, lane: Lane, request: FetchRequest) -> FetchAnswer:
        rules = FetchRules(
            _MEDIA_TYPES,
            request.maximum_octets,
            lane,
            deadline_seconds=request.deadline_seconds,
            etag=request.headers.get("if-none-match"),
        )
        try:
            found = await self._outbound.get(request.url, rules)
        except Unfetchable as failure:
            raise KeySourceUnavailable(failure.detail) from None
        return FetchAnswer(found.status, found.headers, found.body)

    def _report(self, state: RemoteJwkSet) -> None:
        if state.failures:
            self._log.write("keys.unavailable", jwks_uri=state.url.partition("?")[0], why=state.failure)
