"""Sources of access tokens for threads: a machine's, and an end-user's (OAuth 2.1, 4.2 and 4.3)."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from valetkey.client import renewal
from valetkey.client.errors import ServerUnreachable
from valetkey.jose.clock import Clock, system_clock
from valetkey.oauth.types import Scope

if TYPE_CHECKING:
    from valetkey.client.connection import Connection
    from valetkey.client.exchange import TokenResponse
    from valetkey.client.flow import TokenStore
    from valetkey.client.kept_tokens import TokenSet


class MachineTokens:
    """The access token of a client that acts for itself, kept in memory; however many ask, one request is sent.

    Renewed shortly before its end, at a moment that is drawn for each. While the server cannot be reached the
    present one serves as long as it lives.
    """

    def __init__(
        self, client: Connection, scope: str = "", *, resource: str | None = None, clock: Clock = system_clock
    ) -> None:
        self._client, self._resource, self._clock = client, resource, clock
        self._scope = Scope.parse(scope)
        self._lock = threading.Lock()
        self._kept: TokenSet | None = None

    def access_token(self) -> str:
        """Return a token that is good for a while; raises FlowError where there is none."""
        return self._token(None)

    def renewed(self, refused: str) -> str:
        """Return another token than `refused`, which an API did not take."""
        return self._token(refused)

    def _token(self, refused: str | None) -> str:
        kept, now = self._kept, self._clock()
        is_usable = kept is not None and kept.access_token != refused and kept.is_alive(now)
        if kept is not None and is_usable and kept.is_fresh(now):
            return kept.access_token
        # While one thread fetches the next, the others go on with the present one as long as it lives.
        if not self._lock.acquire(blocking=not is_usable):
            return kept.access_token if kept is not None else self._token(refused)
        try:
            # Looked at again: another thread may have fetched one meanwhile.
            kept = self._kept
            if kept is None or kept.access_token == refused or not kept.is_fresh(self._clock()):
                kept = self._kept = self._fetched(kept, refused)
        finally:
            self._lock.release()
        return kept.access_token

    def _fetched(self, kept: TokenSet | None, refused: str | None) -> TokenSet:
        try:
            return self._client.run(renewal.own_tokens, self._scope, self._resource)
        except ServerUnreachable:
            now = self._clock()
            if kept is None or kept.access_token == refused or not kept.is_alive(now):
                raise
            return replace(kept, renew_at=now + renewal.RETRY_SECONDS)


class KeptTokens:
    """The tokens of a signed-in end-user, kept in a store that threads, processes and machines may share.

    The store is asked each time, so that a sign-out or another sign-in counts everywhere at once. Of all who find a
    token near its end one refreshes it; the others go on with the old one, or wait for the new.
    """

    def __init__(self, client: Connection, store: TokenStore) -> None:
        self._client, self._store = client, store

    def keep(self, tokens: TokenResponse) -> None:
        """Keep the tokens of a sign-in, whatever was kept before."""
        self._client.run(renewal.keep, self._store, tokens)

    def tokens(self) -> TokenSet:
        """Return what is kept, as it is; raises SignInNeeded where nothing is."""
        return self._client.run(renewal.kept, self._store)

    def access_token(self) -> str:
        """Return a token that is good for a while; raises SignInNeeded, or another FlowError, without one."""
        return self._renew(None)

    def renewed(self, refused: str) -> str:
        """Return another token than `refused`, which an API did not take."""
        return self._renew(refused)

    def sign_out(self) -> None:
        """Give the refresh token back and keep nothing; ServerUnreachable means that all is as before."""
        self._client.run(renewal.forget, self._store)

    def _renew(self, refused: str | None) -> str:
        return self._client.run(renewal.renew, self._store, refused).access_token
