"""What a guard knows of revoked tokens, by the status lists that they name and by what the live feed told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from valetkey.jose.encoding import b64url_encode
from valetkey.jose.remote import FetchRequest, Need
from valetkey.oauth.security_event import REMEMBERED_SECONDS, RevokedKind
from valetkey.oauth.status_list import MEDIA_TYPE, VALID, MalformedStatusList, StatusList

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from valetkey.oauth.access_token import AccessToken
    from valetkey.oauth.security_event import Revocation
    from valetkey.oauth.status_list import StatusReference

LONGEST_TTL: Final = 15
"""Seconds for which a list is used, whatever it says of itself."""
LONGEST_STALENESS: Final = 3_600
MAXIMUM_LIST_TOKEN_OCTETS: Final = 1 << 20
MAXIMUM_LISTS: Final = 256
"""Lists that are kept at once: those that were asked for last."""
DEADLINE_SECONDS: Final = 5.0
_LONGEST_PAUSE: Final = 8
_LONGEST_LOCATION: Final = 512
MAXIMUM_KEPT: Final = 100_000
"""Revocations of one kind that are kept at once, of those that the feed told."""
_COUNTERS: Final = 4
_UNRESERVED: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


class StatusUnavailable(Exception):
    """Whether a token is revoked cannot be said at the moment: our fault or the issuer's, never the token's."""


def is_under(issuer: str, uri: str) -> bool:
    """Say whether `uri` is a plain path below `issuer`: what a token names elsewhere is never fetched."""
    if len(uri) > len(issuer) + _LONGEST_LOCATION or not uri.startswith(issuer + "/"):
        return False
    segments = uri[len(issuer) + 1 :].split("/")
    return all(_UNRESERVED.issuperset(one) and one.strip(".") for one in segments)


@dataclass(frozen=True, slots=True)
class KnownStatusList:
    """What is known of one published list at one moment; every event makes a new value.

    Used for its ttl, at most 15 s, and asked for again from the half of it on; never beyond its `exp`. Beyond
    that nothing is said by it, unless `staleness` grants so many more seconds. Times are seconds since the epoch.
    """

    uri: str
    staleness: int = 0
    statuses: StatusList | None = None
    etag: str | None = None
    ttl: int = LONGEST_TTL
    issued_at: int = 0
    refresh_at: int = 0
    fresh_until: int = 0
    expires_at: int | None = None
    failures: int = 0
    retry_at: int = 0
    failure: str = "the list was never fetched"

    def need(self, now: int) -> Need:
        """Return what has to happen before the list is used at `now`."""
        if now < self.refresh_at:
            return Need.NOTHING
        if now < self.retry_at:
            return Need.NOTHING
        return Need.REFRESH if self.statuses is not None and now < self.fresh_until else Need.FETCH

    def is_revoked(self, index: int, now: int) -> bool:
        """Say whether the token at `index` is anything but VALID; raises StatusUnavailable without a fresh list.

        MalformedStatusList for an index beyond the end of it.
        """
        statuses = self.statuses
        if statuses is None or now >= self.fresh_until + self.staleness:
            raise StatusUnavailable(f"no fresh status list is known: {self.failure}")
        return statuses.status(index) != VALID

    def request(self) -> FetchRequest:
        """Return what to fetch."""
        headers = {"accept": MEDIA_TYPE, "accept-encoding": "identity"}
        if self.etag is not None:
            headers["if-none-match"] = self.etag
        return FetchRequest(self.uri, headers, MAXIMUM_LIST_TOKEN_OCTETS, DEADLINE_SECONDS)  # TSL-8.1/get

    def told(self, claims: Mapping[str, object], etag: str | None, now: int) -> KnownStatusList:
        """Return what is known after a list token whose signature and issuer were verified.

        One about another list, an older one that says something else, or a malformed one is a failure.
        """
        if claims.get("sub") != self.uri:
            return self.failed("the answer is about another list", now)  # TSL-8.3/subject
        issued_at, expires_at = _whole(claims.get("iat")), _whole(claims.get("exp"))
        try:
            statuses = StatusList.parse(claims.get("status_list"))
        except MalformedStatusList as error:
            return self.failed(str(error), now)
        if issued_at is not None and issued_at < self.issued_at and statuses == self.statuses:
            # Another process of the issuer signed the same list before: nothing changed.
            return self.unchanged(now)
        if issued_at is None or issued_at < self.issued_at:
            return self.failed("the answer is older than what is known", now)
        ttl = min(max(_whole(claims.get("ttl")) or LONGEST_TTL, 1), LONGEST_TTL)
        known = replace(self, statuses=statuses, etag=etag, ttl=ttl, issued_at=issued_at, expires_at=expires_at)
        return known.unchanged(now)

    def unchanged(self, now: int) -> KnownStatusList:
        """Return what is known after the answer that the list is still the same (304)."""
        if self.statuses is None:
            return self.failed("the answer is that nothing changed, but nothing is known", now)
        until = now + self.ttl if self.expires_at is None else min(now + self.ttl, self.expires_at)
        if until <= now:
            return replace(self.failed("the list has expired", now), etag=None)  # TSL-8.3/expired
        return replace(
            self,
            refresh_at=now + self.ttl // 2,
            fresh_until=until,
            failures=0,
            retry_at=0,
            failure="the list is too old",
        )

    def failed(self, reason: str, now: int) -> KnownStatusList:
        """Return what is known after a failure: the same list, and a pause that doubles with every failure."""
        pause = min(1 << min(self.failures, 8), _LONGEST_PAUSE)
        return replace(self, failures=self.failures + 1, retry_at=now + pause, failure=reason)


def _whole(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


class RevocationView:
    """The lists that the tokens of one issuer name: bounded, and looked up in well under a microsecond.

    `staleness` is for how many seconds a list is used beyond its time; 0 closes at once.
    """

    __slots__ = ("_issuer", "_known", "_staleness")

    def __init__(self, issuer: str, staleness: int = 0) -> None:
        if not 0 <= staleness <= LONGEST_STALENESS:
            raise ValueError(f"a status list may be stale for 0 to {LONGEST_STALENESS} seconds")
        self._issuer = issuer
        self._staleness = staleness
        self._known: dict[str, KnownStatusList] = {}

    def of(self, reference: StatusReference) -> KnownStatusList:
        """Return what is known of the list; raises MalformedStatusList for one that is not the issuer's."""
        known = self._known.get(reference.uri)
        if known is not None:
            return known
        if not is_under(self._issuer, reference.uri):
            raise MalformedStatusList("the status list is not one of the issuer's")
        return KnownStatusList(reference.uri, self._staleness)

    def learn(self, known: KnownStatusList) -> None:
        """Keep what is known of a list, as the one that was asked for last."""
        self._known.pop(known.uri, None)
        while len(self._known) >= MAXIMUM_LISTS:
            del self._known[next(iter(self._known))]
        self._known[known.uri] = known


