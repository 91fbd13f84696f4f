"""A row per kind of token: its `typ`, the claims it must bear, and what sets it apart (RFC 8725, 3.11 and 3.12)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import msgspec

from valetkey.jose.errors import ClaimInvalid, ClaimMissing

Claims: TypeAlias = Mapping[str, object]
Rule: TypeAlias = Callable[[Claims], None]


LONGEST_TEXT: Final = 255


def _texts(claims: Claims) -> None:
    if type(claims.get("sub", "")) is not str or type(claims.get("jti", "")) is not str:
        raise ClaimInvalid("The claims 'sub' and 'jti' are strings.", "sub")


class TokenKind(msgspec.Struct, frozen=True):
    """One kind of token.

    `typ` is written when one is signed; `accepted` are the normalised header values with which one is believed,
    None standing for an absent one. A token with a claim of `forbidden` is one of another kind. `rule` judges the
    types of `sub` and `jti`, and what else holds for the kind. A kind that is for whoever reads it has no audience;
    `may_lack` says which of `iss` and `aud` are judged only where they are there.
    """

    name: str
    typ: str
    accepted: frozenset[str | None]
    required: frozenset[str]
    forbidden: frozenset[str] = frozenset()
    rule: Rule = _texts
    has_audience: bool = True
    may_lack: frozenset[str] = frozenset()


def require_text(claims: Claims, name: str, longest: int = LONGEST_TEXT) -> str:
    """Returns a claim that must be a non-empty string of at most `longest` characters, or raises ClaimInvalid."""
    value = claims.get(name)
    if value is None:
        raise ClaimMissing(f"The claim {name!r} is missing.", name)
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        raise ClaimInvalid(f"The claim {name!r} is not a string of sensible length.", name)
    return value


def _access_token(claims: Claims) -> None:
    subject, client_id, token_id = claims["sub"], claims["client_id"], claims["jti"]
    # Three comparisons for what nearly every token bears: this is the rule that each request of an API meets.
    if not (
        (type(subject) is type(client_id) is type(token_id) is str)
        and 0 < len(subject) <= LONGEST_TEXT
        and 0 < len(client_id) <= LONGEST_TEXT
        and 0 < len(token_id) <= LONGEST_TEXT
    ):
        for name in ("sub", "client_id", "jti"):
            require_text(claims, name)
    if type(claims.get("scope", "")) is not str:
        raise ClaimInvalid("The claim 'scope' is not a string.", "scope")


def _id_token(claims: Claims) -> None:
    _texts(claims)
    if require_text(claims, "sub") == claims.get("iss"):
        raise ClaimInvalid("A token about its own issuer is a client assertion, not an ID Token.", "sub")
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


def _client_token(claims: Claims) -> None:
    if require_text(claims, "sub") != claims.get("iss"):
        raise ClaimInvalid("The issuer and the subject of a client's own token are both the client.", "sub")
    require_text(claims, "jti")
    if type(claims.get("scope", "")) is not str:
        raise ClaimInvalid("The claim 'scope' is not a string.", "scope")


def _identity_assertion(claims: Claims) -> None:
    for name in ("sub", "client_id", "jti", "credential"):
        require_text(claims, name)
    if type(claims.get("scope", "")) is not str:
        raise ClaimInvalid("The claim 'scope' is not a string.", "scope")


def _events(claims: Claims) -> Mapping[str, object]:
    events = claims.get("events")
    if not isinstance(events, dict) or not events or not all(isinstance(one, dict) for one in events.values()):
        raise ClaimInvalid("The claim 'events' is no object of event objects.", "events")
    return events


def _logout_token(claims: Claims) -> None:
    _texts(claims)
    require_text(claims, "jti")
    if BACKCHANNEL_LOGOUT not in _events(claims):
        raise ClaimInvalid("The events of a logout token hold the back-channel logout event.", "events")
    if "sub" not in claims:
        require_text(claims, "sid")


def _security_event(claims: Claims) -> None:
    _texts(claims)
    require_text(claims, "jti")
    if BACKCHANNEL_LOGOUT in _events(claims):
        raise ClaimInvalid("The token is a logout token.", "events")


def _request_object(claims: Claims) -> None:
    if require_text(claims, "client_id") != claims.get("iss"):
        raise ClaimInvalid("The issuer of a request object is its client.", "iss")
    if claims.get("sub") == claims["client_id"]:
        raise ClaimInvalid("A request object whose subject is the client could be taken for its assertion.", "sub")
    _openid_request_object(claims)


def _openid_request_object(claims: Claims) -> None:
    _texts(claims)
    if "client_id" in claims and require_text(claims, "client_id") != claims.get("iss", claims["client_id"]):
        raise ClaimInvalid("The issuer of a request object is its client.", "iss")
    if "request" in claims or "request_uri" in claims:
        raise ClaimInvalid("A request object holds no other request object.", "request")


def _authorization_response(claims: Claims) -> None:
    _texts(claims)
    if claims.keys().isdisjoint({"code", "error", "access_token", "id_token"}):
        raise ClaimMissing("An authorization response holds a code or an error.", "code")


def _introspection(claims: Claims) -> None:
    _texts(claims)
    inner = claims.get("token_introspection")
    if not isinstance(inner, dict) or type(inner.get("active")) is not bool:
        raise ClaimInvalid("The claim 'token_introspection' is no introspection response.", "token_introspection")


def _status_list_token(claims: Claims) -> None:
    _texts(claims)
    require_text(claims, "sub", LONGEST_URI)
    if not isinstance(claims.get("status_list"), dict):
        raise ClaimInvalid("The claim 'status_list' is no object.", "status_list")
    ttl = claims.get("ttl", 1)
    if isinstance(ttl, bool) or not isinstance(ttl, int | float) or not ttl > 0:
        raise ClaimInvalid("The claim 'ttl' is no positive number.", "ttl")  # TSL-5.1/ttl


def _dpop_proof(claims: Claims) -> None:
    _texts(claims)
    for name in ("jti", "htm"):
        require_text(claims, name)
    require_text(claims, "htu", LONGEST_URI)


BACKCHANNEL_LOGOUT: Final = "http://schemas.openid.net/event/backchannel-logout"
LONGEST_URI: Final = 2_048

_JWT_OR_ABSENT: Final = frozenset({None, "jwt"})
_TIMED: Final = frozenset({"iss", "aud", "exp"})
# What only other kinds bear: a token that has one of these is not of a kind that goes without a typ of its own.
_MARKS: Final = frozenset(
    {"events", "client_id", "scope", "token_introspection", "htm", "htu", "response_type", "code", "response_mode"}
)

AT_JWT: Final = TokenKind(
    "access token",
    "at+jwt",
    frozenset({"at+jwt"}),
    _TIMED | {"sub", "client_id", "iat", "jti"},
    rule=_access_token,
)
ID_TOKEN: Final = TokenKind("ID Token", "JWT", _JWT_OR_ABSENT, _TIMED | {"sub", "iat"}, _MARKS, _id_token)
CLIENT_ASSERTION: Final = TokenKind(
    "client assertion",
    "client-authentication+jwt",
    _JWT_OR_ABSENT | {"client-authentication+jwt"},
    _TIMED | {"sub", "jti"},
    _MARKS | {"nonce", "auth_time", "acr"},
    _client_assertion,
)
CLIENT_TOKEN: Final = TokenKind(
    "client's own token",
    "client-token+jwt",
    frozenset({"client-token+jwt"}),
    _TIMED | {"sub", "iat", "jti"},
    rule=_client_token,
)
IDENTITY_ASSERTION: Final = TokenKind(
    "identity assertion",
    "identity-assertion+jwt",
    frozenset({"identity-assertion+jwt"}),
    _TIMED | {"sub", "client_id", "iat", "jti", "credential"},
    rule=_identity_assertion,
)
LOGOUT_TOKEN: Final = TokenKind(
    "logout token",
    "logout+jwt",
    frozenset({"logout+jwt"}),
    _TIMED | {"iat", "jti", "events"},
    frozenset({"nonce"}),
    _logout_token,
)
SECURITY_EVENT_TOKEN: Final = TokenKind(
    "security event token",
    "secevent+jwt",
    frozenset({"secevent+jwt"}),
    frozenset({"iss", "aud", "iat", "jti", "events"}),
    frozenset({"exp"}),
    _security_event,
)
# JAR-10.8: what was signed before the typ was named goes without it, so its claims must tell the kind.
_REQUEST_TYPS: Final = _JWT_OR_ABSENT | {"oauth-authz-req+jwt"}
_NEVER_ASKED: Final = frozenset(
    {"events", "token_introspection", "htm", "htu", "code", "error", "auth_time", "at_hash"}
)
REQUEST_OBJECT: Final = TokenKind(
    "request object",
    "oauth-authz-req+jwt",
    _REQUEST_TYPS,
    _TIMED | {"client_id"},
    _NEVER_ASKED,
    _request_object,
)
OPENID_REQUEST_OBJECT: Final = TokenKind(
    "request object of OpenID Connect",
    "oauth-authz-req+jwt",
    _REQUEST_TYPS,
    frozenset(),
    # Without a claim that it must bear, one with a subject could be an assertion or an ID Token.
    _NEVER_ASKED | {"sub"},
    _openid_request_object,
    may_lack=frozenset({"iss", "aud"}),
)
AUTHORIZATION_RESPONSE: Final = TokenKind(
    "authorization response", "JWT", _JWT_OR_ABSENT, _TIMED, frozenset({"sub", "events"}), _authorization_response
)
INTROSPECTION_RESPONSE: Final = TokenKind(
    "introspection response",
    "token-introspection+jwt",
    frozenset({"token-introspection+jwt"}),
    frozenset({"iss", "aud", "iat", "token_introspection"}),
    frozenset({"sub", "exp"}),
    _introspection,
)
STATUS_LIST_TOKEN: Final = TokenKind(
    "status list token",
    "statuslist+jwt",
    frozenset({"statuslist+jwt"}),  # TSL-5.1/typ
    frozenset({"iss", "sub", "iat", "status_list"}),
    rule=_status_list_token,
    has_audience=False,
)
DPOP_PROOF: Final = TokenKind(
    "DPoP proof",
    "dpop+jwt",
    frozenset({"dpop+jwt"}),
    frozenset({"jti", "htm", "htu", "iat"}),
    rule=_dpop_proof,
)


def plain_kind(typ: str, normalised: str) -> TokenKind:
    """Returns the row of a kind of token that only its user knows: the registered claims, and this `typ`."""
    return TokenKind(typ, typ, frozenset({normalised}), _TIMED)
