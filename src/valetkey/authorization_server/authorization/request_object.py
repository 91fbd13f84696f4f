"""Request objects: the parameters of a request as a JWT of its client (RFC 9101; OpenID Connect Core, 6)."""

from __future__ import annotations

import hashlib
import re
from base64 import urlsafe_b64encode
from math import ceil
from typing import TYPE_CHECKING, Final, TypeAlias, assert_never

import msgspec

from valetkey.authorization_server.decision import BurnJti
from valetkey.authorization_server.model import Client
from valetkey.authorization_server.policy import Policy, RequestObjectRule
from valetkey.jose import JoseError, JwkSet, Verifier, jwt
from valetkey.jose.encoding import numeric_date
from valetkey.jose.records import dataclass
from valetkey.jose.token_kinds import OPENID_REQUEST_OBJECT, REQUEST_OBJECT
from valetkey.oauth.authentication_method import ALGORITHMS_OF, AuthenticationMethod
from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.parameters import MAXIMUM_FIELDS, Parameters
from valetkey.oauth.types import Issuer, NumericDate, TokenDigest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from valetkey.oauth.types import ClientId

REQUEST: Final = "request"
REQUEST_URI: Final = "request_uri"
MEDIA_TYPES: Final = (
    "application/oauth-authz-req+jwt",
    "application/jwt",
    "application/jose",
    # What hosts of plain files say of a file whose name tells them nothing.
    "text/plain",
    "application/octet-stream",
    "binary/octet-stream",
)
MOST_OCTETS: Final = jwt.MAXIMUM_JWT_OCTETS + 2
LONGEST_URI: Final = 2_048
_SIGNED: Final = ALGORITHMS_OF[AuthenticationMethod.PRIVATE_KEY_JWT]
_MACS: Final = ALGORITHMS_OF[AuthenticationMethod.CLIENT_SECRET_JWT]
ALGORITHMS: Final = (*_SIGNED, *_MACS)
"""What request objects may be signed with; `none` is no row of the table of algorithms."""

_PUSHED: Final = "urn:ietf:params:oauth:request_uri:"
_DIGEST: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_DOTS_OF_JWE: Final = 4
_EVIDENCE: Final = "request object"
"""Stands beside the parameters of a request that came as an object; a space, as no parameter of a client has."""
_UNNUMBERED: Final = "-"
_CLAIMS: Final = frozenset({"iss", "sub", "aud", "exp", "nbf", "iat", "jti"})
"""Of the JWT itself: they are no parameters (RFC 9101, 9.1)."""
_JSON: Final = frozenset({"claims", "registration", "authorization_details"})
"""Whose values are JSON wherever they stand."""
_NUMBERS: Final = frozenset({"max_age"})
_TEXTS: Final = frozenset(
    (
        *("response_type", "response_mode", "client_id", "redirect_uri", "scope", "state", "nonce", "prompt"),
        *("display", "ui_locales", "claims_locales", "id_token_hint", "login_hint", "acr_values"),
        *("code_challenge", "code_challenge_method", "dpop_jkt"),
    )
)

Values: TypeAlias = dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Expected:
    """What a request object is judged against."""

    client: Client
    issuer: Issuer
    policy: Policy
    now: NumericDate

    @property
    def rule(self) -> RequestObjectRule:
        """Which parameters count: those of a client that promised to sign them are never taken from elsewhere."""
        is_promised = self.client.openid.require_signed_request_object
        return RequestObjectRule.ALONE if is_promised else self.policy.request_objects


def faulty_object(detail: str, requirement: str = "JAR-6.2/signature") -> OAuthError:
    """Return the one answer to every request object that cannot be believed; the log is told why."""
    description = "The request object is not one that this client may use here now."
    return OAuthError(ErrorCode.INVALID_REQUEST_OBJECT, description, requirement, detail=detail)


def faulty_reference(detail: str, requirement: str = "JAR-5.2.3/fetch") -> OAuthError:
    """Return the answer to every request_uri that leads to no request object of the client."""
    description = "The request_uri leads to no request object of this client."
    return OAuthError(ErrorCode.INVALID_REQUEST_URI, description, requirement, detail=detail)


def without_evidence(sent: Parameters) -> Parameters:
    """Return what a browser sent without what only we say of a request: our names have a space in them."""
    return Parameters.of(tuple(pair for pair in sent.as_pairs() if " " not in pair[0]))


def is_evident(parameters: Parameters) -> bool:
    """Say whether the parameters are those of a request object that was verified."""
    return _EVIDENCE in parameters


def is_encrypted(text: str) -> bool:
    """Say whether a text has the form of a compact JWE; every other is judged as a signature."""
    return text.count(".") == _DOTS_OF_JWE and len(text) <= jwt.MAXIMUM_JWT_OCTETS


def is_by_mac(text: str) -> bool:
    """Say whether an object names a MAC as its algorithm; raises OAuthError `invalid_request_object`."""
    try:
        return jwt.peek(text).header.get("alg") in _MACS
    except JoseError as error:
        raise faulty_object(error.code, "JAR-5/signed") from None


def kid_of(text: str, expected: Expected) -> str | None:
    """Return the `kid` of an object whose header may be believed; raises OAuthError `invalid_request_object`."""
    try:
        return _verifier(text, expected).kid_of(text)
    except JoseError as error:
        raise faulty_object(error.code) from None


