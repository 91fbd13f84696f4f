"""Introspection responses (RFC 7662, 2.2), both directions: what a server says of a token, and what one reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from valetkey.oauth.access_token import access_token_from_claims

if TYPE_CHECKING:
    from collections.abc import Mapping

    from valetkey.oauth.access_token import AccessToken

SIGNED_RESPONSE: Final = "application/token-introspection+jwt"
"""The media type by which a signed answer is asked for and given (RFC 9701, 4 and 5)."""
INACTIVE: Final[Mapping[str, object]] = {"active": False}
"""The one answer about any token that is not good, or not the caller's to know about."""

# The answer itself is what the counters and the status list would lead to.
_KEPT_BACK: Final = frozenset({"gen", "status", "exchanged_from"})
_REQUIRED: Final = frozenset({"iss", "sub", "client_id", "aud", "exp", "iat", "jti"})
_NUMBERS: Final = frozenset({"exp", "iat"})
_TOKEN_TYPE_OF: Final = {"jkt": "DPoP"}


def access_token_response(
    token: AccessToken, username: str | None, further: Mapping[str, object] | None = None
) -> dict[str, object]:
    """Return what an active access token is said to be: its claims, its type, and its end-user's name.

    `further` are claims that the token does not carry itself; what it carries stands before them.
    """
    claims = {name: value for name, value in token.claims.items() if name not in _KEPT_BACK}
    response: dict[str, object] = {
        **(further or {}),
        "active": True,
        **claims,
        "token_type": _token_type(claims.get("cnf")),
    }
    if username is not None:
        response["username"] = username
    return response


def parse_response(body: bytes) -> AccessToken | None:
    """Return the access token that an answer describes, None for an inactive one.

    Raises ValueError for what is no introspection response about an access token with all that a JWT access
    token must say (RFC 9068, 2.2): iss, sub, client_id, aud, exp, iat and jti.
    """
    try:
        found = msgspec.json.decode(body, type=dict[str, object])
    except msgspec.MsgspecError:
        raise ValueError("the answer is no JSON object") from None
    if found.get("active") is False:
        return None
    if found.get("active") is not True:
        raise ValueError("the answer does not say whether the token is active")
    for name in sorted(_REQUIRED):
        if not _is_sound(name, found.get(name)):
            raise ValueError(f"the answer says no {name}, or a malformed one")
    return access_token_from_claims(found)


def _is_sound(name: str, value: object) -> bool:
    if name in _NUMBERS:
        return isinstance(value, int) and not isinstance(value, bool)
    if name == "aud" and isinstance(value, list):
        return bool(value) and all(isinstance(each, str) for each in value)
    return isinstance(value, str) and bool(value)


def _token_type(confirmation: object) -> str:
    names = confirmation if isinstance(confirmation, dict) else {}
    return next((kind for method, kind in _TOKEN_TYPE_OF.items() if method in names), "Bearer")
