"""The live feed of revocations as a guard reads it (RFC 8936): what to ask next, and how far it can be believed."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import quote_plus, urlsplit

import msgspec

from valetkey.oauth.event_poll import MEDIA_TYPE, EventAnswer, EventPoll

if TYPE_CHECKING:
    from collections.abc import Mapping


PATH: Final = "/ssf/revocations"
"""Where our own issuers publish it."""
WAIT_SECONDS: Final = 10
"""How long one question asks to be held: each answer, also an empty one, proves that nothing was missed."""
DEADLINE_SECONDS: Final = WAIT_SECONDS + 4.0
CURRENT_SECONDS: Final = 15
"""How long an answer is believed while the next is awaited: a silent network is noticed as soon as by a list."""
MAXIMUM_EVENTS: Final = 100
MAXIMUM_OCTETS: Final = 1 << 20
_LONGEST_PAUSE: Final = 8
_HTTP_OK: Final = 200
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class FeedUnavailable(Exception):
    """The feed cannot be had, or what it says makes no sense: nothing more is known than before."""


@dataclass(frozen=True, slots=True)
class FeedCredentials:
    """As whom a guard reads the feed: a client that the issuer lets introspect the tokens of its resource."""

    client_id: str
    client_secret: str = field(repr=False)
    url: str | None = None
    """Where the feed is, if not at the issuer's own `/ssf/revocations`."""

    def __post_init__(self) -> None:
        if not self.client_id or not self.client_secret:
            raise ValueError("the feed needs a client_id and a client_secret")


@dataclass(frozen=True, slots=True)
class FeedEndpoint:
    """Where to ask, and as whom; raises ValueError for an address that is not safe to send credentials to."""

    url: str
    credentials: FeedCredentials

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
        if not parts.hostname or not is_safe:
            raise ValueError("the feed of revocations is an https URL; http is for loopback only")

    def headers(self) -> dict[str, str]:
        """Return the headers of a question, with the credentials (RFC 6749, 2.3.1)."""
        named = self.credentials
        joined = f"{quote_plus(named.client_id)}:{quote_plus(named.client_secret)}"
        return {
            "accept": MEDIA_TYPE,
            "accept-encoding": "identity",
            "authorization": "Basic " + b64encode(joined.encode()).decode(),
            "content-type": MEDIA_TYPE,
            "prefer": f"wait={WAIT_SECONDS}",
        }


def read_answer(status: int, headers: Mapping[str, str], body: bytes) -> EventAnswer:
    """Return what an answer says; `headers` have lower-case names. Raises FeedUnavailable for a bad one."""
    if status != _HTTP_OK:
        raise FeedUnavailable(f"the issuer answered {status}")
    if headers.get("content-type", "").partition(";")[0].strip().lower() != MEDIA_TYPE:
        raise FeedUnavailable("the issuer answered something that is not JSON")
    try:
        return EventAnswer.parse(body)
    except ValueError as error:
        raise FeedUnavailable(str(error)) from None


@dataclass(frozen=True, slots=True)
class FeedState:
    """What is known of the feed at one moment; every answer and every failure makes a new value.

    Times are seconds since the epoch. It is current from the first answer on that leaves nothing to fetch, for as
    long as answers come; from the first failure on it is not, until the next answer.
    """

    acknowledged: tuple[str, ...] = ()
    caught_up_at: int | None = None
    is_behind: bool = True
    failures: int = 0
    retry_at: int = 0
    failure: str = "the feed was never read"

    def question(self) -> bytes:
        """Return the body of the next question: behind what was read, and answered at once while it is behind."""
        poll = EventPoll(MAXIMUM_EVENTS, returns_immediately=self.is_behind, acknowledged=self.acknowledged)
        return msgspec.json.encode(poll.document())

    def answered(self, answer: EventAnswer, asked_at: int, now: int) -> FeedState:
        """Return what is known after an answer whose every event was taken in."""
        # Who is told nothing at once, and did not ask for it, would ask again and again.
        is_hasty = not (answer.tokens or self.is_behind) and now <= asked_at
        return FeedState(
            tuple(answer.tokens) or self.acknowledged,
            self.caught_up_at if answer.has_more else now,
            is_behind=answer.has_more,
            retry_at=now + 1 if is_hasty else 0,
        )

    def failed(self, reason: str, now: int) -> FeedState:
        """Return what is known after a failure: the same, and a pause that doubles with every failure."""
        pause = min(1 << min(self.failures, 8), _LONGEST_PAUSE)
        return replace(self, is_behind=True, failures=self.failures + 1, retry_at=now + pause, failure=reason)

    def pause(self, now: int) -> int:
        """Return the seconds until it may be asked again."""
        # A clock that was set back must not make it wait longer than it ever would.
        return max(0, min(self.retry_at - now, _LONGEST_PAUSE))

    def is_current(self, now: int) -> bool:
        """Say whether everything that the issuer has revoked until a moment ago is known."""
        return not self.is_behind and self.was_current_within(CURRENT_SECONDS, now)

    def was_current_within(self, seconds: int, now: int) -> bool:
        """Say whether that was so at a moment that is no longer ago."""
        return self.caught_up_at is not None and self.caught_up_at <= now < self.caught_up_at + seconds
