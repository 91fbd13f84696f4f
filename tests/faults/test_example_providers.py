"""The OpenID Providers of deploy/examples, started by the real program: each of their clients signs somebody in."""

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
import pytest

from support.example_provider import ExampleProvider, example_provider
from valetkey.jose import Jwk, JwkSet, jwe, jwt
from valetkey.jose.encoding import parse_json_object
from valetkey.oauth.pkce import challenge_of

VERIFIER = "v" * 43
CALLBACK = "https://suite.example.com/test/a/valetkey/callback"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
PROFILE = {
    "given_name": "Ada",
    "middle_name": "Example",
    "family_name": "Lovelace",
    "nickname": "Countess",
    "preferred_username": "ada",
    "profile": "https://people.example.com/ada",
    "picture": "https://people.example.com/ada.png",
    "website": "https://ada.example.com/",
    "gender": "female",
    "birthdate": "1815-12-10",
    "zoneinfo": "Europe/London",
    "locale": "en-GB",
    "name": "Ada Example Lovelace",
    "email": "ada@example.com",
    "email_verified": True,
    "phone_number": "+44 20 7946 0018",
    "phone_number_verified": False,
}


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExampleProvider]:
    with example_provider("openid-provider.toml", tmp_path_factory.mktemp("provider")) as running:
        yield running


@pytest.fixture(scope="module")
def open_provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExampleProvider]:
    with example_provider("openid-provider-registration.toml", tmp_path_factory.mktemp("open")) as running:
        yield running


def request_url(provider: ExampleProvider, client_id: str, **changes: str) -> str:
    parameters = {
        "client_id": client_id,
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "scope": "openid profile email",
        "state": "state-1",
        "nonce": "nonce-1",
        "code_challenge": challenge_of(VERIFIER),
        "code_challenge_method": "S256",
    }
    merged = parameters | changes
    if "code" not in merged["response_type"].split():
        merged = {name: value for name, value in merged.items() if not name.startswith("code_")}
    return f"{provider.issuer}/authorize?{urlencode(merged)}"


def answered(provider: ExampleProvider, client_id: str, **changes: str) -> dict[str, str]:
    """Let Ada sign in and allow it; return what the client gets in its redirect."""
    person = provider.person()
    sight = person.open(request_url(provider, client_id, **changes))
    sight = person.sign_in(sight)
    if "consent-allow" in sight.ids:
        sight = person.submit(sight, "consent-allow")
    if changes.get("response_mode") == "form_post":
        (form,) = sight.forms
        assert form.action == CALLBACK
        return form.hidden
    assert sight.status == 303, sight.text
    parts = urlsplit(sight.url)
    found = dict(parse_qsl(parts.fragment or parts.query))
    assert (found["state"], found["iss"]) == ("state-1", provider.issuer)
    return found


def redeemed(
    provider: ExampleProvider, code: str, form: dict[str, str], auth: tuple[str, str] | None = None, **changes: str
) -> dict[str, Any]:
    asked = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    response = provider.post("/token", asked | form | changes, auth)
    assert response.status_code == 200, response.text
    return dict(response.json())


def claims_of(provider: ExampleProvider, id_token: str, client_id: str, algorithm: str = "RS256") -> dict[str, Any]:
    keys = JwkSet.parse(provider.get("/jwks.json").content)
    verifier = jwt.Verifier.id_token(issuer=provider.issuer, client_id=client_id, algorithms=(algorithm,))
    claims = dict(verifier.verify(id_token, keys).claims)
    assert claims["nonce"] == "nonce-1"
    return claims


def assertion(provider: ExampleProvider, client_id: str, key: Jwk) -> dict[str, str]:
    now = int(time.time())
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": provider.issuer,
        "iat": now,
        "exp": now + 60,
        "jti": str(now),
    }
    return {"client_assertion_type": ASSERTION, "client_assertion": jwt.sign(claims, key, typ="JWT")}


