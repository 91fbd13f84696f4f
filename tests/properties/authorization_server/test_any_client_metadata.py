"""Whatever a stranger says of itself: it is understood or refused, and never gets more than it was let in with."""

from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from valetkey.authorization_server.model import ConsentMode, ManagedBy, SelfRegistration
from valetkey.authorization_server.policy import PROFILES
from valetkey.authorization_server.registration import client_faults
from valetkey.authorization_server.self_registration.admission import FOR_EVERYBODY
from valetkey.authorization_server.self_registration.judging import described_client
from valetkey.oauth.client_members import CLIENT_MEMBERS
from valetkey.oauth.client_metadata import parse_client_metadata, parse_client_metadata_document
from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.types import ClientId, NumericDate, Scope, TokenDigest

NAMES = [
    *(
        "redirect_uris",
        "post_logout_redirect_uris",
        "token_endpoint_auth_method",
        "token_endpoint_auth_signing_alg",
        "grant_types",
    ),
    *("response_types", "application_type", "client_name", "client_name#de", "scope"),
    *("jwks", "jwks_uri", "id_token_signed_response_alg", "subject_type", "client_uri"),
    *("logo_uri", "policy_uri", "tos_uri", "contacts", "software_id"),
    *("software_version", "software_statement", "client_id", "client_secret", "consent"),
    *("profile", "managed_by", "trusted"),
    *(member.name for member in CLIENT_MEMBERS),
]
TEXTS = st.sampled_from(
    [
        *(
            "none",
            "private_key_jwt",
            "client_secret_jwt",
            "HS256",
            "ES256",
            "web",
            "native",
            "public",
            "first_party",
        ),
        *("https://a.example/cb", "http://127.0.0.1/cb", "com.example.a:/cb", "javascript:x", "https://[::1]/"),
        "",
        *("authorization_code", "client_credentials", "implicit", "code", "token", "openid read", "admin", "a.b.c"),
    ]
) | st.text(max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
DOCUMENTS = st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=10), VALUES, max_size=12)
LIMITS = SelfRegistration(NumericDate(0), TokenDigest(bytes(32)), None, Scope.of(("openid", "read")), FOR_EVERYBODY)
REFUSALS = {
    ErrorCode.INVALID_REDIRECT_URI,
    ErrorCode.INVALID_CLIENT_METADATA,
    ErrorCode.INVALID_SOFTWARE_STATEMENT,
    ErrorCode.UNAPPROVED_SOFTWARE_STATEMENT,
}


# covers: DCR-03
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
@given(document=DOCUMENTS, profile=st.sampled_from(sorted(PROFILES)))
def test_any_document_makes_a_client_within_its_limits_or_a_refusal(document: dict[str, Any], profile: str) -> None:
    policy = PROFILES[profile]
    try:
        members = parse_client_metadata_document(msgspec.json.encode(document))
        metadata = parse_client_metadata(members)
        client = described_client(ClientId("drawn"), metadata, LIMITS, (), policy)
    except OAuthError as refusal:
        assert refusal.code in REFUSALS
        assert refusal.status == 400
        return
    assert client.client_id == "drawn"
    assert client.scope <= LIMITS.scope
    assert client.grant_types <= FOR_EVERYBODY
    assert (client.consent, client.managed_by, client.profile) == (ConsentMode.REMEMBER, ManagedBy.OPERATOR, None)
    assert client.is_unverified
    assert client_faults(client, policy) == ()


@settings(max_examples=200, deadline=None, database=None)
@given(octets=st.binary(max_size=60))
def test_any_octets_are_an_object_or_a_refusal(octets: bytes) -> None:
    try:
        assert isinstance(parse_client_metadata_document(octets), dict)
    except OAuthError as refusal:
        assert refusal.code is ErrorCode.INVALID_CLIENT_METADATA
