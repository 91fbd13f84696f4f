"""What the server says about itself is what it does."""

import pytest

from support.house import ISSUER, build_house, claims_of, document
from valetkey.authorization_server.decision import PutResource
from valetkey.authorization_server.grants import GRANTS
from valetkey.authorization_server.model import Resource
from valetkey.authorization_server.routes import ROUTES
from valetkey.jose import JwkSet, Verifier
from valetkey.oauth.types import Issuer

OPENID = "/.well-known/openid-configuration"
RFC_8414 = "/.well-known/oauth-authorization-server"


# covers: HTP-12
@pytest.mark.requirement("RFC8414-3.2")
async def test_both_documents_say_the_same_about_the_same_issuer() -> None:
    house = await build_house()
    first, second = document(await house.get(OPENID)), document(await house.get(RFC_8414))
    assert first == second
    assert first["issuer"] == ISSUER.url
    assert first["authorization_response_iss_parameter_supported"] is True
    assert first["request_uri_parameter_supported"] is False


# covers: HTP-12
async def test_the_endpoints_of_a_tenant_stand_under_its_path() -> None:
    house = await build_house(issuer=Issuer.parse("https://as.example/t/blue"))
    said = document(await house.get(OPENID))
    assert said["token_endpoint"] == "https://as.example/t/blue/token"
    assert all(url.startswith("https://as.example/t/blue/") for name, url in said.items() if "endpoint" in name
               and isinstance(url, str))  # fmt: skip


# covers: HTP-12, GRA-02
async def test_it_lists_only_what_the_tables_hold() -> None:
    house = await build_house()
    said = document(await house.get(OPENID))
    assert set(said["grant_types_supported"]) == set(GRANTS)
    assert said["response_types_supported"] == ["code"]
    assert said["code_challenge_methods_supported"] == ["S256"]
    assert said["token_endpoint_auth_methods_supported"] == [
        "none", "client_secret_basic", "client_secret_post", "private_key_jwt"
    ]  # fmt: skip
    assert set(said["id_token_signing_alg_values_supported"]) == await house.server.signer.algorithms()
    assert not any(name.startswith("HS") for name in said["token_endpoint_auth_signing_alg_values_supported"])


async def test_the_scopes_of_a_new_resource_are_listed_at_once_and_of_a_disabled_one_no_more() -> None:
    house = await build_house()
    pictures = Resource("https://api.example/pictures", "Pictures", {"pictures.read": "See your pictures"})
    await house.commit(PutResource(pictures))
    assert "pictures.read" in document(await house.get(OPENID))["scopes_supported"]
    gone = Resource(pictures.identifier, pictures.name, pictures.scopes, disabled=True)
    await house.commit(PutResource(gone))
    assert "pictures.read" not in document(await house.get(OPENID))["scopes_supported"]


async def test_every_path_that_it_names_is_a_row_of_the_matrix() -> None:
    house = await build_house()
    said = document(await house.get(RFC_8414))
    paths = {route.path for route in ROUTES}
    urls = {url for name, url in said.items() if name.endswith(("_endpoint", "jwks_uri"))}
    assert {url.removeprefix(ISSUER.url) for url in urls} <= paths


async def test_the_published_keys_verify_what_is_minted_and_nothing_private_is_among_them() -> None:
    house = await build_house()
    response = await house.get("/jwks.json")
    assert response.header("content-type") == "application/jwk-set+json"
    published = document(response)
    assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & {name for key in published["keys"] for name in key}
    keys = JwkSet.parse_public(response.body)
    tokens = await house.tokens()
    access = Verifier.access_token(issuer=ISSUER.url, audience=ISSUER.url, algorithms=["ES256"])
    verified = access.verify(tokens["access_token"], keys, now=house.clock.now)
    assert verified.claims["jti"] == claims_of(tokens["access_token"])["jti"]
    identity = Verifier.id_token(issuer=ISSUER.url, client_id="web", algorithms=["ES256"])
    assert identity.verify(tokens["id_token"], keys, now=house.clock.now).claims["nonce"] == "nonce-1"
