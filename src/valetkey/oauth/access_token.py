"""AccessToken: the verified claims of a JWT access token as a value (RFC 9068, 2.2)."""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import msgspec

from valetkey.oauth.types import AuthorizationId, ClientId, NumericDate, Scope, SessionId, Subject

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class PrincipalKind(StrEnum):
    """Whom a token speaks for: a client's `sub` is never resolved to an end-user (RFC 9700, 4.15)."""

    END_USER = "end_user"
    CLIENT = "client"


class CredentialKind(StrEnum):
    """What was presented: a key or a session is told by the same values as an access token."""

    ACCESS_TOKEN = "access_token"  # noqa: S105 - a kind of credential
    API_KEY = "api_key"
    CLIENT_JWT = "client_jwt"
    """A JWT that a client signed for this API itself."""
    SESSION = "session"


class AccessTokenFormat(StrEnum):
    """How an access token is written."""

    JWT = "jwt"
    """Signed claims (RFC 9068): verified locally, readable by whoever holds it."""
    OPAQUE = "opaque"
    """A random text that only introspection explains (RFC 7662): dead the moment it is revoked."""


# Made for every request of a guarded API, where a dataclass of so many fields would be a third of the guard's time.
class AccessToken(msgspec.Struct, frozen=True):
    """What a verified access token says, or the credential that stands in its place."""

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
    claims: Mapping[str, object] = MappingProxyType({})
    """Every verified claim, in its wire type."""
    credential: CredentialKind = CredentialKind.ACCESS_TOKEN

    def __repr__(self) -> str:
        shown = (f"{name}={getattr(self, name)!r}" for name in self.__struct_fields__ if name != "claims")
        return f"AccessToken({', '.join(shown)})"


def access_token_from_claims(claims: Mapping[str, object]) -> AccessToken:
    """Return the token that `claims` describe; the AT+JWT row of `valetkey.jose.jwt` verified their types.

    A client that acts for itself is told by `sub` equal to `client_id` (RFC 9068, 5).
    """
    audience, scope = claims["aud"], claims.get("scope", "")
    subject, client_id = str(claims["sub"]), str(claims["client_id"])
    sid, authorization_id = claims.get("sid"), claims.get("authorization_id")
    credential = claims.get("credential")
    return AccessToken(
        issuer=str(claims["iss"]),
        subject=Subject(subject),
        client_id=ClientId(client_id),
        principal=_CLIENT if subject == client_id else _END_USER,
        audience=(audience,) if isinstance(audience, str) else tuple(map(str, _listed(audience))),
        scope=Scope(scope.split()) if isinstance(scope, str) else Scope(),
        issued_at=NumericDate(_seconds(claims["iat"])),
        expires_at=NumericDate(_seconds(claims["exp"])),
        token_id=str(claims["jti"]),
        sid=SessionId(sid) if isinstance(sid, str) else None,
        authorization_id=AuthorizationId(authorization_id) if isinstance(authorization_id, str) else None,
        claims=claims,
        credential=_CREDENTIALS.get(credential, _ACCESS_TOKEN) if isinstance(credential, str) else _ACCESS_TOKEN,
    )


_CLIENT: Final = PrincipalKind.CLIENT
_END_USER: Final = PrincipalKind.END_USER
_ACCESS_TOKEN: Final = CredentialKind.ACCESS_TOKEN
_CREDENTIALS: Final[dict[str, CredentialKind]] = {kind.value: kind for kind in CredentialKind}


def _listed(value: object) -> Iterable[object]:
    return value if isinstance(value, (list, tuple)) else (value,)


def _seconds(value: object) -> int:
    return int(value) if isinstance(value, (int, float)) else 0
