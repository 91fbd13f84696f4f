"""The asynchronous and the synchronous face of RemoteJwkSet: the only file of the toolkit that does I/O."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias

from valetkey.jose.clock import Clock, system_clock
from valetkey.jose.errors import KeySourceUnavailable, UnknownKey
from valetkey.jose.jws import parse_compact
from valetkey.jose.remote import DEADLINE_SECONDS, FetchAnswer, FetchRequest, Need, RemoteJwkSet

if TYPE_CHECKING:
    import httpx2

    from valetkey.jose.jwk_set import JwkSet
    from valetkey.jose.jwt import VerifiedJwt
    from valetkey.jose.verified_tokens import TokenVerifier

Fetch: TypeAlias = Callable[[FetchRequest], Awaitable[FetchAnswer]]

Report: TypeAlias = Callable[[RemoteJwkSet], None]


def _no_report(_state: RemoteJwkSet) -> None:
    return


def _load_client() -> None:
    import httpx2  # noqa: F401, PLC0415 - loading is all that is wanted here


def fetch_over(transport: httpx2.AsyncBaseTransport | None = None) -> Fetch:
    """Returns the fetch over httpx2, which raises KeySourceUnavailable for whatever goes wrong on the way.

    Follows no redirect, asks for no compression, and stops reading at the limit. `transport` replaces the network.
    """

    async def fetch(request: FetchRequest) -> FetchAnswer:
        # Importing the client and reading the trusted certificates take long: the event loop must not stand still.
        await asyncio.to_thread(_load_client)
        import httpx2  # noqa: PLC0415 - dear to import: only who fetches pays

        try:
            client = await asyncio.to_thread(
                httpx2.AsyncClient, transport=transport, follow_redirects=False, timeout=request.deadline_seconds
            )
            async with client, client.stream("GET", request.url, headers=dict(request.headers)) as response:
                headers = {name.lower(): value for name, value in response.headers.items()}
                if headers.get("content-encoding", "identity") != "identity":
                    # Never inflated: a few octets could become gigabytes.
                    return FetchAnswer(response.status_code, headers)
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > request.maximum_octets:
                        raise KeySourceUnavailable("the source's answer is too large")
                return FetchAnswer(response.status_code, headers, bytes(body))
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            raise KeySourceUnavailable(f"the source cannot be reached ({type(error).__name__})") from error

    return fetch


async def _next_state(known: RemoteJwkSet, fetch: Fetch, clock: Clock, wanted: str | None) -> RemoteJwkSet:
    request = known.request()
    try:
        async with asyncio.timeout(request.deadline_seconds):
            answer = await fetch(request)
    except KeySourceUnavailable as error:
        return known.failed(str(error), clock())
    except TimeoutError:
        return known.failed("the source did not answer in time", clock())
    except Exception as error:  # noqa: BLE001 - a fetch is anyone's code: whatever it raises, no keys came
        return known.failed(f"the source cannot be reached ({type(error).__name__})", clock())
    return known.answered(answer, clock(), wanted=wanted)


class AsyncRemoteJwkSet:
    """The keys of a URL for asynchronous callers of one event loop; no I/O while the key is known and fresh.

    One fetch at a time, however many wait. `fetch` replaces the way to the network, `clock` the time; `report` is
    told what is known after every fetch, for a log: a failure with its reason, or keys and those left out.
    """

    def __init__(
        self,
        url: str,
        *,
        fetch: Fetch | None = None,
        clock: Clock = system_clock,
        report: Report = _no_report,
        deadline_seconds: float = DEADLINE_SECONDS,
    ) -> None:
        self._state = RemoteJwkSet(url, deadline_seconds)
        self._fetch = fetch_over() if fetch is None else fetch
        self._clock = clock
        self._report = report
        self._flight: asyncio.Task[None] | None = None

    async def verify(self, verifier: TokenVerifier, token: str, now: int | None = None) -> VerifiedJwt:
        """Returns what `verifier` makes of `token` with the published keys.

        InvalidToken as `Verifier.verify` does; KeySourceUnavailable where no usable keys are known.
        """
        known = self._state.settled(self._clock())
        if known is not None:
            try:
                return verifier.verify(token, known, now=now)
            except UnknownKey:
                pass  # perhaps a newer set has it
        # Refused before any fetch: a token that no key could save must not cost the source a request.
        kid = verifier.kid_of(token)
        return verifier.verify(token, await self.keys_for(kid), now=now)

    async def find(self, token: str) -> JwkSet:
        """Returns the keys, fetched again where the header of `token` names one that is not among them.

        InvalidToken where it has no sound header; KeySourceUnavailable where no usable keys are known.
        """
        return await self.keys_for(parse_compact(token).header.kid)

    async def keys_for(self, kid: str | None) -> JwkSet:
        """Returns the keys, fetched again where none of them has this `kid`; KeySourceUnavailable without any."""
        now = self._clock()
        match self._state.need(kid, now):
            case Need.FETCH:
                await asyncio.shield(self._fly(kid))
            case Need.REFRESH:
                self._flight = self._fly(None)
            case Need.NOTHING:
                pass
        return self._state.usable(now)

    def _fly(self, kid: str | None) -> asyncio.Task[None]:
        flight, loop = self._flight, asyncio.get_running_loop()
        if flight is None or flight.done() or flight.get_loop() is not loop:
            flight = loop.create_task(self._refresh(kid))
        self._flight = flight
        return flight

    async def _refresh(self, kid: str | None) -> None:
        self._state = await _next_state(self._state, self._fetch, self._clock, kid)
        self._report(self._state)


class SyncRemoteJwkSet:
    """The keys of a URL for synchronous callers in any number of threads; no I/O while the key is known and fresh.

    One fetch at a time, in a thread of its own, however many wait. `fetch` replaces the way to the network (it is
    awaited in that thread), `clock` the time; `report` is told what is known after every fetch.
    """

    def __init__(
        self,
        url: str,
        *,
        fetch: Fetch | None = None,
        clock: Clock = system_clock,
        report: Report = _no_report,
        deadline_seconds: float = DEADLINE_SECONDS,
    ) -> None:
        self._state = RemoteJwkSet(url, deadline_seconds)
        self._fetch = fetch_over() if fetch is None else fetch
        self._clock = clock
        self._report = report
        self._lock = threading.Lock()
        self._flight: threading.Thread | None = None

    def verify(self, verifier: TokenVerifier, token: str, now: int | None = None) -> VerifiedJwt:
        """Returns what `verifier` makes of `token` with the published keys.

        InvalidToken as `Verifier.verify` does; KeySourceUnavailable where no usable keys are known.
        """
        known = self._state.settled(self._clock())
        if known is not None:
            try:
                return verifier.verify(token, known, now=now)
            except UnknownKey:
                pass  # perhaps a newer set has it
        kid = verifier.kid_of(token)
        return verifier.verify(token, self.keys_for(kid), now=now)

    def find(self, token: str) -> JwkSet:
        """Returns the keys, fetched again where the header of `token` names one that is not among them.

        InvalidToken where it has no sound header; KeySourceUnavailable where no usable keys are known.
        """
        return self.keys_for(parse_compact(token).header.kid)

    def keys_for(self, kid: str | None) -> JwkSet:
        """Returns the keys, fetched again where none of them has this `kid`; KeySourceUnavailable without any."""
        now = self._clock()
        need = self._state.need(kid, now)
        if need is not Need.NOTHING:
            flight = self._fly(kid, now)
            if need is Need.FETCH and flight is not None:
                # The deadline of the fetch ends the thread, and with it the wait.
                flight.join()
        return self._state.usable(now)

    def _fly(self, kid: str | None, now: int) -> threading.Thread | None:
        with self._lock:
            # Asked again, because another thread's flight may have landed since.
            if self._state.need(kid, now) is Need.NOTHING:
                return None
            if self._flight is None or not self._flight.is_alive():
                self._flight = threading.Thread(target=self._refresh, args=(kid,), daemon=True)
                self._flight.start()
            return self._flight

    def _refresh(self, kid: str | None) -> None:
        self._state = asyncio.run(_next_state(self._state, self._fetch, self._clock, kid))
        self._report(self._state)
