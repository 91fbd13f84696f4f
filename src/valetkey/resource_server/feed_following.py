"""Follows the live feed of revocations: the one file of the guard that polls (RFC 8936); how, `feed` says."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from valetkey.jose import InvalidToken, KeySourceUnavailable, Verifier
from valetkey.jose.clock import system_clock
from valetkey.jose.token_kinds import SECURITY_EVENT_TOKEN
from valetkey.oauth.security_event import MalformedSecurityEvent, parse_revocation
from valetkey.resource_server.feed import (
    DEADLINE_SECONDS,
    MAXIMUM_OCTETS,
    PATH,
    FeedEndpoint,
    FeedState,
    FeedUnavailable,
    read_answer,
)
from valetkey.resource_server.revocation_view import RevokedTokens

if TYPE_CHECKING:
    from collections.abc import Collection

    import httpx2

    from valetkey.jose.clock import Clock
    from valetkey.oauth.access_token import AccessToken
    from valetkey.oauth.event_poll import EventAnswer
    from valetkey.resource_server.feed import FeedCredentials
    from valetkey.resource_server.keys import KeySource

FIRST_ANSWER_SECONDS: Final = 5.0
"""How long a request that nothing else can judge waits for the first answer."""


class Verdict(StrEnum):
    """What the feed says of a token."""

    REVOKED = "revoked"
    LIVING = "living"
    UNKNOWN = "unknown"
    """It is down, or was not read yet: it cannot say."""


class RevocationFeed:
    """The feed of one issuer, followed from the first question on, on the event loop that asks it.

    Where it is current, it says of each token at once whether it is dead. What it has learnt stays known while it
    is down. `transport` replaces the network, `clock` the time.
    """

    def __init__(
        self,
        issuer: str,
        credentials: FeedCredentials,
        keys: KeySource,
        *,
        algorithms: Collection[str],
        transport: httpx2.AsyncBaseTransport | None = None,
        clock: Clock = system_clock,
    ) -> None:
        """Build it; raises ValueError for an address that is not safe to send credentials to."""
        self._endpoint = FeedEndpoint(credentials.url or issuer + PATH, credentials)
        self._keys = keys
        self._transport = transport
        self._clock = clock
        self._state = FeedState()
        self._revoked = RevokedTokens()
        self._following: asyncio.Task[None] | None = None
        self._settled = asyncio.Event()
        self._verifier = Verifier(
            issuer=issuer,
            audience=self._endpoint.url,
            typ=SECURITY_EVENT_TOKEN.typ,
            algorithms=algorithms,
            kind=SECURITY_EVENT_TOKEN,
        )

    @property
    def state(self) -> FeedState:
        """What is known of the feed at the moment."""
        return self._state

    @property
    def outage(self) -> str | None:
        """Why the feed cannot say at the moment what was revoked, for an operator; None while it can."""
        now = self._clock()
        if self._state.is_current(now) and self._revoked.is_complete(now):
            return None
        return self._state.failure if self._state.failures else "the feed is being read"

    def judge(self, token: AccessToken) -> Verdict:
        """Say what the feed knows of a token whose signature was verified; the first call begins to follow it."""
        self._follow()
        if self._revoked.covers(token):
            return Verdict.REVOKED
        now = self._clock()
        is_known = self._state.is_current(now) and self._revoked.is_complete(now)
        return Verdict.LIVING if is_known else Verdict.UNKNOWN

    def was_current_within(self, seconds: int) -> bool:
        """Say whether everything was known at a moment that is no longer ago."""
        return self._state.was_current_within(seconds, self._clock())

    async def settle(self) -> None:
        """Wait for the first answer, or the first failure, for a few seconds."""
        self._follow()
        try:
            async with asyncio.timeout(FIRST_ANSWER_SECONDS):
                await self._settled.wait()
        except TimeoutError:
            return

    async def aclose(self) -> None:
        """Stop following, and close the connections; the next question begins anew."""
        following, self._following = self._following, None
        if following is not None:
            following.cancel()
            await asyncio.wait([following])

    def _follow(self) -> None:
        following, loop = self._following, asyncio.get_running_loop()
        if following is None or following.done() or following.get_loop() is not loop:
            self._settled = asyncio.Event()
            self._following = loop.create_task(self._forever())

    async def _forever(self) -> None:
        # Importing the client and reading the trusted certificates take long: the event loop must not stand still.
        async with await asyncio.to_thread(_client, self._transport) as client:
            while True:
                self._revoked.forget(self._clock())
                pause = self._state.pause(self._clock())
                if pause:
                    await asyncio.sleep(pause)
                asked_at = self._clock()
                try:
                    async with asyncio.timeout(DEADLINE_SECONDS):
                        answer = await self._ask(client)
                    await self._take_in(answer)
                except TimeoutError:
                    self._state = self._state.failed("the issuer does not answer in time", self._clock())
                except (FeedUnavailable, KeySourceUnavailable, MalformedSecurityEvent) as error:
                    self._state = self._state.failed(str(error), self._clock())
                except InvalidToken as error:
                    # An event that is not believed is never passed over: what it says is not known.
                    self._state = self._state.failed(f"an event is not believed ({error.code})", self._clock())
                else:
                    self._state = self._state.answered(answer, asked_at, self._clock())
                if not self._state.is_behind or self._state.failures:
                    self._settled.set()

    async def _ask(self, client: httpx2.AsyncClient) -> EventAnswer:
        import httpx2  # noqa: PLC0415 - dear to import: only who asks pays

        endpoint = self._endpoint
        try:
            async with client.stream(
                "POST", endpoint.url, content=self._state.question(), headers=endpoint.headers()
            ) as response:
                headers = {name.lower(): value for name, value in response.headers.items()}
                if headers.get("content-encoding", "identity") != "identity":
                    # Never inflated: a few octets could become gigabytes.
                    raise FeedUnavailable("the issuer compressed its answer unasked")
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > MAXIMUM_OCTETS:
                        raise FeedUnavailable("the issuer's answer is too large")
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            raise FeedUnavailable(f"the issuer cannot be asked ({type(error).__name__})") from error
        return read_answer(response.status_code, headers, bytes(body))

    async def _take_in(self, answer: EventAnswer) -> None:
        for token_id, token in answer.tokens.items():
            verified = await self._keys.verify(self._verifier, token, self._clock())
            if verified.claims["jti"] != token_id:
                raise MalformedSecurityEvent("a token stands under another's identifier")  # RFC8936-2.3/sets
            revocation = parse_revocation(verified.claims)
            if revocation is not None:
                self._revoked.learn(revocation, self._clock())


def _client(transport: httpx2.AsyncBaseTransport | None) -> httpx2.AsyncClient:
    import httpx2  # noqa: PLC0415 - dear to import: only who asks pays

    return httpx2.AsyncClient(transport=transport, follow_redirects=False, timeout=DEADLINE_SECONDS)
