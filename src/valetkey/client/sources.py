"""Sources of access tokens for threads: a machine's, and an end-user's (OAuth 2.1, 4.2 and 4.3)."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Self

from valetkey.client import renewal
from valetkey.client.renewal import MOST_OWN_TOKENS
from valetkey.client.shared_tokens import SharedTokens
from valetkey.jose.clock import Clock, system_clock
from valetkey.oauth.types import Scope

if TYPE_CHECKING:
    from valetkey.client.connection import Connection
    from valetkey.client.exchange import TokenResponse
    from valetkey.client.flow import TokenStore
    from valetkey.client.kept_tokens import TokenSet


class MachineTokens:
    """The access token of a client that acts for itself, kept in memory; however many ask, one request is sent.

    Renewed by a thread of its own shortly before its end, at a moment that is drawn for each. Whatever fails, the
    present one serves as long as it lives, and nothing is asked for a while, longer each time.
    """

    def __init__(
        self, client: Connection, scope: str = "", *, resource: str | None = None, clock: Clock = system_clock
    ) -> None:
        self._shared = SharedTokens(client, most=MOST_OWN_TOKENS, clock=clock)
        self._asked = (Scope.parse(scope), resource)

    def asking(self, scope: str = "", *, resource: str | None = None) -> Self:
        """Return the source for another scope or resource of the same client; all share one memory."""
        other = copy(self)
        other._asked = (Scope.parse(scope), resource)  # noqa: SLF001 - its own
        return other

    def access_token(self) -> str:
        """Return a token that is good for a while; raises FlowError where there is none."""
        return self._token(None)

    def renewed(self, refused: str) -> str:
        """Return another token than `refused`, which an API did not take, at most once in a few seconds."""
        return self._token(refused)

    def settle(self) -> None:
        """Wait until what is being fetched in the background is there or has failed."""
        self._shared.settle()

    def _token(self, refused: str | None) -> str:
        scope, resource = self._asked
        fetch = renewal.fetching_own(scope, resource)
        return self._shared.token(self._asked, fetch, refused).access_token


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
