"""A client's whole life by itself: it registers, is used, reads and replaces its metadata, and removes itself."""

from dataclasses import replace

import pytest

from support.house import API, House, basic, build_house, document
from support.registering import METADATA, PUBLIC, initial_token, registered
from valetkey.authorization_server.client_authentication import METHODS
from valetkey.authorization_server.decision import PutClient, RememberConsent
from valetkey.authorization_server.model import Consent, RegistrationMode
from valetkey.jose import Jwk
from valetkey.oauth.types import ClientId, NumericDate, Scope, Subject

OWN = {"grant_type": "client_credentials", "scope": "albums.read", "resource": API}


@pytest.fixture
async def house() -> House:
    return await build_house(registration=RegistrationMode.OPEN)


def place(answer: dict[str, object]) -> str:
    return str(answer["registration_client_uri"]).removeprefix("https://as.example")


@pytest.mark.requirement("RFC7591-3.2.1/response")
@pytest.mark.requirement("RFC7591-3.2.1/secret-expiry")
@pytest.mark.requirement("RFC7592-3/response")
@pytest.mark.requirement("RFC7591-3/post")
async def test_what_is_registered_is_told_with_secret_and_token(house: House) -> None:
    described = {
        "client_uri": "https://inspector.example/",
        "logo_uri": "https://inspector.example/logo.png",
        "tos_uri": "https://inspector.example/tos",
        "policy_uri": "https://inspector.example/privacy",
        "contacts": ["ops@inspector.example"],
        "software_id": "inspector",
        "software_version": "2.1",
        "client_name#de": "Vorschau",
    }
    response = await house.speak("POST", "/register", {**METADATA, **described})
    answer = document(response)
    assert (response.status, response.header("content-type")) == (201, "application/json")
    assert response.header("location") == answer["registration_client_uri"]
    assert answer["registration_client_uri"] == f"https://as.example/register/{answer['client_id']}"
    assert (answer["client_id_issued_at"], answer["client_secret_expires_at"]) == (house.clock.now, 0)
    assert answer["token_endpoint_auth_method"] == "client_secret_basic"
    assert answer["application_type"] == "web"
    assert {**METADATA, "scope": "albums.read offline_access openid", **described}.items() <= answer.items()


@pytest.mark.requirement("RFC7591-3.2.1/response")
@pytest.mark.parametrize("method", [*METHODS])
async def test_every_method_can_be_registered(house: House, method: str) -> None:
    keys = {"jwks": {"keys": [Jwk.generate("ES256").public().as_dict()]}} if method == "private_key_jwt" else {}
    answer = await registered(house, token_endpoint_auth_method=method, **keys)
    assert answer["token_endpoint_auth_method"] == method
    assert ("client_secret" in answer) is method.startswith("client_secret")


@pytest.mark.parametrize(
    ("redirect_uri", "kind"),
    [
        ("http://127.0.0.1:33418/callback", "native"),
        ("http://localhost:6274/oauth/callback", "native"),
        ("com.example.app:/callback", "native"),
        ("https://inspector.example/callback", "web"),
    ],
)
async def test_who_comes_back_to_the_device_is_a_native_application(
    house: House, redirect_uri: str, kind: str
) -> None:
    assert (await registered(house, redirect_uris=[redirect_uri]))["application_type"] == kind


async def test_the_defaults_are_those_of_the_specification(house: House) -> None:
    answer = document(
        await house.speak("POST", "/register", {"redirect_uris": METADATA["redirect_uris"], "client_name": None})
    )
    assert answer["grant_types"] == ["authorization_code"]
    assert answer["response_types"] == ["code"]
    assert answer["client_name"] == "inspector.example"
    assert set(answer["scope"].split()) >= {"openid", "albums.read", "orders.read"}


# covers: DCR-01
async def test_an_initial_token_opens_what_strangers_do_not_get() -> None:
    house = await build_house(registration=RegistrationMode.TOKEN)
    bearer = await initial_token(house, scope="albums.read", grant_types=("client_credentials",))
    answer = await registered(
        house, bearer, redirect_uris=None, response_types=None, grant_types=["client_credentials"], scope=None
    )
    assert (answer["scope"], answer["response_types"]) == ("albums.read", [])
    response = await house.post("/token", OWN, basic(answer["client_id"], answer["client_secret"]))
    assert response.status == 200


@pytest.mark.requirement("RFC7592-2.1/read")
async def test_a_client_reads_its_registration_and_nobody_its_secret(house: House) -> None:
    answer = await registered(house)
    response = await house.speak("GET", place(answer), bearer=answer["registration_access_token"])
    shown = document(response)
    assert response.status == 200
    assert shown == {
        name: value for name, value in answer.items() if name not in {"client_secret", "client_secret_expires_at"}
    }


