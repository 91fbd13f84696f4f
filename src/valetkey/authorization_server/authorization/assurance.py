"""How well a request wants its end-user authenticated, and what of it is missing (RFC 9470; Core, 5.5.1.1)."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING

from valetkey.authorization_server.acr_levels import ONE_TIME_CODE, PASSWORD, AcrLevel
from valetkey.authorization_server.rights import OPENID
from valetkey.jose.records import dataclass

if TYPE_CHECKING:
    from valetkey.authorization_server.authorization.request import VerifiedAuthorizationRequest
    from valetkey.authorization_server.model import Authentication
    from valetkey.oauth.types import NumericDate


@dataclass(frozen=True, slots=True)
class AcrRequest:
    """The levels that a client asks for, the best first; any of them will do."""

    values: tuple[str, ...] = ()
    is_necessary: bool = False
    """Without one of them the request fails."""


class Missing(StrEnum):
    """What an end-user has to do before a session is as good as asked; never more than that."""

    NOTHING = "nothing"
    PASSWORD = "password"  # noqa: S105 - a step's name
    """They sign in anew: what was proven is too old."""
    CODE = "code"
    """They type a one-time code."""
    UNREACHABLE = "unreachable"
    """Whatever they do, they cannot reach it."""


def acr_request(asked: VerifiedAuthorizationRequest) -> AcrRequest:
    """Return what a request asks for: an essential claim, else `acr_values`, else its client's default.

    `acr_values` is a wish to OpenID Connect (Core, 3.1.2.1). Where only an access token is asked for, it is what
    the API wants, and a token without it would be refused there again (RFC 9470, 5).
    """
    claim = asked.claims.acr_values()
    if claim is not None and claim.is_essential:
        return AcrRequest(claim.values, is_necessary=True)  # OIDCC-5.5.1.1/essential-acr
    if "acr_values" in asked.parameters:
        return AcrRequest(asked.acr_values, is_necessary=OPENID not in asked.scope)  # RFC9470-5/unmet
    return AcrRequest(asked.acr_values if claim is None else claim.values)


def missing_for(
    asked: AcrRequest, proven: Authentication, levels: tuple[AcrLevel, ...], *, has_factor: bool, now: NumericDate
) -> Missing:
    """Return what is missing to the best of the levels asked for that the end-user can reach."""
    known = {level.name: level for level in levels}
    usable = {PASSWORD, ONE_TIME_CODE} if has_factor else {PASSWORD}
    age = now - proven.auth_time
    for level in (known[name] for name in asked.values if name in known):
        if level.is_reached(proven.amr, age):
            return Missing.NOTHING
        is_fresh = level.max_age is None or age <= level.max_age
        held = frozenset(proven.amr) if is_fresh else frozenset()
        for way in level.ways:
            lacks = way - held
            if lacks <= usable:
                return Missing.PASSWORD if PASSWORD in lacks else Missing.CODE
    return Missing.UNREACHABLE if asked.is_necessary else Missing.NOTHING


def as_asked(
    proven: Authentication, asked: AcrRequest, levels: tuple[AcrLevel, ...], now: NumericDate
) -> Authentication:
    """Return what tokens say: the strongest level that was reached, or the one asked for where that is weaker.

    A client that asked for certain levels compares texts: one that it has not named tells it nothing.
    """
    reached = [level.name for level in reversed(levels) if level.is_reached(proven.amr, now - proven.auth_time)]
    # What no level of ours is called was said by who authenticated them, and stays as it was said.
    is_ours = any(level.name == proven.acr for level in levels)
    strong = next(iter(reached), "") if is_ours else proven.acr
    if strong in asked.values:
        return replace(proven, acr=strong)
    return replace(proven, acr=next((name for name in asked.values if name in reached), strong))
