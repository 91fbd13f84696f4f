"""Keys published elsewhere: when to fetch them, and what to keep of an answer (RFC 7517, 5; RFC 9111)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from valetkey.jose.errors import ConfigurationError, InvalidKey, KeySourceUnavailable
from valetkey.jose.jwk_set import MAXIMUM_SET_OCTETS, JwkSet
from valetkey.jose.records import dataclass

DEADLINE_SECONDS: Final = 5
SHORTEST_LIFETIME: Final = 60
LONGEST_LIFETIME: Final = 86_400
DEFAULT_LIFETIME: Final = 300
STALE_SECONDS: Final = 86_400
LONGEST_COOLDOWN: Final = 60
UNKNOWN_KID_SECONDS: Final = 30
UNKNOWN_KID_INTERVAL: Final = 10
MAXIMUM_UNKNOWN_KIDS: Final = 1_000

_HTTP_OK: Final = 200
_HTTP_NOT_MODIFIED: Final = 304
_CONTENT_TYPES: Final = frozenset({"application/json", "application/jwk-set+json"})
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class Need(StrEnum):
    """What has to happen before the keys are used."""

    NOTHING = "nothing"
    REFRESH = "refresh"  # use the keys now, and fetch them meanwhile
    FETCH = "fetch"  # fetch first


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """What to GET: no redirect may be followed, and both limits are for the whole exchange."""

    url: str
    headers: Mapping[str, str]
    maximum_octets: int = MAXIMUM_SET_OCTETS
    deadline_seconds: float = DEADLINE_SECONDS


@dataclass(frozen=True, slots=True)
class FetchAnswer:
    """What came back: `headers` have lower-case names, `body` is at most `maximum_octets` long."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class RemoteJwkSet:
    """What is known of a published key set at one moment; every event makes a new value.

    Fresh for what its Cache-Control says, within 60 s and 24 h, and fetched again ahead of that; usable for 24 h
    more while its source is down; asked again for an unknown `kid` at most every 10 s. Times are seconds since the
    epoch.
    """

    url: str
    deadline_seconds: float = DEADLINE_SECONDS
    keys: JwkSet | None = None
    etag: str | None = None
    fetched_at: int = 0
    refresh_at: int = 0
    fresh_until: int = 0
    failures: int = 0
    retry_at: int = 0
    failure: str = "the keys were never fetched"
    unknown_kids: Mapping[str, int] = field(default_factory=dict)
    _kids: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            host = parts.hostname
        except ValueError:
            raise ConfigurationError("The key source is not a URL.") from None
        if not host or not (parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)):
            raise ConfigurationError("The key source is an https URL; http is for loopback only.")

    def settled(self, now: int) -> JwkSet | None:
        """Returns the keys if none need to be fetched at `now`, except for a `kid` that these lack; else None."""
        return self.keys if now < self.refresh_at and now < self.fresh_until else None

    def need(self, kid: str | None, now: int) -> Need:
        """Returns what a token with this `kid` needs at `now`."""
        may_ask = now >= self.retry_at
        if self.keys is None or now >= self.fresh_until:
            return Need.FETCH if may_ask else Need.NOTHING
        if kid is not None and kid not in self._kids and may_ask and self._may_ask_for(kid, now):
            return Need.FETCH
        return Need.REFRESH if may_ask and now >= self.refresh_at else Need.NOTHING

    def _may_ask_for(self, kid: str, now: int) -> bool:
        return now >= self.fetched_at + UNKNOWN_KID_INTERVAL and now >= self.unknown_kids.get(kid, 0)

    def usable(self, now: int) -> JwkSet:
        """Returns the keys, fresh or not too stale; KeySourceUnavailable where there are none."""
        if self.keys is None or now >= self.fresh_until + STALE_SECONDS:
            raise KeySourceUnavailable(f"No usable keys are known: {self.failure}.")
        return self.keys

    def request(self) -> FetchRequest:
        """Returns what to fetch."""
        headers = {"accept": "application/jwk-set+json, application/json", "accept-encoding": "identity"}
        if self.etag is not None and self.keys is not None:
            headers["if-none-match"] = self.etag
        return FetchRequest(self.url, headers, deadline_seconds=self.deadline_seconds)

    def answered(self, answer: FetchAnswer, now: int, *, wanted: str | None = None) -> RemoteJwkSet:
        """Returns what is known after an answer to a fetch for the `kid` that was `wanted`."""
        if answer.status == _HTTP_NOT_MODIFIED and self.keys is not None:
            return self._kept(self.keys, self._kids, answer, now, wanted)
        if answer.status != _HTTP_OK:
            return self.failed(f"the source answered {answer.status}", now)
        content_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type not in _CONTENT_TYPES:
            return self.failed("the source answered something that is not JSON", now)
        if answer.headers.get("content-encoding", "identity") != "identity":
            return self.failed("the source compressed its answer unasked", now)
        if len(answer.body) > MAXIMUM_SET_OCTETS:
            return self.failed("the source's answer is too large", now)
        try:
            keys = JwkSet.parse(answer.body)
        except InvalidKey:
            return self.failed("the source's answer is no sound key set", now)
        if not keys.keys and not keys.unbound:
            return self.failed("the source published no usable key", now)
        named = [key.kid for key in keys.keys] + [key.kid for key in keys.unbound]
        kids = frozenset(kid for kid in named if kid is not None)
        return self._kept(keys, kids, answer, now, wanted)

    def _kept(
        self, keys: JwkSet, kids: frozenset[str], answer: FetchAnswer, now: int, wanted: str | None
    ) -> RemoteJwkSet:
        lifetime = lifetime_of(answer.headers)
        unknown = {kid: until for kid, until in self.unknown_kids.items() if until > now and kid not in kids}
        if wanted is not None and wanted not in kids and len(unknown) < MAXIMUM_UNKNOWN_KIDS:
            unknown[wanted] = now + UNKNOWN_KID_SECONDS
        return replace(
            self,
            keys=keys,
            etag=answer.headers.get("etag", self.etag if answer.status == _HTTP_NOT_MODIFIED else None),
            fetched_at=now,
            refresh_at=now + lifetime * 3 // 4,
            fresh_until=now + lifetime,
            failures=0,
            retry_at=0,
            failure="the keys are too old",
            unknown_kids=unknown,
            _kids=kids,
        )

    def failed(self, reason: str, now: int) -> RemoteJwkSet:
        """Returns what is known after a failure: the same keys, and a pause that doubles with every failure."""
        pause = min(2 ** min(self.failures + 1, 10), LONGEST_COOLDOWN)
        return replace(self, failures=self.failures + 1, retry_at=now + pause, failure=reason)


def lifetime_of(headers: Mapping[str, str]) -> int:
    """Returns for how many seconds an answer with these headers is fresh, within 60 s and 24 h (RFC 9111, 4.2)."""
    lifetime = DEFAULT_LIFETIME
    for directive in headers.get("cache-control", "").lower().split(","):
        name, _, value = directive.strip().partition("=")
        if name in {"no-store", "no-cache"}:
            return SHORTEST_LIFETIME
        if name == "max-age":
            lifetime = _seconds(value.strip('"'), lifetime)
    return min(max(lifetime - _seconds(headers.get("age", ""), 0), SHORTEST_LIFETIME), LONGEST_LIFETIME)


def _seconds(text: str, otherwise: int) -> int:
    # A number of more digits is a time that never comes, and could be too long to convert.
    return int(text[:10]) if text.isascii() and text.isdigit() else otherwise
