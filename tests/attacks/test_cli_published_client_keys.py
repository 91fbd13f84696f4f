"""Clients whose keys stand at a `jwks_uri` that rotates, fails or is hostile: only that client is affected."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from support.hostile_server import HOST, Names, hostile_server, http
from support.house import ASSERTION_TYPE, House, HouseLog, build_house, clients, document
from valetkey.adapters.outbound.fetcher import GuardedFetcher
from valetkey.adapters.remote_keys import FetchedKeys
from valetkey.authorization_server.decision import PutClient
from valetkey.authorization_server.outbound import Lane
from valetkey.authorization_server.outbound_guard import Guard, Openings
from valetkey.authorization_server.policy import OAUTH_2_1
from valetkey.authorization_server.registration import client_faults
from valetkey.jose import Jwk, JwkSet
from valetkey.oauth.http import HttpResponse

KEYS = f"https://{HOST}/jwks.json"
PUBLISHED = replace(clients()["assertion"], jwks=None, jwks_uri=KEYS)


def key(kid: str) -> Jwk:
    return Jwk.generate("ES256", kid=kid)


FIRST, SECOND, FOREIGN = key("first"), key("second"), key("foreign")


@pytest.fixture
async def house() -> House:
    house = await build_house()
    await house.commit(PutClient(PUBLISHED))
    return house


async def asked(house: House, signed_with: Jwk) -> HttpResponse:
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": house.assertion(key=signed_with),
    }
    return await house.post("/token", form)


async def is_let_in(house: House, signed_with: Jwk) -> bool:
    answer = await asked(house, signed_with)
    if answer.status != 200:
        assert (answer.status, document(answer)["error"]) == (401, "invalid_client")
        assert document(answer)["error_description"] == "Client authentication failed."
    return answer.status == 200


async def is_another_let_in(house: House) -> bool:
    return (await house.token("machine", {"grant_type": "client_credentials"})).status == 200


async def test_a_client_signs_with_a_key_that_it_publishes(house: House) -> None:
    house.outside.publish_keys(KEYS, JwkSet((FIRST,)))
    assert await is_let_in(house, FIRST)
    assert await is_let_in(house, FIRST)
    assert [url for url, _ in house.outside.asked] == [KEYS]
    assert house.outside.asked[0][1].lane is Lane.REGISTERED
    assert not await is_let_in(house, replace_kid(FOREIGN, "first"))


# covers: CLI-12
async def test_a_client_may_begin_to_sign_with_a_new_key_at_any_moment(house: House) -> None:
    house.outside.publish_keys(KEYS, JwkSet((FIRST,)))
    assert await is_let_in(house, FIRST)
    house.outside.publish_keys(KEYS, JwkSet((SECOND,)))
    house.clock.advance(10)
    assert await is_let_in(house, SECOND)
    assert not await is_let_in(house, FIRST)
    assert len(house.outside.asked) == 2


# covers: CLI-12
async def test_unknown_keys_make_us_ask_at_most_every_ten_seconds(house: House) -> None:
    house.outside.publish_keys(KEYS, JwkSet((FIRST,)))
    assert await is_let_in(house, FIRST)
    for number in range(20):
        assert not await is_let_in(house, replace_kid(FOREIGN, f"guess {number}"))
    assert len(house.outside.asked) == 1
    assert await is_let_in(house, FIRST)


# covers: CLI-12
async def test_an_assertion_that_no_key_could_save_costs_the_source_no_request(house: House) -> None:
    form = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION_TYPE}
    for assertion in ("x.y.z", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhc3NlcnRpb24ifQ."):
        assert (await house.post("/token", {**form, "client_assertion": assertion})).status == 401
    assert house.outside.asked == []


# covers: CLI-12
@pytest.mark.parametrize("status", [None, 404, 500, 503])
async def test_a_source_that_is_down_shuts_out_its_own_client_until_it_is_back(
    house: House, status: int | None
) -> None:
    house.outside.break_off(KEYS, status)
    assert not await is_let_in(house, FIRST)
    assert await is_another_let_in(house)
    house.outside.publish_keys(KEYS, JwkSet((FIRST,)))
    house.clock.advance(2)
    assert await is_let_in(house, FIRST)


# covers: CLI-12
async def test_known_keys_outlive_an_outage_of_their_source_for_a_day(house: House) -> None:
    house.outside.publish_keys(KEYS, JwkSet((FIRST,)), cache_control="max-age=3600")
    assert await is_let_in(house, FIRST)
    house.outside.break_off(KEYS)
    house.clock.advance(3_600 + 86_399)
    assert await is_let_in(house, FIRST)
    house.clock.advance(1)
    assert not await is_let_in(house, FIRST)
    assert await is_another_let_in(house)


# covers: CLI-12
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"<html>",
        b'{"keys": []}',
        b'{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}',
        b'{"keys": ' + b"[" * 1_000 + b"]" * 1_000 + b"}",
        b'{"keys": [' + b",".join([b"{}"] * 10_000) + b"]}",
        b" " * 300_000,
    ],
)
async def test_a_source_that_publishes_no_sound_keys_shuts_out_its_own_client(house: House, body: bytes) -> None:
    house.outside.publish(KEYS, body)
    assert not await is_let_in(house, FIRST)
    assert await is_another_let_in(house)


# covers: CLI-12
async def test_keys_of_a_client_never_speak_for_another(house: House) -> None:
    other = replace(PUBLISHED, client_id=clients()["machine"].client_id, secrets=(), jwks_uri=KEYS + "?other")
    await house.commit(PutClient(other))
    house.outside.publish_keys(KEYS, JwkSet((FIRST,)))
    house.outside.publish_keys(KEYS + "?other", JwkSet((SECOND,)))
    assert not await is_let_in(house, SECOND)
    assert await is_let_in(house, FIRST)


# covers: CLI-12, FLT-09
async def test_a_source_that_never_answers_holds_up_nobody_else(house: House, tmp_path: Path) -> None:
    async with hostile_server(tmp_path) as source:
        source.gate = asyncio.Event()
        source.answers["/jwks.json"] = http(200, b"{}")
        guard = Guard(Openings.parse(["127.0.0.1"]), ca_file=source.ca_file)
        log = HouseLog()
        fetcher = GuardedFetcher(guard, log, resolver=Names({HOST: [["127.0.0.1"]]}, {443: source.port}))
        house.server = replace(house.server, remote_keys=FetchedKeys(fetcher, log))
        waiting = [asyncio.create_task(asked(house, FIRST)) for _ in range(20)]
        async with asyncio.timeout(20):
            while not source.connections:  # noqa: ASYNC110 - the source counts, and tells nobody
                await asyncio.sleep(0.005)
        assert [await is_another_let_in(house) for _ in range(20)] == [True] * 20
        assert not any(task.done() for task in waiting)
        source.gate.set()
        assert {answer.status for answer in await asyncio.gather(*waiting)} <= {401, 429}
        assert source.connections == 1
        assert log.of("keys.unavailable")
        await fetcher.close()


# covers: DCR-04
@pytest.mark.parametrize(
    "jwks_uri",
    [
        "http://client.example/jwks.json",
        "ftp://client.example/",
        "https://",
        "https://user@client.example/",
        "jwks",
    ],
)
def test_keys_stand_at_an_https_url_of_ordinary_form(jwks_uri: str) -> None:
    faults = client_faults(replace(PUBLISHED, jwks_uri=jwks_uri), OAUTH_2_1)
    assert [fault.field for fault in faults] == ["jwks_uri"]


# covers: DCR-04
def test_a_client_has_its_keys_in_one_place() -> None:
    both = replace(PUBLISHED, jwks=clients()["assertion"].jwks)
    assert [fault.message for fault in client_faults(both, OAUTH_2_1)] == [
        "a client has either jwks or jwks_uri (RFC 7591, 2)"
    ]
    neither = replace(PUBLISHED, jwks_uri=None)
    assert [fault.field for fault in client_faults(neither, OAUTH_2_1)] == ["jwks"]
    assert client_faults(PUBLISHED, OAUTH_2_1) == ()


def replace_kid(original: Jwk, kid: str) -> Jwk:
    return Jwk.parse({**original.as_private_dict(), "kid": kid})