def verified_claims(text: str, expected: Expected, keys: Iterable[JwkSet]) -> Mapping[str, object]:
    """Return the claims of the client's own object; `keys` are tried in their order.

    Raises OAuthError `invalid_request_object`.
    """
    # JAR-6.2/key OIDCC-6.3.2/signature JAR-4/nested
    verifier, reason = _verifier(text, expected), "no key of the client is known"
    for key_set in keys:
        try:
            claims = verifier.verify(text, key_set, now=expected.now).claims
        except JoseError as error:
            reason = error.code
            continue
        if claims.get("client_id", expected.client.client_id) != expected.client.client_id:
            raise faulty_object("client_id", "JAR-6.3/client-id")
        if "jti" in claims and _end(claims, expected) - expected.now > expected.policy.request_object_lifetime:
            # It is remembered until then: one that lives for years would never be forgotten.
            raise faulty_object("lifetime", "JAR-10.2/replay")
        return claims
    raise faulty_object(reason)


def assembled(sent: Parameters, claims: Mapping[str, object], expected: Expected) -> Parameters:
    """Return the parameters that count, with the evidence of the object; raises OAuthError (RFC 9101, 6.3)."""
    said_by_us = {"client_id": (expected.client.client_id,), _EVIDENCE: (_evidence(claims, expected),)}
    return Parameters(_counting(sent, _parameters_of(claims), expected.rule) | said_by_us)


def used_up(parameters: Parameters, client_id: ClientId, now: NumericDate) -> BurnJti | None:
    """Return the use of the object's `jti`, where it came as one and has any."""
    digest, _, until = (parameters.get(_EVIDENCE) or _UNNUMBERED).partition(" ")
    if digest == _UNNUMBERED:
        return None
    expires_at = NumericDate(int(until))
    return BurnJti(f"request_object {client_id}", TokenDigest(bytes.fromhex(digest)), expires_at, now)


def referenced_url(reference: str, client: Client) -> str:
    """Return the URL, without its fragment, from which a registered request_uri is fetched.

    A registered URL may be used with the digest of its content as its fragment, and one that was registered with
    a digest only with that (OpenID Connect Core, 6.2). Raises OAuthError `invalid_request_uri`.
    """
    url, mark, digest = reference.partition("#")
    if reference.startswith(_PUSHED) or len(reference) > LONGEST_URI:
        raise faulty_reference("no URL of a document")
    # Another URL, such as one that a third party put in, is never fetched: JAR-10.4.2/rewrite
    if reference not in client.openid.request_uris and url not in client.openid.request_uris:
        raise faulty_reference("not registered", "JAR-10.4.2/rewrite")
    if mark and not _DIGEST.fullmatch(digest):
        raise faulty_reference("the fragment is no digest", "OIDCC-6.2/fragment")
    return url


def fetched_object(reference: str, body: bytes) -> str:
    """Return the object that stood at `reference`; raises OAuthError `invalid_request_uri`."""
    digest = reference.partition("#")[2]
    if digest and urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=") != digest.encode():
        raise faulty_reference("the content has another digest", "OIDCC-6.2/fragment")
    # A file ends with a new line, wherever it was written with an editor.
    return body.strip().decode("latin-1")


def _verifier(text: str, expected: Expected) -> Verifier:
    # A key of one family never verifies what the other signed: JAR-6.2/algorithm
    family = _MACS if is_by_mac(text) else _SIGNED
    pinned = expected.client.openid.request_object_signing_alg
    algorithms = tuple(name for name in family if pinned in {None, name})  # OIDCC-6.3.2/alg
    if not algorithms:
        raise faulty_object("not the registered algorithm", "OIDCC-6.3.2/alg")
    kind = REQUEST_OBJECT if expected.rule is RequestObjectRule.ALONE else OPENID_REQUEST_OBJECT
    return Verifier.of_kind(
        kind, issuer=expected.client.client_id, audience=expected.issuer.url, algorithms=algorithms
    )


def _counting(sent: Parameters, inner: Values, rule: RequestObjectRule) -> Values:
    match rule:
        case RequestObjectRule.ALONE:
            return inner  # JAR-6.3/only
        case RequestObjectRule.SUPERSEDES:
            outer = {name: sent.all(name) for name in sent.names() if name not in {REQUEST, REQUEST_URI}}
            if len({values["response_type"] for values in (outer, inner) if "response_type" in values}) > 1:
                raise faulty_object("response_type", "OIDCC-6.1/match")
            return outer | inner  # OIDCC-6.3.3/assemble
    assert_never(rule)


def _end(claims: Mapping[str, object], expected: Expected) -> NumericDate:
    end = numeric_date(claims.get("exp"))
    return NumericDate(expected.now + expected.policy.request_object_lifetime if end is None else ceil(end))


def _evidence(claims: Mapping[str, object], expected: Expected) -> str:
    number = claims.get("jti")
    if not number:
        return _UNNUMBERED
    digest = hashlib.sha256(str(number).encode("utf-8", "surrogatepass")).hexdigest()
    # A request that was begun with it in its last second may still be answered all this time.
    return f"{digest} {_end(claims, expected) + expected.policy.interaction_lifetime}"


def _parameters_of(claims: Mapping[str, object]) -> Values:
    told = {name: value for name, value in claims.items() if name not in _CLAIMS and " " not in name}
    found = {name: _values_of(name, value) for name, value in told.items()}
    if len(found) > MAXIMUM_FIELDS:
        raise faulty_object("too many members", "JAR-4/members")
    return {name: kept for name, values in found.items() if (kept := tuple(value for value in values if value))}


def _values_of(name: str, value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if value is None:
        return ()
    if name == "resource" and isinstance(value, list) and all(isinstance(one, str) for one in value):
        return tuple(str(one) for one in value)
    if name in _NUMBERS and isinstance(value, int | float) and not isinstance(value, bool):
        return (msgspec.json.encode(value).decode(),)
    if name in _JSON and isinstance(value, dict | list):
        return (msgspec.json.encode(value).decode(),)
    if name in _TEXTS | _JSON | _NUMBERS | {"resource"}:
        raise faulty_object(f"the member {name}", "JAR-4/members")
    return ()
