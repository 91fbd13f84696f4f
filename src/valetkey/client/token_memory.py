"""When a token that many share is used, renewed ahead or not asked for: judged from facts (OAuth 2.1, 4.2)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeAlias

from valetkey.client.errors import FlowError, ServerUnreachable
from valetkey.client.kept_tokens import TokenSet
from valetkey.jose.records import dataclass

if TYPE_CHECKING:
    from valetkey.client.flow import Moment

REPLACE_SECONDS: Final = 5
"""After one token was dropped because an API refused it, its successor is not dropped for so long."""
LONGEST_PAUSE: Final = 60
"""How long nothing is asked after failures in a row, unless the server itself asks for more."""
_FIRST_PAUSE: Final = 4
_LONGEST_RETRY_AFTER: Final = 3_600
_MOST_DOUBLINGS: Final = 8


@dataclass(frozen=True, slots=True)
class Use:
    """The token is good for a while."""

    tokens: TokenSet


@dataclass(frozen=True, slots=True)
class UseAndRenew:
    """The token lives, and somebody gets the next one meanwhile."""

    tokens: TokenSet


@dataclass(frozen=True, slots=True)
class Fetch:
    """There is no token: whoever wants one waits for it."""


@dataclass(frozen=True, slots=True)
class Fail:
    """There is no token, and it is too early to ask again after this failure."""

    failure: FlowError


Plan: TypeAlias = Use | UseAndRenew | Fetch | Fail


@dataclass(frozen=True, slots=True)
class Slot:
    """What is known of one token: the present one, and what came of the last questions."""

    tokens: TokenSet | None = None
    failure: FlowError | None = None
    failures: int = 0
    quiet_until: int = 0
    """Before this moment (seconds since the epoch) nothing is asked."""
    replaced_at: int | None = None
    """When a token was last dropped because an API refused it."""

    def plan(self, now: int) -> Plan:
        """Say what to do for who wants a token; the old one serves as long as it lives, whatever failed."""
        # A pause that ends in the far future was begun by a clock that was wrong.
        is_quiet = now < self.quiet_until <= now + _LONGEST_RETRY_AFTER
        if self.tokens is not None and self.tokens.is_alive(now):
            is_enough = is_quiet or self.tokens.is_fresh(now)
            return Use(self.tokens) if is_enough else UseAndRenew(self.tokens)
        return Fail(self.failure) if is_quiet and self.failure is not None else Fetch()

    def refused(self, token: str, now: int) -> Slot:
        """Drop the token that an API refused, if it is still the present one.

        One that came in the place of a refused one a moment ago stays: the API refuses whatever it is given, and
        asking for another with each request would only burden the authorization server.
        """
        if self.tokens is None or self.tokens.access_token != token:
            return self
        if self.replaced_at is not None and 0 <= now - self.replaced_at < REPLACE_SECONDS:
            return self
        return replace(self, tokens=None, replaced_at=now)

    def filled(self, tokens: TokenSet) -> Slot:
        """Return what is known after the server gave these."""
        return Slot(tokens, replaced_at=self.replaced_at)

    def failed(self, failure: FlowError, moment: Moment) -> Slot:
        """Return what is known after a question failed: nobody asks for a while, longer each time."""
        failures = self.failures + 1
        quiet_until = moment.now + pause_after(failures, failure, moment.entropy)
        return replace(self, failure=failure, failures=failures, quiet_until=quiet_until)

    def is_worth_keeping(self, now: int) -> bool:
        """Say whether it holds what lives or is paused."""
        return not isinstance(self.plan(now), Fetch)


def pause_after(failures: int, failure: FlowError, entropy: bytes) -> int:
    """Return for how many seconds nothing is asked after so many failures in a row.

    Drawn between the half and the whole of 4, 8, 16 ... 60 seconds, so that a fleet that lost its server together
    does not return together; never less than the server asked for.
    """
    longest = min(LONGEST_PAUSE, _FIRST_PAUSE << min(failures - 1, _MOST_DOUBLINGS))
    shortest = longest // 2
    drawn = shortest + int.from_bytes(entropy[-4:], "big") % (longest - shortest + 1)
    asked = failure.retry_after if isinstance(failure, ServerUnreachable) else None
    return max(drawn, min(asked or 0, _LONGEST_RETRY_AFTER))
