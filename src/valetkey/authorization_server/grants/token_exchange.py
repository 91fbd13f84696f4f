"""token-exchange: a client gets a token of its own for an end-user's token of another one (RFC 8693)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.api_key_exchange import (
    KeyExchange,
    KeyExchangeFacts,
    decide_key_exchange,
    load_key_exchange,
)
from valetkey.authorization_server.decision import ClientStamp, ExchangeIssue, Refuse
from valetkey.authorization_server.mint import PREFIX
from valetkey.authorization_server.model import (
    AccessTokenFormat,
    ExchangeKind,
    Generations,
    Resource,
    StoredAuthorization,
)
from valetkey.authorization_server.presented_api_key import API_KEY_ID
from valetkey.authorization_server.presented_token import (
    EXCHANGED_FROM,
    genuine_access_token,
    holder_of,
    provenance_of,
    stamp_of,
)
from valetkey.authorization_server.rights import Rights, exchanged
from valetkey.authorization_server.token_form import format_for
from valetkey.jose import InvalidToken
from valetkey.jose.records import dataclass
from valetkey.oauth.access_token import AccessToken, PrincipalKind
from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.token_exchange import API_KEY, GRANT_TYPE, Actor, TokenType
from valetkey.oauth.types import GrantType, NumericDate, OpaqueToken, Scope

if TYPE_CHECKING:
    from valetkey.authorization_server.decision import Decision
    from valetkey.authorization_server.fresh import Fresh
    from valetkey.authorization_server.model import Client, ExchangeRule
    from valetkey.authorization_server.policy import Policy
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.parameters import Parameters

LONGEST_CHAIN: Final = 4
"""Clients that a token comes through at most, one exchange after the other."""

_BOUND: Final = ("cnf",)


@dataclass(frozen=True, slots=True)
class PresentedToken:
    """A token as it was presented, with the kind that it is said to be of."""

    token: OpaqueToken = field(repr=False)
    token_type: TokenType


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a token request asks for with another token."""

    subject: PresentedToken
    actor: PresentedToken | None
    rights: Rights
    """What `scope`, `resource` and `audience` name: the latter are both identifiers of resource servers here."""
    requested: TokenType


@dataclass(frozen=True, slots=True)
class LivingToken:
    """A genuine access token of ours that may still be honoured, with the authorization that it hangs off."""

    token: AccessToken
    stored: StoredAuthorization | None


@dataclass(frozen=True, slots=True)
class ExchangeFacts:
    """What decides: both tokens where they live, the client's counters and the resource servers of now."""

    subject: LivingToken | None
    actor: LivingToken | None
    generations: Generations
    catalogue: Sequence[Resource]


class TokenExchangeGrant:
    """An end-user's access token, or an API key, buys another client a narrower token (RFC 8693, 2)."""

    grant_type = GrantType(GRANT_TYPE)
    parameters = frozenset(
        {
            "subject_token", "subject_token_type", "actor_token", "actor_token_type", "requested_token_type",
            "scope", "resource", "audience",
        }
    )  # fmt: skip
    repeatable = frozenset({"resource", "audience"})

    def parse(self, form: Parameters) -> Exchange | KeyExchange:
        """Return what was asked; raises OAuthError `invalid_request` for kinds of token that are not exchanged."""
        subject = OpaqueToken.presented(form.require("subject_token", "RFC8693-2.1/subject-token"))
        kind = form.require("subject_token_type", "RFC8693-2.1/subject-token-type")
        rights = Rights(Scope.parse(form.get("scope") or ""), (*form.all("resource"), *form.all("audience")))
        asked_for, actor = form.get("requested_token_type"), _actor_token(form)
        requested = TokenType.ACCESS_TOKEN if asked_for is None else _type_of(asked_for)
        if kind != API_KEY:
            return Exchange(PresentedToken(subject, _type_of(kind)), actor, rights, requested)
        if actor is not None:
            raise _invalid("With an API key, the client itself is the actor.", "RFC8693-2.2.2/invalid-token")
        return KeyExchange(subject, rights, requested)

    async def load(
        self, asked: Exchange | KeyExchange, client: Client, server: AuthorizationServer, fresh: Fresh, address: str
    ) -> ExchangeFacts | KeyExchangeFacts:
        """Read what the tokens say and whether they live."""
        del address
        if isinstance(asked, KeyExchange):
            return await load_key_exchange(asked, client, server, fresh)
        # The counters first: what moves on while the tokens are read makes the new token stale at once.
        generations = await server.stores.clients.generations(client.client_id)
        return ExchangeFacts(
            await _living(asked.subject, server, fresh.now),
            None if asked.actor is None else await _living(asked.actor, server, fresh.now),
            generations,
            await server.stores.resources.list(),
        )

    def decide(
        self,
        asked: Exchange | KeyExchange,
        facts: ExchangeFacts | KeyExchangeFacts,
        client: Client,
        policy: Policy,
        fresh: Fresh,
    ) -> Decision:
        """Judge: only what the client's rules list, and never more or longer than what was presented."""
        del policy
        if isinstance(asked, Exchange) and isinstance(facts, ExchangeFacts):
            return _decided(asked, facts, client, fresh)
        if isinstance(asked, KeyExchange) and isinstance(facts, KeyExchangeFacts):
            return decide_key_exchange(asked, facts, client, fresh)
        raise TypeError("The facts are those of another exchange.")


