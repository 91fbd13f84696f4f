"""Levels of authentication as data: what `acr` can say, and which methods reach it (OpenID Connect Core, 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from valetkey.jose.records import dataclass
from valetkey.oauth.types import Seconds

if TYPE_CHECKING:
    from collections.abc import Collection

SINGLE_FACTOR: Final = "urn:valetkey:acr:single-factor"
"""One factor, known or held."""
MULTI_FACTOR: Final = "urn:valetkey:acr:multi-factor"
"""Two factors of different kinds."""
PASSWORD: Final = "pwd"  # noqa: S105 - a method's name
ONE_TIME_CODE: Final = "otp"
MULTIPLE: Final = "mfa"
"""What `amr` says beside them where there are two (RFC 8176, 2)."""


@dataclass(frozen=True, slots=True)
class AcrLevel:
    """One value of `acr`, with what reaches it."""

    name: str
    ways: tuple[frozenset[str], ...]
    """Each of them is a set of methods, by their `amr` values (RFC 8176), that together reach it."""
    max_age: Seconds | None = None
    """How long ago the last of them may be; None: as long as the session lives."""

    def is_reached(self, amr: Collection[str], age: int) -> bool:
        """Say whether methods reach it, the last of which was used `age` seconds ago."""
        is_fresh = self.max_age is None or age <= self.max_age
        return is_fresh and any(way <= frozenset(amr) for way in self.ways)


ACR_LEVELS: Final = (
    AcrLevel(SINGLE_FACTOR, (frozenset({PASSWORD}),)),
    AcrLevel(MULTI_FACTOR, (frozenset({PASSWORD, ONE_TIME_CODE}),)),
)
"""From weak to strong."""


def strongest(levels: tuple[AcrLevel, ...], amr: Collection[str]) -> str:
    """Return the strongest level that methods reach that were used just now; "" where they reach none."""
    return next((level.name for level in reversed(levels) if level.is_reached(amr, 0)), "")
