"""What both kinds of client assertion share: one form, one set of rules (RFC 7521, 4.2; RFC 7523, 2.2 and 3)."""

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
from valetkey.authorization_server.paths import TOKEN
from valetkey.authorization_server.policy import AssertionAudience, Policy
from valetkey.jose import JoseError, Verifier, jwt
from valetkey.jose.encoding import numeric_date
from valetkey.oauth.authentication_method import ALGORITHMS_OF
from valetkey.oauth.types import ClientId, Issuer, NumericDate, SecretText, TokenDigest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from valetkey.authorization_server.client_authentication.method import Expectation
    from valetkey.authorization_server.model import Client
    from valetkey.jose import JwkSet
    from valetkey.oauth.parameters import Parameters

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def parse_assertion(form: Parameters, method: AuthenticationMethod) -> Credentials | None:
    """Return an assertion of `method`, and the client that it says it is from; None where the form has none.

    Which of the methods it is, its `alg` tells; nothing of it is believed yet.
    """
    # A repeated parameter never gets this far: RFC7523-2.2/single-jwt
    assertion, kind = form.get("client_assertion"), form.get("client_assertion_type")
    if assertion is None and kind is None:
        return None
    if assertion is None or kind != ASSERTION_TYPE:
        raise invalid_request("The client assertion or its type is not the known one.", "RFC7521-4.2/type")
    try:
        peeked = jwt.peek(assertion)
    except JoseError as error:
        raise invalid_client(error.code) from None
    is_mac = peeked.header.get("alg") in ALGORITHMS_OF[AuthenticationMethod.CLIENT_SECRET_JWT]
    if is_mac is not (method is AuthenticationMethod.CLIENT_SECRET_JWT):
        return None
    subject = peeked.claims.get("sub")
    if not isinstance(subject, str):
        raise invalid_client("sub")
    return Credentials(method, ClientId(subject), SecretText(assertion))


def verify_assertion(
    assertion: SecretText,
    client: Client,
    expected: Expectation,
    method: AuthenticationMethod,
    keys: Iterable[JwkSet],
) -> tuple[BurnJti, ...]:
    """Verify signature, issuer, subject, audience and times; return the `jti` that is used up by it.

    `keys` are tried in their order. Raises OAuthError `invalid_client`.
    """
    # RFC7523-3/issuer RFC7523-3/subject RFC7523-3/audience RFC7523-3/expiration RFC7523-3/not-before
    # RFC7523-3/signature RFC7523-3/valid
    claims = _verified(_verifier(client, expected, method), assertion.reveal(), keys, expected.now)
    expires_at = _bounded_expiry(claims, expected)
    digest = TokenDigest(hashlib.sha256(str(claims["jti"]).encode("utf-8", "surrogatepass")).digest())
    return (BurnJti(f"client_assertion {client.client_id}", digest, expires_at, expected.now),)


def key_named_by(
    assertion: SecretText, client: Client, expected: Expectation, method: AuthenticationMethod
) -> str | None:
    """Return the `kid` of an assertion; raises OAuthError `invalid_client` for one that no key could save."""
    try:
        return _verifier(client, expected, method).kid_of(assertion.reveal())
    except JoseError as error:
        raise invalid_client(error.code) from None


def audiences_for(issuer: Issuer, policy: Policy) -> tuple[str, ...]:
    """Return what an assertion may name as its audience (RFC 7523, 3): us, and by policy our token endpoint."""
    match policy.assertion_audience:
        case AssertionAudience.ISSUER:
            return (issuer.url,)
        case AssertionAudience.ISSUER_OR_TOKEN_ENDPOINT:
            return (issuer.url, issuer.endpoint(TOKEN))


def _verifier(client: Client, expected: Expectation, method: AuthenticationMethod) -> Verifier:
    pinned = client.authentication_signing_alg
    return Verifier.client_assertion(
        client_id=client.client_id,
        audience=audiences_for(expected.issuer, expected.policy),
        algorithms=ALGORITHMS_OF[method] if pinned is None else (pinned,),
    )


def _verified(verifier: Verifier, assertion: str, keys: Iterable[JwkSet], now: NumericDate) -> Mapping[str, object]:
    reason = "keys"
    for key_set in keys:
        try:
            return verifier.verify(assertion, key_set, now=now).claims
        except JoseError as error:
            reason = error.code
    raise invalid_client(reason)  # RFC7521-4.2.1/invalid-client


def _bounded_expiry(claims: Mapping[str, object], expected: Expectation) -> NumericDate:
    # The replay guard remembers a jti until then: an assertion that lives for years would never be forgotten.
    expires_at = numeric_date(claims["exp"])
    if expires_at is None or expires_at - expected.now > expected.policy.assertion_lifetime:
        raise invalid_client("lifetime")
    return NumericDate(ceil(expires_at))