def _decided(asked: Exchange, facts: ExchangeFacts, client: Client, fresh: Fresh) -> Decision:
    try:
        subject, stored = _subject_of(facts.subject, fresh.now)
        rule = _rule_for(subject, client)
        actor = _actor_of(asked, facts, subject, client)
        # RFC8693-2.1/targets
        rights = exchanged(subject.scope, asked.rights, rule, client, facts.catalogue)
        _judge_format(asked, rights.resources, client, facts.catalogue)
        provenance = _provenance(subject, stored)
    except OAuthError as error:
        return Refuse(error)
    is_silent = rule.kind is ExchangeKind.IMPERSONATION and asked.actor is None
    ends = [subject.expires_at, *([] if facts.actor is None else [facts.actor.token.expires_at])]
    return ExchangeIssue(
        stored,
        rights.scope,
        rights.resources,
        generations=replace(stored.authorization.generations, client=facts.generations.client),
        claims=_claims(subject, None if is_silent else actor, provenance),
        expires_at=min(ends),
        token_type=asked.requested,
        between=provenance[1:],
    )


def _claims(subject: AccessToken, actor: Actor | None, provenance: tuple[ClientStamp, ...]) -> dict[str, object]:
    claims: dict[str, object] = {
        EXCHANGED_FROM: [{"client_id": one.client_id, "gen": one.generation} for one in provenance]
    }
    before = subject.claims.get("act")
    if actor is not None:
        claims["act"] = actor.claim(before)  # RFC8693-4.1/chain
    elif before is not None:
        claims["act"] = before
    if "may_act" in subject.claims:
        # Who may act was ruled for its end-user, and holds for whatever is made of the token.
        claims["may_act"] = subject.claims["may_act"]
    return claims


def _actor_token(form: Parameters) -> PresentedToken | None:
    actor, kind = form.get("actor_token"), form.get("actor_token_type")
    if actor is None:
        if kind is not None:
            raise _invalid("An actor_token_type came without an actor_token.", "RFC8693-2.1/actor-token-type-alone")
        return None
    if kind is None:
        raise _invalid("The parameter actor_token_type is missing.", "RFC8693-2.1/actor-token-type")
    return PresentedToken(OpaqueToken.presented(actor), _type_of(kind))


def _type_of(text: str) -> TokenType:
    try:
        return TokenType(text)
    except ValueError:
        raise _invalid("Only access tokens are exchanged here.", "RFC8693-3/token-type") from None


async def _living(presented: PresentedToken, server: AuthorizationServer, now: NumericDate) -> LivingToken | None:
    text = presented.token.reveal()
    if presented.token_type is TokenType.JWT and text.startswith(PREFIX):
        return None
    try:
        token = await genuine_access_token(text, server, now)  # RFC8693-2.1/validate
    except InvalidToken:
        return None
    holder = await holder_of(token, server, now)
    return None if holder is None else LivingToken(token, holder.stored)


