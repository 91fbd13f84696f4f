"""Polling a transmitter: what to ask next, and when, by what was taken and what was not (RFC 8936, 2.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from typing import Final
from urllib.parse import urlsplit

import msgspec

from valetkey.jose.records import dataclass
from valetkey.oauth.event_poll import EventPoll, SetError

WAIT_SECONDS: Final = 20
"""How long one question asks to be held."""
DEADLINE_SECONDS: Final = WAIT_SECONDS + 10.0
MOST_EVENTS: Final = 100
MOST_OCTETS: Final = 4 << 20
LONGEST_PAUSE: Final = 60
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def safe_endpoint(url: str) -> str:
    """Return `url`; raises ValueError for an address that is not safe to send an access token to."""
    parts = urlsplit(url)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    if not parts.hostname or not is_safe:
        raise ValueError("signals are polled at an https URL; http is for loopback only")
    return url


@dataclass(frozen=True, slots=True)
class PollState:
    """How the polling stands; every answer and every failure makes a new value. Times are seconds."""

    acknowledged: tuple[str, ...] = ()
    """What was applied and is to be said so: never before (RFC 8936, 2.4)."""
    errors: Mapping[str, SetError] = field(default_factory=dict)
    """What was not taken."""
    is_behind: bool = True
    failures: int = 0
    retry_at: int = 0
    failure: str | None = "the transmitter was never asked"

    def question(self) -> bytes:
        """Return the body of the next question: at once while more waits, else held until something comes."""
        poll = EventPoll(
            MOST_EVENTS,
            returns_immediately=self.is_behind,
            acknowledged=self.acknowledged,
            errors=self.errors,
        )
        return msgspec.json.encode(poll.document())

    def answered(
        self, taken: tuple[str, ...], errors: Mapping[str, SetError], *, has_more: bool, was_hasty: bool, now: int
    ) -> PollState:
        """Return what follows an answer: `was_hasty` is one that was empty at once, unasked."""
        return PollState(taken, errors, is_behind=has_more, retry_at=now + 1 if was_hasty else 0, failure=None)

    def failed(self, reason: str, now: int) -> PollState:
        """Return what follows a failure: what was applied is said again, after a pause that doubles."""
        pause = min(1 << min(self.failures, 8), LONGEST_PAUSE)
        return replace(self, is_behind=True, failures=self.failures + 1, retry_at=now + pause, failure=reason)

    def pause(self, now: int) -> int:
        """Return the seconds until it may be asked again."""
        return max(0, min(self.retry_at - now, LONGEST_PAUSE))
