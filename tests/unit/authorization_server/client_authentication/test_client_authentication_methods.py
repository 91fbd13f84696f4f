"""Each method reads its own credentials and believes only the client's own proof."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace

import pytest

from support.house import (
    ASSERTION_TYPE,
    ISSUER,
    NOW,
    SECRET,
    basic,
    client_key,
    clients,
    encode_form,
)
from valetkey.authorization_server.client_authentication import METHODS, parse_credentials
from valetkey.authorization_server.client_authentication.method import Credentials, Expectation
from valetkey.authorization_server.decision import BurnJti
from valetkey.authorization_server.model import AuthenticationMethod, Client, ClientSecret
from valetkey.authorization_server.policy import OAUTH_2_1, OPENID, Policy
from valetkey.jose import Jwk, jwt
from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.http import HttpRequest
from valetkey.oauth.parameters import parse_form
from valetkey.oauth.types import NumericDate, SecretDigest, SecretText

TOKEN_ENDPOINT = ISSUER.endpoint("/token")
EXPECTED = Expectation(ISSUER, TOKEN_ENDPOINT, OAUTH_2_1, NOW)
ASSERTION_CLIENT = clients()["assertion"]
CLAIMS: Mapping[str, object] = {
    "iss": "assertion",
    "sub": "assertion",
    "aud": ISSUER.url,
    "exp": NOW + 60,
    "iat": NOW,
    "jti": "1",
}


def parsed(form: Mapping[str, str], *authorization: str) -> Credentials:
    headers = tuple((b"authorization", value.encode()) for value in authorization)
    request = HttpRequest("POST", "/token", headers=headers)
    return parse_credentials(request, parse_form(encode_form(form)))


def refusal(form: Mapping[str, str], *authorization: str) -> OAuthError:
    with pytest.raises(OAuthError) as caught:
        parsed(form, *authorization)
    return caught.value


def signed(changes: Mapping[str, object] | None = None, key: Jwk | None = None, typ: str = "JWT") -> SecretText:
    merged = {**CLAIMS, **(changes or {})}
    claims = {name: value for name, value in merged.items() if value is not None}
    return SecretText(jwt.sign(claims, key or client_key(), typ=typ))


def verify(proof: SecretText, client: Client = ASSERTION_CLIENT, policy: Policy = OAUTH_2_1) -> None:
    METHODS[client.authentication_method].verify(proof, client, replace(EXPECTED, policy=policy))


def test_a_public_client_only_says_who_it_is() -> None:
    assert parsed({"client_id": "spa"}) == Credentials(AuthenticationMethod.NONE, clients()["spa"].client_id)


@pytest.mark.requirement("RFC6749-2.3.1/basic")
def test_both_parts_of_basic_credentials_are_form_decoded() -> None:
    header = basic("https://client.example/a b", "s:e%c+r/t")["authorization"]
    found = parsed({}, header)
    assert found.client_id == "https://client.example/a b"
    assert found.proof is not None
    assert found.proof.reveal() == "s:e%c+r/t"


def test_the_name_of_the_basic_scheme_has_no_case() -> None:
    header = basic("web", SECRET)["authorization"].replace("Basic", "bASIC")
    assert parsed({}, header).method is AuthenticationMethod.CLIENT_SECRET_BASIC


# covers: CLI-01
@pytest.mark.requirement("RFC6749-5.2/challenge")
@pytest.mark.parametrize(
    "header",
    [
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic " + b64encode(b"web").decode(),
        "Basic " + b64encode(b"\xff:x").decode(),
        "Basic " + b64encode(b"web:%zz").decode(),
        "Basic " + b64encode(b"%ff:x").decode(),
        "Bearer abc",
        "Digest x=y",
    ],
)
def test_a_header_that_cannot_be_read_is_challenged(header: str) -> None:
    error = refusal({"client_id": "web"}, header)
    assert error.code is ErrorCode.INVALID_CLIENT
    assert dict(error.headers)["www-authenticate"].startswith("Basic ")


# covers: CLI-01
@pytest.mark.requirement("RFC6749-5.2/invalid-client")
def test_no_credentials_at_all_are_an_invalid_client_without_challenge() -> None:
    error = refusal({"grant_type": "client_credentials"})
    assert error.code is ErrorCode.INVALID_CLIENT
    assert error.headers == ()


# covers: CLI-02
@pytest.mark.requirement("RFC6749-2.3/one-method")
@pytest.mark.parametrize(
    ("form", "authorization"),
    [
        ({"client_id": "web", "client_secret": SECRET}, (basic("web", SECRET)["authorization"],)),
        (
            {"client_assertion_type": ASSERTION_TYPE, "client_assertion": signed().reveal()},
            (basic("assertion", SECRET)["authorization"],),
        ),
        (
            {
                "client_id": "assertion",
                "client_secret": SECRET,
                "client_assertion_type": ASSERTION_TYPE,
                "client_assertion": signed().reveal(),
            },
            (),
        ),
        ({}, (basic("web", SECRET)["authorization"], basic("web", SECRET)["authorization"])),
    ],
    ids=["header and secret", "header and assertion", "secret and assertion", "two headers"],
)
def test_two_methods_at_once_are_a_malformed_request(
    form: Mapping[str, str], authorization: tuple[str, ...]
) -> None:
    error = refusal(form, *authorization)
    assert (error.code, error.requirement) == (ErrorCode.INVALID_REQUEST, "RFC6749-2.3/one-method")


# covers: CLI-11
@pytest.mark.requirement("RFC7521-4.2/client-id")
def test_a_client_id_beside_other_credentials_must_be_the_same() -> None:
    header = basic("web", SECRET)["authorization"]
    assert parsed({"client_id": "web"}, header).client_id == "web"
    assert refusal({"client_id": "spa"}, header).code is ErrorCode.INVALID_REQUEST
    form = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": signed().reveal()}
    assert parsed({**form, "client_id": "assertion"}).client_id == "assertion"
    assert refusal({**form, "client_id": "web"}).requirement == "RFC7521-4.2/client-id"


@pytest.mark.requirement("RFC6749-2.3.1/client-id")
def test_a_secret_without_a_client_id_is_malformed() -> None:
    assert refusal({"client_secret": SECRET}).requirement == "RFC6749-2.3.1/client-id"


# covers: CLI-11
@pytest.mark.requirement("RFC7521-4.2/type")
@pytest.mark.parametrize(
    "form",
    [
        {"client_assertion": signed().reveal()},
        {"client_assertion_type": ASSERTION_TYPE},
        {"client_assertion": signed().reveal(), "client_assertion_type": ASSERTION_TYPE + "x"},
        {
            "client_assertion": signed().reveal(),
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer",
        },
    ],
)
def test_an_assertion_of_an_unknown_type_is_malformed(form: Mapping[str, str]) -> None:
    error = refusal(form)
    assert (error.code, error.requirement) == (ErrorCode.INVALID_REQUEST, "RFC7521-4.2/type")


@pytest.mark.parametrize("assertion", ["x", "a.b.c", "....", signed({"sub": None}).reveal(), "é" * 10])
def test_an_assertion_that_names_nobody_is_an_invalid_client(assertion: str) -> None:
    error = refusal({"client_assertion": assertion, "client_assertion_type": ASSERTION_TYPE})
    assert error.code is ErrorCode.INVALID_CLIENT


def test_a_good_assertion_uses_up_its_jti() -> None:
    (burned,) = METHODS[AuthenticationMethod.PRIVATE_KEY_JWT].verify(signed(), ASSERTION_CLIENT, EXPECTED)
    assert isinstance(burned, BurnJti)
    assert burned.expires_at == NOW + 60
    assert "assertion" in burned.scope
    (other,) = METHODS[AuthenticationMethod.PRIVATE_KEY_JWT].verify(
        signed({"jti": "2"}), ASSERTION_CLIENT, EXPECTED
    )
    assert other.jti_digest != burned.jti_digest


@pytest.mark.requirement("RFC7523-3/issuer")
@pytest.mark.requirement("RFC7523-3/subject")
@pytest.mark.requirement("RFC7523-3/audience")
@pytest.mark.requirement("RFC7523-3/expiration")
@pytest.mark.requirement("RFC7523-3/not-before")
@pytest.mark.requirement("RFC7523-3/valid")
@pytest.mark.requirement("RFC7521-4.2.1/invalid-client")
@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "web"},
        {"sub": "web"},
        {"aud": "https://other.example"},
        {"aud": ISSUER.url + "/"},
        {"aud": [ISSUER.url, "https://other.example"]},
        {"aud": None},
        {"exp": NOW},
        {"exp": None},
        {"exp": NOW + OAUTH_2_1.assertion_lifetime + 1},
        {"exp": "soon"},
        {"iat": NOW + 3600},
        {"nbf": NOW + 3600},
        {"jti": None},
        {"jti": ""},
        {"jti": 5},
    ],
    ids=str,
)
def test_an_assertion_with_a_wrong_claim_is_refused(changes: Mapping[str, object]) -> None:
    with pytest.raises(OAuthError) as caught:
        verify(signed(changes))
    assert caught.value.code is ErrorCode.INVALID_CLIENT


@pytest.mark.requirement("RFC7523-3/audience")
def test_only_the_profile_says_whether_the_token_endpoint_is_an_audience() -> None:
    at_token_endpoint = signed({"aud": TOKEN_ENDPOINT})
    verify(at_token_endpoint, policy=OPENID)
    with pytest.raises(OAuthError):
        verify(at_token_endpoint, policy=OAUTH_2_1)


@pytest.mark.requirement("RFC7523-3/signature")
def test_an_assertion_by_another_key_is_refused() -> None:
    with pytest.raises(OAuthError):
        verify(signed(key=Jwk.generate("ES256")))


# JWS-30: what we sign ourselves, or a client's other tokens, are no client assertions.
@pytest.mark.parametrize("typ", ["at+jwt", "dpop+jwt", "oauth-authz-req+jwt", "logout+jwt"])
def test_another_kind_of_token_is_no_assertion(typ: str) -> None:
    verify(signed(typ="client-authentication+jwt"))
    with pytest.raises(OAuthError):
        verify(signed(typ=typ))


def test_an_assertion_with_a_shared_secret_is_no_private_key_jwt() -> None:
    with pytest.raises(OAuthError):
        verify(signed(key=Jwk.generate("HS256")))


def test_a_client_without_keys_proves_nothing() -> None:
    with pytest.raises(OAuthError):
        verify(signed(), replace(ASSERTION_CLIENT, jwks=None))


# covers: CLI-14
def test_two_secrets_live_side_by_side_each_to_its_own_end() -> None:
    old, new = SecretText("o" * 43), SecretText("n" * 43)
    client = replace(
        clients()["web"],
        secrets=(
            ClientSecret("old", SecretDigest(old.digest()), NOW, expires_at=NumericDate(NOW + 10)),
            ClientSecret("new", SecretDigest(new.digest()), NOW),
        ),
    )
    method = METHODS[AuthenticationMethod.CLIENT_SECRET_BASIC]
    for second, good in ((0, (old, new)), (9, (old, new)), (10, (new,)), (10**6, (new,))):
        expected = replace(EXPECTED, now=NumericDate(NOW + second))
        for secret in (old, new):
            if secret in good:
                method.verify(secret, client, expected)
            else:
                with pytest.raises(OAuthError):
                    method.verify(secret, client, expected)


def test_a_client_without_secrets_has_no_empty_secret() -> None:
    client = replace(clients()["web"], secrets=())
    with pytest.raises(OAuthError):
        verify(SecretText(""), client)
