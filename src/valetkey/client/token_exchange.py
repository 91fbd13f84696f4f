"""Token exchange from the client's side: a token for another one, for oneself or for somebody else (RFC 8693)."""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from valetkey.client.errors import ResponseRejected
from valetkey.client.exchange import NOT_APPLICABLE, TokenResponse, ask, rights, token_response
from valetkey.jose.records import dataclass
from valetkey.oauth.token_exchange import GRANT_TYPE
from valetkey.oauth.types import Scope

if TYPE_CHECKING:
    from valetkey.client.exchange import Party
    from valetkey.client.flow import Flow


class TokenType(StrEnum):
    """What a token is (RFC 8693, 3)."""

    ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a registered identifier
    REFRESH_TOKEN = "urn:ietf:params:oauth:token-type:refresh_token"  # noqa: S105 - as above
    ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"  # noqa: S105 - as above
    JWT = "urn:ietf:params:oauth:token-type:jwt"


_ACCESS_TOKENS: Final = frozenset({TokenType.ACCESS_TOKEN.value, TokenType.JWT.value})


@dataclass(frozen=True, slots=True)
class Exchange:
    """What is given, and what is wanted for it (RFC 8693, 2.1).

    `subject_token` says on whose behalf; `actor_token`, where there is one, who acts. `resources` and `audiences`
    name where the new token will be used; without `scope` the server decides.
    """

    subject_token: str = field(repr=False)
    subject_token_type: str = TokenType.ACCESS_TOKEN
    actor_token: str | None = field(default=None, repr=False)
    actor_token_type: str = TokenType.ACCESS_TOKEN
    requested_token_type: str | None = None
    scope: Scope = Scope()
    resources: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()

    def form(self) -> list[tuple[str, str]]:
        """Return the parameters of the request; an `actor_token_type` goes with an actor alone."""
        form = [
            ("grant_type", GRANT_TYPE),
            ("subject_token", self.subject_token),
            ("subject_token_type", str(self.subject_token_type)),
        ]
        if self.actor_token is not None:
            form += [("actor_token", self.actor_token), ("actor_token_type", str(self.actor_token_type))]
        if self.requested_token_type is not None:
            form.append(("requested_token_type", str(self.requested_token_type)))
        return [*form, *rights(self.scope, self.resources), *(("audience", name) for name in self.audiences)]


def exchange(party: Party, asked: Exchange) -> Flow[TokenResponse]:
    """Return the token that was issued for another (RFC 8693, 2.2).

    Its `issued_token_type` says what it is, and `token_type` is `N_A` for what no API takes. Raises ServerRefused
    with the server's code; ResponseRejected for an answer without `issued_token_type`, with another one than was
    asked for, or with a `token_type` that contradicts it.
    """
    response = yield from ask(party, party.server.token_endpoint, asked.form())
    tokens = token_response(response, asked.scope)
    issued = tokens.issued_token_type
    if issued is None:
        raise ResponseRejected("invalid_response", "The answer lacks issued_token_type.")
    if asked.requested_token_type is not None and issued != asked.requested_token_type:
        raise ResponseRejected("invalid_response", "The server issued another type of token than was asked for.")
    if tokens.token_type == NOT_APPLICABLE and issued == TokenType.ACCESS_TOKEN:
        raise ResponseRejected("invalid_response", "The server issued an access token that no API is to take.")
    if tokens.token_type != NOT_APPLICABLE and issued not in _ACCESS_TOKENS:
        raise ResponseRejected("invalid_response", "The server issued what is no access token as one.")
    return tokens
