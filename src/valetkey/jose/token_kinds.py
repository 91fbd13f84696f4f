"""A row per kind of token: its `typ`, the claims it must bear, and what sets it apart (RFC 8725, 3.11 and 3.12)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from valetkey.jose.errors import ClaimInvalid, ClaimMissing

Claims: TypeAlias = Mapping[str, object]
Rule: TypeAlias = Callable[[Claims], None]


LONGEST_TEXT: Final = 255


def _no_rule(_claims: Claims) -> None:
    return


@dataclass(frozen=True, slots=True)
class TokenKind:
    """One kind of token.

    `typ` is written when one is signed; `accepted` are the normalised header values with which one is believed,
    None standing for an absent one. A token with a claim of `forbidden` is one of another kind.
    """

    name: str
    typ: str
    accepted: frozenset[str | None]
    required: frozenset[str]
    forbidden: frozenset[str] = frozenset()
    rule: Rule = _no_rule


def require_text(claims: Claims, name: str, longest: int = LONGEST_TEXT) -> str:
    """Returns a claim that must be a non-empty string of at most `longest` characters, or raises ClaimInvalid."""
    value = claims.get(name)
    if value is None:
        raise ClaimMissing(f"The claim {name!r} is missing.", name)
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        raise ClaimInvalid(f"The claim {name!r} is not a string of sensible length.", name)
    return value


def _access_token(claims: Claims) -> None:
    for name in ("sub", "client_id", "jti"):
        value = claims[name]
        if type(value) is not str or not 0 < len(value) <= LONGEST_TEXT:
            require_text(claims, name)
    if type(claims.get("scope", "")) is not str:
        raise ClaimInvalid("The claim 'scope' is not a string.", "scope")


def _id_token(claims: Claims) -> None:
    require_text(claims, "sub")
    audience, azp = claims.get("aud"), claims.get("azp")
    if isinstance(audience, list) and len(audience) > 1 and azp is None:
        raise ClaimMissing("An ID Token for several audiences names its authorized party.", "azp")


def _client_assertion(claims: Claims) -> None:
    if require_text(claims, "sub") != claims.get("iss"):
        raise ClaimInvalid("The issuer and the subject of a client assertion are both the client.", "sub")
    require_text(claims, "jti")
    audience = claims.get("aud")
    if isinstance(audience, list) and len(audience) != 1:
        raise ClaimInvalid("A client assertion is for one audience.", "aud")


_JWT_OR_ABSENT: Final = frozenset({None, "jwt"})
_TIMED: Final = frozenset({"iss", "aud", "exp"})

AT_JWT: Final = TokenKind(
    "access token",
    "at+jwt",
    frozenset({"at+jwt"}),
    _TIMED | {"sub", "client_id", "iat", "jti"},
    rule=_access_token,
)
ID_TOKEN: Final = TokenKind(
    "ID Token",
    "JWT",
    _JWT_OR_ABSENT,
    _TIMED | {"sub", "iat"},
    forbidden=frozenset({"events", "client_id", "scope", "token_introspection", "htm", "response_type"}),
    rule=_id_token,
)
CLIENT_ASSERTION: Final = TokenKind(
    "client assertion",
    "client-authentication+jwt",
    _JWT_OR_ABSENT | {"client-authentication+jwt"},
    _TIMED | {"sub", "jti"},
    forbidden=frozenset({"events", "client_id", "response_type", "htm"}),
    rule=_client_assertion,
)


def plain_kind(typ: str, normalised: str) -> TokenKind:
    """Returns the row of a kind of token that only its user knows: the registered claims, and this `typ`."""
    return TokenKind(typ, typ, frozenset({normalised}), _TIMED)
