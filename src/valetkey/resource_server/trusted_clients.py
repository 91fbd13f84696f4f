"""JWTs that a client signs for an API itself: a key or a secret per client, short-lived, each presented once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING, Final

from valetkey.jose import InvalidToken, Jwk, JwkSet, Verifier
from valetkey.jose.clock import system_clock
from valetkey.jose.token_kinds import CLIENT_TOKEN
from valetkey.oauth.access_token import AccessToken, CredentialKind, PrincipalKind
from valetkey.oauth.types import ClientId, NumericDate, Scope, Subject
from valetkey.resource_server.facts import Rejected, Undecided
from valetkey.resource_server.trusted_issuer import REASONS
from valetkey.resource_server.used_tokens import UsedTokensUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from valetkey.jose.clock import Clock
    from valetkey.resource_server.used_tokens import UsedTokens

LONGEST_LIFETIME: Final = 300
"""Seconds from `iat` to `exp` of such a token, at most."""
_TOO_LONG: Final = Rejected(f"A token that a client signs lives for {LONGEST_LIFETIME} seconds at most.")
_USED: Final = Rejected("The token was presented before.")
_UNREMEMBERED: Final = Undecided("Whether the token was presented before cannot be said at the moment; try again.")
_TOO_MUCH: Final = Rejected("The token asks for more scope than its client has.")


@dataclass(frozen=True, slots=True)
class TrustedClient:
    """A client that signs its own tokens, with `keys` (its public ones, or its secret) and for at most `scope`."""

    client_id: str
    keys: Sequence[Jwk] = field(repr=False)
    scope: Scope = Scope()

    def __post_init__(self) -> None:
        if not self.client_id or not self.keys:
            raise ValueError("a trusted client has a name and a key")
        if len({key.is_symmetric for key in self.keys}) != 1:
            # A public key must never come near the check of a MAC.
            raise ValueError(f"client {self.client_id!r} has secrets or public keys, not both")


class TrustedClients:
    """Proves what its clients sign for one resource; a JWT of anybody else is none of its own."""

    def __init__(
        self, resource: str, clients: Sequence[TrustedClient], used: UsedTokens, *, clock: Clock = system_clock
    ) -> None:
        """Build it; raises ValueError where two clients have one name, or a key fits no signature algorithm."""
        self._resource = resource
        self._used = used
        self._clock = clock
        self._known: Mapping[str, tuple[TrustedClient, Verifier, JwkSet]] = {
            client.client_id: (client, self._verifier(client), JwkSet(tuple(client.keys))) for client in clients
        }
        if len(self._known) != len(clients):
            raise ValueError("two trusted clients have the same client_id")

    def __contains__(self, issuer: str) -> bool:
        """Say whether a token of this issuer is one of a client's own."""
        return issuer in self._known

    async def proven(self, issuer: str, presented: str) -> AccessToken | Rejected | Undecided:
        """Return what the token of the client `issuer` says; with that it is used up."""
        client, verifier, keys = self._known[issuer]
        try:
            claims = verifier.verify(presented, keys).claims
        except InvalidToken as error:
            return Rejected(REASONS.get(error.code, "The token is malformed."))
        token = self._token(client, claims)
        if token.expires_at - token.issued_at > LONGEST_LIFETIME:
            return _TOO_LONG
        if not token.scope <= client.scope:
            return _TOO_MUCH
        try:
            is_new = await self._used.burn(issuer, token.token_id, token.expires_at)
        except UsedTokensUnavailable:
            return _UNREMEMBERED
        return token if is_new else _USED

    def _verifier(self, client: TrustedClient) -> Verifier:
        return Verifier(
            issuer=client.client_id,
            audience=self._resource,
            typ=CLIENT_TOKEN.typ,
            algorithms={key.algorithm for key in client.keys},
            kind=CLIENT_TOKEN,
            max_age=LONGEST_LIFETIME,
            clock=self._clock,
        )

    def _token(self, client: TrustedClient, claims: Mapping[str, object]) -> AccessToken:
        scope = claims.get("scope")
        return AccessToken(
            issuer=client.client_id,
            subject=Subject(client.client_id),
            client_id=ClientId(client.client_id),
            principal=PrincipalKind.CLIENT,
            audience=(self._resource,),
            # Without the claim the token carries all that its client has.
            scope=Scope(scope.split()) if isinstance(scope, str) else client.scope,
            issued_at=NumericDate(_seconds(claims["iat"])),
            expires_at=NumericDate(_seconds(claims["exp"])),
            token_id=str(claims["jti"]),
            claims=claims,
            credential=CredentialKind.CLIENT_JWT,
        )


def _seconds(value: object) -> int:
    # A second that has begun counts whole: until its end the token could be presented again.
    return ceil(value) if isinstance(value, int | float) else 0