def test_discovery_says_what_the_clients_use(provider: ExampleProvider) -> None:
    found = provider.get("/.well-known/openid-configuration").json()
    assert found["issuer"] == provider.issuer
    assert {"code", "id_token", "id_token token", "code id_token", "code token", "code id_token token"} <= {
        *found["response_types_supported"]
    }
    assert set(found["subject_types_supported"]) == {"public", "pairwise"}
    assert {"query", "fragment", "form_post"} <= set(found["response_modes_supported"])
    assert "registration_endpoint" not in found
    assert found["backchannel_logout_supported"]
    assert found["frontchannel_logout_supported"]


def test_the_code_flow_by_basic_tells_every_standard_claim(provider: ExampleProvider) -> None:
    scope = "openid profile email address phone"
    code = answered(provider, "basic", scope=scope)["code"]
    tokens = redeemed(provider, code, {}, ("basic", provider.secrets["basic"]))
    subject = claims_of(provider, tokens["id_token"], "basic")["sub"]
    told = provider.get("/userinfo", authorization=f"Bearer {tokens['access_token']}").json()
    assert told["sub"] == subject
    assert PROFILE.items() <= told.items()
    assert told["address"]["locality"] == "London"
    assert isinstance(told["updated_at"], int)


@pytest.mark.parametrize("client_id", ["post", "secret-jwt", "private-key-jwt", "spa", "native"])
def test_the_code_flow_by_every_other_way_to_authenticate(provider: ExampleProvider, client_id: str) -> None:
    where = {"spa": "https://spa.example.com/callback", "native": "http://127.0.0.1:51004/callback"}
    redirect_uri = where.get(client_id, CALLBACK)
    match client_id:
        case "post":
            form = {"client_id": client_id, "client_secret": provider.secrets[client_id]}
        case "secret-jwt":
            secret = Jwk.from_secret(provider.secrets[client_id].encode(), algorithm="HS256")
            form = assertion(provider, client_id, secret)
        case "private-key-jwt":
            form = assertion(provider, client_id, provider.keys[client_id])
        case _:
            form = {"client_id": client_id}
    code = answered(provider, client_id, redirect_uri=redirect_uri)["code"]
    tokens = redeemed(provider, code, form, redirect_uri=redirect_uri)
    algorithm = "ES256" if client_id == "private-key-jwt" else "RS256"
    assert claims_of(provider, tokens["id_token"], client_id, algorithm)["aud"] == client_id


@pytest.mark.parametrize("response_type", ["code id_token", "code token", "code id_token token"])
def test_the_hybrid_flow(provider: ExampleProvider, response_type: str) -> None:
    found = answered(provider, "hybrid", response_type=response_type)
    assert ("id_token" in found, "access_token" in found) == (
        "id_token" in response_type,
        " token" in response_type,
    )
    if "id_token" in found:
        assert "c_hash" in claims_of(provider, found["id_token"], "hybrid")
    tokens = redeemed(provider, found["code"], {}, ("hybrid", provider.secrets["hybrid"]))
    assert claims_of(provider, tokens["id_token"], "hybrid")


@pytest.mark.parametrize("response_type", ["id_token", "id_token token"])
def test_the_implicit_flow(provider: ExampleProvider, response_type: str) -> None:
    found = answered(provider, "implicit", response_type=response_type)
    claims = claims_of(provider, found["id_token"], "implicit")
    assert ("access_token" in found) is ("at_hash" in claims) is (response_type == "id_token token")
    assert "code" not in found


def test_a_client_gets_no_response_type_that_it_is_not_registered_for(provider: ExampleProvider) -> None:
    sight = provider.person().open(request_url(provider, "hybrid", response_type="code"))
    assert "error=unauthorized_client" in sight.url


def test_a_response_comes_by_post_where_it_is_asked_for(provider: ExampleProvider) -> None:
    found = answered(provider, "form-post", response_type="code id_token", response_mode="form_post")
    assert found["state"] == "state-1"
    claims_of(provider, found["id_token"], "form-post")
    assert redeemed(provider, found["code"], {}, ("form-post", provider.secrets["form-post"]))


