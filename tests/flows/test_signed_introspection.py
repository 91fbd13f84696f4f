"""A resource server that has to prove what it was told asks for a signed answer, for it alone (RFC 9701)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from support.house import SECRET, House, basic, document
from support.introspecting import ALBUMS_API, ORDERS_API, give_back, introspecting_house, told
from support.requirement import requirement
from valetkey.authorization_server.decision import PutClient
from valetkey.jose import TypMismatch, Verifier, jwt
from valetkey.jose.token_kinds import INTROSPECTION_RESPONSE
from valetkey.oauth.introspection import SIGNED_RESPONSE

if TYPE_CHECKING:
    from valetkey.authorization_server.model import Client
    from valetkey.oauth.http import HttpResponse


@pytest.fixture
async def house() -> House:
    return await introspecting_house()


async def ask_signed(
    house: House, token: str, client: Client = ALBUMS_API, accept: str = SIGNED_RESPONSE
) -> HttpResponse:
    headers = {**basic(client.client_id, SECRET), "accept": accept}
    return await house.post("/introspect", {"token": token}, headers)


async def verified(house: House, response: HttpResponse, client: Client = ALBUMS_API) -> dict[str, object]:
    assert response.status == 200, response.body
    assert response.header("content-type") == SIGNED_RESPONSE
    assert response.header("cache-control") == "no-store"
    verifier = Verifier(
        issuer=house.server.issuer.url,
        audience=client.client_id,
        typ=INTROSPECTION_RESPONSE.typ,
        algorithms=["RS256", "ES256"],
        kind=INTROSPECTION_RESPONSE,
        max_age=60,
    )
    keys = await house.server.signer.public_keys()
    return dict(verifier.verify(response.body.decode(), keys, now=house.clock.now).claims)


@requirement("RFC9701-5/typ")
@requirement("RFC9701-5/claims")
async def test_the_signed_answer_says_what_the_plain_one_says_to_whom_and_when(house: House) -> None:
    token = (await house.tokens())["access_token"]

    claims = await verified(house, await ask_signed(house, token))

    assert claims.keys() == {"iss", "aud", "iat", "token_introspection"}
    assert (claims["aud"], claims["iat"]) == (ALBUMS_API.client_id, house.clock.now)
    assert claims["token_introspection"] == await told(house, token)


@requirement("RFC9701-5/no-sub-exp")
async def test_the_signed_answer_is_nothing_that_an_access_token_could_be_taken_for(house: House) -> None:
    token = (await house.tokens())["access_token"]

    answer = (await ask_signed(house, token)).body.decode()

    assert {"sub", "exp"}.isdisjoint(jwt.peek(answer).claims)
    keys = await house.server.signer.public_keys()
    as_access_token = Verifier.access_token(
        issuer=house.server.issuer.url, audience=ALBUMS_API.client_id, algorithms=["RS256"]
    )
    with pytest.raises(TypMismatch):
        as_access_token.verify(answer, keys, now=house.clock.now)


# covers: INT-02
@requirement("RFC9701-5/inactive")
async def test_of_anything_that_is_not_for_the_caller_or_not_good_it_says_inactive_and_nothing_else(
    house: House,
) -> None:
    token = (await house.tokens())["access_token"]
    foreign = await verified(house, await ask_signed(house, token, ORDERS_API), ORDERS_API)
    unknown = await verified(house, await ask_signed(house, "vk_at_" + "x" * 43))
    assert (await give_back(house, token)).status == 200
    revoked = await verified(house, await ask_signed(house, token))

    for claims in (foreign, unknown, revoked):
        assert claims["token_introspection"] == {"active": False}


@requirement("RFC9701-5/caller")
async def test_nobody_gets_a_signed_answer_without_authentication(house: House) -> None:
    token = (await house.tokens())["access_token"]

    wrong = await house.post(
        "/introspect", {"token": token}, {**basic("albums-api", "wrong" * 8), "accept": SIGNED_RESPONSE}
    )
    public = await house.post("/introspect", {"token": token, "client_id": "spa"}, {"accept": SIGNED_RESPONSE})

    assert (wrong.status, public.status) == (401, 401)
    assert wrong.header("content-type") == "application/json"


@pytest.mark.parametrize(
    "accept",
    [
        "application/json",
        "*/*",
        "",
        "application/jwt",
        "application/token-introspection",
        "application/token-introspection+jwt;q=0, application/json",
    ],
)
async def test_only_who_asks_for_it_gets_a_signed_answer(house: House, accept: str) -> None:
    token = (await house.tokens())["access_token"]

    assert document(await ask_signed(house, token, accept=accept))["active"] is True


@pytest.mark.parametrize(
    "accept", ["Application/Token-Introspection+JWT", "application/json;q=0.5, application/token-introspection+jwt"]
)
async def test_the_media_type_is_read_in_any_case_and_among_others(house: House, accept: str) -> None:
    token = (await house.tokens())["access_token"]

    await verified(house, await ask_signed(house, token, accept=accept))


async def test_the_algorithm_is_the_registered_one_of_the_caller(house: House) -> None:
    token = (await house.tokens())["access_token"]
    default = jwt.peek((await ask_signed(house, token)).body.decode())
    await house.commit(PutClient(replace(ALBUMS_API, introspection_signed_response_alg="ES256")))

    chosen = jwt.peek((await ask_signed(house, token)).body.decode())

    assert (default.header["alg"], chosen.header["alg"]) == ("RS256", "ES256")
