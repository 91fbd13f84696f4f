"""Tokens that only their issuer can explain (RFC 7662): what to ask, what is answered, how long to believe it."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import quote_plus, urlencode, urlsplit

from valetkey.oauth.access_token import AccessToken
from valetkey.oauth.introspection import parse_response

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_BELIEF: Final = 10
"""Seconds for which an active answer is believed: for so long at most a revoked token still passes."""
INACTIVE_BELIEF: Final = 2
"""Seconds for which an inactive answer is believed."""
MAXIMUM_KEPT: Final = 10_000
MAXIMUM_OCTETS: Final = 64 * 1024
_HTTP_OK: Final = 200
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class IntrospectionUnavailable(Exception):
    """The issuer cannot be asked, or its answer makes no sense: nothing is known about the token."""


class Introspection(Protocol):
    """Asks the issuer about a token (`valetkey.resource_server.introspecting.RemoteIntrospection`)."""

    async def introspect(self, token: str) -> AccessToken | None:
        """Return what an active token says, None for any other; raises IntrospectionUnavailable."""
        ...

    async def introspect_anew(self, token: str) -> AccessToken | None:
        """Return what is answered to a question that is asked now, whatever was believed; raises the same."""
        ...


@dataclass(frozen=True, slots=True)
class IntrospectionEndpoint:
    """Where to ask, and as whom: a client that the issuer lets introspect the tokens of this resource."""

    url: str
    client_id: str
    client_secret: str = field(repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
        if not parts.hostname or not is_safe:
            raise ValueError("the introspection endpoint is an https URL; http is for loopback only")
        if not self.client_id or not self.client_secret:
            raise ValueError("introspection needs a client_id and a client_secret (RFC 7662, 2.1)")

    def headers(self) -> dict[str, str]:
        """Return the headers of a question, with the credentials (RFC 6749, 2.3.1)."""
        joined = f"{quote_plus(self.client_id)}:{quote_plus(self.client_secret)}"
        return {
            "accept": "application/json",
            "accept-encoding": "identity",
            "authorization": "Basic " + b64encode(joined.encode()).decode(),
            "content-type": "application/x-www-form-urlencoded",
        }

    def body(self, token: str) -> bytes:
        """Return the form of a question."""
        return urlencode({"token": token, "token_type_hint": "access_token"}).encode()


def read_answer(status: int, headers: Mapping[str, str], body: bytes) -> AccessToken | None:
    """Return what an answer says, None for an inactive token; `headers` have lower-case names.

    Raises IntrospectionUnavailable for every other answer: that our credentials are wrong is no judgement of the
    token.
    """
    if status != _HTTP_OK:
        raise IntrospectionUnavailable(f"the issuer answered {status}")
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise IntrospectionUnavailable("the issuer answered something that is not JSON")
    try:
        return parse_response(body)
    except ValueError as error:
        raise IntrospectionUnavailable(str(error)) from None


@dataclass(frozen=True, slots=True)
class Known:
    """What was answered about a token, and from when until when that is believed."""

    token: AccessToken | None
    since: int
    until: int


class IntrospectionMemory:
    """The answers of the last seconds, by the SHA-256 of the whole token; bounded, the oldest leave first.

    Only what the issuer said is kept: audience, scope and method are judged anew at every request.
    """

    __slots__ = ("_known", "_longest")

    def __init__(self, longest_belief: int = LONGEST_BELIEF) -> None:
        if not 0 <= longest_belief <= LONGEST_BELIEF:
            raise ValueError(f"an answer is believed for 0 to {LONGEST_BELIEF} seconds")
        self._longest = longest_belief
        self._known: dict[bytes, Known] = {}

    def find(self, token: str, now: int) -> Known | None:
        """Return what is still believed at `now`, in seconds since the epoch."""
        known = self._known.get(_key(token))
        # A clock that was set back must not make an answer younger.
        return known if known is not None and known.since <= now < known.until else None

    def forget(self, token: str) -> None:
        """Believe nothing of a token any more."""
        self._known.pop(_key(token), None)

    def keep(self, token: str, answer: AccessToken | None, now: int) -> Known:
        """Return what is believed of the answer to a question that was asked at `now`; an expired token is none."""
        active = None if answer is None or now >= answer.expires_at else answer
        until = now + min(self._longest, INACTIVE_BELIEF)
        if active is not None:
            until = min(now + self._longest, active.expires_at)
        known = Known(active, now, until)
        self._known.pop(_key(token), None)
        if len(self._known) >= MAXIMUM_KEPT:
            self._known.pop(next(iter(self._known)))
        self._known[_key(token)] = known
        return known


def _key(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogatepass")).digest()
