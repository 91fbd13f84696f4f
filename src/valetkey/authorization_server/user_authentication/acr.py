"""How well an end-user was authenticated: `acr` and `amr` (OpenID Connect Core, 2; RFC 8176)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from valetkey.authorization_server.acr_levels import ACR_LEVELS, MULTIPLE, AcrLevel, strongest
from valetkey.authorization_server.model import Authentication
from valetkey.jose.records import dataclass

if TYPE_CHECKING:
    from valetkey.oauth.types import NumericDate


@dataclass(frozen=True, slots=True)
class UserAuthenticationMethod:
    """One way to prove who one is, with what tokens say of it."""

    name: str
    amr: str
    """Its value of RFC 8176."""

    def authenticated(self, now: NumericDate, levels: tuple[AcrLevel, ...] = ACR_LEVELS) -> Authentication:
        """Return what a session records of a sign-in by this method."""
        return Authentication(auth_time=now, acr=strongest(levels, (self.amr,)), amr=(self.amr,))

    def added_to(
        self, before: Authentication, now: NumericDate, levels: tuple[AcrLevel, ...] = ACR_LEVELS
    ) -> Authentication:
        """Return what a session records once this method was used too, in which `before` was proven."""
        methods = tuple(dict.fromkeys((*(name for name in before.amr if name != MULTIPLE), self.amr)))
        said = (*methods, MULTIPLE) if len(methods) > 1 else methods
        return Authentication(auth_time=now, acr=strongest(levels, said), amr=said)
