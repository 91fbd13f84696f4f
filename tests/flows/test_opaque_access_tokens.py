"""Opaque access tokens from their grant to UserInfo: one commit, no claims to read, dead at once."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from support.house import (
    API,
    NOW,
    House,
    build_house,
    claims_of,
    clients,
    digest_of,
    document,
    resources,
)
from valetkey.authorization_server.audit import Origin
from valetkey.authorization_server.decision import (
    AddAccessToken,
    BumpGeneration,
    Change,
    EndSession,
    PutClient,
    PutResource,
    RevokeAccessToken,
    RevokeAuthorization,
)
from valetkey.authorization_server.model import AccessTokenFormat
from valetkey.oauth.types import AuthorizationId, Scope, SessionId

OWN = {"grant_type": "client_credentials", "resource": API}
OPAQUE = AccessTokenFormat.OPAQUE


@pytest.fixture
async def house() -> House:
    house = await build_house()
    await house.commit(PutResource(replace(resources()[0], access_token_format=OPAQUE)))
    return house


class Journal:
    """The stores of a house, with a list of what was committed."""

    def __init__(self, house: House) -> None:
        self._stores = house.stores
        self.commits: list[Sequence[Change]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stores, name)

    async def commit(self, changes: Sequence[Change], origin: Origin | None = None) -> bool:
        if changes:
            self.commits.append(changes)
        return await self._stores.commit(changes, origin)


def watched(house: House) -> tuple[House, Journal]:
    journal = Journal(house)
    return replace(house, server=replace(house.server, stores=journal)), journal


async def test_the_token_is_prefixed_and_kept_only_as_a_digest_with_its_claims(house: House) -> None:
    answer = await house.tokens()
    token = answer["access_token"]
    assert token.startswith("vk_at_")
    assert len(token) == len("vk_at_") + 43
    known = await house.stores.access_tokens.find(digest_of(token))
    assert known is not None
    assert known.expires_at == house.clock.now + answer["expires_in"]
    assert (known.claims["client_id"], known.claims["gen"]) == ("web", [0, 0, 0, 0])
    assert token not in repr(known)


async def test_a_code_buys_it_with_the_one_commit_of_its_redemption(house: House) -> None:
    busy, journal = watched(house)
    assert (await busy.redeem(await house.code())).status == 200
    (changes,) = journal.commits
    assert [type(change).__name__ for change in changes] == ["RedeemCode", "AddRefreshToken", "AddAccessToken"]


async def test_a_client_buys_its_own_with_one_commit_and_a_jwt_with_none(house: House) -> None:
    busy, journal = watched(house)
    assert (await busy.token("machine", OWN)).status == 200
    assert [[type(change) for change in changes] for changes in journal.commits] == [[AddAccessToken]]
    await house.commit(PutClient(replace(clients()["machine"], access_token_format=AccessTokenFormat.JWT)))
    answer = document(await busy.token("machine", OWN))
    assert answer["access_token"].count(".") == 2
    assert len(journal.commits) == 1


async def test_a_client_overrides_its_resources() -> None:
    house = await build_house()
    await house.commit(PutClient(replace(clients()["web"], access_token_format=OPAQUE)))
    assert (await house.tokens())["access_token"].startswith("vk_at_")
    assert "." in (await house.tokens("spa"))["access_token"]


async def test_a_replayed_refresh_gets_the_same_opaque_token_again(house: House) -> None:
    answer = await house.tokens()
    first = await house.refresh(answer["refresh_token"])
    assert (await house.refresh(answer["refresh_token"])).body == first.body
    other = document(await house.refresh(answer["refresh_token"], scope="openid"))
    assert other["access_token"] != document(first)["access_token"]
    for good in (document(first), other):
        assert (await house.bearer(good["access_token"])).status == 200


async def test_userinfo_takes_it_until_its_last_second(house: House) -> None:
    token = (await house.tokens())["access_token"]
    assert document(await house.bearer(token))["sub"] == "sub-alice"
    house.clock.advance(299)
    assert (await house.bearer(token)).status == 200
    house.clock.advance(1)
    assert (await house.bearer(token)).status == 401


# covers: USR-01
async def test_userinfo_refuses_one_for_another_audience_or_of_a_client_itself(house: House) -> None:
    elsewhere = await house.tokens(scope=Scope.parse("albums.read"))
    assert (await house.bearer(elsewhere["access_token"])).status == 401
    machine = document(await house.token("machine", OWN))
    assert (await house.bearer(machine["access_token"])).status == 401
    assert (await house.bearer("vk_at_" + "x" * 43)).status == 401


@pytest.mark.parametrize(
    "kill",
    [
        BumpGeneration("subject", "sub-alice"),
        BumpGeneration("client", "web"),
        BumpGeneration("tenant", ""),
        BumpGeneration("server", ""),
        EndSession(SessionId("session-1"), NOW),
        None,
    ],
    ids=str,
)
async def test_whatever_it_hangs_off_takes_it_along(house: House, kill: Change | None) -> None:
    session = await house.session()
    token = (await house.tokens(sid=session.sid, bound_to_session=True))["access_token"]
    assert (await house.bearer(token)).status == 200
    known = await house.stores.access_tokens.find(digest_of(token))
    assert known is not None
    authorization_id = AuthorizationId(str(known.claims["authorization_id"]))
    await house.commit(kill or RevokeAuthorization(authorization_id, NOW))
    assert (await house.bearer(token)).status == 401


async def test_a_session_that_timed_out_takes_it_along(house: House) -> None:
    session = await house.session()
    house.clock.advance(8 * 3_600 - 100)
    token = (await house.tokens(sid=session.sid, bound_to_session=True))["access_token"]
    assert (await house.bearer(token)).status == 200
    house.clock.advance(100)
    assert (await house.bearer(token)).status == 401


@pytest.mark.parametrize("written", AccessTokenFormat)
async def test_one_that_was_revoked_by_itself_is_dead_and_its_siblings_live(written: AccessTokenFormat) -> None:
    house = await build_house()
    await house.commit(PutResource(replace(resources()[0], access_token_format=written)))
    answer = await house.tokens()
    sibling = document(await house.refresh(answer["refresh_token"]))
    known = await house.stores.access_tokens.find(digest_of(answer["access_token"]))
    jti = claims_of(answer["access_token"])["jti"] if known is None else known.claims["jti"]
    await house.commit(RevokeAccessToken(digest_of(str(jti)), house.clock.now))
    assert (await house.bearer(answer["access_token"])).status == 401
    assert (await house.bearer(sibling["access_token"])).status == 200


async def test_the_log_tells_of_a_clients_own_token_in_either_format(house: House) -> None:
    assert (await house.token("machine", OWN)).status == 200
    [told] = house.log.of("token.issued")
    assert (told["client_id"], told["grant_type"]) == ("machine", "client_credentials")
