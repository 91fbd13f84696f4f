"""Step-up from the client's side: what an API wants of the authentication, as a request for it (RFC 9470)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from valetkey.jose.records import dataclass
from valetkey.oauth.challenge import parse_challenges
from valetkey.oauth.types import Scope

if TYPE_CHECKING:
    from collections.abc import Iterable

    from valetkey.client.code_flow import CodeFlow

_SECONDS: Final = re.compile(r"[0-9]{1,9}")
_ASKED: Final = frozenset({"acr_values", "max_age"})


@dataclass(frozen=True, slots=True)
class StepUp:
    """What an API asked for when it refused a token: the end-user has to be authenticated again, or better."""

    acr_values: tuple[str, ...] = ()
    """The levels of which it accepts any, the best first."""
    max_age: int | None = None
    """How many seconds ago the authentication may be."""
    scope: Scope = Scope()
    """What the token has to carry, where the API said that too: ask for more than before only if you know why."""

    @property
    def parameters(self) -> tuple[tuple[str, str], ...]:
        """The parameters that an authorization request takes over (RFC 9470, 4)."""
        levels = (("acr_values", " ".join(self.acr_values)),) if self.acr_values else ()
        return (*levels, ("max_age", str(self.max_age))) if self.max_age is not None else levels

    def applied_to(self, flow: CodeFlow) -> CodeFlow:
        """Return the flow that gets a token of that authentication, and everything else as before."""
        kept = tuple(pair for pair in flow.parameters if pair[0] not in _ASKED)
        return replace(flow, parameters=(*kept, *self.parameters))


def step_up_of(www_authenticate: str | Iterable[str]) -> StepUp | None:
    """Return what an answer of status 401 asks for, by its `WWW-Authenticate` headers; None where it is not that.

    What cannot be read of it is left out.
    """
    headers = (www_authenticate,) if isinstance(www_authenticate, str) else tuple(www_authenticate)
    challenges = (challenge for header in headers for challenge in parse_challenges(header))
    for challenge in challenges:
        if challenge.get("error") == "insufficient_user_authentication":
            age = challenge.get("max_age")
            return StepUp(
                acr_values=tuple((challenge.get("acr_values") or "").split()),
                max_age=int(age) if age is not None and _SECONDS.fullmatch(age) else None,
                scope=Scope((challenge.get("scope") or "").split()),
            )
    return None