@pytest.mark.requirement("RFC7592-2/unauthorized")
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_only_its_own_token_manages_a_client(house: House, method: str) -> None:
    mine, other = await registered(house), await registered(house)
    body = {**METADATA, "client_id": mine["client_id"]} if method == "PUT" else None
    answers = set()
    for where, bearer in (
        (place(mine), other["registration_access_token"]),
        (place(mine), mine["client_secret"]),
        (place(mine), "vk_rat_" + "x" * 43),
        ("/register/web", mine["registration_access_token"]),
        ("/register/nobody", mine["registration_access_token"]),
        ("/register/%00", mine["registration_access_token"]),
    ):
        response = await house.speak(method, where, body, bearer)
        answers.add((response.status, response.body, response.header("www-authenticate")))
    ((status, text, challenge),) = answers
    assert status == 401
    assert b"invalid_token" in text
    assert challenge is not None
    assert "invalid_token" in challenge
    assert (await house.speak(method, place(mine), body)).status == 401
    assert (await house.speak("GET", place(mine), bearer=mine["registration_access_token"])).status == 200


@pytest.mark.requirement("RFC7592-2/unauthorized")
async def test_a_disabled_client_manages_nothing(house: House) -> None:
    answer = await registered(house)
    held = await house.stores.clients.find(ClientId(answer["client_id"]))
    assert held is not None
    await house.commit(PutClient(replace(held, disabled=True)))
    for method in ("GET", "PUT", "DELETE"):
        body = {**METADATA, "client_id": held.client_id} if method == "PUT" else None
        assert (await house.speak(method, place(answer), body, answer["registration_access_token"])).status == 401
    assert await house.stores.clients.find(held.client_id) == replace(held, disabled=True)


@pytest.mark.requirement("RFC7592-2.2/replace")
async def test_a_replacement_replaces_everything_that_it_leaves_out(house: House) -> None:
    answer = await registered(house, contacts=["ops@inspector.example"], id_token_signed_response_alg="ES256")
    new = {
        "client_id": answer["client_id"],
        "redirect_uris": ["https://inspector.example/new"],
        "client_name": "Inspector 2",
        "scope": "albums.read",
    }
    response = await house.speak("PUT", place(answer), new, answer["registration_access_token"])
    replaced = document(response)
    assert response.status == 200
    assert (replaced["client_name"], replaced["scope"]) == ("Inspector 2", "albums.read")
    assert (replaced["grant_types"], replaced["id_token_signed_response_alg"]) == (["authorization_code"], "RS256")
    assert not {"contacts", "client_secret"} & set(replaced)
    shown = await house.speak("GET", place(answer), bearer=answer["registration_access_token"])
    assert document(shown) == replaced


@pytest.mark.requirement("RFC7592-2.2/client-id")
@pytest.mark.requirement("RFC7592-2.2/not-theirs")
@pytest.mark.requirement("RFC7592-2.2/client-secret")
@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": None},
        {"client_id": "web"},
        {"client_secret": "vk_cs_" + "chosen" * 10},
        {"client_secret": 7},
        {"registration_access_token": "mine"},
        {"registration_client_uri": "https://as.example/register/web"},
        {"client_secret_expires_at": 0},
        {"client_id_issued_at": 1},
    ],
    ids=str,
)
async def test_what_the_server_states_is_not_replaced(house: House, changes: dict[str, object]) -> None:
    answer = await registered(house)
    new = {**METADATA, "client_id": answer["client_id"], "client_name": "Changed", **changes}
    response = await house.speak("PUT", place(answer), new, answer["registration_access_token"])
    assert (response.status, document(response)["error"]) == (400, "invalid_client_metadata")
    shown = await house.speak("GET", place(answer), bearer=answer["registration_access_token"])
    assert document(shown)["client_name"] == METADATA["client_name"]


@pytest.mark.requirement("RFC7592-2.2/client-secret")
async def test_the_current_secret_may_be_repeated_and_stays(house: House) -> None:
    answer = await registered(house)
    new = {**METADATA, "client_id": answer["client_id"], "client_secret": answer["client_secret"]}
    response = await house.speak("PUT", place(answer), new, answer["registration_access_token"])
    assert response.status == 200
    assert "client_secret" not in document(response)
    refused = await house.post("/token", OWN, basic(answer["client_id"], answer["client_secret"]))
    assert document(refused)["error"] == "unauthorized_client"


# covers: DCR-03
async def test_a_replacement_gets_no_more_than_the_client_was_let_in_with() -> None:
    house = await build_house(
        registration=RegistrationMode.OPEN, registration_scope=Scope.parse("openid albums.read")
    )
    answer = await registered(house)
    wide = replace(house.server.tenant, registration=RegistrationMode.CLOSED, registration_scope=None)
    house.server = replace(house.server, tenant=wide)
    more = {
        **METADATA,
        "client_id": answer["client_id"],
        "scope": "openid albums.read albums.write",
        "grant_types": ["authorization_code", "client_credentials"],
        "consent": "first_party",
    }
    response = await house.speak("PUT", place(answer), more, answer["registration_access_token"])
    assert document(response)["scope"] == "albums.read openid"
    assert document(response)["grant_types"] == ["authorization_code"]


