"""What a route asks of a token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from valetkey.oauth.types import Scope

LONGEST_STALENESS: Final = 3_600
"""Seconds for which any guard may accept what is stale."""


@dataclass(frozen=True, slots=True)
class Rule:
    """The token must carry every name in `scope`; an empty scope asks for a valid token only."""

    scope: Scope = Scope()
    insecure_stale_seconds: int = 0
    """For so long after the live feed was last current a token is accepted of which nothing newer can be known."""

    def __post_init__(self) -> None:
        if not 0 <= self.insecure_stale_seconds <= LONGEST_STALENESS:
            raise ValueError(f"a rule accepts 0 to {LONGEST_STALENESS} seconds of staleness")

    @classmethod
    def requiring(cls, *scope: str, insecure_stale_seconds: int = 0) -> Rule:
        """Return the rule that asks for these scope names; raises ValueError for a malformed one."""
        for name in scope:
            if list(Scope.parse(name)) != [name]:
                raise ValueError("a rule names one scope per argument")
        return cls(Scope(scope), insecure_stale_seconds)
