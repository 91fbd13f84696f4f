"""A relying party registers itself with everything that OpenID Connect lets it say (Registration, 2 and 3)."""

from collections.abc import Mapping

import pytest

from support.house import House, assertion_form, build_house, document
from support.registering import initial_token
from valetkey.authorization_server.model import RegistrationMode
from valetkey.authorization_server.outbound import Lane
from valetkey.jose import Jwk, JwkSet
from valetkey.oauth.types import ClientId

SECTOR = "https://rp.example/uris.json"
CALLBACKS = ["https://rp.example/callback", "https://second.example/callback"]
KEYS = {"keys": [Jwk.generate("ES256").public().as_dict(), Jwk.generate("RSA-OAEP-256").public().as_dict()]}
EVERYTHING: Mapping[str, object] = {
    "client_name": "Relying Party",
    "client_name#de": "Vertrauende Stelle",
    "redirect_uris": CALLBACKS,
    "post_logout_redirect_uris": ["https://rp.example/bye"],
    "grant_types": ["authorization_code", "implicit", "refresh_token"],
    "response_types": ["code", "code id_token", "code id_token token", "code token", "id_token", "id_token token"],
    "application_type": "web",
    "contacts": ["ops@rp.example"],
    "client_uri": "https://rp.example/",
    "logo_uri": "https://rp.example/logo.png",
    "policy_uri": "https://rp.example/privacy",
    "tos_uri": "https://rp.example/terms",
    "jwks": KEYS,
    "sector_identifier_uri": SECTOR,
    "subject_type": "pairwise",
    "id_token_signed_response_alg": "ES256",
    "id_token_encrypted_response_alg": "RSA-OAEP-256",
    "id_token_encrypted_response_enc": "A256GCM",
    "userinfo_signed_response_alg": "RS256",
    "userinfo_encrypted_response_alg": "RSA-OAEP-256",
    "userinfo_encrypted_response_enc": "A128CBC-HS256",
    "request_object_signing_alg": "ES256",
    "token_endpoint_auth_method": "private_key_jwt",
    "token_endpoint_auth_signing_alg": "ES256",
    "default_max_age": 3_600,
    "require_auth_time": True,
    "default_acr_values": ["urn:example:acr:gold"],
    "initiate_login_uri": "https://rp.example/login",
    "request_uris": ["https://rp.example/request.jwt#GQ6XtHPRtyBjQI"],
    "require_signed_request_object": True,
    "frontchannel_logout_uri": "https://rp.example/logged-out?from=op",
    "frontchannel_logout_session_required": True,
    "backchannel_logout_uri": "https://back.rp.example/logout",
    "backchannel_logout_session_required": True,
    "scope": "openid profile email",
    "extension_of_somebody": {"that": "nobody here knows"},
}


@pytest.fixture
async def house() -> House:
    house = await build_house(profile="OPENID", registration=RegistrationMode.OPEN)
    house.outside.publish(SECTOR, [*CALLBACKS, "https://third.example/callback"])
    return house


async def registered(house: House, **changes: object) -> dict[str, object]:
    merged = {name: value for name, value in {**EVERYTHING, **changes}.items() if value is not None}
    response = await house.speak("POST", "/register", merged)
    assert response.status == 201, response.body
    return document(response)


async def refused(house: House, **changes: object) -> tuple[str, str]:
    merged = {name: value for name, value in {**EVERYTHING, **changes}.items() if value is not None}
    response = await house.speak("POST", "/register", merged)
    assert response.status == 400
    answer = document(response)
    return answer["error"], answer["error_description"]


@pytest.mark.requirement("OIDCR-3.2/response")
@pytest.mark.requirement("OIDCR-3.1/unknown-ignored")
async def test_everything_that_was_registered_is_told_back(house: House) -> None:
    answer = await registered(house)
    expected = {name: value for name, value in EVERYTHING.items() if name != "extension_of_somebody"}
    expected["scope"] = "email offline_access openid profile"
    assert {name: answer.get(name) for name in expected} == expected
    assert "extension_of_somebody" not in answer
    shown = await house.speak(
        "GET",
        str(answer["registration_client_uri"]).removeprefix("https://as.example"),
        bearer=str(answer["registration_access_token"]),
    )
    assert document(shown) == {
        name: value for name, value in answer.items() if name not in {"client_secret", "client_secret_expires_at"}
    }


@pytest.mark.requirement("OIDCD-3/dynamic-response-types")
@pytest.mark.requirement("OIDCD-3/dynamic-grant-types")
@pytest.mark.requirement("OIDCD-3/no-unsigned-assertion")
async def test_discovery_says_what_can_be_registered(house: House) -> None:
    found = document(await house.get("/.well-known/openid-configuration"))
    assert found["registration_endpoint"] == "https://as.example/register"
    assert {"code", "id_token", "id_token token"} <= set(found["response_types_supported"])
    assert {"authorization_code", "implicit"} <= set(found["grant_types_supported"])
    algorithms = found["token_endpoint_auth_signing_alg_values_supported"]
    assert "RS256" in algorithms
    assert "none" not in algorithms
    for response_type in found["response_types_supported"]:
        grant_types = ["authorization_code", "implicit"] if "code" in response_type.split() else ["implicit"]
        answer = await registered(house, response_types=[response_type], grant_types=grant_types)
        assert answer["response_types"] == [response_type]
    for method in found["token_endpoint_auth_methods_supported"]:
        answer = await registered(house, token_endpoint_auth_method=method, token_endpoint_auth_signing_alg=None)
        assert answer["token_endpoint_auth_method"] == method


