"""`private_key_jwt`: a client assertion, signed by the client's own key (RFC 7521, 4.2; RFC 7523, 2.2 and 3)."""

from __future__ import annotations

import hashlib
from math import ceil
from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.client_authentication.method import (
    Credentials,
    invalid_client,
    invalid_request,
)
from valetkey.authorization_server.decision import BurnJti
from valetkey.authorization_server.model import AuthenticationMethod
from valetkey.authorization_server.policy import AssertionAudience
from valetkey.jose import JoseError, Verifier, jwt
from valetkey.jose.algorithms import SIGNATURE_ALGORITHMS
from valetkey.jose.encoding import numeric_date
from valetkey.oauth.types import ClientId, NumericDate, SecretText, TokenDigest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from valetkey.authorization_server.client_authentication.method import Expectation
    from valetkey.authorization_server.model import Client
    from valetkey.oauth.http import HttpRequest
    from valetkey.oauth.parameters import Parameters

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ALGORITHMS: Final = tuple(row.name for row in SIGNATURE_ALGORITHMS.values() if not row.is_symmetric)
"""A client that signs with a shared secret authenticates by another method."""


class PrivateKeyJwt:
    """The form carries `client_assertion` and its type; `client_id` is optional."""

    name = AuthenticationMethod.PRIVATE_KEY_JWT

    def parse(self, request: HttpRequest, form: Parameters) -> Credentials | None:
        """Return the assertion, and the client that it says it is from."""
        del request
        # A repeated parameter never gets this far: RFC7523-2.2/single-jwt
        assertion, kind = form.get("client_assertion"), form.get("client_assertion_type")
        if assertion is None and kind is None:
            return None
        if assertion is None or kind != ASSERTION_TYPE:
            raise invalid_request("The client assertion or its type is not the known one.", "RFC7521-4.2/type")
        try:
            subject = jwt.peek(assertion).claims.get("sub")
        except JoseError as error:
            raise invalid_client(error.code) from None
        if not isinstance(subject, str):
            raise invalid_client("sub")
        return Credentials(self.name, ClientId(subject), SecretText(assertion))

    def verify(self, proof: SecretText | None, client: Client, expected: Expectation) -> tuple[BurnJti, ...]:
        """Verify signature, issuer, subject, audience and times; the `jti` is used up by it."""
        if proof is None or client.jwks is None:
            raise invalid_client("keys")
        # RFC7523-3/issuer RFC7523-3/subject RFC7523-3/audience RFC7523-3/expiration RFC7523-3/not-before
        # RFC7523-3/signature RFC7523-3/valid
        verifier = Verifier.client_assertion(
            client_id=client.client_id, audience=_audiences(expected), algorithms=ALGORITHMS
        )
        try:
            claims = verifier.verify(proof.reveal(), client.jwks, now=expected.now).claims
        except JoseError as error:
            raise invalid_client(error.code) from None  # RFC7521-4.2.1/invalid-client
        expires_at = _bounded_expiry(claims, expected)
        digest = TokenDigest(hashlib.sha256(str(claims["jti"]).encode("utf-8", "surrogatepass")).digest())
        return (BurnJti(f"client_assertion {client.client_id}", digest, expires_at, expected.now),)


def _audiences(expected: Expectation) -> tuple[str, ...]:
    match expected.policy.assertion_audience:
        case AssertionAudience.ISSUER:
            return (expected.issuer.url,)
        case AssertionAudience.ISSUER_OR_TOKEN_ENDPOINT:
            return (expected.issuer.url, expected.token_endpoint)


def _bounded_expiry(claims: Mapping[str, object], expected: Expectation) -> NumericDate:
    # The replay guard remembers a jti until then: an assertion that lives for years would never be forgotten.
    expires_at = numeric_date(claims["exp"])
    if expires_at is None or expires_at - expected.now > expected.policy.assertion_lifetime:
        raise invalid_client("lifetime")
    return NumericDate(ceil(expires_at))
