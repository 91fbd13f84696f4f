"""The tokens of a session: renewed once by all who ask, in whichever process (RFC 10017, 6.1.2.2)."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from valetkey.client import FlowError, ServerUnreachable, SignInNeeded, StoreFailed, renewal
from valetkey.client.kept_tokens import Kept, TokenSet
from valetkey.gateway.session.sealing import Seal, SealBroken
from valetkey.gateway.session.sessions import TOKENS, LiveSession

if TYPE_CHECKING:
    from valetkey.client import AsyncOAuthClient
    from valetkey.client.session_records import SessionRecords
    from valetkey.gateway.session.settings import SessionSettings
    from valetkey.jose.clock import Clock

# StoreFailed: tokens of another client or issuer, which the settings named before.
_OVER: Final = (SignInNeeded, StoreFailed, SealBroken)
_log = logging.getLogger(__name__)
PATIENCE_SECONDS: Final = 25
"""How long a call waits for another's refresh: longer than a dead one's claim and an exchange of its own."""


class SessionEnded(Exception):
    """The session is over: its tokens will never work again."""


class IssuerAway(Exception):
    """Nothing is known of the session's end, but there is no token that works; `retry_after` is seconds."""

    def __init__(self, retry_after: int | None = None) -> None:
        super().__init__("the issuer does not renew the token at the moment")
        self.retry_after = retry_after or 2


class SealedTokens:
    """The tokens of one session as a store that a renewal swaps documents in: sealed, and counted by revision."""

    def __init__(self, records: SessionRecords, row_id: bytes, seal: Seal, clock: Clock) -> None:
        self._records, self._row_id, self._seal, self._clock = records, row_id, seal, clock
        self._found: tuple[bytes, int] | None = None

    async def load_async(self) -> bytes | None:
        """Return the document as it is now; None where the session has ended."""
        row = await self._records.find(self._row_id, self._clock())
        if row is None:
            self._found = None
            return None
        document = self._seal.open(TOKENS, row.tokens)
        self._found = document, row.revision
        return document

    async def swap_async(self, expected: bytes | None, document: bytes) -> bool:
        """Replace the document if it still is `expected`, whichever process asks."""
        if self._found is None or self._found[0] != expected:
            await self.load_async()
        if self._found is None or self._found[0] != expected:
            return False
        revision = self._found[1]
        if not await self._records.swap(self._row_id, revision, self._seal.close(TOKENS, document)):
            return False
        self._found = document, revision + 1
        return True


class SessionTokens:
    """Access tokens for the calls of all sessions of one gateway."""

    def __init__(
        self, settings: SessionSettings, records: SessionRecords, oauth: AsyncOAuthClient, clock: Clock
    ) -> None:
        self._settings, self._records, self._oauth, self._clock = settings, records, oauth, clock
        self._flights: set[asyncio.Task[TokenSet]] = set()

    async def access(self, live: LiveSession, refused: str | None = None) -> str:
        """Return a token that is good for a while, other than `refused`.

        Raises SessionEnded, and then the session is gone; IssuerAway; Unavailable.
        """
        store, now = self._store(live), self._clock()
        try:
            tokens = await self._kept(store)
            if tokens.is_fresh(now) and tokens.access_token != refused:
                return tokens.access_token
            return (await self._renewed(store, refused)).access_token
        except _OVER:
            await self._records.remove(live.row.row_id)
            raise SessionEnded from None
        except FlowError as error:
            return await self._still_alive(store, refused, error)
        except TimeoutError:
            raise IssuerAway from None

    async def present(self, live: LiveSession) -> TokenSet | None:
        """Return what the session holds, as it is; None where it has ended meanwhile."""
        try:
            return await self._kept(self._store(live))
        except _OVER:
            return None

    async def aclose(self) -> None:
        """Wait for the renewals that nobody waits for any longer: their tokens are to be kept."""
        if self._flights:
            await asyncio.wait(self._flights, timeout=PATIENCE_SECONDS)

    def _store(self, live: LiveSession) -> SealedTokens:
        return SealedTokens(self._records, live.row.row_id, live.handle.seal, self._clock)

    async def _kept(self, store: SealedTokens) -> TokenSet:
        settings = self._settings
        kept = Kept.parse(await store.load_async(), settings.issuer, settings.client_id)
        if kept.tokens is None:
            raise SignInNeeded("The sign-in has ended.")
        return kept.tokens

    async def _renewed(self, store: SealedTokens, refused: str | None) -> TokenSet:
        running = self._oauth.run(renewal.renew, store, refused)
        flight = asyncio.get_running_loop().create_task(running)
        self._flights.add(flight)
        flight.add_done_callback(self._landed)
        # A refresh whose answer is thrown away with its caller would leave a used-up refresh token behind.
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await asyncio.shield(flight)

    def _landed(self, flight: asyncio.Task[TokenSet]) -> None:
        self._flights.discard(flight)
        if not flight.cancelled():
            # Looked at here, because whoever asked may have been cancelled.
            flight.exception()

    async def _still_alive(self, store: SealedTokens, refused: str | None, error: FlowError) -> str:
        _log.warning("A session could not be renewed: %s", error)
        try:
            tokens = await self._kept(store)
        except _OVER:
            # It ended while the issuer was asked.
            raise SessionEnded from None
        if tokens.is_alive(self._clock()) and tokens.access_token != refused:
            return tokens.access_token
        raise IssuerAway(error.retry_after if isinstance(error, ServerUnreachable) else None) from error
