"""What OAuth 2.1 removed: not there, unless a profile and a client both name it, and then held short."""

from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from support.house import (
    API,
    ISSUER,
    PASSWORD,
    SECRET,
    Answer,
    House,
    basic,
    build_house,
    claims_of,
    clients,
    document,
    end_users,
)
from support.visitor import STATE, Visitor, location_of, returned
from valetkey.authorization_server.authorization.response_types import RESPONSE_TYPES
from valetkey.authorization_server.decision import BumpGeneration, PutClient, PutEndUser, PutResource
from valetkey.authorization_server.model import Client, PasswordHash
from valetkey.authorization_server.policy import IMPLICIT, LEGACY, OAUTH_2_1, PROFILES
from valetkey.authorization_server.registration import client_faults
from valetkey.oauth.http import HttpResponse
from valetkey.oauth.types import ClientId, GrantType, Scope, Seconds

pytestmark = pytest.mark.anyio

OLD_GRANTS = frozenset({IMPLICIT, GrantType("password"), GrantType("refresh_token")})


def old(**changes: object) -> Client:
    """Return a confidential client that uses what is old."""
    client = replace(clients()["web"], client_id=ClientId("old"), grant_types=OLD_GRANTS, profile="LEGACY")
    return replace(client, **changes)  # type: ignore[arg-type]


async def _house(tenant_profile: str = "OAUTH_2_1", /, **changes: object) -> House:
    house = await build_house(profile=tenant_profile)
    await house.commit(PutClient(old(**changes)))
    return house


async def _password(
    house: House, username: str = "alice", password: str = PASSWORD, **changes: str | Iterable[str]
) -> HttpResponse:
    form = {"grant_type": "password", "username": username, "password": password, **changes}
    return await house.post("/token", form, basic("old", SECRET))


async def _implicit(house: House, **changes: str | None) -> Answer:
    visitor = Visitor(house)
    told = {
        "redirect_uri": "https://web.example/callback",
        "response_type": "token",
        "code_challenge": None,
        "code_challenge_method": None,
        "scope": "albums.read",
        "nonce": None,
        **changes,
    }
    found = await visitor.authorize("old", **told)
    if location_of(found) is None or not (location_of(found) or "").startswith("https://"):
        found = await visitor.consent(await visitor.sign_in(found))
    location = urlsplit(location_of(found) or "")
    assert location.query == ""
    assert location.fragment
    return returned(found)


# covers: GRA-02
@pytest.mark.requirement("RFC9700-2.4/no-password")
@pytest.mark.parametrize("profile", [name for name in PROFILES if name != "LEGACY"])
async def test_a_password_is_no_grant_where_the_profile_lacks_it(profile: str) -> None:
    house = await _house(profile, profile=None)
    response = await _password(house)
    assert (response.status, document(response)["error"]) == (400, "unsupported_grant_type")


# covers: GRA-02
@pytest.mark.requirement("RFC6749-3.1.1/response-type")
@pytest.mark.parametrize("profile", [name for name in PROFILES if name != "LEGACY"])
async def test_a_token_is_no_response_type_where_the_profile_lacks_it(profile: str) -> None:
    house = await _house(profile, profile=None)
    answer = await _implicit(house)
    assert (answer["error"], answer["state"], answer["iss"]) == ("unsupported_response_type", STATE, ISSUER.url)


# covers: GRA-02
async def test_a_client_that_did_not_register_them_gets_neither() -> None:
    house = await _house("LEGACY", profile=None, grant_types=frozenset({GrantType("refresh_token")}))
    response = await _password(house)
    assert (response.status, document(response)["error"]) == (400, "unauthorized_client")
    assert (await _implicit(house))["error"] == "unauthorized_client"


# covers: GRA-02
@pytest.mark.parametrize("profile", list(PROFILES))
async def test_metadata_names_them_under_one_profile_alone(profile: str) -> None:
    house = await build_house(profile=profile)
    said = document(await house.get("/.well-known/oauth-authorization-server"))
    is_legacy = profile == "LEGACY"
    assert ("password" in said["grant_types_supported"]) is is_legacy
    # OpenID Connect has ID Tokens, and tokens beside them, of the authorization endpoint; never a token alone.
    assert ("implicit" in said["grant_types_supported"]) is (is_legacy or profile == "OPENID")
    assert ("token" in said["response_types_supported"]) is is_legacy
    if profile != "OPENID":
        assert said["response_types_supported"] == (["code", "token"] if is_legacy else ["code"])
        assert said["response_modes_supported"] == (["query", "fragment"] if is_legacy else ["query"])


