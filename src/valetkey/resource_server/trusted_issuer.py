"""One issuer whose tokens an API takes: its keys and all that it publishes are used for its own tokens only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NotRequired, Protocol, TypedDict
from urllib.parse import urlsplit

from valetkey.jose import InvalidToken, KeySourceUnavailable, Verifier
from valetkey.oauth.access_token import AccessToken, access_token_from_claims
from valetkey.oauth.status_list import MalformedStatusList, StatusReference
from valetkey.oauth.types import Issuer
from valetkey.resource_server.facts import Rejected, Standing, Undecided
from valetkey.resource_server.feed_following import Verdict
from valetkey.resource_server.introspection import IntrospectionUnavailable
from valetkey.resource_server.revocation_view import StatusUnavailable
from valetkey.resource_server.status_following import StatusFollower

if TYPE_CHECKING:
    from collections.abc import Collection

    from valetkey.resource_server.introspection import Introspection
    from valetkey.resource_server.keys import KeySource

ALGORITHMS: Final = frozenset({"ES256", "ES384", "ES512", "EdDSA", "Ed25519", "PS256", "RS256"})
"""The signature algorithms that are accepted unless a guard names fewer: never taken from a token or metadata."""

_CLAIM_INVALID: Final = "The token was issued for another audience or by another issuer, or a claim is malformed."
REASONS: Final = {
    "token_expired": "The token is expired.",
    "token_not_yet_valid": "The token is not valid yet.",
    "signature_invalid": "The signature does not verify.",
    "unknown_key": "The token is signed by a key that the issuer does not publish.",
    "algorithm_not_allowed": "The token is signed with an algorithm that is not accepted here.",
    "typ_mismatch": "The token is not an access token.",
    "claim_invalid": _CLAIM_INVALID,
    "claim_missing": "A claim that an access token must carry is missing.",
    "token_too_large": "The token is too large.",
}
OF_ANOTHER: Final = Rejected(_CLAIM_INVALID)
_NO_KEYS: Final = Undecided("The keys of the issuer cannot be had at the moment; try again.")
_NO_ANSWER: Final = Undecided("The issuer cannot be asked about the token at the moment; try again.")
_INACTIVE: Final = Rejected("The token is unknown, expired or revoked.")


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


class SignalSource(Protocol):
    """What was told by other vendors' Shared Signals: it can only say that a token is dead."""

    def judge(self, token: AccessToken) -> Verdict:
        """Return REVOKED for a token that an event ended; anything else says nothing."""
        ...


@dataclass(frozen=True, slots=True)
class RevocationSources:
    """How a guard learns what was revoked: by the lists that tokens name, by the feed, and by signals of others."""

    statuses: StatusSource
    feed: FeedSource | None = None
    signals: SignalSource | None = None


class IssuerOptions(TypedDict):
    """What a TrustedIssuer is built of."""

    issuer: str
    resource: str
    keys: KeySource
    algorithms: NotRequired[Collection[str]]
    introspection: NotRequired[Introspection | None]
    revocations: NotRequired[RevocationSources | None]


class TrustedIssuer:
    """Proves tokens of one issuer for one resource; immutable, shared by every face."""

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
        self.introspection = introspection
        self._keys = keys
        if revocations is None:
            followed = StatusFollower(self.issuer, keys, algorithms=published_with(algorithms))
            revocations = RevocationSources(followed)
        self._statuses, self._feed, self._signals = revocations.statuses, revocations.feed, revocations.signals
        # RFC9068-4/typ RFC9068-4/verification
        self._verifier = Verifier.access_token(issuer=self.issuer, audience=resource, algorithms=algorithms)

    def now(self) -> int:
        """Return the time by which its tokens are judged, in seconds since the epoch."""
        return self._verifier.clock()

    async def verified(self, presented: str) -> AccessToken | Rejected | Undecided:
        """Return what a JWT says that this issuer signed for this resource."""
        try:
            verified = await self._keys.verify(self._verifier, presented)
        except InvalidToken as error:
            return Rejected(REASONS.get(error.code, "The token is malformed."))
        except KeySourceUnavailable:
            return _NO_KEYS
        return access_token_from_claims(verified.claims)

    async def explained(self, presented: str, introspection: Introspection) -> AccessToken | Rejected | Undecided:
        """Return what the issuer says of a token, or a key, that only it can explain."""
        try:
            token = await introspection.introspect(presented)
            if token is not None and self._feed is not None and self._feed.judge(token) is Verdict.REVOKED:
                # What is believed may be older than the revocation; and an answer bears no counters, by which a
                # token that was issued after it could be told from those that died: only the issuer can say.
                token = await introspection.introspect_anew(presented)
        except IntrospectionUnavailable:
            return _NO_ANSWER
        if token is None:
            return _INACTIVE
        if token.issuer != self.issuer or self.resource not in token.audience:
            return OF_ANOTHER
        if self._is_signalled_dead(token):
            # Others told of it what its issuer may never hear.
            return _INACTIVE
        return token

    async def standing(self, token: AccessToken, staleness: int) -> Standing:
        """Say what is known of the revocation of a verified JWT; `staleness` is what its rule accepts, seconds."""
        if self._is_signalled_dead(token):
            return Standing.REVOKED
        if self._feed is not None:
            return await self._standing_by_feed(token, self._feed, staleness)
        return await self._standing_by_status(token)  # TSL-8.3/first

    def _is_signalled_dead(self, token: AccessToken) -> bool:
        return self._signals is not None and self._signals.judge(token) is Verdict.REVOKED

    async def _standing_by_feed(self, token: AccessToken, feed: FeedSource, staleness: int) -> Standing:
        verdict = feed.judge(token)
        if verdict is Verdict.UNKNOWN and "status" not in token.claims:
            await feed.settle()
            verdict = feed.judge(token)
        if verdict is Verdict.LIVING:
            return Standing.LIVING
        if verdict is Verdict.REVOKED:
            return Standing.REVOKED
        standing = await self._standing_by_status(token) if "status" in token.claims else Standing.UNKNOWN
        if standing is Standing.UNKNOWN and feed.was_current_within(staleness):
            return Standing.STALE
        return standing

    async def _standing_by_status(self, token: AccessToken) -> Standing:
        if "status" not in token.claims:
            return Standing.LIVING
        try:
            reference = StatusReference.parse(token.claims)
            if reference is None or not await self._statuses.is_revoked(reference):
                return Standing.LIVING
        except MalformedStatusList:
            return Standing.UNNAMEABLE
        except StatusUnavailable:
            return Standing.UNKNOWN
        return Standing.REVOKED


def published_with(algorithms: Collection[str]) -> frozenset[str]:
    """Return the algorithms with which a guard's issuer may sign what it publishes of revocation.

    Our own issuers sign status lists and events with ES256, whatever their tokens are signed with.
    """
    return frozenset({*algorithms, "ES256"})
