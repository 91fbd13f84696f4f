"""Follows the status lists that tokens name: the one file of this room that fetches (Token Status List, 8)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from valetkey.jose import InvalidToken, KeySourceUnavailable, Verifier
from valetkey.jose.clock import system_clock
from valetkey.jose.fetching import fetch_over
from valetkey.jose.remote import Need
from valetkey.jose.token_kinds import STATUS_LIST_TOKEN
from valetkey.oauth.status_list import MEDIA_TYPE
from valetkey.resource_server.revocation_view import (
    DEADLINE_SECONDS,
    MAXIMUM_LIST_TOKEN_OCTETS,
    RevocationView,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    from valetkey.jose.clock import Clock
    from valetkey.jose.fetching import Fetch
    from valetkey.jose.remote import FetchAnswer
    from valetkey.oauth.status_list import StatusReference
    from valetkey.resource_server.keys import KeySource
    from valetkey.resource_server.revocation_view import KnownStatusList

_OK: Final = 200
_NOT_MODIFIED: Final = 304


class StatusFollower:
    """The status lists of one issuer, for asynchronous callers of one event loop.

    No I/O while a list is fresh; one fetch of a list at a time, however many wait. `insecure_stale_seconds`
    accepts tokens by a list that is so much older than it may be, while the issuer cannot be reached: 0 refuses.
    """

    def __init__(
        self,
        issuer: str,
        keys: KeySource,
        *,
        algorithms: Collection[str],
        fetch: Fetch | None = None,
        clock: Clock = system_clock,
        insecure_stale_seconds: int = 0,
    ) -> None:
        """Build it; raises ValueError where more than an hour's staleness is asked for."""
        self._keys = keys
        self._fetch = fetch_over() if fetch is None else fetch
        self._clock = clock
        self._view = RevocationView(issuer, insecure_stale_seconds)
        self._flights: dict[str, asyncio.Task[KnownStatusList]] = {}
        # TSL-5.1/mac: no MAC can be among the algorithms of a guard.
        self._verifier = Verifier(
            issuer=issuer,
            audience=issuer,
            typ=STATUS_LIST_TOKEN.typ,
            algorithms=algorithms,
            kind=STATUS_LIST_TOKEN,
            maximum_octets=MAXIMUM_LIST_TOKEN_OCTETS,
        )

    async def is_revoked(self, reference: StatusReference) -> bool:
        """Say whether the token with this reference is revoked.

        Raises StatusUnavailable where that cannot be said now, MalformedStatusList where it never can.
        """
        now = self._clock()
        known = self._view.of(reference)
        if now >= known.refresh_at:
            match known.need(now):
                case Need.FETCH:
                    known = await asyncio.shield(self._fly(known))
                    now = self._clock()
                case Need.REFRESH:
                    flight = self._fly(known)
                    del flight  # it is kept until it lands; this request does not wait for it
                case Need.NOTHING:
                    pass
        return known.is_revoked(reference.index, now)

    def _fly(self, known: KnownStatusList) -> asyncio.Task[KnownStatusList]:
        flight, loop = self._flights.get(known.uri), asyncio.get_running_loop()
        if flight is None or flight.done() or flight.get_loop() is not loop:
            flight = self._flights[known.uri] = loop.create_task(self._refresh(known))
        return flight

    async def _refresh(self, known: KnownStatusList) -> KnownStatusList:
        request = known.request()
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                answer = await self._fetch(request)
                learnt = await self._learnt(known, answer)
        except TimeoutError:
            learnt = known.failed("the issuer does not answer in time", self._clock())
        except InvalidToken as error:
            learnt = known.failed(
                f"the list token is not believed ({error.code})", self._clock()
            )  # TSL-5.1/signature
        except KeySourceUnavailable as error:
            learnt = known.failed(str(error), self._clock())
        except Exception as error:  # noqa: BLE001  # a fetch may be other people's code: whatever it raises, no list came
            learnt = known.failed(f"the issuer cannot be reached ({type(error).__name__})", self._clock())
        self._view.learn(learnt)
        self._flights.pop(known.uri, None)
        return learnt

    async def _learnt(self, known: KnownStatusList, answer: FetchAnswer) -> KnownStatusList:
        now = self._clock()
        if answer.status == _NOT_MODIFIED:
            return known.unchanged(now)
        content_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        if answer.status != _OK or content_type != MEDIA_TYPE:
            return known.failed(f"the issuer answered {answer.status} {content_type[:64]}", now)
        if answer.headers.get("content-encoding", "identity") != "identity":
            return known.failed("the issuer compressed its answer unasked", now)
        verified = await self._keys.verify(self._verifier, answer.body.decode("latin-1"), now)
        return known.told(verified.claims, answer.headers.get("etag"), now)
