"""JWT access tokens and the status list that they name: who is revoked is told, everybody else lives on."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from support.house import API, NOW, House, build_house, claims_of, clients, document, end_users
from valetkey.adapters.statuses import LARGEST_BLOCK, RANGE, ReservedStatuses
from valetkey.authorization_server.audit import Origin
from valetkey.authorization_server.decision import (
    AddRefreshToken,
    Change,
    EndSession,
    PutClient,
    PutEndUser,
    RedeemCode,
    RevokeAuthorization,
    RotateRefreshToken,
)
from valetkey.authorization_server.model import AccessTokenFormat, PasswordHash
from valetkey.authorization_server.revocation.statuses import AssignStatus, AssignStatusBlock, ReserveStatusRange
from valetkey.jose import Verifier
from valetkey.jose.token_kinds import STATUS_LIST_TOKEN
from valetkey.oauth.http import HttpResponse
from valetkey.oauth.status_list import StatusList, StatusReference
from valetkey.oauth.types import AuthorizationId

MACHINE = {"grant_type": "client_credentials", "scope": "albums.read"}


@pytest.fixture
async def house() -> House:
    return await build_house()


def reference_of(token: str) -> StatusReference:
    reference = StatusReference.parse(claims_of(token))
    assert reference is not None
    return reference


async def listed(house: House, uri: str) -> HttpResponse:
    return await house.get(uri.removeprefix(house.server.issuer.url))


async def verified(house: House, uri: str) -> dict[str, Any]:
    verifier = Verifier(
        issuer=house.server.issuer.url,
        audience="nobody",
        typ=STATUS_LIST_TOKEN.typ,
        algorithms=["ES256"],
        kind=STATUS_LIST_TOKEN,
        maximum_octets=1 << 20,
    )
    text = (await listed(house, uri)).body.decode()
    return dict(verifier.verify(text, await house.server.signer.public_keys(), now=house.clock.now).claims)


async def is_revoked(house: House, token: str) -> bool:
    reference = reference_of(token)
    claims = await verified(house, reference.uri)
    return StatusList.parse(claims["status_list"]).status(reference.index) != 0


async def machine_token(house: House, client_id: str = "machine") -> str:
    response = await house.token(client_id, MACHINE)
    assert response.status == 200, response.body
    token: str = document(response)["access_token"]
    return token


@pytest.mark.requirement(
    "TSL-5.1/typ", "TSL-5.1/sub", "TSL-5.1/iat", "TSL-5.1/ttl", "TSL-5.1/status-list", "TSL-8.1/get"
)
@pytest.mark.requirement("TSL-8.2/content-type", "TSL-6.2/reference")
async def test_a_token_names_the_list_that_is_published(house: House) -> None:
    tokens = await house.tokens()
    reference = reference_of(tokens["access_token"])
    response = await listed(house, reference.uri)
    assert response.status == 200
    assert ("content-type", "application/statuslist+jwt") in response.headers
    claims = await verified(house, reference.uri)
    assert claims["sub"] == reference.uri
    assert (claims["iat"], claims["exp"], claims["ttl"]) == (NOW, NOW + 60, 5)
    assert claims["status_list"]["bits"] == 1


async def test_an_unknown_list_is_not_found(house: House) -> None:
    assert (await house.get("/status/unknown")).status == 404


async def kill(house: House, token: str, way: str) -> None:
    claims = claims_of(token)
    alice, web = end_users()["alice"], clients()["web"]
    deaths: dict[str, Change] = {
        "authorization": RevokeAuthorization(AuthorizationId(claims["authorization_id"]), house.clock.now),
        "password": PutEndUser(replace(alice, password_hash=PasswordHash("$argon2id$other"))),
        "end-user": PutEndUser(replace(alice, disabled=True)),
        "client": PutClient(replace(web, disabled=True)),
    }
    await house.commit(deaths[way])


# covers: INT-07
@pytest.mark.parametrize("way", ["authorization", "password", "end-user", "client"])
async def test_whatever_kills_what_a_token_hangs_off_revokes_the_token_and_no_other(house: House, way: str) -> None:
    token = (await house.tokens())["access_token"]
    bobs = (await house.tokens("spa", subject=end_users()["bob"].subject))["access_token"]
    machine = await machine_token(house)
    assert not await is_revoked(house, token)
    await kill(house, token, way)
    assert await is_revoked(house, token)
    assert not await is_revoked(house, bobs)
    assert not await is_revoked(house, machine)


async def test_the_end_of_a_session_revokes_what_is_bound_to_it_and_not_what_outlives_it(house: House) -> None:
    session = await house.session()
    bound = (await house.tokens(sid=session.sid, bound_to_session=True))["access_token"]
    free = (await house.tokens(sid=session.sid, bound_to_session=False))["access_token"]
    await house.commit(EndSession(session.sid, house.clock.now))
    assert await is_revoked(house, bound)
    assert not await is_revoked(house, free)


async def test_a_disabled_client_loses_its_own_tokens_and_those_after_it_is_enabled_again_live(
    house: House,
) -> None:
    before, others = await machine_token(house), await machine_token(house, "post")
    machine = clients()["machine"]
    await house.commit(PutClient(replace(machine, disabled=True)), PutClient(machine))
    after = await machine_token(house)
    assert await is_revoked(house, before)
    assert not await is_revoked(house, after)
    assert not await is_revoked(house, others)


async def test_a_refreshed_token_has_a_place_of_its_own_and_dies_with_the_family(house: House) -> None:
    tokens = await house.tokens()
    refreshed = document(await house.refresh(tokens["refresh_token"]))
    assert reference_of(refreshed["access_token"]) != reference_of(tokens["access_token"])
    # The chain is given back: what hangs off it dies with it.
    await house.post("/revoke", {"token": refreshed["refresh_token"]}, house.credentials("web")[1])
    assert await is_revoked(house, tokens["access_token"])
    assert await is_revoked(house, refreshed["access_token"])


# covers: REV-02
@pytest.mark.parametrize("client_id", ["web", "machine"])
async def test_an_access_token_that_is_given_back_is_revoked_alone(house: House, client_id: str) -> None:
    async def token() -> str:
        if client_id == "machine":
            return await machine_token(house)
        return str((await house.tokens())["access_token"])

    given_back, kept = await token(), await token()
    headers = house.credentials(client_id)[1]
    assert (await house.post("/revoke", {"token": given_back}, headers)).status == 200
    assert await is_revoked(house, given_back)
    assert not await is_revoked(house, kept)


async def test_an_opaque_token_has_no_status(house: House) -> None:
    await house.commit(PutClient(replace(clients()["machine"], access_token_format=AccessTokenFormat.OPAQUE)))
    assert (await machine_token(house)).startswith("vk_at_")
    assert await house.stores.status_lists.open(1, NOW) is None


async def test_the_same_list_is_given_again_until_it_changes(house: House) -> None:
    token = (await house.tokens())["access_token"]
    uri = reference_of(token).uri
    first = (await listed(house, uri)).body
    house.clock.advance(29)
    assert (await listed(house, uri)).body == first
    house.clock.advance(1)
    renewed = (await listed(house, uri)).body
    assert renewed != first
    await kill(house, token, "authorization")
    assert (await listed(house, uri)).body != renewed


class Counted:
    """The house's stores, with what was committed to them."""

    def __init__(self, stores: Any) -> None:
        self._stores = stores
        self.commits: list[list[type]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stores, name)

    async def commit(self, changes: Sequence[Change], origin: Origin | None = None) -> bool:
        self.commits.append([type(change) for change in changes])
        committed: bool = await self._stores.commit(changes, origin)
        return committed


