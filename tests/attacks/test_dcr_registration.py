"""Strangers at the registration endpoint: who may not register, and what nobody gets by registering."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from support.house import (
    API,
    MAC_SECRET,
    House,
    assertion_form,
    basic,
    build_house,
    clients,
    document,
)
from support.registering import METADATA, PUBLIC, initial_token, refused, registered
from valetkey.authorization_server.decision import PutClient, PutResource
from valetkey.authorization_server.model import Client, ConsentMode, ManagedBy, RegistrationMode, Resource
from valetkey.jose import Jwk
from valetkey.oauth.http import HttpResponse
from valetkey.oauth.types import ClientId, GrantType, Scope


@pytest.fixture
async def house() -> House:
    return await build_house(registration=RegistrationMode.OPEN)


async def client_of(house: House, client_id: str) -> Client:
    found = await house.stores.clients.find(ClientId(client_id))
    assert found is not None
    return found


# covers: DCR-01
@pytest.mark.requirement("RFC7591-3/initial-token")
@pytest.mark.parametrize("mode", [RegistrationMode.CLOSED, RegistrationMode.TOKEN, None])
async def test_who_has_no_token_registers_only_where_that_is_open(mode: RegistrationMode | None) -> None:
    house = await build_house(registration=mode)
    response = await house.speak("POST", "/register", METADATA)
    assert (response.status, document(response)["error"]) == (401, "invalid_token")
    assert (response.header("www-authenticate") or "").startswith("Bearer")
    assert await house.stores.registrations.count() == 0


# covers: DCR-01
@pytest.mark.requirement("RFC7591-3/initial-token")
@pytest.mark.parametrize("mode", [RegistrationMode.TOKEN, RegistrationMode.OPEN])
async def test_a_wrong_used_or_expired_initial_token_lets_nobody_in(mode: RegistrationMode) -> None:
    house = await build_house(registration=mode)
    once, short = await initial_token(house, "a", uses=1), await initial_token(house, "b", lifetime=60)
    await registered(house, once)
    await registered(house, short)
    house.clock.advance(60)
    other = str((await registered(house, await initial_token(house)))["registration_access_token"])
    for bearer in (once, short, "vk_iat_" + "x" * 43, other):
        assert await refused(house, bearer) == (401, "invalid_token")


# covers: DCR-01
async def test_where_registration_is_closed_no_token_opens_it() -> None:
    house = await build_house(registration=RegistrationMode.CLOSED)
    assert await refused(house, await initial_token(house)) == (401, "invalid_token")


# covers: DCR-02
@pytest.mark.requirement("RFC7591-3.2.2/invalid-redirect-uri")
@pytest.mark.requirement("RFC7591-2/redirect-uris")
@pytest.mark.requirement("RFC7591-5/redirect-uris")
@pytest.mark.parametrize(
    "redirect_uris",
    [
        None,
        [],
        "https://inspector.example/callback",
        [1],
        ["http://inspector.example/callback"],
        ["https://inspector.example/callback#fragment"],
        ["https://*.inspector.example/callback"],
        ["https://inspector.example/a/../b"],
        ["https://user@inspector.example/callback"],
        ["javascript:alert(1)"],
        ["data:text/html,x"],
        ["inspector:/callback"],
        ["//inspector.example/callback"],
        ["https://inspector.example/callback?code=1"],
        ["https://inspector.example/" + "x" * 10_000],
        [f"https://inspector.example/{number}" for number in range(1_000)],
        [f"https://inspector.example/{number}" for number in range(21)],
        ["http://127.0.0.2/callback"],
        ["http://localhost.inspector.example/callback"],
    ],
    ids=lambda value: str(value)[:50],
)
async def test_a_hostile_redirect_uri_is_not_registered(house: House, redirect_uris: object) -> None:
    assert await refused(house, redirect_uris=redirect_uris) == (400, "invalid_redirect_uri")
    assert await house.stores.registrations.count() == 0


# covers: DCR-03
@pytest.mark.requirement("RFC7591-2/ignore-unknown")
async def test_nothing_but_its_own_metadata_comes_from_a_stranger(house: House) -> None:
    answer = await registered(
        house,
        client_id="web",
        owner="alice",
        trusted=True,
        managed_by="file",
        consent="first_party",
        profile="OPENID",
        disabled=False,
        resources=[API],
        secrets=[{"digest": "0"}],
        client_secret="vk_cs_" + "chosen" * 10,
        client_secret_expires_at=1,
        registration_access_token="mine",
        registration={"scope": "everything"},
        access_token_format="opaque",
        token_exchange=[{"client": "web"}],
    )
    assert answer["client_id"] not in {"web", None}
    found = await client_of(house, answer["client_id"])
    assert (found.consent, found.profile, found.managed_by) == (ConsentMode.REMEMBER, None, ManagedBy.OPERATOR)
    assert (found.resources, found.token_exchange, found.access_token_format) == ((), (), None)
    assert "chosen" not in answer["client_secret"]
    assert answer["registration_access_token"].startswith("vk_rat_")
    assert not {"owner", "trusted", "consent", "profile", "managed_by"} & set(answer)
    assert await client_of(house, "web") == clients()["web"]


# covers: DCR-03
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"grant_types": ["client_credentials"]}, "invalid_client_metadata"),
        ({"grant_types": ["password", "implicit"]}, "invalid_client_metadata"),
        ({"grant_types": ["urn:ietf:params:oauth:grant-type:device_code"]}, "invalid_client_metadata"),
        ({"grant_types": ["urn:ietf:params:oauth:grant-type:token-exchange"]}, "invalid_client_metadata"),
        ({"response_types": ["token"]}, "invalid_client_metadata"),
        ({"response_types": ["id_token"]}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": "client_secret_basic_or_post"}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": "tls_client_auth"}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": 7}, "invalid_client_metadata"),
        ({"id_token_signed_response_alg": "none"}, "invalid_client_metadata"),
        (
            {"id_token_signed_response_alg": "HS256", "token_endpoint_auth_method": "none"},
            "invalid_client_metadata",
        ),
        (
            {"token_endpoint_auth_method": "client_secret_jwt", "token_endpoint_auth_signing_alg": "none"},
            "invalid_client_metadata",
        ),
        (
            {"token_endpoint_auth_method": "client_secret_jwt", "token_endpoint_auth_signing_alg": "ES256"},
            "invalid_client_metadata",
        ),
        ({"scope": "admin payments"}, "invalid_client_metadata"),
        ({"scope": 7}, "invalid_client_metadata"),
        ({"subject_type": "secret"}, "invalid_client_metadata"),
        ({"subject_type": ["pairwise"]}, "invalid_client_metadata"),
        ({"response_types": ["code", "id_token"]}, "invalid_client_metadata"),
        ({"require_auth_time": "yes"}, "invalid_client_metadata"),
        ({"default_max_age": -1}, "invalid_client_metadata"),
        ({"default_max_age": True}, "invalid_client_metadata"),
        ({"default_acr_values": "1"}, "invalid_client_metadata"),
        ({"initiate_login_uri": "http://inspector.example/login"}, "invalid_client_metadata"),
        ({"request_uris": ["http://inspector.example/request.jwt"]}, "invalid_client_metadata"),
        ({"request_uris": ["https://inspector.example/r.jwt#a#b"]}, "invalid_client_metadata"),
        ({"request_uris": ["https://inspector.example/r.jwt"] * 21}, "invalid_client_metadata"),
        ({"frontchannel_logout_uri": "https://other.example/logout"}, "invalid_client_metadata"),
        ({"frontchannel_logout_uri": "https://inspector.example/logout#now"}, "invalid_client_metadata"),
        ({"frontchannel_logout_session_required": True}, "invalid_client_metadata"),
        ({"backchannel_logout_uri": "http://inspector.example/logout"}, "invalid_client_metadata"),
        ({"backchannel_logout_uri": "https://inspector.example/logout#now"}, "invalid_client_metadata"),
        ({"backchannel_logout_session_required": True}, "invalid_client_metadata"),
        ({"client_name": "x" * 101}, "invalid_client_metadata"),
        ({"client_name": "Inspector\u202egnp"}, "invalid_client_metadata"),
        ({"client_name": ["Inspector"]}, "invalid_client_metadata"),
        ({"contacts": ["x"] * 21}, "invalid_client_metadata"),
        ({"application_type": "service"}, "invalid_client_metadata"),
        ({"client_name#not a language": "x"}, "invalid_client_metadata"),
        ({f"client_name#{tag}": "x" for tag in map("x{:02}".format, range(60))}, "invalid_client_metadata"),
        ({"software_statement": "a.b.c"}, "unapproved_software_statement"),
        ({"software_statement": "no jwt"}, "invalid_software_statement"),
        ({"software_statement": {"iss": "me"}}, "invalid_software_statement"),
    ],
    ids=lambda value: str(value)[:60],
)
@pytest.mark.requirement("RFC7591-3.2.2/invalid-client-metadata")
@pytest.mark.requirement("RFC7591-3.2.2/software-statement")
@pytest.mark.requirement("OIDCBCL-2.2/http")
@pytest.mark.requirement("OIDCFCL-2/same-origin")
@pytest.mark.requirement("OIDCFCL-2/no-fragment")
async def test_metadata_that_reaches_for_more_is_refused(
    house: House, changes: Mapping[str, object], error: str
) -> None:
    assert await refused(house, **changes) == (400, error)
    assert await house.stores.registrations.count() == 0


# covers: DCR-03
async def test_scopes_and_grants_beyond_the_limit_are_left_out_of_what_is_registered(house: House) -> None:
    answer = await registered(
        house,
        scope="openid albums.read admin",
        grant_types=["authorization_code", "client_credentials", "urn:ietf:params:oauth:grant-type:jwt-bearer"],
    )
    assert answer["scope"] == "albums.read openid"
    assert answer["grant_types"] == ["authorization_code"]
    found = await client_of(house, answer["client_id"])
    assert (found.scope, found.grant_types) == (
        Scope.parse("openid albums.read"),
        frozenset({GrantType("authorization_code")}),
    )


# covers: DCR-03
async def test_a_tenant_says_what_strangers_may_ask_for_at_all() -> None:
    house = await build_house(
        registration=RegistrationMode.OPEN, registration_scope=Scope.parse("openid albums.read")
    )
    assert (await registered(house, scope="openid albums.read albums.write"))["scope"] == "albums.read openid"
    assert (await registered(house, scope=None))["scope"] == "albums.read openid"
    assert await refused(house, scope="albums.write") == (400, "invalid_client_metadata")


# covers: DCR-03
async def test_the_scopes_of_a_disabled_resource_are_nobodys(house: House) -> None:
    await house.commit(PutResource(Resource("https://old.example", "Old", {"old.read": "See it"}, disabled=True)))
    assert await refused(house, scope="old.read") == (400, "invalid_client_metadata")


# covers: DCR-04
@pytest.mark.requirement("RFC7591-2/jwks")
@pytest.mark.requirement("RFC7591-2/jwks-or-uri")
@pytest.mark.requirement("RFC7591-2/web-pages")
@pytest.mark.parametrize(
    "changes",
    [
        {
            "jwks": {"keys": []},
            "jwks_uri": "https://inspector.example/jwks.json",
        },
        {"jwks": {"keys": [{"kty": "oct", "k": "c2VjcmV0", "alg": "HS256"}]}},
        {"jwks": {"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "d": "AA"}]}},
        {"jwks": {"keys": "none"}},
        {"jwks": [1]},
        {"jwks_uri": "http://inspector.example/jwks.json"},
        {"jwks_uri": "https://127.0.0.1/jwks.json"},
        {"jwks_uri": "https://169.254.169.254/latest/meta-data"},
        {"jwks_uri": "https://[::1]/jwks.json"},
        {"jwks_uri": "https://2130706433/jwks.json"},
        {"jwks_uri": "https://localhost/jwks.json"},
        {"jwks_uri": "https://keys.internal/jwks.json"},
        {"jwks_uri": "https://user@inspector.example/jwks.json"},
        {"jwks_uri": ["https://inspector.example/jwks.json"]},
        {"logo_uri": "http://inspector.example/logo.png"},
        {"logo_uri": "https://10.0.0.1/logo.png"},
        {"logo_uri": "javascript:alert(1)"},
        {"logo_uri#de": "https://10.0.0.1/logo.png"},
        {"client_uri": "https://intranet.lan/"},
        {"policy_uri": "file:///etc/passwd"},
        {"tos_uri": "https://localhost/terms"},
        {"sector_identifier_uri": "http://inspector.example/uris.json"},
        {"sector_identifier_uri": "https://169.254.169.254/"},
        {"sector_identifier_uri": "https://uris.internal/"},
        {"initiate_login_uri": "https://localhost/login"},
        {"request_uris": ["https://10.0.0.1/request.jwt#digest"]},
        {"backchannel_logout_uri": "https://[::1]/logout"},
    ],
    ids=str,
)
async def test_private_keys_and_inward_addresses_are_refused(house: House, changes: Mapping[str, object]) -> None:
    assert await refused(house, **changes) == (400, "invalid_client_metadata")


# covers: DCR-04
async def test_what_a_stranger_names_is_not_fetched_while_it_registers(house: House) -> None:
    await registered(
        house,
        token_endpoint_auth_method="private_key_jwt",
        jwks_uri="https://inspector.example/jwks.json",
        logo_uri="https://inspector.example/logo.png",
        initiate_login_uri="https://inspector.example/login",
        request_uris=["https://inspector.example/request.jwt"],
        backchannel_logout_uri="https://inspector.example/logout",
        frontchannel_logout_uri="https://inspector.example/logged-out",
    )
    assert house.outside.asked == []


@pytest.mark.requirement("RFC7591-3.2.2/invalid-client-metadata")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b'{"a":1,"a":2}',
        b'{"redirect_uris":[],"redirect_uris":[]}',
        b"\xff",
        b"[" * 9_000,
    ],
)
async def test_a_body_that_is_no_plain_object_is_refused(house: House, body: bytes) -> None:
    response = await house.send("POST", "/register", form=body)
    assert isinstance(response, HttpResponse)
    assert (response.status, document(response)["error"]) == (400, "invalid_client_metadata")


@pytest.mark.requirement("RFC6750-2.1/syntax")
@pytest.mark.parametrize("header", ["Basic d2ViOng=", "Bearer", "Bearer a b", "vk_iat_x"])
async def test_another_scheme_is_not_passed_over(house: House, header: str) -> None:
    response = await house.send("POST", "/register", form=b"{}", headers={"authorization": header})
    assert isinstance(response, HttpResponse)
    assert response.status == 400


@pytest.mark.requirement("RFC7591-5/rate-limit")
async def test_one_address_registers_so_many_and_then_waits(house: House) -> None:
    statuses = [(await house.speak("POST", "/register", PUBLIC)).status for _ in range(25)]
    assert statuses == [201] * 20 + [429] * 5
    response = await house.speak("POST", "/register", PUBLIC)
    assert int(response.header("retry-after") or 0) > 0
    house.clock.advance(30)
    assert (await house.speak("POST", "/register", PUBLIC)).status == 201
    assert (await house.speak("POST", "/register", PUBLIC, await initial_token(house))).status == 201


async def test_a_full_tenant_takes_no_more_strangers_and_says_so(house: House) -> None:
    crowded = replace(house.server, policy=replace(house.server.policy, most_registrations=2))
    house.server = crowded
    statuses = [(await house.speak("POST", "/register", PUBLIC)).status for _ in range(3)]
    assert statuses == [201, 201, 503]
    assert (await house.token("machine", {"grant_type": "client_credentials"})).status == 200


async def test_no_secret_of_a_registration_is_kept_or_logged(house: House) -> None:
    answer = await registered(house, token_endpoint_auth_method="client_secret_jwt")
    found = await client_of(house, answer["client_id"])
    for secret in (answer["client_secret"], answer["registration_access_token"]):
        assert secret not in repr(found)
        assert secret not in repr(house.log.events)
        assert secret.encode() not in (found.secrets[0].sealed or b"")
    assert len(answer["client_secret"]) >= len(MAC_SECRET)


# covers: CLI-12
async def test_a_registered_mac_client_gets_in_by_its_own_secret_alone(house: House) -> None:
    answer = await registered(house, token_endpoint_auth_method="client_secret_jwt")
    client_id, secret = answer["client_id"], answer["client_secret"]
    held = await client_of(house, client_id)
    await house.commit(PutClient(replace(held, grant_types=frozenset({GrantType("client_credentials")}))))
    own = {"grant_type": "client_credentials", "scope": "albums.read", "resource": API}
    good = assertion_form(house.mac_assertion(client_id, secret))
    assert (await house.post("/token", {**own, **good})).status == 200
    for bad in (
        assertion_form(house.mac_assertion(client_id, MAC_SECRET)),
        assertion_form(house.assertion({"iss": client_id, "sub": client_id}, Jwk.generate("ES256"))),
        {"client_id": client_id, "client_secret": secret},
    ):
        assert (await house.post("/token", {**own, **bad})).status == 401
    assert (await house.post("/token", own, basic(client_id, secret))).status == 401