@pytest.mark.requirement("OIDCR-2/response-types")
async def test_what_was_left_out_is_told_with_its_default(house: House) -> None:
    answer = document(await house.speak("POST", "/register", {"redirect_uris": CALLBACKS[:1]}))
    assert {
        "response_types": ["code"],
        "grant_types": ["authorization_code"],
        "application_type": "web",
        "subject_type": "public",
        "id_token_signed_response_alg": "RS256",
        "token_endpoint_auth_method": "client_secret_basic",
    }.items() <= answer.items()
    assert "id_token_encrypted_response_enc" not in answer


@pytest.mark.requirement("OIDCR-2/encryption-default")
async def test_an_encryption_without_content_encryption_is_told_with_its_default(house: House) -> None:
    answer = await registered(house, id_token_encrypted_response_enc=None, userinfo_encrypted_response_enc=None)
    assert answer["id_token_encrypted_response_enc"] == "A128CBC-HS256"
    assert answer["userinfo_encrypted_response_enc"] == "A128CBC-HS256"


@pytest.mark.requirement("OIDCR-2/grant-types")
@pytest.mark.parametrize(
    ("response_types", "grant_types", "is_sound"),
    [
        (["code"], ["authorization_code"], True),
        (["id_token"], ["implicit"], True),
        (["id_token token"], ["implicit"], True),
        (["code id_token"], ["authorization_code", "implicit"], True),
        (["token code id_token"], ["authorization_code", "implicit"], True),
        (["code id_token"], ["authorization_code"], False),
        (["id_token"], ["authorization_code"], False),
        (["code"], ["implicit"], False),
        (["token"], ["implicit"], False),
        (["code", "secret"], ["authorization_code"], False),
        ([], ["authorization_code"], False),
    ],
)
async def test_response_types_go_with_their_grant_types(
    house: House, response_types: list[str], grant_types: list[str], *, is_sound: bool
) -> None:
    changes = {"response_types": response_types, "grant_types": grant_types}
    if is_sound:
        assert (await registered(house, **changes))["grant_types"] == sorted(grant_types)
    else:
        assert (await refused(house, **changes))[0] == "invalid_client_metadata"


async def test_who_names_only_response_types_gets_the_grant_types_that_they_need(house: House) -> None:
    answer = await registered(house, grant_types=None, response_types=["id_token token"])
    assert answer["grant_types"] == ["implicit"]
    answer = await registered(house, grant_types=None, response_types=["code token"])
    assert answer["grant_types"] == ["authorization_code", "implicit"]


@pytest.mark.requirement("OIDCR-2/web-implicit")
@pytest.mark.parametrize("redirect_uri", ["http://127.0.0.1/callback", "https://localhost/callback"])
async def test_a_web_client_of_the_implicit_grant_comes_back_to_a_domain(house: House, redirect_uri: str) -> None:
    house.outside.publish(SECTOR, [redirect_uri])
    changes = {"redirect_uris": [redirect_uri], "frontchannel_logout_uri": None}
    changes |= {"frontchannel_logout_session_required": None}
    assert (await refused(house, **changes))[0] == "invalid_redirect_uri"
    code = {"grant_types": ["authorization_code"], "response_types": ["code"]}
    assert (await registered(house, **changes, **code))["redirect_uris"] == [redirect_uri]


@pytest.mark.requirement("OIDCR-2/redirect-fragment")
async def test_a_redirect_uri_with_a_fragment_is_refused(house: House) -> None:
    assert (await refused(house, redirect_uris=["https://rp.example/callback#here"]))[0] == "invalid_redirect_uri"


@pytest.mark.requirement("OIDCR-2/initiate-login")
@pytest.mark.requirement("OIDCR-2/request-uris")
@pytest.mark.requirement("OIDCR-2/sector-https")
@pytest.mark.parametrize("name", ["initiate_login_uri", "sector_identifier_uri", "request_uris"])
async def test_addresses_that_are_to_be_believed_are_https(house: House, name: str) -> None:
    address = "http://rp.example/somewhere"
    code, text = await refused(house, **{name: [address] if name == "request_uris" else address})
    assert code == "invalid_client_metadata"
    assert text.startswith(name)


