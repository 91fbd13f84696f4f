"""Runs flows against one issuer over HTTP: the asynchronous shell, for one event loop (RFC 9110)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Self, TypeVar

from valetkey.client.authentication import NoAuthentication, Registration
from valetkey.client.connection import refuse_encoding, refuse_excess, response_of
from valetkey.client.discovery import discover, require_issuer
from valetkey.client.errors import ServerUnreachable
from valetkey.client.exchange import Party
from valetkey.client.flow import (
    DEADLINE_SECONDS,
    AsyncTokenStore,
    Draw,
    Load,
    Now,
    Send,
    Swap,
    Wait,
    is_loopback_url,
)
from valetkey.jose.clock import Clock, system_clock
from valetkey.jose.entropy import random_octets

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from types import TracebackType

    import httpx2

    from valetkey.client.authentication import ClientAuthentication
    from valetkey.client.flow import Effect, Flow, OutgoingRequest
    from valetkey.oauth.http import HttpResponse

P = ParamSpec("P")
T = TypeVar("T")


class AsyncConnection:
    """One client at one issuer; connections are opened when first needed, and kept.

    `verify` is what TLS trusts instead of the usual authorities, `transport` replaces the network, `clock` the
    time. Stores are asked in a thread, so that they may block. Raises ValueError for an issuer that is no https URL
    (http is for loopback only).
    """

    def __init__(
        self,
        issuer: str,
        client_id: str,
        authentication: ClientAuthentication | None = None,
        *,
        verify: ssl.SSLContext | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
        clock: Clock = system_clock,
    ) -> None:
        require_issuer(issuer)
        self.issuer = issuer
        self.registration = Registration(client_id, authentication or NoAuthentication())
        self._verify, self._transport, self._clock = verify, transport, clock
        self._opening: asyncio.Task[httpx2.AsyncClient] | None = None
        self._party: Party | None = None

    async def party(self) -> Party:
        """Return both sides: the server's endpoints are discovered once."""
        if self._party is None:
            found = await self._drive(discover(self.issuer))
            if self._party is None:
                self._party = Party(found, self.registration)
        return self._party

    async def run(self, flow: Callable[Concatenate[Party, P], Flow[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a flow between client and server to its end; raises FlowError and nothing else."""
        return await self._drive(flow(await self.party(), *args, **kwargs))

    async def aclose(self) -> None:
        """Close the connections; the next flow opens new ones."""
        opening, self._opening = self._opening, None
        if opening is not None:
            await (await opening).aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _drive(self, flow: Flow[T]) -> T:
        reply: Any = None
        try:
            effect = next(flow)
            while True:
                try:
                    reply = await self._done(effect)
                except Exception as error:  # noqa: BLE001 - the flow decides what a failure means
                    effect = flow.throw(error)
                else:
                    effect = flow.send(reply)
        except StopIteration as end:
            result: T = end.value
            return result

    async def _done(self, effect: Effect) -> Any:
        match effect:
            case Send(request):
                return await self._send(request)
            case Wait(seconds):
                return await asyncio.sleep(seconds)
            case Now():
                return self._clock()
            case Draw(octets):
                return random_octets(octets)
            case Load(store):
                if isinstance(store, AsyncTokenStore):
                    return await store.load_async()
                return await asyncio.to_thread(store.load)
            case Swap(store, expected, document):
                if isinstance(store, AsyncTokenStore):
                    return await store.swap_async(expected, document)
                return await asyncio.to_thread(store.swap, expected, document)

    async def _send(self, request: OutgoingRequest) -> HttpResponse:
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                return await self._exchange(request)
        except TimeoutError as error:
            raise ServerUnreachable("The server did not answer in time.") from error

    async def _exchange(self, request: OutgoingRequest) -> HttpResponse:
        http = await self._opened()
        import httpx2  # noqa: PLC0415 - dear to import: only who sends pays

        headers = [*request.headers, ("accept-encoding", "identity")]
        try:
            async with http.stream(request.method, request.url, headers=headers, content=request.body) as response:
                refuse_encoding(response.headers)
                body = bytearray()
                async for chunk in response.aiter_raw():
                    body += chunk
                    refuse_excess(len(body))
                return response_of(response, bytes(body))
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            raise ServerUnreachable(f"The server cannot be reached ({type(error).__name__}).") from error

    async def _opened(self) -> httpx2.AsyncClient:
        if self._opening is None:
            # Importing the client and reading the trusted certificates take long: the loop must not stand still.
            self._opening = asyncio.get_running_loop().create_task(asyncio.to_thread(self._open))
        try:
            return await asyncio.shield(self._opening)
        except (OSError, ValueError) as error:
            self._opening = None
            raise ServerUnreachable(f"No connection can be made ({type(error).__name__}).") from error

    def _open(self) -> httpx2.AsyncClient:
        import httpx2  # noqa: PLC0415 - dear to import: only who asks pays

        return httpx2.AsyncClient(
            verify=True if self._verify is None else self._verify,
            transport=self._transport,
            follow_redirects=False,
            timeout=DEADLINE_SECONDS,
            # A proxy of the environment is for the world outside: it would read what goes over http.
            trust_env=not is_loopback_url(self.issuer),
        )
