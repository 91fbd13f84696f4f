"""Signed-in browsers: begun, found by a cookie, kept while they are used, and ended (RFC 10017, 6.1.2.3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec

from valetkey.client.flow import Moment
from valetkey.client.kept_tokens import Kept, TokenSet, revision_of
from valetkey.client.session_records import SessionRow
from valetkey.gateway.session.profile import Profile
from valetkey.gateway.session.sealing import OwnKeys, SealBroken, SessionHandle
from valetkey.jose.entropy import random_octets

if TYPE_CHECKING:
    from valetkey.client import SignedIn
    from valetkey.client.session_records import SessionRecords
    from valetkey.gateway.session.settings import SessionSettings
    from valetkey.jose.clock import Clock

_PROFILE: Final = "profile"
TOKENS: Final = "tokens"
"""The place of the sealed tokens in a row."""
_LONGEST_GRAIN: Final = 60


@dataclass(frozen=True, slots=True)
class LiveSession:
    """A browser that is signed in, found by its handle."""

    handle: SessionHandle = field(repr=False)
    row: SessionRow
    profile: Profile


class Sessions:
    """The sessions of one gateway, whichever of its processes began them."""

    def __init__(self, settings: SessionSettings, records: SessionRecords, clock: Clock) -> None:
        self._settings, self._records, self._clock = settings, records, clock
        self._keys = OwnKeys(settings.key)
        # Calls are written down at most so often: a page that asks ten times a second costs one write.
        self._grain = min(_LONGEST_GRAIN, settings.idle_timeout // 10)

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
            seal.close(TOKENS, kept.document()),
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

    async def end(self, live: LiveSession) -> None:
        """End the session: its cookie is worth nothing from now on."""
        await self._records.remove(live.row.row_id)
