"""Signed-in browsers: begun, found, renewed once by all who ask, and ended (RFC 10017, 6.1.2.2 and 6.1.2.3)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec

from valetkey.client import FlowError, ServerUnreachable, SignInNeeded, renewal
from valetkey.client.flow import Moment
from valetkey.client.kept_tokens import Kept, TokenSet, revision_of
from valetkey.client.session_records import SessionRow
from valetkey.gateway.session.profile import Profile
from valetkey.gateway.session.sealing import OwnKeys, Seal, SealBroken, SessionHandle
from valetkey.jose.entropy import random_octets

if TYPE_CHECKING:
    from valetkey.client import AsyncOAuthClient, SignedIn
    from valetkey.client.session_records import SessionRecords
    from valetkey.gateway.session.settings import SessionSettings
    from valetkey.jose.clock import Clock

_PROFILE: Final = "profile"
_TOKENS: Final = "tokens"
_LONGEST_GRAIN: Final = 60
PATIENCE_SECONDS: Final = 25
"""How long a call waits for another's refresh: longer than a dead one's claim and an exchange of its own."""


class SessionEnded(Exception):
    """The session is over: its tokens will never work again."""


class IssuerAway(Exception):
    """Nothing is known of the session's end, but there is no token that works; `retry_after` is seconds."""

    def __init__(self, retry_after: int | None = None) -> None:
        super().__init__("the issuer does not renew the token at the moment")
        self.retry_after = retry_after or 2


@dataclass(frozen=True, slots=True)
class LiveSession:
    """A browser that is signed in, found by its handle."""

    handle: SessionHandle = field(repr=False)
    row: SessionRow
    profile: Profile


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
        document = self._seal.open(_TOKENS, row.tokens)
        self._found = document, row.revision
        return document

    async def swap_async(self, expected: bytes | None, document: bytes) -> bool:
        """Replace the document if it still is `expected`, whichever process asks."""
        if self._found is None or self._found[0] != expected:
            await self.load_async()
        if self._found is None or self._found[0] != expected:
            return False
        revision = self._found[1]
        if not await self._records.swap(self._row_id, revision, self._seal.close(_TOKENS, document)):
            return False
        self._found = document, revision + 1
        return True


class Sessions:
    """The sessions of one gateway, whichever of its processes began them."""

    def __init__(
        self, settings: SessionSettings, records: SessionRecords, oauth: AsyncOAuthClient, clock: Clock
    ) -> None:
        self._settings, self._records, self._oauth, self._clock = settings, records, oauth, clock
        self._keys = OwnKeys(settings.key)
        # Calls are written down at most so often: a page that asks ten times a second costs one write.
        self._grain = min(_LONGEST_GRAIN, settings.idle_timeout // 10)
        self._flights: set[asyncio.Task[TokenSet]] = set()

    async def begin(self, signed_in: SignedIn, replaces: bytes | None) -> SessionHandle:
        """Keep a sign-in under a new handle, whatever handle the browser had before; raises Unavailable."""
        settings, now = self._settings, self._clock()
        claims = signed_in.claims or {}
        sid = claims.get("sid")
        owner = self._keys.owner(settings.issuer, str(claims["sub"]), sid if isinstance(sid, str) else None)
        moment = Moment(now, random_octets(32))
        tokens = TokenSet.received(signed_in.tokens, moment)
        kept = Kept(settings.issuer, settings.client_id, revision_of(moment), tokens)
        handle = SessionHandle.draw()
        seal = handle.seal
        row = SessionRow(
            handle.row_id,
            seal.close(_PROFILE, Profile.of(claims, settings.claims, now).written()),
            seal.close(_TOKENS, kept.document()),
            owner.subject_key or b"",
            owner.sid_key,
            now + settings.idle_timeout,
            now + settings.absolute_timeout,
        )
        await self._records.add(row, replaces, now)
        return handle

    async def find(self, handle: SessionHandle | None) -> LiveSession | None:
        """Return the session of a handle; None where it is unknown or has ended. Raises Unavailable."""
        if handle is None:
            return None
        row = await self._records.find(handle.row_id, self._clock())
        if row is None:
            return None
        try:
            return LiveSession(handle, row, Profile.read(handle.seal.open(_PROFILE, row.profile)))
        except (SealBroken, msgspec.DecodeError):
            # Not what we wrote: nobody is signed in by it.
            return None

    async def touch(self, live: LiveSession) -> None:
        """Note that the session is used."""
        idle_ends_at = self._clock() + self._settings.idle_timeout
        if idle_ends_at - live.row.idle_ends_at >= self._grain:
            await self._records.touch(live.row.row_id, idle_ends_at)

    async def access_token(self, live: LiveSession, refused: str | None = None) -> str:
        """Return a token that is good for a while, other than `refused`.

        Raises SessionEnded, and then the session is gone; IssuerAway; Unavailable.
        """
        store, now = self._store(live), self._clock()
        try:
            tokens = await self._kept(store)
            if tokens.is_fresh(now) and tokens.access_token != refused:
                return tokens.access_token
            return (await self._renewed(store, refused)).access_token
        except (SignInNeeded, SealBroken):
            await self._records.remove(live.row.row_id)
            raise SessionEnded from None
        except FlowError as error:
            return await self._still_alive(store, refused, error)
        except TimeoutError:
            raise IssuerAway from None

    async def tokens(self, live: LiveSession) -> TokenSet | None:
        """Return what the session holds, as it is; None where it has ended meanwhile."""
        try:
            return await self._kept(self._store(live))
        except (SignInNeeded, SealBroken):
            return None

    async def end(self, live: LiveSession) -> None:
        """End the session: its cookie is worth nothing from now on."""
        await self._records.remove(live.row.row_id)

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
        tokens = await self._kept(store)
        if tokens.is_alive(self._clock()) and tokens.access_token != refused:
            return tokens.access_token
        raise IssuerAway(error.retry_after if isinstance(error, ServerUnreachable) else None) from error
