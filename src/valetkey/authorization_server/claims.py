"""Which claims about an end-user a scope opens (OpenID Connect Core, 5.1 and 5.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from valetkey.authorization_server.model import EndUser
    from valetkey.oauth.types import Scope

CLAIMS_OF_SCOPE: Final[dict[str, tuple[str, ...]]] = {
    "openid": ("sub",),  # OIDCC-5.3.2/subject
    "profile": (
        "name",
        "family_name",
        "given_name",
        "middle_name",
        "nickname",
        "preferred_username",
        "profile",
        "picture",
        "website",
        "gender",
        "birthdate",
        "zoneinfo",
        "locale",
        "updated_at",
    ),
    "email": ("email", "email_verified"),
    "address": ("address",),
    "phone": ("phone_number", "phone_number_verified"),
}
"""One row a scope; discovery lists the same claims."""


def user_claims(end_user: EndUser, scope: Scope) -> dict[str, object]:
    """Return the claims that `scope` opens, in their wire types; a claim without a value is left out (5.3.2)."""
    known = _known(end_user)
    return {
        name: value for name in _opened(scope) if (value := known.get(name)) is not None and value not in ("", {})
    }


def _opened(scope: Scope) -> Iterator[str]:
    for name, claims in CLAIMS_OF_SCOPE.items():
        if name in scope:
            yield from claims


def _known(end_user: EndUser) -> dict[str, object]:
    known: dict[str, object] = {
        **end_user.claims,
        "sub": end_user.subject,
        "name": end_user.name,
        "preferred_username": end_user.username,
        "updated_at": end_user.updated_at,
        "email": end_user.email,
    }
    if end_user.email:
        known["email_verified"] = end_user.email_verified
    return known
