"""The decision at a guarded route: Allow, or Deny with the exact challenge (RFC 6750, 3; RFC 9068, 4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

import msgspec

from valetkey.jose import InvalidToken, KeySourceUnavailable, Verifier
from valetkey.oauth.access_token import AccessToken, access_token_from_claims
from valetkey.oauth.challenge import Challenge
from valetkey.oauth.errors import ErrorCode
from valetkey.oauth.status_list import MalformedStatusList, StatusReference
from valetkey.oauth.types import Issuer
from valetkey.resource_server.feed_following import Verdict
from valetkey.resource_server.introspection import IntrospectionUnavailable
from valetkey.resource_server.metadata import metadata_url
from valetkey.resource_server.revocation_view import StatusUnavailable
from valetkey.resource_server.status_following import StatusFollower
from valetkey.resource_server.token import BearerToken, MalformedCredentials, NoToken, read_credentials

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from valetkey.resource_server.introspection import Introspection
    from valetkey.resource_server.keys import KeySource
    from valetkey.resource_server.rules import Rule

RETRY_AFTER: Final = "2"
_DOTS_OF_A_JWT: Final = 2
_SERVICE_UNAVAILABLE: Final = 503
_REVOKED: Final = "The token was revoked."
_NOT_ENOUGH: Final = "The authentication of the end-user is not strong or not recent enough."
_UNKNOWN: Final = "Whether the token was revoked cannot be said at the moment; try again."
ALGORITHMS: Final = frozenset({"ES256", "ES384", "ES512", "EdDSA", "Ed25519", "PS256", "RS256"})
"""The signature algorithms that are accepted unless a guard names fewer: never taken from a token or metadata."""

_REASONS: Final = {
    "token_expired": "The token is expired.",
    "token_not_yet_valid": "The token is not valid yet.",
    "signature_invalid": "The signature does not verify.",
    "unknown_key": "The token is signed by a key that the issuer does not publish.",
    "algorithm_not_allowed": "The token is signed with an algorithm that is not accepted here.",
    "typ_mismatch": "The token is not an access token.",
    "claim_invalid": "The token was issued for another audience or by another issuer, or a claim is malformed.",
    "claim_missing": "A claim that an access token must carry is missing.",
    "token_too_large": "The token is too large.",
}


class StatusSource(Protocol):
    """Says which tokens are revoked (`valetkey.resource_server.status_following.StatusFollower`)."""

    async def is_revoked(self, reference: StatusReference) -> bool:
        """Say it of one token; raises StatusUnavailable, or MalformedStatusList where it can never be said."""
        ...


class FeedSource(Protocol):
    """The live feed of revocations (`valetkey.resource_server.feed_following.RevocationFeed`)."""

    def judge(self, token: AccessToken) -> Verdict:
        """Say what it knows of a token whose signature was verified."""
        ...

    async def settle(self) -> None:
        """Wait for the first answer or failure, for a few seconds."""
        ...

    def was_current_within(self, seconds: int) -> bool:
        """Say whether it knew everything at a moment that is no longer ago."""
        ...


@dataclass(frozen=True, slots=True)
class RevocationSources:
    """How a guard learns what was revoked: by the lists that tokens name, and by the feed where there is one."""

    statuses: StatusSource
    feed: FeedSource | None = None


class Allow(msgspec.Struct, frozen=True):
    """The request may pass, with what its token says."""

    token: AccessToken


@dataclass(frozen=True, slots=True)
class Deny:
    """The request is answered in its place: `error` is None where the request presented no token at all."""

    status: int
    error: str | None
    description: str
    headers: tuple[tuple[str, str], ...]

    def document(self) -> dict[str, str]:
        """Return the JSON body: the reason, for the developer of the client."""
        body = {"error": self.error} if self.error is not None else {}
        return {**body, "error_description": self.description}


class ResourceServer:
    """Judges requests to one resource by tokens of one issuer; immutable, shared by every face."""

    def __init__(
        self,
        *,
        issuer: str,
        resource: str,
        keys: KeySource,
        algorithms: Collection[str] = ALGORITHMS,
        introspection: Introspection | None = None,
        revocations: RevocationSources | None = None,
    ) -> None:
        """Build it; `issuer` and `resource` are URLs, compared exactly. Raises ValueError for a bad one.

        With `introspection` it also accepts opaque tokens; a JWT is always verified here. Without `revocations` the
        status lists that JWTs name are followed where the issuer publishes them, by a StatusFollower that refuses
        whenever it cannot say. With a feed among them it decides instead, also of JWTs without a status; whenever
        it cannot say, the status list does, and where there is none, the token is refused for now.
        """
        self.issuer = Issuer.parse(issuer).url
        parts = urlsplit(resource)
        if not parts.scheme or not parts.netloc or "#" in resource:
            raise ValueError("a resource is an absolute URI without fragment (RFC 8707, 2)")
        self.resource = resource
        self._keys = keys
        if revocations is None:
            followed = StatusFollower(self.issuer, keys, algorithms=published_with(algorithms))
            revocations = RevocationSources(followed)
        self._statuses, self._feed = revocations.statuses, revocations.feed
        self._introspection = introspection
        # RFC9068-4/typ RFC9068-4/verification
        self._verifier = Verifier.access_token(issuer=self.issuer, audience=resource, algorithms=algorithms)
        self._metadata = ("resource_metadata", metadata_url(resource))

    async def decide(self, authorization: Sequence[str], rule: Rule) -> Allow | Deny:
        """Judge the values of a request's `Authorization` headers by `rule`.

        A key source that is down is our fault: 503, never 401 and never a pass.
        """
        match read_credentials(authorization):  # RFC6750-2.1/header
            case NoToken():
                return self._unauthenticated(rule)
            case MalformedCredentials(reason):
                return self._deny(400, ErrorCode.INVALID_REQUEST, reason, rule)
            case BearerToken(value):
                if self._introspection is not None and value.count(".") != _DOTS_OF_A_JWT:
                    return await self._judge_opaque(value, self._introspection, rule)
                return await self._judge(value, rule)

    async def _judge(self, presented: str, rule: Rule) -> Allow | Deny:
        try:
            verified = await self._keys.verify(self._verifier, presented)
        except InvalidToken as error:
            reason = _REASONS.get(error.code, "The token is malformed.")
            return self._deny(401, ErrorCode.INVALID_TOKEN, reason, rule)  # RFC9068-4/invalid-token
        except KeySourceUnavailable:
            return _unavailable("The keys of the issuer cannot be had at the moment; try again.")
        token = access_token_from_claims(verified.claims)
        if self._feed is not None:
            refusal = await self._judge_by_feed(token, self._feed, rule)
        else:
            refusal = await self._judge_status(token, rule)  # TSL-8.3/first
        return self._judge_scope(token, rule) if refusal is None else refusal

    async def _judge_by_feed(self, token: AccessToken, feed: FeedSource, rule: Rule) -> Deny | None:
        verdict = feed.judge(token)
        if verdict is Verdict.UNKNOWN and "status" not in token.claims:
            await feed.settle()
            verdict = feed.judge(token)
        if verdict is Verdict.LIVING:
            return None
        if verdict is Verdict.REVOKED:
            return self._deny(401, ErrorCode.INVALID_TOKEN, _REVOKED, rule)
        refusal = await self._judge_status(token, rule) if "status" in token.claims else _unavailable(_UNKNOWN)
        is_outage = refusal is not None and refusal.status == _SERVICE_UNAVAILABLE
        if is_outage and feed.was_current_within(rule.insecure_stale_seconds):
            return None
        return refusal

    async def _judge_status(self, token: AccessToken, rule: Rule) -> Deny | None:
        if "status" not in token.claims:
            return None
        try:
            reference = StatusReference.parse(token.claims)
            if reference is None or not await self._statuses.is_revoked(reference):
                return None
        except MalformedStatusList:
            reason = "The token names a status that cannot be looked up."
            return self._deny(401, ErrorCode.INVALID_TOKEN, reason, rule)
        except StatusUnavailable:
            return _unavailable(_UNKNOWN)
        return self._deny(401, ErrorCode.INVALID_TOKEN, _REVOKED, rule)

    async def _judge_opaque(self, presented: str, introspection: Introspection, rule: Rule) -> Allow | Deny:
        try:
            token = await introspection.introspect(presented)
        except IntrospectionUnavailable:
            return _unavailable("The issuer cannot be asked about the token at the moment; try again.")
        if token is None:
            reason = "The token is unknown, expired or revoked."
            return self._deny(401, ErrorCode.INVALID_TOKEN, reason, rule)
        if token.issuer != self.issuer or self.resource not in token.audience:
            return self._deny(401, ErrorCode.INVALID_TOKEN, _REASONS["claim_invalid"], rule)
        return self._judge_scope(token, rule)

    def _judge_scope(self, token: AccessToken, rule: Rule) -> Allow | Deny:
        # First, because its challenge names the scope too: who has to sign in again is sent away once.
        if rule.asks_for_authentication and not rule.is_met_by_authentication(token, self._verifier.clock()):
            return self._deny(401, ErrorCode.INSUFFICIENT_USER_AUTHENTICATION, _NOT_ENOUGH, rule)  # RFC9470-3/error
        if not rule.scope <= token.scope:
            # RFC6750-3.1/insufficient-scope: the whole scope that the route asks for, not only what is missing.
            return self._deny(403, ErrorCode.INSUFFICIENT_SCOPE, "The token does not carry the scope.", rule)
        return Allow(token)

    def _unauthenticated(self, rule: Rule) -> Deny:
        # RFC6750-3.1/no-error-code: a request without credentials learns how to authenticate, no error.
        parameters = (self._metadata, *_scope_parameter(rule))
        return Deny(
            401,
            None,
            "This resource needs an access token.",
            (("www-authenticate", str(Challenge("Bearer", parameters))), ("cache-control", "no-store")),
        )

    def _deny(self, status: int, code: ErrorCode, reason: str, rule: Rule) -> Deny:
        # RFC6750-3/challenge RFC6750-3/scheme RFC6750-3/once
        parameters = (
            ("error", code.value),
            ("error_description", reason),
            *_authentication_parameters(code, rule),
            *_scope_parameter(rule),
            self._metadata,
        )
        return Deny(
            status,
            code.value,
            reason,
            (("www-authenticate", str(Challenge("Bearer", parameters))), ("cache-control", "no-store")),
        )


def published_with(algorithms: Collection[str]) -> frozenset[str]:
    """Return the algorithms with which a guard's issuer may sign what it publishes of revocation.

    Our own issuers sign status lists and events with ES256, whatever their tokens are signed with.
    """
    return frozenset({*algorithms, "ES256"})


def _unavailable(description: str) -> Deny:
    return Deny(
        503,
        ErrorCode.TEMPORARILY_UNAVAILABLE.value,
        description,
        (("retry-after", RETRY_AFTER), ("cache-control", "no-store")),
    )


def _authentication_parameters(code: ErrorCode, rule: Rule) -> tuple[tuple[str, str], ...]:
    if code is not ErrorCode.INSUFFICIENT_USER_AUTHENTICATION:
        return ()
    levels = (("acr_values", " ".join(rule.acr)),) if rule.acr else ()  # RFC9470-3/acr-values
    return (*levels, ("max_age", str(rule.max_age))) if rule.max_age is not None else levels


def _scope_parameter(rule: Rule) -> tuple[tuple[str, str], ...]:
    return (("scope", str(rule.scope)),) if rule.scope else ()