def test_the_old_profile_loosens_nothing_else() -> None:
    added = {"password", "implicit"}
    unchanged = replace(
        LEGACY,
        name=OAUTH_2_1.name,
        grant_types=frozenset(LEGACY.grant_types - added),
        response_types=frozenset(LEGACY.response_types - {"token"}),
        response_modes=frozenset(LEGACY.response_modes - {"fragment"}),
    )
    assert unchanged == OAUTH_2_1
    assert set(RESPONSE_TYPES) >= LEGACY.response_types


@pytest.mark.parametrize("name", ["password", "implicit"])
def test_a_client_of_another_profile_cannot_be_registered_for_them(name: str) -> None:
    client = old(profile=None, grant_types=frozenset({GrantType(name)}))
    assert any(fault.field == "grant_types" for fault in client_faults(client, OAUTH_2_1))
    assert client_faults(client, LEGACY) == ()
    assert any(
        fault.field == "redirect_uris"
        for fault in client_faults(replace(client, redirect_uris=(), grant_types=frozenset({IMPLICIT})), LEGACY)
    )


@pytest.mark.requirement("RFC6749-4.2.2/token")
@pytest.mark.requirement("RFC6749-4.2.2/state")
@pytest.mark.requirement("RFC6749-4.2.2/no-refresh-token")
async def test_a_token_comes_back_in_the_fragment_for_a_short_time_and_never_a_refresh_token() -> None:
    house = await _house()
    [albums] = [one for one in await house.stores.resources.list() if one.identifier == API]
    await house.commit(PutResource(replace(albums, access_token_lifetime=Seconds(900))))
    answer = await _implicit(house, scope="albums.read offline_access", prompt="consent")
    assert answer.keys() == {"access_token", "token_type", "expires_in", "scope", "state", "iss"}
    assert (answer["token_type"], answer["expires_in"], answer["scope"]) == ("Bearer", "300", "albums.read")
    assert (answer["state"], answer["iss"]) == (STATE, ISSUER.url)
    claims = claims_of(answer["access_token"])
    assert (claims["sub"], claims["client_id"], claims["aud"]) == ("sub-alice", "old", API)
    assert claims["exp"] - claims["iat"] == 300
    said = await house.post("/introspect", {"token": answer["access_token"]}, basic("old", SECRET))
    assert document(said)["active"]
    await house.commit(BumpGeneration("subject", "sub-alice"))
    said = await house.post("/introspect", {"token": answer["access_token"]}, basic("old", SECRET))
    assert document(said) == {"active": False}


@pytest.mark.requirement("RFC6749-4.2.2.1/fragment")
@pytest.mark.requirement("RFC6749-4.2.2.1/state")
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"scope": "nonsense"}, "invalid_scope"),
        ({"prompt": "none"}, "login_required"),
        ({"resource": "https://elsewhere.example"}, "invalid_target"),
        ({"response_mode": "query"}, "invalid_request"),
        ({"response_mode": "form_post"}, "invalid_request"),
        ({"response_type": "token", "max_age": "soon"}, "invalid_request"),
    ],
)
async def test_every_error_of_a_request_for_a_token_stands_in_the_fragment(
    changes: dict[str, str], error: str
) -> None:
    house = await _house()
    answer = await _implicit(house, **changes)
    assert (answer["error"], answer["state"], answer["iss"]) == (error, STATE, ISSUER.url)


async def test_the_fragment_can_be_named_where_it_is_the_only_way() -> None:
    assert "access_token" in await _implicit(await _house(), response_mode="fragment")


# covers: AUT-03
@pytest.mark.parametrize("kind", ["token token", "code token", "token code", "id_token", "none", "TOKEN", "token "])
async def test_no_other_response_type_gives_a_token(kind: str) -> None:
    house = await _house()
    found = await Visitor(house).authorize("old", redirect_uri="https://web.example/callback", response_type=kind)
    answer = returned(found)
    assert answer["error"] == "unsupported_response_type"
    assert "access_token" not in answer


async def test_a_bad_address_gets_no_token() -> None:
    house = await _house()
    found = await Visitor(house).authorize("old", redirect_uri="https://evil.example/", response_type="token")
    assert location_of(found) is None


