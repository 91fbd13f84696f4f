"""Who asks the introspection endpoint what is none of their business, or about what is dead."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from support.house import API, NOW, OTHER_API, SECRET, basic, claims_of, clients, document, end_users
from support.introspecting import INACTIVE, ORDERS_API, ask, introspecting_house, told
from valetkey.authorization_server.decision import (
    BumpGeneration,
    Change,
    EndSession,
    PutClient,
    PutEndUser,
    PutResource,
    RemoveClient,
    RemoveEndUser,
)
from valetkey.authorization_server.model import AccessTokenFormat
from valetkey.jose import Jwk, jwt
from valetkey.oauth.types import ClientId, Scope, SessionId

FORMATS = pytest.mark.parametrize("written", AccessTokenFormat)
WEB = clients()["web"]


@FORMATS
@pytest.mark.requirement("RFC7662-2.2/members")
async def test_a_resource_server_is_told_what_a_token_of_its_own_says(written: AccessTokenFormat) -> None:
    house = await introspecting_house(written)
    session = await house.session()
    answer = await house.tokens(sid=session.sid, bound_to_session=True)
    response = await ask(house, answer["access_token"])
    assert response.header("cache-control") == "no-store"
    said = document(response)
    assert len(said.pop("jti")) == 22
    assert len(said.pop("authorization_id")) == 22
    assert said == {
        "active": True,
        "iss": "https://as.example",
        "sub": "sub-alice",
        "username": "alice",
        "aud": [API, "https://as.example"],
        "exp": NOW + 300,
        "iat": NOW,
        "client_id": "web",
        "scope": "albums.read email offline_access openid profile",
        "token_type": "Bearer",
        "auth_time": NOW - 5,
        "acr": "urn:example:acr:password",
        "amr": ["pwd"],
        "sid": "session-1",
    }


@FORMATS
async def test_a_clients_own_token_names_no_end_user(written: AccessTokenFormat) -> None:
    house = await introspecting_house(written)
    token = document(await house.token("machine", {"grant_type": "client_credentials", "resource": API}))
    said = await told(house, token["access_token"])
    assert (said["active"], said["sub"], said["client_id"], said["aud"]) == (True, "machine", "machine", API)
    assert "username" not in said


# covers: INT-02
@FORMATS
@pytest.mark.requirement("RFC7662-4/audience")
@pytest.mark.requirement("RFC7662-2.2/nothing-more")
async def test_a_token_for_another_resource_server_is_inactive_and_nothing_more(written: AccessTokenFormat) -> None:
    house = await introspecting_house(written)
    token = (await house.tokens())["access_token"]
    assert (await ask(house, token, ORDERS_API)).body == INACTIVE
    assert (await ask(house, token, replace(ORDERS_API, client_id=ClientId("machine")))).body == INACTIVE
    both = (await house.tokens(resources=(API, OTHER_API), scope=Scope.parse("albums.read orders.read")))[
        "access_token"
    ]
    assert (await told(house, both, ORDERS_API))["active"] is True


# covers: INT-02
@FORMATS
async def test_who_lost_the_right_to_ask_is_told_nothing_at_once(written: AccessTokenFormat) -> None:
    house = await introspecting_house(written)
    token = (await house.tokens())["access_token"]
    resource = await house.stores.resources.find(API)
    assert resource is not None
    await house.commit(PutResource(replace(resource, introspection_client_ids=())))
    assert (await ask(house, token)).body == INACTIVE
    await house.commit(PutResource(replace(resource, disabled=True)))
    assert (await ask(house, token)).body == INACTIVE


# covers: INT-03
@FORMATS
@pytest.mark.requirement("RFC7662-2.2/inactive")
@pytest.mark.requirement("RFC7662-4/signature")
async def test_whatever_is_no_good_token_is_inactive_in_the_same_words(written: AccessTokenFormat) -> None:
    house, other = await introspecting_house(written), await introspecting_house(written)
    answer, code = await house.tokens(), await house.code()
    other.clock.drawn = 10_000
    readable = await (await introspecting_house(AccessTokenFormat.JWT)).tokens()
    foreign = jwt.sign(claims_of(readable["access_token"]), Jwk.generate("ES256"), typ="at+jwt")
    for token in (
        "vk_at_" + "x" * 43,
        "vk_at_",
        "nothing",
        "a.b.c",
        "…",
        "\x00",
        answer["access_token"] + "x",
        answer["id_token"],
        answer["refresh_token"],
        code,
        foreign,
        (await other.tokens())["access_token"] if written is AccessTokenFormat.OPAQUE else foreign,
        "x" * 60_000,
        "x." * 20_000,
    ):
        response = await ask(house, token)
        assert (response.status, response.body) == (200, INACTIVE), token[:40]
    assert (await told(house, answer["access_token"]))["active"] is True


# covers: INT-03
@FORMATS
@pytest.mark.requirement("RFC7662-4/expired")
async def test_a_token_is_active_to_its_last_second(written: AccessTokenFormat) -> None:
    house = await introspecting_house(written)
    token = (await house.tokens())["access_token"]
    house.clock.advance(299)
    assert (await told(house, token))["active"] is True
    house.clock.advance(1)
    assert (await ask(house, token)).body == INACTIVE


# covers: INT-05
@FORMATS
@pytest.mark.requirement("RFC7662-2.1/hint")
@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "saml2", "x" * 1000])
async def test_a_wrong_hint_changes_nothing(written: AccessTokenFormat, hint: str) -> None:
    house = await introspecting_house(written)
    answer = await house.tokens()
    assert (await told(house, answer["access_token"], token_type_hint=hint))["active"] is True
    assert (await told(house, answer["refresh_token"], WEB, token_type_hint=hint))["active"] is True


KILLS: dict[str, Callable[[], Change]] = {
    "password or sign out everywhere": lambda: BumpGeneration("subject", "sub-alice"),
    "all tokens of the client": lambda: BumpGeneration("client", "web"),
    "all of the tenant": lambda: BumpGeneration("tenant", ""),
    "all of the server": lambda: BumpGeneration("server", ""),
    "end of the session": lambda: EndSession(SessionId("session-1"), NOW),
    "end-user disabled": lambda: PutEndUser(replace(end_users()["alice"], disabled=True)),
    "end-user removed": lambda: RemoveEndUser(end_users()["alice"].subject, NOW),
    "client disabled": lambda: PutClient(replace(WEB, disabled=True)),
    "client removed": lambda: RemoveClient(WEB.client_id),
}


# covers: INT-07
@FORMATS
@pytest.mark.requirement("RFC7662-4/revoked")
@pytest.mark.parametrize("kill", KILLS)
async def test_what_ended_for_whatever_reason_is_inactive_at_once(written: AccessTokenFormat, kill: str) -> None:
    house = await introspecting_house(written)
    session = await house.session()
    answer = await house.tokens(sid=session.sid, bound_to_session=True)
    assert (await told(house, answer["access_token"]))["active"] is True
    await house.commit(KILLS[kill]())
    assert (await ask(house, answer["access_token"])).body == INACTIVE


# covers: INT-07
@FORMATS
@pytest.mark.parametrize(("kind", "name"), [("client", "machine"), ("tenant", ""), ("server", "")])
async def test_a_clients_own_token_ends_with_its_generation(
    written: AccessTokenFormat, kind: str, name: str
) -> None:
    house = await introspecting_house(written)
    token = document(await house.token("machine", {"grant_type": "client_credentials", "resource": API}))
    await house.commit(BumpGeneration(kind, name))
    assert (await ask(house, token["access_token"])).body == INACTIVE


# covers: INT-07
@FORMATS
async def test_a_session_that_nobody_used_for_long_ends_what_is_bound_to_it(written: AccessTokenFormat) -> None:
    house = await introspecting_house(written)
    session = await house.session()
    house.clock.advance(8 * 3_600 - 100)
    bound = await house.tokens(sid=session.sid, bound_to_session=True)
    free = await house.tokens(sid=session.sid)
    house.clock.advance(99)
    assert (await told(house, bound["access_token"]))["active"] is True
    house.clock.advance(1)
    assert (await ask(house, bound["access_token"])).body == INACTIVE
    assert (await ask(house, bound["refresh_token"], WEB)).body == INACTIVE
    assert (await told(house, free["access_token"]))["active"] is True


async def test_a_client_is_told_of_its_own_refresh_token_while_it_may_be_used() -> None:
    house = await introspecting_house()
    answer = await house.tokens()
    said = await told(house, answer["refresh_token"], WEB)
    assert said == {
        "active": True,
        "iss": "https://as.example",
        "sub": "sub-alice",
        "username": "alice",
        "client_id": "web",
        "scope": "albums.read email offline_access openid profile",
        "iat": NOW,
        "exp": NOW + 14 * 86_400,
    }
    successor = document(await house.refresh(answer["refresh_token"]))["refresh_token"]
    assert (await ask(house, answer["refresh_token"], WEB)).body == INACTIVE
    assert (await told(house, successor, WEB))["active"] is True
    assert (await ask(house, successor, replace(WEB, client_id=ClientId("machine")))).body == INACTIVE
    await house.commit(BumpGeneration("subject", "sub-alice"))
    assert (await ask(house, successor, WEB)).body == INACTIVE


@pytest.mark.requirement("RFC7662-2.1/authorization")
@pytest.mark.requirement("RFC7662-2.3/unauthorized")
async def test_nobody_asks_without_a_proof() -> None:
    house = await introspecting_house()
    token = (await house.tokens("spa"))["access_token"]
    for form, headers in (
        ({}, {}),
        ({"client_id": "spa"}, {}),
        ({"client_id": "albums-api"}, {}),
        ({}, basic("albums-api", SECRET + "x")),
        ({}, {"authorization": f"Bearer {token}"}),
    ):
        response = await house.post("/introspect", {"token": token, **form}, headers)
        assert (response.status, document(response)["error"]) == (401, "invalid_client")
        assert b"active" not in response.body


@pytest.mark.requirement("RFC7662-2.1/token")
@pytest.mark.requirement("RFC7662-2.1/form")
async def test_a_question_without_a_token_or_with_two_is_malformed() -> None:
    house = await introspecting_house()
    headers = basic("albums-api", SECRET)
    for form in ({}, {"token": ""}, {"token": ["a", "b"]}):
        assert (await house.post("/introspect", form, headers)).status == 400
    in_query = await house.send("POST", "/introspect", query={"token": "a"}, headers=headers)
    assert in_query.status == 400  # type: ignore[union-attr]  # a machine is answered without a page


# covers: CLI-11
async def test_an_assertion_asks_once() -> None:
    house = await introspecting_house()
    form, _ = house.credentials("assertion")
    assert (await house.post("/introspect", {"token": "x", **form})).body == INACTIVE
    assert (await house.post("/introspect", {"token": "x", **form})).status == 401


# covers: CLI-13
async def test_guessing_secrets_here_is_throttled_too() -> None:
    house = await introspecting_house()
    statuses = [
        (await house.post("/introspect", {"token": "x"}, basic("albums-api", f"vk_cs_{guess:043}"))).status
        for guess in range(22)
    ]
    assert statuses == [401] * 20 + [429] * 2