def _subject_of(found: LivingToken | None, now: NumericDate) -> tuple[AccessToken, StoredAuthorization]:
    if found is None or now >= found.token.expires_at:
        raise _invalid("The subject_token is no living access token of this server.", "RFC8693-2.2.2/invalid-token")
    _judge_binding(found.token)
    if API_KEY_ID in found.token.claims:
        raise _invalid("What an API key was exchanged for is not exchanged again.", "RFC8693-2.2.2/invalid-token")
    if found.stored is None or found.token.principal is PrincipalKind.CLIENT:
        # Its `sub` would stand beside another client_id, and be taken for an end-user's.
        raise _invalid("A client's own token is not exchanged.", "RFC9700-4.15.1/distinguish")
    return found.token, found.stored


def _judge_binding(token: AccessToken) -> None:
    # No request here proves that its sender holds the key that the token is bound to.
    if not token.claims.keys().isdisjoint(_BOUND):
        raise _invalid("A sender-constrained token came without its proof.", "RFC8693-2.2.2/invalid-token")


def _rule_for(subject: AccessToken, client: Client) -> ExchangeRule:
    rules = () if client.is_public else client.token_exchange
    for rule in rules:
        if rule.subject_client_id == subject.client_id:
            return rule
    raise OAuthError(
        ErrorCode.UNAUTHORIZED_CLIENT,
        "The client may not exchange tokens of that client.",
        "RFC8693-2.1/client-policy",
        detail=str(subject.client_id),
    )


def _actor_of(asked: Exchange, facts: ExchangeFacts, subject: AccessToken, client: Client) -> Actor:
    """Return who acts: whom the actor_token speaks for, else the client itself; it may have to be the one named."""
    actor = Actor(client.client_id, client.client_id)
    if asked.actor is not None:
        actor = _presented_actor(facts.actor, client)
    may_act = subject.claims.get("may_act")
    if may_act is not None and not actor.is_named_by(may_act, subject.issuer):
        raise _invalid("The subject_token names another party that may act.", "RFC8693-4.4/may-act")
    return actor


def _presented_actor(found: LivingToken | None, client: Client) -> Actor:
    if found is None:
        raise _invalid("The actor_token is no living access token of this server.", "RFC8693-2.2.2/invalid-token")
    token = found.token
    _judge_binding(token)
    ours = {client.client_id, *(rule.subject_client_id for rule in client.token_exchange)}
    if token.client_id not in ours or "act" in token.claims or EXCHANGED_FROM in token.claims:
        raise _invalid("The actor_token is not one that this client may act with.", "RFC8693-2.2.2/invalid-token")
    return Actor(token.subject, token.client_id)


def _provenance(subject: AccessToken, stored: StoredAuthorization) -> tuple[ClientStamp, ...]:
    before = provenance_of(subject) or ()
    if len(before) >= LONGEST_CHAIN:
        raise _invalid("The token has been exchanged too often.", "RFC8693-4.1/chain")
    if not before:
        authorization = stored.authorization
        return (ClientStamp(authorization.client_id, authorization.generations.client),)
    stamp = stamp_of(subject)
    return (*before, ClientStamp(subject.client_id, 0 if stamp is None else stamp.client))


def _judge_format(
    asked: Exchange, resources: tuple[str, ...], client: Client, catalogue: Sequence[Resource]
) -> None:
    meant = [resource for resource in catalogue if resource.identifier in resources]
    if asked.requested is TokenType.JWT and format_for(meant, client) is not AccessTokenFormat.JWT:
        # Whoever keeps a resource's tokens opaque does not want them read.
        raise _invalid("The tokens of this resource are opaque.", "RFC8693-3/token-type")


def _invalid(description: str, requirement: str) -> OAuthError:
    return OAuthError(ErrorCode.INVALID_REQUEST, description, requirement)
