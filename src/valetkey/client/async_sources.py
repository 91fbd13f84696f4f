"""Sources of access tokens for an event loop: a machine's, and an end-user's (OAuth 2.1, 4.2 and 4.3)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from valetkey.client import renewal
from valetkey.client.errors import ServerUnreachable
from valetkey.jose.clock import Clock, system_clock
from valetkey.oauth.types import Scope

if TYPE_CHECKING:
    from collections.abc import Coroutine

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
        self._flight = _Flight()

    async def access_token(self) -> str:
        """Return a token that is good for a while; raises FlowError where there is none."""
        return await self._token(None)

    async def renewed(self, refused: str) -> str:
        """Return another token than `refused`, which an API did not take."""
        return await self._token(refused)

    async def _token(self, refused: str | None) -> str:
        kept = self._kept
        if kept is None or kept.access_token == refused or not kept.is_fresh(self._clock()):
            kept = await self._flight.join(refused, self._fetched(refused))
        return kept.access_token

    async def _fetched(self, refused: str | None) -> TokenSet:
        kept = self._kept
        try:
            self._kept = await self._client.run(renewal.own_tokens, self._scope, self._resource)
        except ServerUnreachable:
            if kept is None or kept.access_token == refused or not kept.is_alive(self._clock()):
                raise
            return kept
        return self._kept


class AsyncKeptTokens:
    """The tokens of a signed-in end-user, kept in a store that tasks, processes and machines may share.

    The store is asked each time, so that a sign-out or another sign-in counts everywhere at once. Of all who find a
    token near its end one refreshes it; the others go on with the old one, or wait for the new.
    """

    def __init__(self, client: AsyncConnection, store: TokenStore) -> None:
        self._client, self._store = client, store
        self._flight = _Flight()

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
        found = await self._flight.join(refused, self._client.run(renewal.renew, self._store, refused))
        return found.access_token


class _Flight:
    """Lets all who ask at the same time for the same wait for one task, which no caller's cancellation ends."""

    def __init__(self) -> None:
        self._tasks: dict[str | None, asyncio.Task[TokenSet]] = {}

    async def join(self, refused: str | None, work: Coroutine[object, object, TokenSet]) -> TokenSet:
        task = self._tasks.get(refused)
        if task is None:
            task = asyncio.get_running_loop().create_task(work)
            self._tasks[refused] = task
            task.add_done_callback(lambda done: self._landed(refused, done))
        else:
            work.close()
        # A refresh whose answer is thrown away with its caller would leave a used-up refresh token behind.
        return await asyncio.shield(task)

    def _landed(self, refused: str | None, task: asyncio.Task[TokenSet]) -> None:
        self._tasks.pop(refused, None)
        if not task.cancelled():
            # Looked at here, because all who waited may have been cancelled.
            task.exception()
