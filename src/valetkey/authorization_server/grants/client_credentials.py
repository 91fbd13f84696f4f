"""client_credentials: a confidential client acts for itself (OAuth 2.1, 4.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from valetkey.authorization_server.decision import ClientIssue, Refuse
from valetkey.authorization_server.model import Generations, Resource
from valetkey.authorization_server.rights import END_USER_SCOPES, NEVER_BY_DEFAULT, rights_for
from valetkey.jose.records import dataclass
from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.types import GrantType, Scope

if TYPE_CHECKING:
    from valetkey.authorization_server.decision import Decision
    from valetkey.authorization_server.fresh import Fresh
    from valetkey.authorization_server.model import Client
    from valetkey.authorization_server.policy import Policy
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.parameters import Parameters


@dataclass(frozen=True, slots=True)
class ClientsOwnRequest:
    """What a client asks for itself."""

    scope: Scope | None
    resources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClientFacts:
    """What decides: the client's counters and the resource servers of now."""

    generations: Generations
    catalogue: Sequence[Resource]


class ClientCredentialsGrant:
    """A confidential client gets an access token of its own, and nothing else (OAuth 2.1, 4.2)."""

    grant_type = GrantType("client_credentials")
    parameters = frozenset({"scope", "resource"})
    repeatable = frozenset({"resource"})

    def parse(self, form: Parameters) -> ClientsOwnRequest:
        """Return what was asked; raises OAuthError `invalid_scope`."""
        scope = form.get("scope")
        return ClientsOwnRequest(None if scope is None else Scope.parse(scope), form.all("resource"))

    async def load(
        self, asked: ClientsOwnRequest, client: Client, server: AuthorizationServer, fresh: Fresh, address: str
    ) -> ClientFacts:
        """Read the counters; the catalogue is cached."""
        del asked, fresh, address
        return ClientFacts(
            await server.stores.clients.generations(client.client_id), await server.stores.resources.list()
        )

    def decide(
        self, asked: ClientsOwnRequest, facts: ClientFacts, client: Client, policy: Policy, fresh: Fresh
    ) -> Decision:
        """Judge: scopes that speak of an end-user mean nothing here."""
        del fresh
        if client.is_public:
            return Refuse(
                OAuthError(
                    ErrorCode.UNAUTHORIZED_CLIENT, "A public client cannot act for itself.", "RFC6749-4.4/public"
                )
            )
        if asked.scope is not None and not NEVER_BY_DEFAULT.isdisjoint(asked.scope):
            return Refuse(
                OAuthError(
                    ErrorCode.INVALID_SCOPE,
                    "There is no end-user whom openid could mean.",
                    "RFC6749-4.4.3/end-user",
                )
            )
        # Most machines have none of them, and a copy is not free.
        has_none = END_USER_SCOPES.isdisjoint(client.scope)
        own = client if has_none else replace(client, scope=Scope(client.scope - END_USER_SCOPES))
        try:
            rights = rights_for(asked.scope, asked.resources, own, facts.catalogue, policy)
        except OAuthError as error:
            return Refuse(error)
        return ClientIssue(rights.scope, rights.resources, facts.generations)
