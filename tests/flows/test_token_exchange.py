"""Token exchange over the whole server: what the new token says, for how long it lives, and with what it dies."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import pairwise

import pytest

from support.exchanging import (
    ACCESS_TOKEN,
    build_exchange,
    exchange,
    exchanged,
    gateway,
    introspected,
    own_token,
)
from support.house import API, OTHER_API, SECRET, House, basic, claims_of, document, end_users
from valetkey.authorization_server.decision import (
    BumpGeneration,
    EndSession,
    PutClient,
    PutEndUser,
    PutResource,
    RemoveClient,
    RevokeAuthorization,
)
from valetkey.authorization_server.model import AccessTokenFormat, ExchangeKind
from valetkey.authorization_server.revocation.publication import status_list
from valetkey.authorization_server.revocation.statuses import StatusListId
from valetkey.oauth.status_list import VALID, StatusReference
from valetkey.oauth.token_exchange import GRANT_TYPE, TokenType
from valetkey.oauth.types import AuthorizationId, SessionId

pytestmark = pytest.mark.anyio


async def _web(house: House, **changes: object) -> str:
    return str((await house.tokens("web", **changes))["access_token"])


@pytest.mark.requirement("RFC8693-2.2.1/issued-token-type")
async def test_a_gateway_gets_a_token_of_its_own_that_names_the_end_user_and_itself() -> None:
    house = await build_exchange()
    subject = claims_of(token := await _web(house))
    answer = await exchanged(house, token)
    claims = claims_of(answer["access_token"])
    assert answer["issued_token_type"] == ACCESS_TOKEN
    assert (answer["token_type"], answer["scope"]) == ("Bearer", "albums.read")
    assert "refresh_token" not in answer
    assert "id_token" not in answer
    assert (claims["sub"], claims["client_id"], claims["aud"]) == ("sub-alice", "gateway", API)
    assert claims["act"] == {"sub": "gateway", "client_id": "gateway"}
    same = ("authorization_id", "auth_time", "acr", "amr")
    assert [claims[name] for name in same] == [subject[name] for name in same]


async def test_the_log_tells_of_each_exchange() -> None:
    house = await build_exchange()
    await exchanged(house, await _web(house))
    [told] = house.log.of("token.issued")
    assert (told["client_id"], told["grant_type"]) == ("gateway", GRANT_TYPE)


async def test_an_impersonating_token_names_no_actor() -> None:
    house = await build_exchange(kind=ExchangeKind.IMPERSONATION)
    claims = claims_of((await exchanged(house, await _web(house)))["access_token"])
    assert "act" not in claims
    assert (claims["sub"], claims["client_id"]) == ("sub-alice", "gateway")


async def test_an_actor_token_names_who_acts() -> None:
    house = await build_exchange(kind=ExchangeKind.IMPERSONATION)
    support = await _web(house, subject=end_users()["bob"].subject)
    answer = await exchanged(house, await _web(house), actor_token=support, actor_token_type=ACCESS_TOKEN)
    assert claims_of(answer["access_token"])["act"] == {"sub": "sub-bob", "client_id": "web"}


async def test_a_client_can_prove_by_its_own_token_that_it_acts() -> None:
    house = await build_exchange()
    own = await own_token(house)
    answer = await exchanged(house, await _web(house), actor_token=own, actor_token_type=ACCESS_TOKEN)
    assert claims_of(answer["access_token"])["act"] == {"sub": "gateway", "client_id": "gateway"}


@pytest.mark.requirement("RFC8693-4.1/chain")
async def test_a_chain_of_exchanges_keeps_every_actor_and_ends_somewhere() -> None:
    names = ["gateway", "second", "third", "fourth", "fifth"]
    further = [gateway(name, before) for before, name in pairwise(names)]
    house = await build_exchange(*further)
    token = await _web(house)
    for name in names[:4]:
        token = (await exchanged(house, token, name))["access_token"]
    innermost = {"sub": "gateway", "client_id": "gateway"}
    chain = {"sub": "second", "client_id": "second", "act": innermost}
    chain = {"sub": "third", "client_id": "third", "act": chain}
    assert claims_of(token)["act"] == {"sub": "fourth", "client_id": "fourth", "act": chain}
    refusal = await exchange(house, token, "fifth")
    assert (refusal.status, document(refusal)["error"]) == (400, "invalid_request")


async def test_the_new_token_never_outlives_the_one_presented() -> None:
    house = await build_exchange()
    token = await _web(house)
    house.clock.advance(280)
    answer = await exchanged(house, token)
    assert answer["expires_in"] == 20
    assert claims_of(answer["access_token"])["exp"] == claims_of(token)["exp"]


async def test_the_new_token_never_outlives_its_actors() -> None:
    house = await build_exchange()
    own = await own_token(house)
    house.clock.advance(200)
    answer = await exchanged(house, await _web(house), actor_token=own, actor_token_type=ACCESS_TOKEN)
    assert answer["expires_in"] == 100


@pytest.mark.requirement("RFC8693-2.1/targets")
async def test_resource_and_audience_may_both_repeat_and_name_what_the_token_is_for() -> None:
    house = await build_exchange()
    token = await _web(house, scope=gateway().scope, resources=(API, OTHER_API))
    answer = await exchanged(house, token, resource=[API], audience=[OTHER_API, API])
    assert claims_of(answer["access_token"])["aud"] == [API, OTHER_API]
    assert answer["scope"] == "albums.read albums.write orders.read"


async def test_a_token_for_another_resource_has_only_the_scopes_of_that_resource() -> None:
    house = await build_exchange()
    token = await _web(house, scope=gateway().scope, resources=(API, OTHER_API))
    answer = await exchanged(house, token, audience=OTHER_API)
    assert (claims_of(answer["access_token"])["aud"], answer["scope"]) == (OTHER_API, "orders.read")


async def test_opaque_tokens_are_exchanged_and_issued_like_signed_ones() -> None:
    house = await build_exchange()
    [albums] = [one for one in await house.stores.resources.list() if one.identifier == API]
    await house.commit(PutResource(replace(albums, access_token_format=AccessTokenFormat.OPAQUE)))
    token = await _web(house)
    answer = await exchanged(house, token)
    assert token.startswith("vk_at_")
    assert answer["access_token"].startswith("vk_at_")
    said = await introspected(house, answer["access_token"])
    assert (said["active"], said["sub"], said["act"]["sub"]) == (True, "sub-alice", "gateway")
    refusal = await exchange(house, token, requested_token_type=TokenType.JWT.value)
    assert document(refusal)["error"] == "invalid_request"


async def test_a_jwt_can_be_asked_for_and_presented_by_that_name() -> None:
    house = await build_exchange()
    jwt = TokenType.JWT.value
    answer = await exchanged(house, await _web(house), subject_token_type=jwt, requested_token_type=jwt)
    assert answer["issued_token_type"] == jwt
    assert claims_of(answer["access_token"])["sub"] == "sub-alice"


async def test_introspection_tells_the_actor_and_keeps_the_counters_to_itself() -> None:
    house = await build_exchange()
    token = (await exchanged(house, await _web(house)))["access_token"]
    said = await introspected(house, token)
    assert said["active"] is True
    assert (said["username"], said["client_id"], said["act"]["sub"]) == ("alice", "gateway", "gateway")
    assert said.keys().isdisjoint({"gen", "status", "exchanged_from"})
    assert await introspected(house, token, "web") == {"active": False}


async def test_its_client_can_revoke_the_new_token_and_nothing_else_dies() -> None:
    house = await build_exchange()
    subject = await _web(house)
    token, sibling = [(await exchanged(house, subject))["access_token"] for _ in range(2)]
    assert (await house.post("/revoke", {"token": token}, basic("web", SECRET))).status == 400
    assert await _is_alive(house, token)
    assert (await house.post("/revoke", {"token": token}, basic("gateway", SECRET))).status == 200
    assert not await _is_alive(house, token)
    assert await _is_alive(house, sibling)
    assert (await introspected(house, subject, "web"))["active"]


Kill = Callable[[House, str], Awaitable[None]]


async def _authorization(house: House, token: str) -> None:
    authorization_id = AuthorizationId(claims_of(token)["authorization_id"])
    await house.commit(RevokeAuthorization(authorization_id, house.clock.now))


async def _password(house: House, token: str) -> None:
    del token
    await house.commit(BumpGeneration("subject", "sub-alice"))


async def _end_user_disabled(house: House, token: str) -> None:
    del token
    await house.commit(PutEndUser(replace(end_users()["alice"], disabled=True)))


async def _gateway_disabled(house: House, token: str) -> None:
    del token
    await house.commit(PutClient(replace(gateway(), disabled=True)))


async def _gateway_revoked(house: House, token: str) -> None:
    del token
    await house.commit(BumpGeneration("client", "gateway"))


async def _gateway_removed(house: House, token: str) -> None:
    del token
    await house.commit(RemoveClient(gateway().client_id))


async def _web_revoked(house: House, token: str) -> None:
    del token
    await house.commit(BumpGeneration("client", "web"))


async def _everything(house: House, token: str) -> None:
    del token
    await house.commit(BumpGeneration("server", ""))


KILLS = [
    _authorization,
    _password,
    _end_user_disabled,
    _gateway_disabled,
    _gateway_revoked,
    _gateway_removed,
    _web_revoked,
    _everything,
]


@pytest.mark.parametrize("kill", KILLS)
async def test_the_new_token_dies_here_and_in_the_status_list_with(kill: Kill) -> None:
    house = await build_exchange(gateway("other"))
    subject = await _web(house)
    token = (await exchanged(house, subject))["access_token"]
    assert await _is_alive(house, token)
    assert not await _is_listed(house, token)
    await kill(house, token)
    assert not await _is_alive(house, token)
    assert await _is_listed(house, token)


async def test_the_new_token_dies_with_the_session_that_the_subject_token_is_bound_to() -> None:
    house = await build_exchange()
    await house.session()
    subject = await _web(house, sid=SessionId("session-1"), bound_to_session=True)
    token = (await exchanged(house, subject))["access_token"]
    assert claims_of(token)["sid"] == "session-1"
    assert await _is_alive(house, token)
    await house.commit(EndSession(SessionId("session-1"), house.clock.now))
    assert not await _is_alive(house, token)
    assert await _is_listed(house, token)


async def _is_alive(house: House, token: str) -> bool:
    """Ask by a client of which the kills leave the credentials alone: its own resource server."""
    [albums] = [one for one in await house.stores.resources.list() if one.identifier == API]
    await house.commit(PutResource(replace(albums, introspection_client_ids=(gateway("machine").client_id,))))
    said = await introspected(house, token, "machine")
    return bool(said["active"])


async def _is_listed(house: House, token: str) -> bool:
    reference = StatusReference.parse(claims_of(token))
    assert reference is not None
    list_id = StatusListId(reference.uri.rpartition("/")[2])
    found = await house.server.stores.status_lists.find(list_id, house.clock.now)
    assert found is not None
    return status_list(found).status(reference.index) != VALID
