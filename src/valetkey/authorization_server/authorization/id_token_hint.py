"""id_token_hint: whom a client believes to be signed in (OpenID Connect Core, 3.1.2.1 and 3.1.2.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from valetkey.authorization_server.authorization.request_object import is_encrypted
from valetkey.authorization_server.client_secrets import mac_keys, opened_secrets
from valetkey.jose import JoseError, JwkSet, Verifier, jwt
from valetkey.jose.algorithms import SIGNATURE_ALGORITHMS
from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.types import Subject

if TYPE_CHECKING:
    from collections.abc import Mapping

    from valetkey.authorization_server.model import Client
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.types import ClientId, Issuer, NumericDate


async def opened_hint(hint: str, server: AuthorizationServer) -> str:
    """Return the ID Token that a client encrypted to us again; every other text is returned as it is."""
    if not is_encrypted(hint):
        return hint
    try:
        return (await server.signer.decrypt(hint)).decode("latin-1")
    except JoseError:
        return hint


async def hint_keys(hint: str, client: Client, server: AuthorizationServer, now: NumericDate) -> JwkSet:
    """Return the keys that may have signed a hint: ours, or the client's secret where it asked for a MAC.

    Raises Unavailable where a secret does not open.
    """
    algorithm = client.id_token_signed_response_alg
    row = SIGNATURE_ALGORITHMS.get(algorithm)
    if row is None or not row.is_symmetric or _algorithm_of(hint) != algorithm:
        return await server.signer.public_keys()
    known = mac_keys(jwt.peek(hint).header, opened_secrets(client, server.sealed_secrets, now))
    return JwkSet(tuple(key for one in known for key in one.keys))


def hinted_subject(hint: str, client_id: ClientId, issuer: Issuer, keys: JwkSet, now: NumericDate) -> Subject:
    """Return whom an ID Token that we gave this client names; it may have expired since.

    Raises OAuthError `invalid_request` for every other text.
    """
    return Subject(str(hinted_claims(hint, client_id, issuer, keys, now)["sub"]))


def hinted_claims(
    hint: str, client_id: ClientId, issuer: Issuer, keys: JwkSet, now: NumericDate
) -> Mapping[str, object]:
    """Return the claims of such an ID Token; raises as `hinted_subject` does."""
    try:
        issued_at = jwt.peek(hint).claims.get("iat")
        algorithms = {key.algorithm for key in keys.keys if key.algorithm in SIGNATURE_ALGORITHMS}
        verifier = Verifier.id_token(issuer=issuer.url, client_id=client_id, algorithms=algorithms)
        # A hint is useful long after it expired, so it is judged as of the moment in which it was issued.
        then = min(now, issued_at) if isinstance(issued_at, int) else now
        return verifier.verify(hint, keys, now=then).claims
    except JoseError as error:
        raise OAuthError(
            ErrorCode.INVALID_REQUEST,
            "The id_token_hint is no ID Token that this client got here.",
            "OIDCC-3.1.2.2/hint-issuer",
            detail=str(error),
        ) from None


def _algorithm_of(hint: str) -> object:
    try:
        return jwt.peek(hint).header.get("alg")
    except JoseError:
        return None
