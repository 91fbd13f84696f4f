"""Sources of access tokens for an event loop: a machine's, and an end-user's (OAuth 2.1, 4.2 and 4.3)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from valetkey.client import renewal
from valetkey.client.errors import ServerUnreachable
from valetkey.jose.clock import Clock, system_clock
from valetkey.oauth.types import Scope

if TYPE_CHECKING:
    from valetkey.client.async_connection import AsyncConnection
    from valetkey.client.exchange import TokenResponse
    from valetkey.client.flow import TokenStore
    from valetkey.client.kept_tokens import TokenSet


class AsyncMachineTokens:
    """The access token of a client that acts for itself, kept in memory; however many ask, one request is sent.

    Renewed shortly before its end, at a moment that is drawn for each. While the server cannot be reached the
    present one serves as long as it lives.
    """

    def __init__(
        self, client: AsyncConnection, scope: str = "", *, resource: str | None = None, clock: Clock = system_clock
    ) -> None:
        self._client, self._resource, self._clock = client, resource, clock
        self._scope = Scope.parse(scope)
        self._kept: TokenSet | None = None
        self._flight: asyncio.Task[TokenSet] | None = None

    async def access_token(self) -> str:
        """Return a token that is good for a while; raises FlowError where there is none."""
        return await self._token(None)

    async def renewed(self, refused: str) -> str:
        """Return another token than `refused`, which an API did not take."""
        return await self._token(refused)

    async def _token(self, refused: str | None) -> str:
        kept, now = self._kept, self._clock()
        is_usable = kept is not None and kept.access_token != refused and kept.is_alive(now)
        # While one task fetches the next, the others go on with the present one as long as it lives.
        if kept is not None and is_usable and (kept.is_fresh(now) or self._flight is not None):
            return kept.access_token
        if self._flight is None:
            self._flight = asyncio.get_running_loop().create_task(self._fetched(refused))
            self._flight.add_done_callback(self._landed)
        # No caller's cancellation ends what others wait for.
        found = (await asyncio.shield(self._flight)).access_token
        if found == refused:
            raise ServerUnreachable("The server is away, and the token that it gave before is refused.")
        return found

    def _landed(self, flight: asyncio.Task[TokenSet]) -> None:
        self._flight = None
        if not flight.cancelled():
            # Looked at here, because all who waited may have been cancelled.
            flight.exception()

    async def _fetched(self, refused: str | None) -> TokenSet:
        kept = self._kept
        try:
            self._kept = await self._client.run(renewal.own_tokens, self._scope, self._resource)
        except ServerUnreachable:
            now = self._clock()
            if kept is None or kept.access_token == refused or not kept.is_alive(now):
                raise
            self._kept = replace(kept, renew_at=now + renewal.RETRY_SECONDS)
        return self._kept


class AsyncKeptTokens:
    """The tokens of a signed-in end-user, kept in a store that tasks, processes and machines may share.

    The store is asked each time, so that a sign-out or another sign-in counts everywhere at once. Of all who find a
    token near its end one refreshes it; the others go on with the old one, or wait for the new.
    """

    def __init__(self, client: AsyncConnection, store: TokenStore) -> None:
        self._client, self._store = client, store
        self._flights: set[asyncio.Task[TokenSet]] = set()

    async def keep(self, tokens: TokenResponse) -> None:
        """Keep the tokens of a sign-in, whatever was kept before."""
        await self._client.run(renewal.keep, self._store, tokens)

    async def tokens(self) -> TokenSet:
        """Return what is kept, as it is; raises SignInNeeded where nothing is."""
        return await self._client.run(renewal.kept, self._store)

    async def access_token(self) -> str:
        """Return a token that is good for a while; raises SignInNeeded, or another FlowError, without one."""
        return await self._renew(None)

    async def renewed(self, refused: str) -> str:
        """Return another token than `refused`, which an API did not take."""
        return await self._renew(refused)

    async def sign_out(self) -> None:
        """Give the refresh token back and keep nothing; ServerUnreachable means that all is as before."""
        await self._client.run(renewal.forget, self._store)

    async def _renew(self, refused: str | None) -> str:
        task = asyncio.get_running_loop().create_task(self._client.run(renewal.renew, self._store, refused))
        self._flights.add(task)
        task.add_done_callback(self._landed)
        # A refresh whose answer is thrown away with its caller would leave a used-up refresh token behind.
        return (await asyncio.shield(task)).access_token

    def _landed(self, flight: asyncio.Task[TokenSet]) -> None:
        self._flights.discard(flight)
        if not flight.cancelled():
            # Looked at here, because whoever asked may have been cancelled.
            flight.exception()
