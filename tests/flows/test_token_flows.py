"""Whole conversations with the token endpoint and UserInfo, in memory."""

from dataclasses import replace

import pytest

from support.house import (
    API,
    ISSUER,
    NOW,
    OTHER_API,
    SECRET,
    Answer,
    basic,
    build_house,
    claims_of,
    clients,
    document,
    end_users,
)
from valetkey.authorization_server.decision import PutClient, PutResource
from valetkey.authorization_server.model import Resource
from valetkey.jose import jwt
from valetkey.oauth.types import Scope, Seconds


def shape(answer: Answer) -> dict[str, type]:
    return {name: type(value) for name, value in answer.items()}


@pytest.mark.requirement("OIDCC-3.1.3.3/token-type")
@pytest.mark.parametrize("client_id", ["machine", "post", "assertion"])
async def test_a_confidential_client_gets_an_access_token_of_its_own(client_id: str) -> None:
    house = await build_house()
    response = await house.token(client_id, {"grant_type": "client_credentials"})
    assert response.status == 200
    assert response.header("content-type") == "application/json"
    answer = document(response)
    assert shape(answer) == {"access_token": str, "token_type": str, "expires_in": int, "scope": str}
    assert (answer["token_type"], answer["expires_in"], answer["scope"]) == ("Bearer", 300, "albums.read")
    claims = claims_of(answer["access_token"])
    assert (claims["sub"], claims["client_id"], claims["aud"]) == (client_id, client_id, API)


@pytest.mark.requirement("OIDCC-3.1.3.3/id-token")
@pytest.mark.requirement("RFC6749-4.1.3/client-authentication")
@pytest.mark.parametrize("client_id", ["web", "spa", "native"])
async def test_a_code_buys_access_refresh_and_id_token(client_id: str) -> None:
    house = await build_house()
    answer = await house.tokens(client_id)
    assert shape(answer) == {
        "access_token": str,
        "token_type": str,
        "expires_in": int,
        "scope": str,
        "refresh_token": str,
        "id_token": str,
    }
    assert jwt.peek(answer["access_token"]).header["typ"] == "at+jwt"
    assert jwt.peek(answer["id_token"]).header["typ"] == "JWT"
    assert claims_of(answer["id_token"])["aud"] == client_id


async def test_without_openid_there_is_no_id_token() -> None:
    house = await build_house()
    answer = await house.tokens(scope=Scope.parse("albums.read"))
    assert "id_token" not in answer
    assert claims_of(answer["access_token"])["aud"] == API


async def test_an_id_token_is_signed_with_the_algorithm_that_the_client_registered() -> None:
    house = await build_house()
    for algorithm in ("RS256", "ES256", "Ed25519"):
        await house.commit(PutClient(replace(clients()["web"], id_token_signed_response_alg=algorithm)))
        answer = await house.tokens()
        assert jwt.peek(answer["id_token"]).header["alg"] == algorithm
        assert jwt.peek(answer["access_token"]).header["alg"] == "ES256"


@pytest.mark.requirement("RFC8707-2.2/unknown")
async def test_a_code_may_be_redeemed_for_one_of_its_resources() -> None:
    house = await build_house()
    code = await house.code(scope=Scope.parse("openid albums.read orders.read"), resources=(API, OTHER_API))
    answer = document(await house.redeem(code, resource=OTHER_API))
    assert claims_of(answer["access_token"])["aud"] == [OTHER_API, ISSUER.url]
    assert answer["scope"] == "openid orders.read"
    whole = document(await house.refresh(answer["refresh_token"]))
    assert claims_of(whole["access_token"])["aud"] == [API, OTHER_API, ISSUER.url]
    assert whole["scope"] == "albums.read openid orders.read"


async def test_a_resource_says_how_long_its_tokens_live() -> None:
    house = await build_house()
    await house.commit(
        PutResource(Resource(API, "Albums", {"albums.read": "See"}, access_token_lifetime=Seconds(60)))
    )
    answer = await house.tokens()
    claims = claims_of(answer["access_token"])
    assert answer["expires_in"] == claims["exp"] - claims["iat"] == 60


@pytest.mark.requirement("RFC9700-4.14.2/reuse")
async def test_refresh_tokens_rotate_again_and_again() -> None:
    house = await build_house()
    answer = await house.tokens()
    seen = {answer["refresh_token"]}
    for _ in range(5):
        house.clock.advance(1000)
        response = await house.refresh(answer["refresh_token"])
        assert response.status == 200
        answer = document(response)
        assert answer["refresh_token"] not in seen
        seen.add(answer["refresh_token"])
    claims = claims_of(answer["id_token"])
    assert claims["auth_time"] == NOW - 5
    assert "nonce" not in claims


