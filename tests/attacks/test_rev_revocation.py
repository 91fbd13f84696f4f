"""Tokens given back: what dies with them, what does not, and who may not."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from support.house import SECRET, House, basic, document
from support.introspecting import INACTIVE, ask, give_back, introspecting_house, told
from valetkey.authorization_server.audit import Origin
from valetkey.authorization_server.decision import Change
from valetkey.authorization_server.model import AccessTokenFormat
from valetkey.oauth.errors import Unavailable

FORMATS = pytest.mark.parametrize("written", AccessTokenFormat)


async def is_active(house: House, token: str) -> bool:
    active = (await told(house, token))["active"]
    assert isinstance(active, bool)
    return active


@FORMATS
@pytest.mark.requirement("RFC7009-2/refresh-tokens")
@pytest.mark.requirement("RFC7009-2.1/access-tokens")
async def test_a_refresh_token_takes_all_that_hangs_off_its_authorization_along(written: AccessTokenFormat) -> None:
    house = await introspecting_house(written)
    first, other = await house.tokens(), await house.tokens()
    second = document(await house.refresh(first["refresh_token"]))
    response = await give_back(house, second["refresh_token"])
    assert (response.status, response.body) == (200, b"")
    for token in (first["access_token"], second["access_token"]):
        assert not await is_active(house, token)
        assert (await house.bearer(token)).status == 401
    for token in (first["refresh_token"], second["refresh_token"]):
        assert document(await house.refresh(token))["error"] == "invalid_grant"
    assert await is_active(house, other["access_token"])
    assert (await house.refresh(other["refresh_token"])).status == 200


async def test_a_superseded_refresh_token_given_back_ends_the_chain_too() -> None:
    house = await introspecting_house()
    first = await house.tokens()
    second = document(await house.refresh(first["refresh_token"]))
    assert (await give_back(house, first["refresh_token"])).status == 200
    assert document(await house.refresh(second["refresh_token"]))["error"] == "invalid_grant"


@FORMATS
@pytest.mark.requirement("RFC7009-2.1/immediately")
async def test_an_access_token_dies_alone_and_at_once(written: AccessTokenFormat) -> None:
    house = await introspecting_house(written)
    first = await house.tokens()
    second = document(await house.refresh(first["refresh_token"]))
    assert (await give_back(house, first["access_token"])).status == 200
    assert (await ask(house, first["access_token"])).body == INACTIVE
    assert (await house.bearer(first["access_token"])).status == 401
    assert await is_active(house, second["access_token"])
    assert (await house.refresh(second["refresh_token"])).status == 200
    assert house.log.of("token.revoked") == [
        {
            "request_id": "request-1",
            "client_id": "web",
            "kind": "access_token",
            "authorization_id": (await told(house, second["access_token"]))["authorization_id"],
        }
    ]


# covers: REV-01
@FORMATS
@pytest.mark.requirement("RFC7009-2.2/invalid-token")
async def test_what_is_dead_or_never_lived_is_given_back_without_effect(written: AccessTokenFormat) -> None:
    house = await introspecting_house(written)
    answer = await house.tokens()
    for token in (answer["access_token"], answer["refresh_token"]):
        for _ in range(2):
            assert (await give_back(house, token)).status == 200
    for token in ("vk_at_x", "vk_rt_x", "nothing", "a.b.c", "…", "x" * 50_000, answer["id_token"]):
        response = await give_back(house, token)
        assert (response.status, response.body) == (200, b"")
    assert len(house.log.of("token.revoked")) == 2
    expired = (await house.tokens())["access_token"]
    house.clock.advance(300)
    assert (await give_back(house, expired)).status == 200


# covers: REV-01
@FORMATS
@pytest.mark.requirement("RFC7009-2.1/hint")
@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "saml2"])
async def test_a_wrong_hint_saves_no_token(written: AccessTokenFormat, hint: str) -> None:
    house = await introspecting_house(written)
    answer = await house.tokens()
    assert (await give_back(house, answer["access_token"], token_type_hint=hint)).status == 200
    assert not await is_active(house, answer["access_token"])
    assert (await give_back(house, answer["refresh_token"], token_type_hint=hint)).status == 200
    assert (await house.refresh(answer["refresh_token"])).status == 400


# covers: REV-02
@FORMATS
@pytest.mark.requirement("RFC7009-2.1/other-client")
async def test_another_clients_token_is_not_revoked(written: AccessTokenFormat) -> None:
    house = await introspecting_house(written)
    answer = await house.tokens()
    for thief in ("machine", "spa", "post", "assertion"):
        for token in (answer["access_token"], answer["refresh_token"]):
            response = await give_back(house, token, thief)
            assert (response.status, document(response)["error"]) == (400, "invalid_grant")
    assert await is_active(house, answer["access_token"])
    assert (await house.refresh(answer["refresh_token"])).status == 200
    assert house.log.of("token.revoked") == []


# covers: REV-02
@FORMATS
@pytest.mark.requirement("RFC7009-2.1/authenticate")
async def test_a_confidential_client_proves_who_it_is_first(written: AccessTokenFormat) -> None:
    house = await introspecting_house(written)
    answer = await house.tokens()
    for form, headers in (({"client_id": "web"}, {}), ({}, {}), ({}, basic("web", SECRET + "x"))):
        response = await house.post("/revoke", {"token": answer["refresh_token"], **form}, headers)
        assert (response.status, document(response)["error"]) == (401, "invalid_client")
    assert (await house.refresh(answer["refresh_token"])).status == 200


async def test_a_public_client_gives_its_own_back_by_its_client_id() -> None:
    house = await introspecting_house()
    answer = await house.tokens("spa")
    assert (await give_back(house, answer["refresh_token"], "spa")).status == 200
    assert document(await house.refresh(answer["refresh_token"], "spa"))["error"] == "invalid_grant"


@pytest.mark.requirement("RFC7009-2.1/token")
@pytest.mark.requirement("RFC7009-2.1/form")
async def test_a_request_without_a_token_is_malformed() -> None:
    house = await introspecting_house()
    assert (await give_back(house, "")).status == 400
    in_query = await house.send("POST", "/revoke", query={"token": "a"}, headers=basic("web", SECRET))
    assert in_query.status == 400  # type: ignore[union-attr]  # a machine is answered without a page


async def test_a_script_of_the_client_may_read_the_answer_and_another_may_not() -> None:
    house = await introspecting_house()
    token = (await house.tokens("web"))["access_token"]
    for origin, allowed in (("https://spa.example", "https://spa.example"), ("https://evil.example", None)):
        for sent in ("nothing", token):
            response = await house.post("/revoke", {"token": sent, "client_id": "spa"}, {"origin": origin})
            assert response.status == (400 if sent == token else 200)
            assert response.header("access-control-allow-origin") == allowed


class FailingStores:
    """The stores of a house whose disk is full, or whose file is gone."""

    def __init__(self, house: House) -> None:
        self._stores = house.stores

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stores, name)

    async def commit(self, changes: Sequence[Change], origin: Origin | None = None) -> bool:
        del origin
        if changes:
            raise Unavailable("the store")
        return True


# covers: REV-04
@FORMATS
@pytest.mark.requirement("RFC7009-2.2.1/unavailable")
async def test_a_store_that_cannot_write_is_an_outage_and_never_a_success(written: AccessTokenFormat) -> None:
    house = await introspecting_house(written)
    answer = await house.tokens()
    broken = replace(house, server=replace(house.server, stores=FailingStores(house)))
    for token in (answer["access_token"], answer["refresh_token"]):
        response = await give_back(broken, token)
        assert response.status == 503
        assert response.header("retry-after") is not None
    assert await is_active(house, answer["access_token"])
    assert (await give_back(house, answer["refresh_token"])).status == 200
    assert not await is_active(house, answer["access_token"])


async def test_fifty_at_once_give_one_token_back_and_all_succeed() -> None:
    house = await introspecting_house()
    answer = await house.tokens()
    responses = await asyncio.gather(*(give_back(house, answer["refresh_token"]) for _ in range(50)))
    assert {response.status for response in responses} == {200}
    assert not await is_active(house, answer["access_token"])
