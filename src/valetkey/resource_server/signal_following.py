"""Follows the stream of a transmitter: the one file that polls for them (RFC 8936)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from valetkey.jose import KeySourceUnavailable
from valetkey.jose.clock import system_clock
from valetkey.oauth.event_poll import MEDIA_TYPE, SetError
from valetkey.resource_server.feed import FeedUnavailable, read_answer
from valetkey.resource_server.signal_polling import (
    DEADLINE_SECONDS,
    MOST_OCTETS,
    WAIT_SECONDS,
    PollState,
    safe_endpoint,
)
from valetkey.resource_server.signals import SignalRefused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx2

    from valetkey.jose.clock import Clock
    from valetkey.oauth.access_token import AccessToken
    from valetkey.oauth.event_poll import EventAnswer
    from valetkey.resource_server.feed_following import Verdict
    from valetkey.resource_server.signals import Hearing, Signals

    Authorization = Callable[[], Awaitable[str]]
    Told = Callable[[Hearing | SignalRefused], None]

FIRST_ANSWER_SECONDS: Final = 5.0
"""How long `settle` waits."""


class SignalPolling:
    """One stream, followed on the event loop that asks it: what it brings is acknowledged once it holds.

    `authorization` returns the value of the `Authorization` header, fresh enough for one question. `transport`
    replaces the network, `clock` the time; `told` is called with what was made of each token.
    """

    def __init__(
        self,
        endpoint_url: str,
        signals: Signals,
        authorization: Authorization,
        *,
        told: Told | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
        clock: Clock = system_clock,
    ) -> None:
        """Build it; raises ValueError for an address that is not safe to send an access token to."""
        self._url = safe_endpoint(endpoint_url)
        self._signals = signals
        self._authorization = authorization
        self._told = told
        self._transport = transport
        self._clock = clock
        self._state = PollState()
        self._following: asyncio.Task[None] | None = None
        self._settled = asyncio.Event()

    @property
    def outage(self) -> str | None:
        """Why nothing is heard at the moment, for an operator; None while all is well."""
        return self._state.failure

    def judge(self, token: AccessToken) -> Verdict:
        """Say what the signals say of a verified token; the first call begins to follow the stream."""
        self.follow()
        return self._signals.judge(token)

    def follow(self) -> None:
        """Begin to follow the stream, unless that is done already."""
        following, loop = self._following, asyncio.get_running_loop()
        if following is None or following.done() or following.get_loop() is not loop:
            self._settled = asyncio.Event()
            self._following = loop.create_task(self._forever())

    async def settle(self) -> None:
        """Wait for the first answer, or the first failure, for a few seconds."""
        self.follow()
        try:
            async with asyncio.timeout(FIRST_ANSWER_SECONDS):
                await self._settled.wait()
        except TimeoutError:
            return

    async def aclose(self) -> None:
        """Stop following, and close the connections."""
        following, self._following = self._following, None
        if following is not None:
            following.cancel()
            await asyncio.wait([following])

    async def _forever(self) -> None:
        async with await asyncio.to_thread(_client, self._transport) as client:
            while True:
                pause = self._state.pause(self._clock())
                if pause:
                    await asyncio.sleep(pause)
                try:
                    async with asyncio.timeout(DEADLINE_SECONDS):
                        await self._turn(client)
                except TimeoutError:
                    self._state = self._state.failed("the transmitter does not answer in time", self._clock())
                except (FeedUnavailable, KeySourceUnavailable) as error:
                    self._state = self._state.failed(str(error), self._clock())
                except Exception as error:  # noqa: BLE001 - whatever the source of access tokens raises
                    self._state = self._state.failed(f"no access token ({type(error).__name__})", self._clock())
                if not self._state.is_behind or self._state.failures:
                    self._settled.set()

    async def _turn(self, client: httpx2.AsyncClient) -> None:
        asked_at, was_behind = self._clock(), self._state.is_behind
        answer = await self._ask(client)
        taken: list[str] = []
        errors: dict[str, SetError] = {}
        for token_id, token in answer.tokens.items():
            try:
                outcome: Hearing | SignalRefused = await self._signals.hear(token)
                taken.append(token_id)
            except SignalRefused as refused:
                outcome = refused
                errors[token_id] = SetError(refused.code.value, refused.description)
            if self._told is not None:
                self._told(outcome)
        now = self._clock()
        was_hasty = not (answer.tokens or was_behind) and now <= asked_at
        self._state = self._state.answered(
            tuple(taken), errors, has_more=answer.has_more, was_hasty=was_hasty, now=now
        )

    async def _ask(self, client: httpx2.AsyncClient) -> EventAnswer:
        import httpx2  # noqa: PLC0415 - dear to import: only who asks pays

        headers = {
            "accept": MEDIA_TYPE,
            "accept-encoding": "identity",
            "authorization": await self._authorization(),
            "content-type": MEDIA_TYPE,
            "prefer": f"wait={WAIT_SECONDS}",
        }
        try:
            async with client.stream(
                "POST", self._url, content=self._state.question(), headers=headers
            ) as response:
                found = {name.lower(): value for name, value in response.headers.items()}
                if found.get("content-encoding", "identity") != "identity":
                    # Never inflated: a few octets could become gigabytes.
                    raise FeedUnavailable("the transmitter compressed its answer unasked")
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > MOST_OCTETS:
                        raise FeedUnavailable("the transmitter's answer is too large")
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            raise FeedUnavailable(f"the transmitter cannot be asked ({type(error).__name__})") from error
        return read_answer(response.status_code, found, bytes(body))


def _client(transport: httpx2.AsyncBaseTransport | None) -> httpx2.AsyncClient:
    import httpx2  # noqa: PLC0415 - dear to import: only who asks pays

    return httpx2.AsyncClient(transport=transport, follow_redirects=False, timeout=DEADLINE_SECONDS)