async def test_no_token_costs_a_commit_of_its_own(house: House) -> None:
    counted = Counted(house.stores)
    house.server = replace(house.server, stores=counted, statuses=ReservedStatuses(counted))
    places = {reference_of(await machine_token(house)) for _ in range(200)}
    assert len(places) == 200
    # Blocks of 32, 64 and 128 places, out of one range.
    assert [one for one in counted.commits if one] == [[ReserveStatusRange], *[[AssignStatusBlock]] * 3]
    counted.commits.clear()
    tokens = document(await house.redeem(await house.code()))
    await house.refresh(tokens["refresh_token"])
    assert counted.commits == [[RedeemCode, AddRefreshToken, AssignStatus], [RotateRefreshToken, AssignStatus]]


async def test_two_processes_never_hand_out_the_same_place(house: House) -> None:
    processes = [ReservedStatuses(house.stores), ReservedStatuses(house.stores)]
    taken = [await process.take(house.clock.now, house.clock()) for _ in range(RANGE + 10) for process in processes]
    generations = await house.stores.clients.generations(clients()["machine"].client_id)
    taken += [
        await process.take_for_client(clients()["machine"].client_id, generations, house.clock.now, house.clock())
        for _ in range(LARGEST_BLOCK)
        for process in processes
    ]
    assert len(set(taken)) == len(taken)


async def test_a_place_is_no_clue_to_when_its_token_was_minted(house: House) -> None:
    statuses = ReservedStatuses(house.stores)
    indices = [(await statuses.take(house.clock.now, house.clock()))[1] for _ in range(500)]
    steps = [abs(later - earlier) for earlier, later in pairwise(indices)]
    # Neighbours in time would be one apart; at random, a third of the list on average.
    assert sorted(steps)[len(steps) // 20] > 500
    assert max(indices) > 100_000


@pytest.mark.requirement("TSL-6.2/reference")
async def test_the_audience_of_the_token_stays_what_it_was(house: House) -> None:
    assert claims_of(await machine_token(house))["aud"] == API
