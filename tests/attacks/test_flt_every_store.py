"""A store that cannot be read is an outage at every endpoint: never a judgement of a code, a token or a client."""

from dataclasses import replace
from typing import Any

import pytest

from attacks.test_gra_every_credential import build, good, send
from attacks.test_gra_every_grant import GOOD
from support.house import SECRET, House, basic, document
from valetkey.authorization_server.ports import Stores
from valetkey.oauth.errors import Unavailable
from valetkey.oauth.http import HttpResponse

PORTS = tuple(name for name in vars(Stores) if isinstance(vars(Stores)[name], property))
OUTAGE = (503, "temporarily_unavailable")
EVERY = basic("every", SECRET)


class Broken:
    """A part of the store that answers nothing."""

    def __getattr__(self, name: str) -> Any:
        async def fail(*_arguments: object, **_named: object) -> None:
            raise Unavailable("the store")

        return fail


class HalfBroken:
    """The stores of a house, of which one part answers nothing."""

    def __init__(self, house: House, port: str) -> None:
        self._stores, self._port = house.stores, port

    def __getattr__(self, name: str) -> Any:
        return Broken() if name == self._port else getattr(self._stores, name)


def without(house: House, port: str) -> House:
    stores: Any = HalfBroken(house, port)
    return replace(house, server=replace(house.server, stores=stores))


def ended(response: HttpResponse) -> tuple[int, str | None]:
    if response.status == 503:
        assert int(response.header("retry-after") or 0) > 0
    return response.status, document(response).get("error") if response.body else None


def test_every_part_of_the_store_is_broken_once() -> None:
    assert {"clients", "codes", "refresh_tokens", "device_codes", "authorizations", "replay_guard"} <= set(PORTS)


# covers: FLT-03
@pytest.mark.parametrize("grant_type", GOOD)
async def test_what_cannot_be_looked_up_is_neither_refused_nor_used_up(grant_type: str) -> None:
    house = await build()
    outages = set()
    for port in PORTS:
        form = await good(house, grant_type)
        found = ended(await send(without(house, port), form))
        assert found in {OUTAGE, (200, None)}, (port, found)
        if found == OUTAGE:
            outages.add(port)
            assert ended(await send(house, form)) == (200, None), port
    assert "clients" in outages
    assert len(outages) >= 2


# covers: FLT-03, INT-03
@pytest.mark.requirement("RFC7662-2.2/members")
@pytest.mark.parametrize("name", ["access_token", "refresh_token"])
async def test_nobody_is_told_that_a_token_is_inactive_because_it_could_not_be_looked_up(name: str) -> None:
    house = await build()
    token = document(await send(house, await good(house, "authorization_code")))[name]
    truth = await house.post("/introspect", {"token": token}, EVERY)
    assert document(truth)["active"] is True
    outages = set()
    for port in PORTS:
        response = await without(house, port).post("/introspect", {"token": token}, EVERY)
        if response.status != 200:
            assert ended(response) == OUTAGE, port
            outages.add(port)
        else:
            assert response.body == truth.body, port
    assert {"clients", "refresh_tokens" if name == "refresh_token" else "authorizations"} <= outages


# covers: FLT-03, REV-04
@pytest.mark.requirement("RFC7009-2.2.1/unavailable")
@pytest.mark.parametrize("name", ["access_token", "refresh_token"])
async def test_nobody_is_told_that_a_token_was_revoked_because_it_could_not_be_looked_up(name: str) -> None:
    house = await build()
    outages = set()
    for port in PORTS:
        token = document(await send(house, await good(house, "authorization_code")))[name]
        found = ended(await without(house, port).post("/revoke", {"token": token}, EVERY))
        said = document(await house.post("/introspect", {"token": token}, EVERY))
        assert (found, said["active"]) in {((200, None), False), (OUTAGE, True)}, port
        if found == OUTAGE:
            outages.add(port)
    assert "clients" in outages
    assert len(outages) >= 2


# covers: FLT-03
async def test_a_device_is_started_wholly_or_told_of_the_outage() -> None:
    house = await build()
    for port in PORTS:
        response = await without(house, port).post("/device_authorization", {"scope": "albums.read"}, EVERY)
        assert ended(response) in {OUTAGE, (200, None)}, port
        assert (response.status == 200) is (b"user_code" in response.body)