async def test_a_method_that_comes_to_need_a_secret_of_its_own_gets_one(house: House) -> None:
    answer = await registered(house, token_endpoint_auth_method="none")
    bearer, where = answer["registration_access_token"], place(answer)
    secrets = []
    for method in ("client_secret_basic", "client_secret_post", "client_secret_jwt", "none"):
        new = {**METADATA, "client_id": answer["client_id"], "token_endpoint_auth_method": method}
        secrets.append(document(await house.speak("PUT", where, new, bearer)).get("client_secret"))
    assert [secret is not None for secret in secrets] == [True, False, True, False]
    held = await house.stores.clients.find(ClientId(answer["client_id"]))
    assert held is not None
    assert held.secrets == ()


@pytest.mark.parametrize(
    ("changes", "is_remembered"),
    [
        ({"contacts": ["ops@inspector.example"]}, True),
        ({"client_name": "Photo Prints"}, False),
        ({"redirect_uris": ["https://other.example/callback"]}, False),
    ],
    ids=str,
)
async def test_who_becomes_somebody_else_is_asked_about_again(
    house: House, changes: dict[str, object], *, is_remembered: bool
) -> None:
    answer = await registered(house)
    client_id, alice = ClientId(answer["client_id"]), Subject("sub-alice")
    now = house.clock.now
    await house.commit(
        RememberConsent(Consent(alice, client_id, Scope.parse("openid"), (), now, NumericDate(now + 999)))
    )
    new = {**METADATA, "client_id": client_id, **changes}
    assert (await house.speak("PUT", place(answer), new, answer["registration_access_token"])).status == 200
    assert (await house.stores.consents.find(alice, client_id) is not None) is is_remembered


@pytest.mark.requirement("RFC7592-2.3/delete")
@pytest.mark.requirement("RFC7592-2.3/invalidate")
async def test_a_removed_client_takes_everything_along() -> None:
    house = await build_house(registration=RegistrationMode.TOKEN)
    bearer = await initial_token(house, grant_types=("client_credentials",))
    answer = await registered(house, bearer, grant_types=["authorization_code", "client_credentials"])
    credentials = basic(answer["client_id"], answer["client_secret"])
    token = document(await house.post("/token", OWN, credentials))["access_token"]
    before = await house.stores.clients.generations(ClientId(answer["client_id"]))

    response = await house.speak("DELETE", place(answer), bearer=answer["registration_access_token"])
    assert (response.status, response.body) == (204, b"")
    assert await house.stores.clients.find(ClientId(answer["client_id"])) is None
    assert await house.stores.registrations.count() == 0
    after = await house.stores.clients.generations(ClientId(answer["client_id"]))
    assert before.is_older_than(after)
    assert (await house.post("/token", OWN, credentials)).status == 401
    again = await house.speak("DELETE", place(answer), bearer=answer["registration_access_token"])
    assert again.status == 401
    assert token
    assert [fields["client_id"] for fields in house.log.of("client.removed")] == [answer["client_id"]]


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"])
@pytest.mark.parametrize(
    ("profile", "registration", "is_told"),
    [
        ("OAUTH_2_1", None, False),
        ("OPENID", None, False),
        ("MCP", None, True),
        ("MCP", RegistrationMode.CLOSED, False),
        ("OAUTH_2_1", RegistrationMode.TOKEN, True),
        ("OAUTH_2_1", RegistrationMode.OPEN, True),
    ],
)
async def test_the_metadata_name_the_endpoint_where_it_is_open_to_somebody(
    path: str, profile: str, registration: RegistrationMode | None, *, is_told: bool
) -> None:
    house = await build_house(profile=profile, registration=registration)
    found = document(await house.get(path)).get("registration_endpoint")
    assert found == ("https://as.example/register" if is_told else None)


async def test_a_client_that_registered_can_be_removed_while_another_is_registered(house: House) -> None:
    first, second = await registered(house), await registered(house, **PUBLIC)
    assert (await house.speak("DELETE", place(first), bearer=first["registration_access_token"])).status == 204
    assert (await house.speak("GET", place(second), bearer=second["registration_access_token"])).status == 200


async def test_who_may_refresh_may_ask_to_outlive_the_session(house: House) -> None:
    assert (await registered(house, scope="albums.read"))["scope"] == "albums.read offline_access"
    without = await registered(house, scope="albums.read", grant_types=["authorization_code"])
    assert without["scope"] == "albums.read"
