"""Streams of a receiver in the hands of whoever could make an API key in its name."""

from dataclasses import replace

import pytest

from support.house import House, document
from support.keyed import GATEWAY, add_key, exchange_key
from support.signalling import ASKED, PARTNER, SIGNALS, SIGNALS_API, Receiver, signalling_house
from valetkey.authorization_server.decision import PutResource
from valetkey.oauth.http import HttpResponse
from valetkey.oauth.types import Scope


@pytest.fixture
async def house() -> House:
    house = await signalling_house(GATEWAY)
    await house.commit(PutResource(replace(SIGNALS_API, introspection_client_ids=(GATEWAY.client_id,))))
    return house


@pytest.mark.parametrize("kind", ["the key itself", "what it is exchanged for"])
async def test_an_api_key_of_a_receiver_manages_and_reads_no_stream(house: House, kind: str) -> None:
    stream = await Receiver(house).create(ASKED)
    scope = Scope.parse("ssf.manage ssf.read")
    _, presented = await add_key(house, PARTNER.client_id, scope=scope, resources=(SIGNALS,))
    if kind != "the key itself":
        presented = str(document(await exchange_key(house, presented))["access_token"])
    headers = {"authorization": f"Bearer {presented}"}
    for method, path in (("GET", "/ssf/streams"), ("DELETE", "/ssf/streams"), ("GET", "/ssf/status")):
        query = {"stream_id": str(stream["stream_id"])}
        answer = await house.send(method, path, query=query, headers=headers)
        assert isinstance(answer, HttpResponse)
        assert answer.status == 401
    assert await Receiver(house).poll(stream) == {}
