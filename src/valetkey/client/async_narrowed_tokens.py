"""AsyncNarrowedTokens: what a service calls the next one with on behalf of its caller, for tasks (RFC 8693)."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from valetkey.client.async_shared_tokens import AsyncSharedTokens
from valetkey.client.narrowing import MOST_TOKENS, Narrowing, digest_of, narrowing_of
from valetkey.jose.clock import Clock, system_clock
from valetkey.jose.records import dataclass

if TYPE_CHECKING:
    from valetkey.client.async_connection import AsyncConnection


class AsyncNarrowedTokens:
    """Exchanges callers' tokens for ones that are good for one resource and a part of the scope, in an event loop.

    Each is kept for (caller's token, resource, scope) until shortly before its end, at most `most` of them, and
    however many tasks want one, one request is sent. The caller's token goes to the authorization server alone,
    and is not kept.
    """

    def __init__(self, client: AsyncConnection, *, most: int = MOST_TOKENS, clock: Clock = system_clock) -> None:
        self._shared = AsyncSharedTokens(client, most=most, clock=clock)

    def narrowed(self, callers_token: str, *, for_resource: str, scope: str) -> AsyncNarrowedToken:
        """Return the source of the token for the next service: give it to AsyncBearerAuth. Nothing is sent yet.

        Raises ValueError without a resource or a scope.
        """
        return AsyncNarrowedToken(self._shared, callers_token, Narrowing.of(callers_token, for_resource, scope))

    def forget(self, callers_token: str) -> None:
        """Drop all that was narrowed from this token, which was revoked or signed out."""
        digest = digest_of(callers_token)
        self._shared.forget(lambda key: isinstance(key, Narrowing) and key.caller == digest)


@dataclass(frozen=True, slots=True, eq=False)
class AsyncNarrowedToken:
    """One narrowed token, an AsyncTokenSource; made by `AsyncNarrowedTokens.narrowed`."""

    _shared: AsyncSharedTokens = field(repr=False)
    _callers_token: str = field(repr=False)
    wanted: Narrowing

    async def access_token(self) -> str:
        """Return the token for the next service; raises ExchangeRefused, or another FlowError, without one."""
        return await self._token(None)

    async def renewed(self, refused: str) -> str:
        """Return another token than `refused`, which the next service did not take."""
        return await self._token(refused)

    async def _token(self, refused: str | None) -> str:
        fetch = narrowing_of(self._callers_token, self.wanted)
        return (await self._shared.token(self.wanted, fetch, refused)).access_token
