"""An assertion under a MAC: the client's own live secret and nothing else is its key."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from support.house import ISSUER, MAC_SECRET, NOW, assertion_form, client_key, clients, encode_form
from valetkey.authorization_server.client_authentication import (
    ASSERTION_ALGORITHMS,
    METHODS,
    parse_credentials,
)
from valetkey.authorization_server.client_authentication.method import Expectation
from valetkey.authorization_server.decision import BurnJti
from valetkey.authorization_server.model import AuthenticationMethod, Client
from valetkey.authorization_server.policy import OAUTH_2_1, OPENID, Policy
from valetkey.jose import Jwk, jwt
from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.http import HttpRequest
from valetkey.oauth.parameters import parse_form
from valetkey.oauth.types import SecretText

CLIENT = clients()["mac"]
SECRETS = (SecretText(MAC_SECRET),)
HMACS = ("HS256", "HS384", "HS512")
CLAIMS: Mapping[str, object] = {
    "iss": "mac",
    "sub": "mac",
    "aud": ISSUER.url,
    "exp": NOW + 60,
    "iat": NOW,
    "jti": "1",
}


def signed(
    algorithm: str = "HS256",
    *,
    secret: str = MAC_SECRET,
    kid: str | None = None,
    key: Jwk | None = None,
    changes: Mapping[str, object] | None = None,
) -> SecretText:
    merged = {name: value for name, value in {**CLAIMS, **(changes or {})}.items() if value is not None}
    by = key or Jwk.from_secret(secret.encode(), algorithm=algorithm, kid=kid)
    return SecretText(jwt.sign(merged, by, typ="JWT"))


def verify(
    proof: SecretText,
    client: Client = CLIENT,
    *,
    policy: Policy = OAUTH_2_1,
    secrets: tuple[SecretText, ...] = SECRETS,
) -> tuple[BurnJti, ...]:
    expected = Expectation(ISSUER, ISSUER.endpoint("/token"), policy, NOW, secrets=secrets)
    return METHODS[AuthenticationMethod.CLIENT_SECRET_JWT].verify(proof, client, expected)


def refused(proof: SecretText, client: Client = CLIENT, *, secrets: tuple[SecretText, ...] = SECRETS) -> None:
    with pytest.raises(OAuthError) as caught:
        verify(proof, client, secrets=secrets)
    assert caught.value.code is ErrorCode.INVALID_CLIENT


@pytest.mark.parametrize("algorithm", HMACS)
def test_every_hmac_is_believed_under_the_clients_secret(algorithm: str) -> None:
    (burned,) = verify(signed(algorithm))
    assert (burned.scope, burned.expires_at) == ("client_assertion mac", NOW + 60)
    refused(signed(algorithm, secret="vk_cs_" + "x" * 86))


def test_a_kid_in_the_header_chooses_nothing() -> None:
    verify(signed(kid="whatever the library writes"))


# covers: CLI-14
def test_each_live_secret_is_a_key() -> None:
    other = "vk_cs_" + "o" * 86
    both = (SecretText(other), *SECRETS)
    verify(signed(), secrets=both)
    verify(signed(secret=other), secrets=both)
    refused(signed(secret=other))
    refused(signed(), secrets=())


@pytest.mark.requirement("RFC7523-3/issuer")
@pytest.mark.requirement("RFC7523-3/subject")
@pytest.mark.requirement("RFC7523-3/audience")
@pytest.mark.requirement("RFC7523-3/expiration")
@pytest.mark.requirement("RFC7523-3/not-before")
@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "web"},
        {"sub": "web"},
        {"aud": "https://other.example"},
        {"aud": None},
        {"exp": NOW},
        {"exp": None},
        {"exp": NOW + OAUTH_2_1.assertion_lifetime + 1},
        {"nbf": NOW + 3600},
        {"jti": None},
    ],
    ids=str,
)
def test_the_rules_of_assertions_hold_for_a_mac_too(changes: Mapping[str, object]) -> None:
    refused(signed(changes=changes))


@pytest.mark.requirement("RFC7523-3/audience")
def test_the_profile_says_whether_the_token_endpoint_is_an_audience() -> None:
    at_token_endpoint = signed(changes={"aud": ISSUER.endpoint("/token")})
    verify(at_token_endpoint, policy=OPENID)
    refused(at_token_endpoint)


@pytest.mark.parametrize("algorithm", HMACS)
def test_a_registered_algorithm_is_the_only_one(algorithm: str) -> None:
    pinned = replace(CLIENT, authentication_signing_alg="HS384")
    if algorithm == "HS384":
        verify(signed(algorithm), pinned)
    else:
        refused(signed(algorithm), pinned)


def test_a_secret_too_short_for_the_algorithm_is_no_key() -> None:
    short = "s" * 40
    verify(signed("HS256", secret=short), secrets=(SecretText(short),))
    forged = signed("HS512", secret=short + "p" * 60)
    refused(forged, secrets=(SecretText(short),))


def test_a_secret_that_is_the_text_of_a_public_key_is_no_key() -> None:
    refused(signed(), secrets=(SecretText("-----BEGIN PUBLIC KEY-----" + "x" * 60),))


def test_the_algorithm_of_an_assertion_tells_its_method() -> None:
    def method_of(assertion: SecretText) -> AuthenticationMethod:
        form = parse_form(encode_form(assertion_form(assertion.reveal())))
        return parse_credentials(HttpRequest("POST", "/token"), form).method

    assert method_of(signed()) is AuthenticationMethod.CLIENT_SECRET_JWT
    assert method_of(signed(key=client_key())) is AuthenticationMethod.PRIVATE_KEY_JWT


def test_a_signature_is_no_mac() -> None:
    refused(signed(key=client_key()))


def test_both_families_are_published() -> None:
    assert {*HMACS, "ES256", "RS256", "PS256", "Ed25519"} <= set(ASSERTION_ALGORITHMS)
