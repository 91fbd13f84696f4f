"""The exchange of an API key for a short access token: upstreams then see one kind of credential (RFC 8693, 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.api_key import ApiKeyIssue
from valetkey.authorization_server.decision import Refuse
from valetkey.authorization_server.model import AccessTokenFormat, Client, Generations, Resource
from valetkey.authorization_server.presented_api_key import (
    API_KEY_ID,
    LivingApiKey,
    key_claims,
    living_api_key,
    resources_left,
    resources_told_to,
    scope_at,
)
from valetkey.authorization_server.presented_token import EXCHANGED_FROM
from valetkey.authorization_server.rights import Rights
from valetkey.authorization_server.token_form import format_for
from valetkey.jose.records import dataclass
from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.token_exchange import Actor, TokenType
from valetkey.oauth.types import NumericDate, OpaqueToken, Scope, Seconds

if TYPE_CHECKING:
    from valetkey.authorization_server.decision import Decision
    from valetkey.authorization_server.fresh import Fresh
    from valetkey.authorization_server.service import AuthorizationServer

LONGEST: Final = Seconds(300)
"""For how long a token lives at most that a key was exchanged for."""


@dataclass(frozen=True, slots=True)
class KeyExchange:
    """What a token request asks for with an API key; `rights` as in every exchange."""

    secret: OpaqueToken
    rights: Rights
    requested: TokenType


@dataclass(frozen=True, slots=True)
class KeyExchangeFacts:
    """What decides: the key where it lives, those of its resource servers that are the client's, its counters."""

    living: LivingApiKey | None
    resources: tuple[Resource, ...]
    generations: Generations


async def load_key_exchange(
    asked: KeyExchange, client: Client, server: AuthorizationServer, fresh: Fresh
) -> KeyExchangeFacts:
    """Read whether the key lives, and for which of its resource servers `client` may have a token."""
    # The counters first: what moves on while the key is read makes the new token stale at once.
    generations = await server.stores.clients.generations(client.client_id)
    living = await living_api_key(asked.secret.reveal(), server, fresh.now)
    if living is None:
        return KeyExchangeFacts(None, (), generations)
    told = await resources_told_to(client, living.key, server)
    return KeyExchangeFacts(living, resources_left(living, told), generations)


def decide_key_exchange(asked: KeyExchange, facts: KeyExchangeFacts, client: Client, fresh: Fresh) -> Decision:
    """Judge: only for resource servers that the client speaks for, and never more or longer than the key."""
    try:
        living = _living(facts, client)
        resources = _targets(asked, facts)
        scope = _scope(asked, living, resources)
        _judge_format(asked, resources, client)
    except OAuthError as error:
        return Refuse(error)
    ends = [NumericDate(fresh.now + LONGEST), *([] if living.ends_at is None else [living.ends_at])]
    return ApiKeyIssue(
        living.key,
        living.stored.stored,
        living.client,
        living.end_user,
        scope,
        tuple(one.identifier for one in resources),
        client.client_id,
        facts.generations,
        _claims(living, client, facts.generations),
        min(ends),
        asked.requested,
        living.use(fresh.now),
    )


def _living(facts: KeyExchangeFacts, client: Client) -> LivingApiKey:
    if client.is_public:
        # Nothing was proven: anybody could be the gateway.
        raise OAuthError(
            ErrorCode.UNAUTHORIZED_CLIENT,
            "A public client exchanges no API keys.",
            "RFC8693-2.1/client-policy",
        )
    if facts.living is None or not facts.resources:
        # Who speaks for none of its resource servers does not learn that there is such a key.
        raise _invalid(
            "The subject_token is no living API key for a resource server of this client.",
            "RFC8693-2.2.2/invalid-token",
        )
    return facts.living


def _targets(asked: KeyExchange, facts: KeyExchangeFacts) -> tuple[Resource, ...]:
    if not asked.rights.resources:
        return facts.resources[:1]
    known = {one.identifier: one for one in facts.resources}
    if not known.keys() >= set(asked.rights.resources):
        raise OAuthError(
            ErrorCode.INVALID_TARGET,
            "The API key is not for this resource, or the client does not speak for it.",
            "RFC8693-2.2.2/target",
        )
    return tuple(known[name] for name in dict.fromkeys(asked.rights.resources))


def _scope(asked: KeyExchange, living: LivingApiKey, resources: tuple[Resource, ...]) -> Scope:
    permitted = scope_at(living, resources)
    scope = asked.rights.scope or permitted
    if not scope <= permitted or (living.key.scope and not scope):
        raise OAuthError(
            ErrorCode.INVALID_SCOPE,
            "The scope is more than the API key has at this resource.",
            "RFC8693-2.1/scope",
            detail=str(Scope(scope - permitted)),
        )
    return scope


def _judge_format(asked: KeyExchange, resources: tuple[Resource, ...], client: Client) -> None:
    if asked.requested is TokenType.JWT and format_for(resources, client) is not AccessTokenFormat.JWT:
        # Whoever keeps a resource's tokens opaque does not want them read.
        raise _invalid("The tokens of this resource are opaque.", "RFC8693-3/token-type")


def _claims(living: LivingApiKey, client: Client, generations: Generations) -> dict[str, object]:
    return {
        **key_claims(living.key),
        API_KEY_ID: living.key.key_id,
        "act": Actor(client.client_id, client.client_id).claim(),
        EXCHANGED_FROM: [{"client_id": client.client_id, "gen": generations.client}],
    }


def _invalid(description: str, requirement: str) -> OAuthError:
    return OAuthError(ErrorCode.INVALID_REQUEST, description, requirement)