@pytest.mark.requirement("OIDCR-5/sector-document")
@pytest.mark.requirement("OIDCR-5/redirect-uris-included")
@pytest.mark.parametrize(
    "listed",
    [
        CALLBACKS[:1],
        [],
        [each + "/" for each in CALLBACKS],
        {"redirect_uris": CALLBACKS},
        [*CALLBACKS, 7],
        b"[" * 50_000,
        b"\xff\xfe",
        ["https://rp.example/" + "x" * 70_000, *CALLBACKS],
    ],
    ids=lambda value: str(value)[:40],
)
async def test_a_sector_is_joined_only_by_who_its_document_lists(house: House, listed: object) -> None:
    house.outside.publish(SECTOR, listed)
    code, text = await refused(house)
    assert code == "invalid_client_metadata"
    assert text.startswith("sector_identifier_uri: the document ")
    assert await house.stores.registrations.count() == 0
    assert len(house.log.of("client.sector_refused")) == 1


async def test_a_sector_whose_document_is_down_is_joined_by_nobody(house: House) -> None:
    house.outside.break_off(SECTOR)
    assert await refused(house) == (
        "invalid_client_metadata",
        "sector_identifier_uri: the document cannot be fetched.",
    )


# covers: DCR-04
async def test_a_sector_document_is_read_in_the_lane_of_strangers_and_only_for_sound_metadata(house: House) -> None:
    assert (await refused(house, initiate_login_uri="http://rp.example/"))[0] == "invalid_client_metadata"
    assert house.outside.asked == []
    await registered(house)
    ((url, rules),) = house.outside.asked
    assert (url, rules.lane) == (SECTOR, Lane.STRANGERS)


# covers: DCR-04
async def test_strangers_let_us_read_so_many_documents_and_no_more(house: House) -> None:
    house.outside.break_off(SECTOR)
    answers = [await house.speak("POST", "/register", EVERYTHING) for _ in range(22)]
    assert [answer.status for answer in answers].count(400) == 20
    assert answers[-1].status == 429
    assert answers[-1].header("retry-after") is not None
    assert len(house.outside.asked) == 20


async def test_a_changed_client_has_to_belong_to_its_sector_still(house: House) -> None:
    answer = await registered(house)
    place = str(answer["registration_client_uri"]).removeprefix("https://as.example")
    bearer = str(answer["registration_access_token"])
    other = {**EVERYTHING, "client_id": answer["client_id"], "redirect_uris": ["https://rp.example/elsewhere"]}
    assert (await house.speak("PUT", place, other, bearer)).status == 400
    held = await house.stores.clients.find(ClientId(str(answer["client_id"])))
    assert held is not None
    assert held.redirect_uris == tuple(CALLBACKS)
    house.outside.publish(SECTOR, ["https://rp.example/elsewhere"])
    assert (await house.speak("PUT", place, other, bearer)).status == 200


async def test_an_initial_token_alone_lets_in_where_registration_asks_for_one() -> None:
    house = await build_house(profile="OPENID", registration=RegistrationMode.TOKEN)
    house.outside.publish(SECTOR, CALLBACKS)
    assert (await house.speak("POST", "/register", EVERYTHING)).status == 401
    assert house.outside.asked == []
    assert (await house.speak("POST", "/register", EVERYTHING, await initial_token(house))).status == 201


# covers: CLI-12
async def test_a_client_that_registered_itself_changes_its_keys_at_any_moment() -> None:
    house = await build_house(registration=RegistrationMode.TOKEN)
    bearer = await initial_token(house, scope="albums.read", grant_types=("client_credentials",))
    uri, first, second = "https://rp.example/jwks.json", *(Jwk.generate("ES256", kid=kid) for kid in ("1", "2"))
    metadata = {
        "grant_types": ["client_credentials"],
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks_uri": uri,
        "scope": "albums.read",
    }
    answer = document(await house.speak("POST", "/register", metadata, bearer))
    assert answer["jwks_uri"] == uri
    assert house.outside.asked == []

    async def status(key: Jwk) -> int:
        named = {"iss": answer["client_id"], "sub": answer["client_id"]}
        form = {"grant_type": "client_credentials", "scope": "albums.read"}
        return (await house.post("/token", form | assertion_form(house.assertion(named, key)))).status

    house.outside.publish_keys(uri, JwkSet((first,)))
    assert (await status(first), await status(second)) == (200, 401)
    house.outside.publish_keys(uri, JwkSet((second,)))
    house.clock.advance(10)
    assert (await status(second), await status(first)) == (200, 401)
    assert {rules.lane for _, rules in house.outside.asked} == {Lane.STRANGERS}


@pytest.mark.requirement("OIDCR-2/id-token-none")
@pytest.mark.requirement("OIDCR-2/enc-with-alg")
async def test_algorithms_that_protect_nothing_or_belong_to_nothing_are_refused(house: House) -> None:
    assert (await refused(house, id_token_signed_response_alg="none"))[0] == "invalid_client_metadata"
    for name in ("id_token", "userinfo"):
        code, text = await refused(house, **{f"{name}_encrypted_response_alg": None})
        assert code == "invalid_client_metadata"
        assert text.startswith(f"{name}_encrypted_response_enc")
