"""Introspection over HTTP (RFC 7662, 2): the one file of the guard that asks; when, `introspection` says."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from valetkey.jose.clock import Clock, system_clock
from valetkey.resource_server.introspection import (
    LONGEST_BELIEF,
    MAXIMUM_OCTETS,
    IntrospectionEndpoint,
    IntrospectionMemory,
    IntrospectionUnavailable,
    Known,
    read_answer,
)

if TYPE_CHECKING:
    import httpx2

    from valetkey.oauth.access_token import AccessToken

DEADLINE_SECONDS: Final = 3.0


class RemoteIntrospection:
    """Asks an issuer's introspection endpoint, once for however many requests bring one token at the same time.

    An active answer is believed for `longest_belief` seconds (10 at most, 0 asks every time) and never beyond the
    token's expiry. `transport` replaces the network, `clock` the time. For one event loop.
    """

    def __init__(
        self,
        url: str,
        client_id: str,
        client_secret: str,
        *,
        longest_belief: int = LONGEST_BELIEF,
        transport: httpx2.AsyncBaseTransport | None = None,
        clock: Clock = system_clock,
    ) -> None:
        """Build it; raises ValueError for an endpoint that is not safe to send tokens to."""
        self._endpoint = IntrospectionEndpoint(url, client_id, client_secret)
        self._memory = IntrospectionMemory(longest_belief)
        self._transport = transport
        self._clock = clock
        self._flights: dict[str, asyncio.Task[Known]] = {}
        self._opening: asyncio.Task[httpx2.AsyncClient] | None = None

    async def introspect(self, token: str) -> AccessToken | None:
        """Return what an active token says, None for any other; raises IntrospectionUnavailable."""
        known = self._memory.find(token, self._clock())
        if known is None:
            flight, loop = self._flights.get(token), asyncio.get_running_loop()
            if flight is None or flight.get_loop() is not loop:
                flight = loop.create_task(self._fly(token))
                self._flights[token] = flight
            known = await asyncio.shield(flight)
        return known.token

    async def introspect_anew(self, token: str) -> AccessToken | None:
        """Return what is answered to a question that is asked now; raises IntrospectionUnavailable.

        A question that is under way already may have been judged before: it is waited for, and another one asked.
        """
        flight = self._flights.get(token)
        if flight is not None:
            await asyncio.wait([flight])
        self._memory.forget(token)
        return await self.introspect(token)

    async def aclose(self) -> None:
        """Close the connections; the next question opens new ones."""
        opening, self._opening = self._opening, None
        if opening is not None:
            await (await opening).aclose()

    async def _fly(self, token: str) -> Known:
        # The issuer may revoke the token the moment after it judged, so belief begins with the question.
        asked_at = self._clock()
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                answer = await self._ask(token)
        except TimeoutError:
            raise IntrospectionUnavailable("the issuer did not answer in time") from None
        finally:
            self._flights.pop(token, None)
        return self._memory.keep(token, answer, asked_at)

    async def _ask(self, token: str) -> AccessToken | None:
        opening, loop = self._opening, asyncio.get_running_loop()
        # A forked worker has a loop of its own, and must not write into connections of its parent.
        if opening is None or opening.get_loop() is not loop:
            opening = self._opening = loop.create_task(self._open())
        client = await asyncio.shield(opening)
        import httpx2  # noqa: PLC0415 - dear to import: only who asks pays

        endpoint = self._endpoint
        try:
            async with client.stream(
                "POST", endpoint.url, content=endpoint.body(token), headers=endpoint.headers()
            ) as response:
                headers = {name.lower(): value for name, value in response.headers.items()}
                if headers.get("content-encoding", "identity") != "identity":
                    # Never inflated: a few octets could become gigabytes.
                    raise IntrospectionUnavailable("the issuer compressed its answer unasked")
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > MAXIMUM_OCTETS:
                        raise IntrospectionUnavailable("the issuer's answer is too large")
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            raise IntrospectionUnavailable(f"the issuer cannot be asked ({type(error).__name__})") from error
        return read_answer(response.status_code, headers, bytes(body))

    async def _open(self) -> httpx2.AsyncClient:
        # Importing the client and reading the trusted certificates take long: the event loop must not stand still.
        return await asyncio.to_thread(_client, self._transport)


def _client(transport: httpx2.AsyncBaseTransport | None) -> httpx2.AsyncClient:
    import httpx2  # noqa: PLC0415 - dear to import: only who asks pays

    return httpx2.AsyncClient(transport=transport, follow_redirects=False, timeout=DEADLINE_SECONDS)
