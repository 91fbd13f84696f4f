"""Our signals as a receiver of another make takes them: by the published keys alone, with joserfc and jwcrypto."""

import json
from typing import Any, cast

import pytest
from joserfc import jwt as other_jwt
from joserfc.jwk import KeySet
from jwcrypto.jwk import JWKSet  # type: ignore[import-untyped]  # it has no types
from jwcrypto.jwt import JWT  # type: ignore[import-untyped]  # it ships no types

from support.house import ISSUER, House, document
from support.signalling import Receiver, change_password, grant, signalling_house
from valetkey.oauth.security_event import CREDENTIAL_CHANGE, SESSION_REVOKED


@pytest.fixture
async def told() -> tuple[House, dict[str, str]]:
    house = await signalling_house()
    await grant(house)
    receiver = Receiver(house)
    stream = await receiver.create()
    await change_password(house)
    return house, await receiver.poll(stream)


async def published(house: House) -> dict[str, Any]:
    metadata = document(await house.get("/.well-known/ssf-configuration"))
    assert metadata["jwks_uri"] == ISSUER.url + "/jwks.json"
    return document(await house.get("/jwks.json"))


async def test_joserfc_reads_what_was_polled(told: tuple[House, dict[str, str]]) -> None:
    house, tokens = told
    keys = KeySet.import_key_set(cast("Any", await published(house)))
    found = [other_jwt.decode(token, keys, algorithms=["RS256"]) for token in tokens.values()]
    assert [one.header["typ"] for one in found] == ["secevent+jwt"] * 2
    assert [next(iter(one.claims["events"])) for one in found] == [CREDENTIAL_CHANGE, SESSION_REVOKED]


async def test_jwcrypto_reads_what_was_polled(told: tuple[House, dict[str, str]]) -> None:
    house, tokens = told
    keys = JWKSet.from_json(json.dumps(await published(house)))
    for token_id, token in tokens.items():
        read = JWT(jwt=token, key=keys, algs=["RS256"], expected_type="JWS")
        assert json.loads(read.claims)["jti"] == token_id