async def test_a_profile_of_one_client_opens_nothing_to_another() -> None:
    house = await _house()
    response = await house.token("web", {"grant_type": "password", "username": "alice", "password": PASSWORD})
    assert document(response)["error"] == "unsupported_grant_type"
    answer = returned(await Visitor(house).authorize("web", response_type="token"))
    assert answer["error"] == "unsupported_response_type"


@pytest.mark.requirement("RFC6749-4.3.2/username")
@pytest.mark.requirement("RFC6749-4.3.2/password")
@pytest.mark.requirement("RFC6749-4.3.2/validate")
async def test_a_password_buys_what_a_code_would() -> None:
    house = await _house()
    answer = document(await _password(house, scope="albums.read"))
    claims = claims_of(answer["access_token"])
    assert (claims["sub"], claims["client_id"], claims["amr"]) == ("sub-alice", "old", ["pwd"])
    assert "id_token" not in answer
    form = {"grant_type": "refresh_token", "refresh_token": answer["refresh_token"]}
    assert (await house.post("/token", form, basic("old", SECRET))).status == 200
    for name in ("username", "password"):
        form = {"grant_type": "password", "username": "alice", "password": PASSWORD, name: ""}
        assert document(await house.post("/token", form, basic("old", SECRET)))["error"] == "invalid_request"


async def test_without_the_refresh_grant_nothing_outlives_the_token() -> None:
    house = await _house(grant_types=frozenset({GrantType("password")}))
    answer = document(await _password(house))
    assert "refresh_token" not in answer
    [granted] = await house.stores.authorizations.of(end_users()["alice"].subject)
    assert granted.authorization.expires_at == house.clock.now + 900


@pytest.mark.requirement("RFC6749-4.3.2/scope")
async def test_a_password_proves_no_sign_in_to_anybody_else() -> None:
    house = await _house()
    assert document(await _password(house, scope="openid albums.read"))["error"] == "invalid_scope"


@pytest.mark.requirement("RFC6749-4.3.2/validate")
async def test_one_answer_to_every_wrong_password() -> None:
    house = await _house()
    await house.commit(PutEndUser(replace(end_users()["bob"], disabled=True)))
    answers = [
        await _password(house, "alice", "wrong"),
        await _password(house, "nobody", PASSWORD),
        await _password(house, "bob", PASSWORD),
        await _password(house, "a" * 300, PASSWORD),
        await _password(house, "alice", "x" * 2_000),
    ]
    assert {(answer.status, answer.body) for answer in answers} == {(400, answers[0].body)}
    assert document(answers[0])["error"] == "invalid_grant"


# covers: GRA-02
@pytest.mark.requirement("RFC6749-4.3.2/brute-force")
async def test_guesses_count_against_the_budget_of_the_sign_in_page() -> None:
    house = await _house()
    for _ in range(10):
        assert document(await _password(house, "alice", "wrong"))["error"] == "invalid_grant"
    throttled = await _password(house)
    assert (throttled.status, document(throttled)["error"]) == (429, "invalid_grant")
    assert int(dict(throttled.headers)["retry-after"]) > 0
    visitor = Visitor(house)
    page = await visitor.sign_in(await visitor.authorize("web"))
    assert location_of(page) is None
    assert house.log.of("login.throttled")
    house.clock.advance(121)
    assert (await _password(house)).status == 200


async def test_a_password_that_changes_while_it_is_compared_is_worth_nothing() -> None:
    house = await _house()
    compared = house.server.passwords

    class Overtaken:
        async def matches(self, *of: object) -> bool:
            await house.commit(
                PutEndUser(replace(end_users()["alice"], password_hash=PasswordHash("$argon2id$new")))
            )
            return await compared.matches(*of)  # type: ignore[arg-type]

        async def hash(self, password: object) -> PasswordHash:
            return await compared.hash(password)  # type: ignore[arg-type]

    house.server = replace(house.server, passwords=Overtaken())
    assert document(await _password(house))["error"] == "invalid_grant"
    assert await house.stores.authorizations.of(end_users()["alice"].subject) == []


async def test_scope_and_resource_are_judged_as_everywhere() -> None:
    house = await _house(scope=Scope.parse("albums.read"))
    assert document(await _password(house, scope="albums.write"))["error"] == "invalid_scope"
    assert document(await _password(house, resource="https://elsewhere.example"))["error"] == "invalid_target"
