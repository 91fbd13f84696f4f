"""id_token_hint: whom a client believes to be signed in (OpenID Connect Core, 3.1.2.1 and 3.1.2.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from valetkey.jose import JoseError, Verifier, jwt
from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.types import Subject

if TYPE_CHECKING:
    from valetkey.jose import JwkSet
    from valetkey.oauth.types import ClientId, Issuer, NumericDate


def hinted_subject(hint: str, client_id: ClientId, issuer: Issuer, keys: JwkSet, now: NumericDate) -> Subject:
    """Return whom an ID Token that we gave this client names; it may have expired since.

    Raises OAuthError `invalid_request` for every other text.
    """
    try:
        issued_at = jwt.peek(hint).claims.get("iat")
        algorithms = {key.algorithm for key in keys.keys}
        verifier = Verifier.id_token(issuer=issuer.url, client_id=client_id, algorithms=algorithms)
        # A hint is useful long after it expired, so it is judged as of the moment in which it was issued.
        then = min(now, issued_at) if isinstance(issued_at, int) else now
        return Subject(str(verifier.verify(hint, keys, now=then).claims["sub"]))
    except JoseError as error:
        raise OAuthError(
            ErrorCode.INVALID_REQUEST,
            "The id_token_hint is no ID Token that this client got here.",
            "OIDCC-3.1.2.2/hint-issuer",
            detail=str(error),
        ) from None
