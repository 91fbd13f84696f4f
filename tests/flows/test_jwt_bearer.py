"""Assertions of a trusted issuer over the whole server: whom they mean, what they buy, and with what that dies."""

from dataclasses import replace

import pytest

from support.bearing import THEIR_KEYS, assertion, bear, borne, build_bearer, their_key
from support.house import API, SECRET, House, basic, claims_of, document, end_users
from valetkey.authorization_server.decision import BumpGeneration, PutEndUser, WithdrawConsent
from valetkey.authorization_server.trusted_issuer import SubjectMatch
from valetkey.jose import Jwk, JwkSet
from valetkey.oauth.types import ClientId, Subject

pytestmark = pytest.mark.anyio


@pytest.mark.requirement("RFC7521-4.1/assertion")
async def test_an_assertion_buys_a_token_for_the_end_user_that_it_means() -> None:
    house = await build_bearer()
    answer = await borne(house, assertion(house))
    claims = claims_of(answer["access_token"])
    assert (claims["sub"], claims["client_id"], claims["aud"]) == ("sub-alice", "importer", API)
    assert answer["scope"] == "albums.read"
    assert claims.keys().isdisjoint({"auth_time", "acr", "amr", "sid"})
    assert answer.keys() == {"access_token", "token_type", "expires_in", "scope"}


async def test_a_sign_in_that_the_issuer_tells_of_stands_in_the_token() -> None:
    house = await build_bearer()
    at = house.clock.now - 100
    token = (await borne(house, assertion(house, {"auth_time": at})))["access_token"]
    assert claims_of(token)["auth_time"] == at
    token = (await borne(house, assertion(house, {"auth_time": house.clock.now + 100})))["access_token"]
    assert "auth_time" not in claims_of(token)


@pytest.mark.parametrize(
    ("match", "claim", "value"),
    [
        (SubjectMatch.SUBJECT, "sub", "sub-alice"),
        (SubjectMatch.USERNAME, "upn", "ALICE"),
        (SubjectMatch.EMAIL, "email", "Alice@example.COM"),
    ],
)
async def test_a_claim_can_name_an_end_user_of_ours(match: SubjectMatch, claim: str, value: str) -> None:
    house = await build_bearer(subject_match=match, subject_claim=claim, subjects={})
    told = {"sub": "somebody", claim: value, "email_verified": True}
    assert claims_of((await borne(house, assertion(house, told)))["access_token"])["sub"] == "sub-alice"


async def test_an_address_means_nobody_unless_both_sides_have_verified_it_and_one_has_it() -> None:
    house = await build_bearer(subject_match=SubjectMatch.EMAIL, subject_claim="email", subjects={})

    async def is_good(**changes: object) -> bool:
        told = {"email": "alice@example.com", "email_verified": True} | changes
        return (await bear(house, assertion(house, told))).status == 200

    assert await is_good()
    assert not await is_good(email_verified=None)
    assert not await is_good(email_verified="true")
    await house.commit(PutEndUser(replace(end_users()["alice"], email_verified=False)))
    assert not await is_good()
    twin = replace(end_users()["alice"], subject=Subject("twin"), username="twin")
    await house.commit(PutEndUser(end_users()["alice"]), PutEndUser(twin))
    assert not await is_good()


async def test_the_keys_of_an_issuer_are_fetched_where_it_publishes_them() -> None:
    house = await build_bearer(jwks=None, jwks_uri=THEIR_KEYS)
    refused = await bear(house, told := assertion(house))
    assert (refused.status, document(refused)["error"]) == (400, "invalid_grant")
    house.outside.publish_keys(THEIR_KEYS, JwkSet((their_key(),)))
    house.clock.advance(30)
    assert (await bear(house, told)).status == 200


async def test_a_key_that_an_issuer_rotated_to_is_believed() -> None:
    house = await build_bearer(jwks=None, jwks_uri=THEIR_KEYS)
    house.outside.publish_keys(THEIR_KEYS, JwkSet((their_key(),)))
    await borne(house, assertion(house))
    new = Jwk.generate("ES256", kid="new")
    house.outside.publish_keys(THEIR_KEYS, JwkSet((their_key(), new)))
    house.clock.advance(60)
    await borne(house, assertion(house, key=new))


async def test_the_token_is_listed_for_its_end_user_and_can_be_withdrawn() -> None:
    house = await build_bearer()
    token = (await borne(house, assertion(house)))["access_token"]
    [listed] = await house.stores.authorizations.of(Subject("sub-alice"))
    assert listed.authorization.authorization_id == claims_of(token)["authorization_id"]
    await house.commit(WithdrawConsent(Subject("sub-alice"), ClientId("importer"), house.clock.now))
    assert await house.stores.authorizations.of(Subject("sub-alice")) == []


@pytest.mark.parametrize("kind", ["subject", "client", "server"])
async def test_the_token_dies_with_the_generations(kind: str) -> None:
    house = await build_bearer()
    token = (await borne(house, assertion(house)))["access_token"]
    assert await _is_alive(house, token)
    name = {"subject": "sub-alice", "client": "importer", "server": ""}[kind]
    await house.commit(BumpGeneration(kind, name))
    assert not await _is_alive(house, token)


async def _is_alive(house: House, token: str) -> bool:
    said = document(await house.post("/introspect", {"token": token}, basic("importer", SECRET)))
    return bool(said["active"])