_NAMED: Final = (
    RevokedKind.AUTHORIZATION,
    RevokedKind.SESSION,
    RevokedKind.TOKEN,
    RevokedKind.CLIENT,
    RevokedKind.SUBJECT,
)


class _Remembered:
    """Values by name for as long as an access token can live: bounded, the oldest leave first."""

    __slots__ = ("_until", "values")

    def __init__(self) -> None:
        self.values: dict[str | int, int] = {}
        self._until: dict[str | int, int] = {}

    def learn(self, name: str | int, value: int, now: int) -> bool:
        """Keep the highest value; False where another had to leave before its time."""
        values, until = self.values, self._until
        values[name] = max(value, values.get(name, 0))
        until.pop(name, None)
        until[name] = now + REMEMBERED_SECONDS
        self.forget(now)
        if len(until) <= MAXIMUM_KEPT:
            return True
        oldest = next(iter(until))
        del values[oldest], until[oldest]
        return False

    def forget(self, now: int) -> None:
        """Let go of what can matter to no token any more."""
        until = self._until
        while until:
            oldest = next(iter(until))
            if until[oldest] > now:
                return
            del self.values[oldest], until[oldest]


class RevokedTokens:
    """Which access tokens are dead by what the feed told: looked up in well under a microsecond."""

    __slots__ = (
        "_dead_authorizations", "_dead_seconds", "_dead_sessions", "_dead_tokens", "_incomplete_until", "_kept",
        "_lowest_of_clients", "_lowest_of_subjects", "_seconds", "_server", "_tenant",
    )  # fmt: skip

    def __init__(self) -> None:
        self._kept = {kind: _Remembered() for kind in _NAMED}
        self._seconds = _Remembered()
        # The very dictionaries of what is kept, at hand for each request.
        self._dead_authorizations = self._kept[RevokedKind.AUTHORIZATION].values
        self._dead_sessions = self._kept[RevokedKind.SESSION].values
        self._dead_tokens = self._kept[RevokedKind.TOKEN].values
        self._dead_seconds = self._seconds.values
        self._lowest_of_clients = self._kept[RevokedKind.CLIENT].values
        self._lowest_of_subjects = self._kept[RevokedKind.SUBJECT].values
        self._tenant = 0
        self._server = 0
        self._incomplete_until = 0

    def is_complete(self, now: int) -> bool:
        """Say whether nothing had to be forgotten that could still matter."""
        return now >= self._incomplete_until

    def learn(self, revocation: Revocation, now: int) -> None:
        """Take in one event; in any order, and as often as it is told."""
        lowest = revocation.lowest_generation
        match revocation.kind:
            case RevokedKind.SERVER:
                self._server = max(self._server, lowest)
            case RevokedKind.TENANT:
                self._tenant = max(self._tenant, lowest)
            case _:
                if revocation.kind is RevokedKind.TOKEN:
                    self._seconds.learn(revocation.token_expires_at, 0, now)
                if not self._kept[revocation.kind].learn(revocation.handle, lowest, now):
                    self._incomplete_until = now + REMEMBERED_SECONDS

    def forget(self, now: int) -> None:
        """Let go of what can matter to no token any more."""
        for kept in (*self._kept.values(), self._seconds):
            kept.forget(now)

    def covers(self, token: AccessToken) -> bool:
        """Say whether the token is dead; one that bears no counters counts as of the first generation."""
        if token.authorization_id in self._dead_authorizations or token.sid in self._dead_sessions:
            return True
        # Hashing costs more than all the rest: only a token that ends in the very second of a dead one is hashed.
        if token.expires_at in self._dead_seconds and _name_of(token) in self._dead_tokens:
            return True
        claims, clients = token.claims, self._lowest_of_clients
        server, tenant, client, subject = _counters(claims.get("gen"))
        if (
            subject < self._lowest_of_subjects.get(token.subject, 0)
            or client < clients.get(token.client_id, 0)
            or server < self._server
            or tenant < self._tenant
        ):
            return True
        return bool(clients) and "exchanged_from" in claims and _came_through(claims["exchanged_from"], clients)


def _name_of(token: AccessToken) -> str:
    return b64url_encode(sha256(token.token_id.encode()).digest())


def _counters(found: object) -> Sequence[int]:
    return found if type(found) is list and len(found) == _COUNTERS else _FIRST


def _came_through(stamps: object, clients: Mapping[str | int, int]) -> bool:
    """Whether an exchanged token came through a client whose older tokens are dead (RFC 8693, 4.1)."""
    if not isinstance(stamps, list):
        return True
    return any(
        not isinstance(one, dict) or one.get("gen", 0) < clients.get(str(one.get("client_id")), 0) for one in stamps
    )


_FIRST: Final = (0, 0, 0, 0)
