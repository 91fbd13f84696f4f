"""What a gateway tells the API behind it about who asks: a short-lived JWT, for one audience and one request."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from valetkey.jose.errors import ClaimInvalid
from valetkey.oauth.access_token import (
    AccessToken,
    CredentialKind,
    PrincipalKind,
    access_token_from_claims,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

HEADER: Final = b"x-valetkey-assertion"
"""The header that carries it; nobody but a gateway writes it."""
LONGEST_LIFETIME: Final = 60
"""Seconds for which one is good, at most."""

_COPIED: Final = ("sid", "acr", "amr", "auth_time", "act", "authorization_id")
_KIND: Final = "principal"
_REQUEST: Final = "request"


def assertion_claims(
    token: AccessToken, *, issuer: str, audience: str, method: str, path: str
) -> Mapping[str, object]:
    """Return the claims of the assertion that `token` was presented for `method` and the decoded `path`.

    The caller adds `iat`, `exp` and `jti`. Of the token's further claims those about the authentication are told.
    """
    claims: dict[str, object] = {
        "iss": issuer,
        "aud": audience,
        "sub": token.subject,
        "client_id": token.client_id,
        "scope": str(token.scope),
        "credential": token.credential.value,
        _KIND: token.principal.value,
        "origin": token.issuer,
        _REQUEST: {"method": method, "path": path},
    }
    return claims | {name: token.claims[name] for name in _COPIED if name in token.claims}


def asserted_token(claims: Mapping[str, object], method: str, path: str) -> AccessToken:
    """Return what verified claims of an assertion say of who sent `method` and the decoded `path`.

    Raises ClaimInvalid where the assertion is for another request, or does not say what it has to.
    """
    if claims.get(_REQUEST) != {"method": method, "path": path}:
        raise ClaimInvalid("The assertion is for another request.", _REQUEST)
    try:
        kind = PrincipalKind(str(claims.get(_KIND)))
        credential = CredentialKind(str(claims.get("credential")))
    except ValueError:
        raise ClaimInvalid("The assertion names no kind of principal and credential.", _KIND) from None
    token = access_token_from_claims(claims)
    return AccessToken(
        issuer=token.issuer,
        subject=token.subject,
        client_id=token.client_id,
        principal=kind,
        audience=token.audience,
        scope=token.scope,
        issued_at=token.issued_at,
        expires_at=token.expires_at,
        token_id=token.token_id,
        sid=token.sid,
        authorization_id=token.authorization_id,
        claims=MappingProxyType(dict(claims)),
        credential=credential,
    )
