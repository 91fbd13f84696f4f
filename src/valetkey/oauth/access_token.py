"""AccessToken: the verified claims of a JWT access token as a value (RFC 9068, 2.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from valetkey.oauth.types import AuthorizationId, ClientId, NumericDate, Scope, SessionId, Subject


class PrincipalKind(StrEnum):
    """Whom a token speaks for: a client's `sub` is never resolved to an end-user (RFC 9700, 4.15)."""

    END_USER = "end_user"
    CLIENT = "client"


class AccessTokenFormat(StrEnum):
    """How an access token is written."""

    JWT = "jwt"
    """Signed claims (RFC 9068): verified locally, readable by whoever holds it."""
    OPAQUE = "opaque"
    """A random text that only introspection explains (RFC 7662): dead the moment it is revoked."""


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What a verified access token says."""

    issuer: str
    subject: Subject
    client_id: ClientId
    principal: PrincipalKind
    audience: tuple[str, ...]
    scope: Scope
    issued_at: NumericDate
    expires_at: NumericDate
    token_id: str
    """`jti`."""
    sid: SessionId | None = None
    authorization_id: AuthorizationId | None = None
    claims: Mapping[str, object] = field(default_factory=dict, repr=False)
    """Every verified claim, in its wire type."""


def access_token_from_claims(claims: Mapping[str, object]) -> AccessToken:
    """Return the token that `claims` describe; the AT+JWT row of `valetkey.jose.jwt` verified their types.

    A client that acts for itself is told by `sub` equal to `client_id` (RFC 9068, 5).
    """
    audience = claims["aud"]
    subject, client_id = str(claims["sub"]), str(claims["client_id"])
    sid, authorization_id = claims.get("sid"), claims.get("authorization_id")
    scope = claims.get("scope", "")
    return AccessToken(
        issuer=str(claims["iss"]),
        subject=Subject(subject),
        client_id=ClientId(client_id),
        principal=PrincipalKind.CLIENT if subject == client_id else PrincipalKind.END_USER,
        audience=tuple(map(str, audience)) if isinstance(audience, list | tuple) else (str(audience),),
        scope=Scope(scope.split()) if isinstance(scope, str) else Scope(),
        issued_at=NumericDate(_seconds(claims["iat"])),
        expires_at=NumericDate(_seconds(claims["exp"])),
        token_id=str(claims["jti"]),
        sid=SessionId(sid) if isinstance(sid, str) else None,
        authorization_id=AuthorizationId(authorization_id) if isinstance(authorization_id, str) else None,
        claims=claims,
    )


def _seconds(value: object) -> int:
    return int(value) if isinstance(value, int | float) else 0
