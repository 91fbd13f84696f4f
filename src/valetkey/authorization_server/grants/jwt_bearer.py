"""jwt-bearer: an assertion of an issuer that we trust buys a token for the end-user it means (RFC 7523, 2.1)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from math import ceil
from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.client_authentication.assertion import audiences_for
from valetkey.authorization_server.decision import BurnJti, EndUserIssue, GrantAuthorization, Refuse
from valetkey.authorization_server.grants.grant import invalid_grant
from valetkey.authorization_server.model import (
    Authentication,
    Authorization,
    EndUser,
    Generations,
    Resource,
    StoredAuthorization,
    normalised_email,
    normalised_username,
)
from valetkey.authorization_server.registration import LONGEST_ACCESS_TOKEN
from valetkey.authorization_server.rights import NEVER_BY_DEFAULT, rights_for
from valetkey.authorization_server.trusted_issuer import SubjectMatch, TrustedIssuer
from valetkey.jose import JoseError, KeySourceUnavailable, Verifier, jwt
from valetkey.jose.encoding import numeric_date
from valetkey.jose.records import dataclass
from valetkey.jose.token_kinds import TokenKind
from valetkey.oauth.errors import OAuthError
from valetkey.oauth.types import AuthorizationId, GrantType, NumericDate, Scope, SecretText, Subject, TokenDigest

if TYPE_CHECKING:
    from valetkey.authorization_server.decision import Decision
    from valetkey.authorization_server.fresh import Fresh
    from valetkey.authorization_server.model import Client
    from valetkey.authorization_server.policy import Policy
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.jose import JwkSet
    from valetkey.oauth.parameters import Parameters

JWT_BEARER: Final = GrantType("urn:ietf:params:oauth:grant-type:jwt-bearer")
ASSERTION: Final = TokenKind(
    "bearer assertion",
    "JWT",
    frozenset({None, "jwt"}),
    frozenset({"iss", "sub", "aud", "exp", "jti"}),
    # What only other kinds bear: an ID Token or a logout token is made for another purpose.
    frozenset({"nonce", "at_hash", "events", "token_introspection", "htm", "htu", "response_type", "code"}),
)
"""An assertion as an authorization grant; its `jti` is required, because each is good once (RFC 7523, 3)."""


@dataclass(frozen=True, slots=True)
class BearerRequest:
    """What a token request asks for with an assertion."""

    assertion: SecretText = field(repr=False)
    scope: Scope | None
    resources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BearerFacts:
    """What decides: the verified claims, their issuer, whether they were used, and the end-user they mean."""

    claims: Mapping[str, object]
    trusted: TrustedIssuer
    jti: BurnJti
    was_used: bool
    end_user: EndUser | None
    generations: Generations
    catalogue: Sequence[Resource]


class JwtBearerGrant:
    """An assertion is redeemed, once, for an access token and nothing else (RFC 7523, 2.1)."""

    grant_type = JWT_BEARER
    parameters = frozenset({"assertion", "scope", "resource"})
    repeatable = frozenset({"resource"})

    def parse(self, form: Parameters) -> BearerRequest:
        """Return what was asked; raises OAuthError."""
        scope = form.get("scope")
        return BearerRequest(
            SecretText(form.require("assertion", "RFC7521-4.1/assertion")),
            None if scope is None else Scope.parse(scope),
            form.all("resource"),
        )

    async def load(
        self, asked: BearerRequest, client: Client, server: AuthorizationServer, fresh: Fresh, address: str
    ) -> BearerFacts:
        """Verify the assertion and read whom it means; raises OAuthError `invalid_grant`."""
        del address
        text = asked.assertion.reveal()
        trusted = await _trusted(text, client, server)
        verifier = Verifier.of_kind(
            ASSERTION,
            issuer=trusted.issuer,
            audience=audiences_for(server.issuer, server.policy_for(client)),
            algorithms=trusted.algorithms,
        )
        try:
            keys = await _keys(verifier.kid_of(text), trusted, server)
            # RFC7523-3/issuer RFC7523-3/subject RFC7523-3/audience RFC7523-3/expiration RFC7523-3/not-before
            # RFC7523-3/signature RFC7523-3/valid
            claims = verifier.verify(text, keys, now=fresh.now).claims
        except JoseError as error:
            raise _refusal("The assertion is not good here.", "RFC7523-3.1/invalid-grant", error.code) from None
        jti = _jti(claims, trusted, fresh.now)
        # Read before the end-user: a change in between then loses the commit instead of going unnoticed.
        subject, generations = await _subject(claims, trusted, client, server)
        return BearerFacts(
            claims,
            trusted,
            jti,
            await server.stores.replay_guard.is_burned(jti.scope, jti.jti_digest, fresh.now),
            None if subject is None else await server.stores.end_users.find(subject),
            generations,
            await server.stores.resources.list(),
        )

    def decide(
        self, asked: BearerRequest, facts: BearerFacts, client: Client, policy: Policy, fresh: Fresh
    ) -> Decision:
        """Judge: the assertion says who it is, the operator what they may have by it."""
        if facts.was_used:
            return Refuse(invalid_grant("The assertion was used before.", "RFC7523-3/jti"))
        end_user = facts.end_user
        if end_user is None or end_user.disabled:
            return Refuse(invalid_grant("The assertion means nobody who may have a token.", "RFC7521-5.2/subject"))
        # An ID Token or a refresh token would speak of a sign-in that was never here.
        scope = Scope(client.scope.narrowed_to(facts.trusted.scope) - NEVER_BY_DEFAULT)
        try:
            rights = rights_for(asked.scope, asked.resources, replace(client, scope=scope), facts.catalogue, policy)
        except OAuthError as error:
            return Refuse(error)
        authorization = Authorization(
            authorization_id=AuthorizationId(fresh.identifier("authorization")),
            client_id=client.client_id,
            subject=end_user.subject,
            scope=rights.scope,
            resources=rights.resources,
            authentication=Authentication(_auth_time(facts.claims, fresh.now), "", ()),
            generations=facts.generations,
            created_at=fresh.now,
            expires_at=NumericDate(fresh.now + LONGEST_ACCESS_TOKEN),
            sid=None,
            bound_to_session=False,
        )
        return EndUserIssue(
            StoredAuthorization(authorization, facts.generations),
            rights.scope,
            rights.resources,
            refresh_token=None,
            id_token_nonce_applies=False,
            changes=(facts.jti, GrantAuthorization(authorization, None)),
        )


async def _trusted(assertion: str, client: Client, server: AuthorizationServer) -> TrustedIssuer:
    try:
        issuer = jwt.peek(assertion).claims.get("iss")
    except JoseError as error:
        raise _refusal("The assertion cannot be read.", "RFC7523-3.1/invalid-grant", error.code) from None
    trusted = await server.stores.trusted_issuers.find(issuer) if isinstance(issuer, str) else None
    # One answer to all: a client that may not present its assertions does not learn whom we trust.
    if trusted is None or trusted.disabled or client.client_id not in trusted.clients:
        raise _refusal("The issuer of the assertion is not trusted here.", "RFC7523-3/issuer", "issuer")
    return trusted


async def _keys(kid: str | None, trusted: TrustedIssuer, server: AuthorizationServer) -> JwkSet:
    if trusted.jwks is not None:
        return trusted.jwks
    try:
        return await server.remote_keys.find(trusted.jwks_uri or "", kid)
    except KeySourceUnavailable:
        # Somebody else's outage, so that no part of ours is unavailable, and the assertion stays unused: it may
        # be sent again. Why it failed, the log has been told.
        text = "The keys of the issuer cannot be fetched at the moment."
        raise _refusal(text, "RFC7523-3/signature", "keys") from None


def _jti(claims: Mapping[str, object], trusted: TrustedIssuer, now: NumericDate) -> BurnJti:
    # The replay guard remembers a jti until then: an assertion that lives for years would never be forgotten.
    expires_at = numeric_date(claims["exp"])
    if expires_at is None or expires_at - now > trusted.assertion_lifetime:
        raise _refusal("The assertion lives too long.", "RFC7523-3/lifetime", "lifetime")
    digest = hashlib.sha256(str(claims["jti"]).encode("utf-8", "surrogatepass")).digest()
    return BurnJti(f"assertion {trusted.issuer}", TokenDigest(digest), NumericDate(ceil(expires_at)), now)


async def _subject(
    claims: Mapping[str, object], trusted: TrustedIssuer, client: Client, server: AuthorizationServer
) -> tuple[Subject | None, Generations]:
    found = await _meant(claims, trusted, server)
    if found is None:
        return None, Generations()
    return found.subject, await server.stores.authorizations.current(client.client_id, found.subject)


async def _meant(
    claims: Mapping[str, object], trusted: TrustedIssuer, server: AuthorizationServer
) -> EndUser | None:
    value, end_users = claims.get(trusted.subject_claim), server.stores.end_users
    if not isinstance(value, str) or not value:
        return None
    match trusted.subject_match:
        case SubjectMatch.SUBJECT:
            return await end_users.find(Subject(value))
        case SubjectMatch.USERNAME:
            named = await end_users.find_by_username(normalised_username(value))
            # Over there, names may differ that are one here: nobody becomes somebody else by a letter like theirs.
            is_same = named is not None and normalised_email(named.username) == normalised_email(value)
            return named if is_same else None
        case SubjectMatch.LISTED:
            username = trusted.subjects.get(value)
            return None if username is None else await end_users.find_by_username(normalised_username(username))
        case SubjectMatch.EMAIL:
            found = await end_users.find_by_email(normalised_email(value))
            is_sure = claims.get("email_verified") is True and len(found) == 1 and found[0].email_verified
            return found[0] if is_sure else None


def _auth_time(claims: Mapping[str, object], now: NumericDate) -> NumericDate:
    """Return when the issuer says that the end-user signed in there; 0 where it does not, or in the future."""
    told = numeric_date(claims["auth_time"]) if "auth_time" in claims else None
    return NumericDate(0 if told is None or told > now else int(told))


def _refusal(description: str, requirement: str, detail: str) -> OAuthError:
    error = invalid_grant(description, requirement)
    error.detail = detail
    return error