@pytest.mark.requirement("RFC6749-6/same-scope")
async def test_a_narrowed_refresh_leaves_the_authorization_whole() -> None:
    house = await build_house()
    answer = await house.tokens()
    less = document(await house.refresh(answer["refresh_token"], scope="albums.read"))
    assert less["scope"] == "albums.read"
    assert "id_token" not in less
    whole = document(await house.refresh(less["refresh_token"]))
    assert whole["scope"] == answer["scope"]


# covers: REF-03
async def test_a_lost_reply_is_given_again_word_for_word() -> None:
    house = await build_house()
    answer = await house.tokens()
    first = await house.refresh(answer["refresh_token"])
    house.clock.advance(29)
    assert (await house.refresh(answer["refresh_token"])).body == first.body


# covers: REF-03
async def test_a_retry_that_asks_for_something_else_gets_the_same_successor() -> None:
    house = await build_house()
    answer = await house.tokens()
    first = document(await house.refresh(answer["refresh_token"]))
    other = document(await house.refresh(answer["refresh_token"], scope="albums.read"))
    assert other["refresh_token"] == first["refresh_token"]
    assert other["access_token"] != first["access_token"]
    assert other["scope"] == "albums.read"
    assert (await house.refresh(other["refresh_token"])).status == 200


async def test_a_bound_refresh_keeps_its_session_alive_and_dies_with_it() -> None:
    house = await build_house()
    session = await house.session()
    answer = await house.tokens(sid=session.sid, bound_to_session=True)
    assert claims_of(answer["access_token"])["sid"] == session.sid
    idle = house.server.policy.session_idle_lifetime
    for _ in range(2):
        house.clock.advance(idle - 60)
        response = await house.refresh(answer["refresh_token"])
        assert response.status == 200, response.body
        answer = document(response)
    house.clock.advance(idle)
    assert document(await house.refresh(answer["refresh_token"]))["error"] == "invalid_grant"


@pytest.mark.requirement("OIDCC-5.3/get-and-post")
@pytest.mark.requirement("OIDCC-5.3.2/subject")
@pytest.mark.requirement("OIDCC-5.3.2/content-type")
async def test_userinfo_tells_what_the_scope_opens() -> None:
    house = await build_house()
    answer = await house.tokens()
    alice = end_users()["alice"]
    response = await house.bearer(answer["access_token"])
    assert response.header("content-type") == "application/json"
    said = document(response)
    assert said["sub"] == alice.subject == claims_of(answer["id_token"])["sub"]
    assert said["email"] == alice.email
    assert document(await house.post("/userinfo", {"access_token": answer["access_token"]})) == said
    header = {"authorization": f"bearer {answer['access_token']}"}
    assert document(await house.post("/userinfo", b"", header)) == said


# covers: HTP-07
async def test_a_browser_client_may_read_answers_and_errors() -> None:
    house = await build_house()
    origin = {"origin": "https://spa.example"}
    good = await house.token("spa", {"grant_type": "refresh_token", "refresh_token": "vk_rt_x"}, origin)
    assert good.status == 400
    assert good.header("access-control-allow-origin") == "https://spa.example"
    answer = await house.tokens("spa")
    for response in (
        await house.token("spa", {"grant_type": "refresh_token", "refresh_token": answer["refresh_token"]}, origin),
        await house.get("/userinfo", {"authorization": f"Bearer {answer['access_token']}", **origin}),
    ):
        assert response.status == 200
        assert response.header("access-control-allow-origin") == "https://spa.example"
    foreign = await house.get(
        "/userinfo", {"authorization": f"Bearer {answer['access_token']}", "origin": "https://web.example"}
    )
    assert foreign.header("access-control-allow-origin") is None


# covers: HTP-07
async def test_no_endpoint_that_scripts_may_read_looks_at_a_cookie() -> None:
    house = await build_house()
    answer = await house.tokens("spa")
    cookies = {"cookie": "__Host-vk_session_default=x; access_token=" + answer["access_token"]}
    assert (await house.get("/userinfo", cookies)).status == 401
    assert (await house.post("/token", {"grant_type": "client_credentials"}, cookies)).status == 401


async def test_a_client_may_name_itself_beside_its_header() -> None:
    house = await build_house()
    response = await house.post(
        "/token", {"grant_type": "client_credentials", "client_id": "machine"}, basic("machine", SECRET)
    )
    assert response.status == 200


async def test_unknown_parameters_are_ignored() -> None:
    house = await build_house()
    response = await house.token("machine", {"grant_type": "client_credentials", "flavour": "vanilla"})
    assert response.status == 200


@pytest.mark.requirement("RFC6749-10.10/entropy")
async def test_every_refresh_token_has_256_bits_and_a_prefix_that_leak_scanners_know() -> None:
    house = await build_house()
    tokens = {(await house.tokens())["refresh_token"] for _ in range(20)}
    assert len(tokens) == 20
    assert all(token.startswith("vk_rt_") and len(token) == len("vk_rt_") + 43 for token in tokens)
