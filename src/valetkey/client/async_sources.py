"""Sources of access tokens for an event loop: a machine's, and an end-user's (OAuth 2.1, 4.2 and 4.3)."""

from __future__ import annotations

import asyncio
from copy import copy
from typing import TYPE_CHECKING, Self

from valetkey.client import renewal
from valetkey.client.async_shared_tokens import AsyncSharedTokens
from valetkey.client.renewal import MOST_OWN_TOKENS
from valetkey.jose.clock import Clock, system_clock
from valetkey.oauth.types import Scope

if TYPE_CHECKING:
    from valetkey.client.async_connection import AsyncConnection
    from valetkey.client.exchange import TokenResponse
    from valetkey.client.flow import AnyTokenStore
    from valetkey.client.kept_tokens import TokenSet


class AsyncMachineTokens:
    """The access token of a client that acts for itself, kept in memory; however many ask, one request is sent.

    Renewed by a task of its own shortly before its end, at a moment that is drawn for each. Whatever fails, the
    present one serves as long as it lives, and nothing is asked for a while, longer each time.
    """

    def __init__(
        self, client: AsyncConnection, scope: str = "", *, resource: str | None = None, clock: Clock = system_clock
    ) -> None:
        self._shared = AsyncSharedTokens(client, most=MOST_OWN_TOKENS, clock=clock)
        self._asked = (Scope.parse(scope), resource)

    def asking(self, scope: str = "", *, resource: str | None = None) -> Self:
        """Return the source for another scope or resource of the same client; all share one memory."""
        other = copy(self)
        other._asked = (Scope.parse(scope), resource)  # noqa: SLF001 - its own
        return other

    async def access_token(self) -> str:
        """Return a token that is good for a while; raises FlowError where there is none."""
        return await self._token(None)

    async def renewed(self, refused: str) -> str:
        """Return another token than `refused`, which an API did not take, at most once in a few seconds."""
        return await self._token(refused)

    async def settle(self) -> None:
        """Wait until what is being fetched in the background is there or has failed."""
        await self._shared.settle()

    async def _token(self, refused: str | None) -> str:
        scope, resource = self._asked
        fetch = renewal.fetching_own(scope, resource)
        return (await self._shared.token(self._asked, fetch, refused)).access_token


class AsyncKeptTokens:
    """The tokens of a signed-in end-user, kept in a store that tasks, processes and machines may share.

    The store is asked each time, so that a sign-out or another sign-in counts everywhere at once. Of all who find a
    token near its end one refreshes it; the others go on with the old one, or wait for the new.
    """

    def __init__(self, client: AsyncConnection, store: AnyTokenStore) -> None:
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
