"""What a route asks of a token, and of how its end-user was authenticated (RFC 9470)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from valetkey.oauth.types import Scope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from valetkey.oauth.access_token import AccessToken

LONGEST_STALENESS: Final = 3_600
"""Seconds for which any guard may accept what is stale."""

_ACR: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")


@dataclass(frozen=True, slots=True)
class Rule:
    """The token must carry every name in `scope`; an empty scope asks for a valid token only."""

    scope: Scope = Scope()
    insecure_stale_seconds: int = 0
    """For so long after the live feed was last current a token is accepted of which nothing newer can be known."""
    acr: tuple[str, ...] = ()
    """The token says one of these of its end-user's authentication, the best first; () accepts any."""
    max_age: int | None = None
    """Its end-user was authenticated no more than so many seconds ago; None asks for no time."""

    def __post_init__(self) -> None:
        if not 0 <= self.insecure_stale_seconds <= LONGEST_STALENESS:
            raise ValueError(f"a rule accepts 0 to {LONGEST_STALENESS} seconds of staleness")
        if self.max_age is not None and self.max_age < 0:
            raise ValueError("max_age is a number of seconds, 0 or more")  # RFC9470-3/max-age
        if not all(_ACR.fullmatch(value) for value in self.acr):
            raise ValueError("a value of acr is ASCII without blanks, quotation marks and backslashes")

    @classmethod
    def requiring(
        cls,
        *scope: str,
        acr: str | Sequence[str] = (),
        max_age: int | None = None,
        insecure_stale_seconds: int = 0,
    ) -> Rule:
        """Return the rule that asks for these scope names; raises ValueError for a malformed one.

        `acr` is a list of values, or a text with blanks between them.
        """
        for name in scope:
            if list(Scope.parse(name)) != [name]:
                raise ValueError("a rule names one scope per argument")
        values = tuple(acr.split()) if isinstance(acr, str) else tuple(acr)
        return cls(Scope(scope), insecure_stale_seconds, values, max_age)

    @property
    def asks_for_authentication(self) -> bool:
        """Whether it matters how or when the end-user was authenticated."""
        return bool(self.acr) or self.max_age is not None

    def is_met_by_authentication(self, token: AccessToken, now: int) -> bool:
        """Say whether the authentication that a token tells of is good enough; one that tells nothing is not."""
        if self.acr and token.claims.get("acr") not in self.acr:
            return False
        if self.max_age is None:
            return True
        at = token.claims.get("auth_time")
        return isinstance(at, int) and not isinstance(at, bool) and now - at <= self.max_age
