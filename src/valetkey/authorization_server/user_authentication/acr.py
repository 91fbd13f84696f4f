"""How well an end-user was authenticated: `acr` and `amr` (OpenID Connect Core, 2; RFC 8176)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.model import Authentication

if TYPE_CHECKING:
    from valetkey.oauth.types import NumericDate

SINGLE_FACTOR: Final = "urn:valetkey:acr:single-factor"
"""One factor, known or held."""


@dataclass(frozen=True, slots=True)
class UserAuthenticationMethod:
    """One way to sign in, with what tokens say of it."""

    name: str
    acr: str
    amr: tuple[str, ...]

    def authenticated(self, now: NumericDate) -> Authentication:
        """Return what a session records of a sign-in by this method."""
        return Authentication(auth_time=now, acr=self.acr, amr=self.amr)
