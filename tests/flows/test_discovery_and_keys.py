"""What the server says about itself is what it does."""

from dataclasses import replace

import pytest

from support.house import ISSUER, build_house, claims_of, document
from valetkey.authorization_server.decision import PutResource
from valetkey.authorization_server.endpoints.metadata import server_metadata
from valetkey.authorization_server.grants import GRANTS
from valetkey.authorization_server.model import Resource
from valetkey.authorization_server.routes import ROUTES
from valetkey.authorization_server.standard_claims import STANDARD_CLAIMS
from valetkey.jose import JwkSet, Verifier, jwt
from valetkey.oauth.authentication_method import ALGORITHMS_OF
from valetkey.oauth.types import Issuer

OPENID = "/.well-known/openid-configuration"
RFC_8414 = "/.well-known/oauth-authorization-server"


# covers: HTP-12
@pytest.mark.requirement("RFC8414-2/issuer")
@pytest.mark.requirement("RFC8414-3/well-known")
@pytest.mark.requirement("RFC8414-3.2/response")
@pytest.mark.requirement("OIDCD-3/issuer")
@pytest.mark.requirement("OIDCD-4")
@pytest.mark.requirement("OIDCD-4.2/response")
@pytest.mark.requirement("RFC9207-2.3/metadata")
async def test_both_documents_say_the_same_about_the_same_issuer() -> None:
    house = await build_house()
    first, second = document(await house.get(OPENID)), document(await house.get(RFC_8414))
    assert first == second
    assert first["issuer"] == ISSUER.url
    assert first["authorization_response_iss_parameter_supported"] is True
    assert first["request_parameter_supported"] is first["request_uri_parameter_supported"] is True
    assert first["require_request_uri_registration"] is True
    assert {"RS256", "ES256", "HS256"} <= set(first["request_object_signing_alg_values_supported"])
    assert "none" not in first["request_object_signing_alg_values_supported"]
    assert "request_object_encryption_alg_values_supported" not in first
    assert first["display_values_supported"] == ["page", "popup", "touch"]


# covers: HTP-12
async def test_the_endpoints_of_a_tenant_stand_under_its_path() -> None:
    house = await build_house(issuer=Issuer.parse("https://as.example/t/blue"))
    said = document(await house.get(OPENID))
    assert said["token_endpoint"] == "https://as.example/t/blue/token"
    assert said["introspection_endpoint"] == "https://as.example/t/blue/introspect"
    assert said["revocation_endpoint"] == "https://as.example/t/blue/revoke"
    assert all(url.startswith("https://as.example/t/blue/") for name, url in said.items() if "endpoint" in name
               and isinstance(url, str))  # fmt: skip


# covers: HTP-12, GRA-02
@pytest.mark.requirement("RFC8414-2/response-types-supported")
@pytest.mark.requirement("OIDCD-3/rs256")
@pytest.mark.requirement("OIDCD-3/openid-scope")
@pytest.mark.requirement("RFC9700-2.1.1/detect-pkce")
async def test_it_lists_only_what_the_tables_hold() -> None:
    house = await build_house()
    said = document(await house.get(OPENID))
    assert set(said["grant_types_supported"]) == set(GRANTS) & house.server.policy.grant_types
    assert said["response_types_supported"] == ["code"]
    assert said["code_challenge_methods_supported"] == ["S256"]
    assert said["token_endpoint_auth_methods_supported"] == [
        "none", "client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt"
    ]  # fmt: skip
    assert said["revocation_endpoint_auth_methods_supported"] == said["token_endpoint_auth_methods_supported"]
    assert said["introspection_endpoint_auth_methods_supported"] == [
        "client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt"
    ]  # fmt: skip
    macs = {"HS256", "HS384", "HS512"}
    assert set(said["id_token_signing_alg_values_supported"]) == await house.server.signer.algorithms() | macs
    assert "RS256" in said["id_token_signing_alg_values_supported"]
    assert "openid" in said["scopes_supported"]
    signing = set(said["token_endpoint_auth_signing_alg_values_supported"])
    assert signing == {name for names in ALGORITHMS_OF.values() for name in names}
    assert "none" not in signing


@pytest.mark.requirement("OIDCC-8/advertised")
async def test_it_lists_how_a_client_may_be_told_things() -> None:
    said = document(await (await build_house()).get(OPENID))
    assert said["subject_types_supported"] == ["public", "pairwise"]
    assert said["userinfo_signing_alg_values_supported"] == said["id_token_signing_alg_values_supported"]
    for name in ("id_token", "userinfo"):
        offered = set(said[f"{name}_encryption_alg_values_supported"])
        assert {"RSA-OAEP", "RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A256KW", "A128KW", "A256GCMKW", "dir"} <= offered
        assert offered.isdisjoint({"RSA1_5", "none"})
        assert not any(one.startswith("PBES2") for one in offered)
        assert {"A128CBC-HS256", "A256GCM"} <= set(said[f"{name}_encryption_enc_values_supported"])


@pytest.mark.requirement("OIDCC-5.6/normal")
async def test_it_lists_the_claims_that_a_client_may_ask_for_one_by_one() -> None:
    found = document(await (await build_house()).get(OPENID))
    assert (found["claims_parameter_supported"], found["claim_types_supported"]) == (True, ["normal"])
    assert {"sub", "auth_time", "acr", *STANDARD_CLAIMS} <= set(found["claims_supported"])
    assert "department" not in found["claims_supported"]


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


@pytest.mark.requirement("OIDCD-3/no-private-keys")
@pytest.mark.requirement("OIDCC-10.1/kid")
@pytest.mark.requirement("OIDCC-2/signed")
@pytest.mark.requirement("RFC9068-2.1/signed")
async def test_the_published_keys_verify_what_is_minted_and_nothing_private_is_among_them() -> None:
    house = await build_house()
    response = await house.get("/jwks.json")
    assert response.header("content-type") == "application/jwk-set+json"
    published = document(response)
    assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & {name for key in published["keys"] for name in key}
    keys = JwkSet.parse_public(response.body)
    assert all(key["kid"] for key in published["keys"])
    tokens = await house.tokens()
    assert jwt.peek(tokens["id_token"]).header["kid"] in {key["kid"] for key in published["keys"]}
    access = Verifier.access_token(issuer=ISSUER.url, audience=ISSUER.url, algorithms=["ES256"])
    verified = access.verify(tokens["access_token"], keys, now=house.clock.now)
    assert verified.claims["jti"] == claims_of(tokens["access_token"])["jti"]
    identity = Verifier.id_token(issuer=ISSUER.url, client_id="web", algorithms=["ES256"])
    assert identity.verify(tokens["id_token"], keys, now=house.clock.now).claims["nonce"] == "nonce-1"


@pytest.mark.requirement("RFC8414-3.2/zero-elements")
@pytest.mark.requirement("OIDCD-4.2/zero-elements")
async def test_a_list_without_elements_is_left_out() -> None:
    house = await build_house()
    policy = replace(house.server.policy, grant_types=frozenset())
    said = server_metadata(replace(house.server, policy=policy), (), ("RS256",)).as_document()
    assert "grant_types_supported" not in said
    assert "" not in said.values()
    assert () not in said.values()