def test_a_pairwise_client_knows_ada_by_another_subject(provider: ExampleProvider) -> None:
    subjects = []
    for client_id in ("pairwise", "basic"):
        tokens = redeemed(
            provider, answered(provider, client_id)["code"], {}, (client_id, provider.secrets[client_id])
        )
        subjects.append(claims_of(provider, tokens["id_token"], client_id)["sub"])
    assert subjects[0] != subjects[1]


def test_an_encrypted_id_token_is_read_by_its_client_alone(provider: ExampleProvider) -> None:
    code = answered(provider, "encrypted")["code"]
    tokens = redeemed(provider, code, {}, ("encrypted", provider.secrets["encrypted"]))
    assert tokens["id_token"].count(".") == 4
    keys = JwkSet((provider.keys["encrypted"],))
    decrypter = jwe.Decrypter(keys=keys, algorithms=("RSA-OAEP-256",), encryptions=("A128CBC-HS256",))
    signed = jwt.opened_jwt(tokens["id_token"], decrypter)
    assert claims_of(provider, signed, "encrypted")["aud"] == "encrypted"
    told = provider.get("/userinfo", authorization=f"Bearer {tokens['access_token']}")
    assert told.headers["content-type"].startswith("application/jwt")


def test_a_client_that_is_told_of_logouts_knows_its_session(provider: ExampleProvider) -> None:
    tokens = redeemed(provider, answered(provider, "logout")["code"], {}, ("logout", provider.secrets["logout"]))
    claims = claims_of(provider, tokens["id_token"], "logout")
    assert {"sid", "auth_time"} <= claims.keys()


def registered(provider: ExampleProvider, **changes: object) -> dict[str, Any]:
    metadata = {
        "client_name": "suite client",
        "redirect_uris": [CALLBACK],
        "contacts": ["certification@suite.example.com"],
        "grant_types": ["authorization_code", "implicit"],
        "response_types": ["code id_token"],
        "unknown_member": "of the suite",
    }
    response = httpx2.post(f"{provider.issuer}/register", json=metadata | changes, timeout=30)
    assert response.status_code == 201, response.text
    return dict(response.json())


def test_a_suite_registers_and_signs_somebody_in(open_provider: ExampleProvider) -> None:
    found = open_provider.get("/.well-known/openid-configuration").json()
    assert found["registration_endpoint"] == f"{open_provider.issuer}/register"
    client = registered(open_provider)
    answer = answered(open_provider, client["client_id"], response_type="code id_token")
    claims_of(open_provider, answer["id_token"], client["client_id"])
    tokens = redeemed(open_provider, answer["code"], {}, (client["client_id"], client["client_secret"]))
    claims_of(open_provider, tokens["id_token"], client["client_id"])


def test_a_suite_registers_a_client_for_each_of_its_modules(open_provider: ExampleProvider) -> None:
    keys = {"keys": [Jwk.generate("ES256").public().as_dict()]}
    methods: list[dict[str, object]] = [
        {"token_endpoint_auth_method": "client_secret_basic"},
        {"token_endpoint_auth_method": "client_secret_post"},
        {"token_endpoint_auth_method": "client_secret_jwt"},
        {"token_endpoint_auth_method": "private_key_jwt", "jwks": keys},
        {"token_endpoint_auth_method": "none"},
        {"subject_type": "pairwise"},
        {"userinfo_signed_response_alg": "RS256"},
        {"id_token_signed_response_alg": "ES256"},
        {"request_object_signing_alg": "none"},
    ]
    for number in range(60):
        changes = methods[number % len(methods)]
        assert changes.items() <= registered(open_provider, **changes).items()


def test_the_secrets_of_the_example_stand_in_no_log(provider: ExampleProvider) -> None:
    log = provider.server.running.log.read_text()
    assert parse_json_object(log.splitlines()[0].encode())["event"]
    assert not [secret for secret in provider.secrets.values() if secret in log]
