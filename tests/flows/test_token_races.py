"""Fifty at once: one code gives one answer, one refresh token one successor."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from support.house import House, build_house, claims_of, document
from valetkey.authorization_server.audit import Origin
from valetkey.authorization_server.decision import BumpGeneration, Change, RevokeAuthorization
from valetkey.authorization_server.model import Standing
from valetkey.oauth.types import AuthorizationId


async def standing_of(house: House, access_token: str) -> Standing:
    authorization_id = AuthorizationId(claims_of(access_token)["authorization_id"])
    stored = await house.stores.authorizations.find(authorization_id)
    assert stored is not None
    return stored.standing(house.clock.now)


class Meeting:
    """A signer at which everybody waits for everybody: each request has judged before any has committed."""

    def __init__(self, house: House, parties: int) -> None:
        self._signer = house.server.signer
        self._left = parties
        self._open = asyncio.Event()
        self.encrypt = self._signer.encrypt
        self.public_keys = self._signer.public_keys
        self.algorithms = self._signer.algorithms
        self.decrypt = self._signer.decrypt
        self.decryption_algorithms = self._signer.decryption_algorithms

    async def sign(self, claims: Mapping[str, object], *, typ: str, algorithm: str) -> str:
        self._left -= 1
        if self._left <= 0:
            self._open.set()
        await self._open.wait()
        return await self._signer.sign(claims, typ=typ, algorithm=algorithm)


def meeting(house: House, parties: int) -> House:
    return replace(house, server=replace(house.server, signer=Meeting(house, parties)))


# covers: COD-02
@pytest.mark.requirement("RFC6749-4.1.2/single-use")
async def test_fifty_redemptions_of_one_code_give_one_answer_and_a_dead_authorization() -> None:
    house = await build_house()
    code = await house.code()
    crowd = meeting(house, 50)
    responses = await asyncio.gather(*(crowd.redeem(code) for _ in range(50)))
    assert Counter(response.status for response in responses) == {200: 1, 400: 49}
    assert {document(response)["error"] for response in responses if response.status == 400} == {"invalid_grant"}
    answer = next(document(response) for response in responses if response.status == 200)
    assert await standing_of(house, answer["access_token"]) is Standing.REVOKED
    assert (await house.refresh(answer["refresh_token"])).status == 400
    assert (await house.bearer(answer["access_token"])).status == 401


# covers: REF-02
async def test_fifty_refreshes_of_one_token_give_one_successor_identical_for_all() -> None:
    house = await build_house()
    answer = await house.tokens()
    crowd = meeting(house, 50)
    responses = await asyncio.gather(*(crowd.refresh(answer["refresh_token"]) for _ in range(50)))
    assert {response.status for response in responses} == {200}
    assert len({response.body for response in responses}) == 1
    successor = document(responses[0])
    assert await standing_of(house, successor["access_token"]) is Standing.ALIVE
    assert (await house.refresh(successor["refresh_token"])).status == 200


# covers: CLI-11
@pytest.mark.requirement("RFC7523-3/jti")
async def test_fifty_uses_of_one_assertion_give_one_token() -> None:
    house = await build_house()
    form, _ = house.credentials("assertion")
    crowd = meeting(house, 50)
    asked = {"grant_type": "client_credentials", **form}
    responses = await asyncio.gather(*(crowd.post("/token", asked) for _ in range(50)))
    statuses = Counter(response.status for response in responses)
    assert statuses[200] == 1
    assert statuses[200] + statuses[401] + statuses[429] == 50


class Interruption:
    """A signer during whose work something else is committed."""

    def __init__(self, house: House, *changes: Change) -> None:
        self._house = house
        self._changes = changes
        self._signer = house.server.signer
        self.encrypt = self._signer.encrypt
        self.public_keys = self._signer.public_keys
        self.algorithms = self._signer.algorithms
        self.decrypt = self._signer.decrypt
        self.decryption_algorithms = self._signer.decryption_algorithms

    async def sign(self, claims: Mapping[str, object], *, typ: str, algorithm: str) -> str:
        await self._house.commit(*self._changes)
        self._changes = ()
        return await self._signer.sign(claims, typ=typ, algorithm=algorithm)


def interrupted(house: House, *changes: Change) -> House:
    return replace(house, server=replace(house.server, signer=Interruption(house, *changes)))


# covers: REF-08
async def test_a_revocation_during_a_refresh_wins() -> None:
    house = await build_house()
    answer = await house.tokens()
    authorization_id = AuthorizationId(claims_of(answer["access_token"])["authorization_id"])
    busy = interrupted(house, RevokeAuthorization(authorization_id, house.clock.now))
    response = await busy.refresh(answer["refresh_token"])
    assert response.status == 400
    assert document(response)["error"] == "invalid_grant"


# covers: REF-08
@pytest.mark.parametrize(
    ("kind", "name"), [("subject", "sub-alice"), ("client", "web"), ("tenant", ""), ("server", "")]
)
async def test_a_moved_generation_during_a_request_wins(kind: str, name: str) -> None:
    house = await build_house()
    answer, code = await house.tokens(), await house.code()
    refreshed = await interrupted(house, BumpGeneration(kind, name)).refresh(answer["refresh_token"])
    assert document(refreshed)["error"] == "invalid_grant"
    redeemed = await interrupted(house, BumpGeneration(kind, name)).redeem(code)
    assert document(redeemed)["error"] == "invalid_grant"


class LosingStores:
    """The stores of a house in which somebody else is always faster."""

    def __init__(self, house: House) -> None:
        self._stores = house.stores
        self.commits = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stores, name)

    async def commit(self, changes: Sequence[Change], origin: Origin | None = None) -> bool:
        del origin
        self.commits += bool(changes)
        return not changes


async def test_three_lost_races_are_an_outage_and_not_a_judgement() -> None:
    house = await build_house()
    answer = await house.tokens()
    stores = LosingStores(house)
    losing = replace(house, server=replace(house.server, stores=stores))
    response = await losing.refresh(answer["refresh_token"])
    assert stores.commits == 3
    assert response.status == 503
    assert response.header("retry-after") is not None
    assert document(response)["error"] == "temporarily_unavailable"
    assert (await house.refresh(answer["refresh_token"])).status == 200


async def test_client_credentials_change_nothing_in_the_store() -> None:
    house = await build_house()
    stores = LosingStores(house)
    losing = replace(house, server=replace(house.server, stores=stores))
    assert (await losing.token("machine", {"grant_type": "client_credentials"})).status == 200
    assert stores.commits == 0
