"""What a route asks of a token."""

from __future__ import annotations

from dataclasses import dataclass

from valetkey.oauth.types import Scope


@dataclass(frozen=True, slots=True)
class Rule:
    """The token must carry every name in `scope`; an empty scope asks for a valid token only."""

    scope: Scope = Scope()

    @classmethod
    def requiring(cls, *scope: str) -> Rule:
        """Return the rule that asks for these scope names; raises ValueError for a malformed one."""
        for name in scope:
            if list(Scope.parse(name)) != [name]:
                raise ValueError("a rule names one scope per argument")
        return cls(Scope(scope))
