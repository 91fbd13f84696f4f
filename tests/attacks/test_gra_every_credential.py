"""Whatever is redeemed at the token endpoint, for each grant: stolen, raced for, foreign, dead, or in an outage."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from attacks.test_cli_one_method import client_by, credentials
from attacks.test_gra_every_grant import GOOD, everything
from flows.test_token_races import meeting
from support.bearing import trusted
from support.house import SECRET, House, basic, build_house, clients, document, end_users
from valetkey.adapters.storage.memory.storage import MemoryStorage
from valetkey.authorization_server.audit import Origin
from valetkey.authorization_server.client_authentication import METHODS
from valetkey.authorization_server.decision import (
    BumpGeneration,
    Change,
    PutClient,
    PutEndUser,
    PutTrustedIssuer,
    RemoveClient,
    RemoveEndUser,
    WithdrawConsent,
)
from valetkey.authorization_server.grants import GRANTS
from valetkey.authorization_server.model import AuthenticationMethod
from valetkey.oauth.errors import Unavailable
from valetkey.oauth.http import HttpResponse
from valetkey.oauth.types import ClientId, Issuer, TenantId

Form = dict[str, str | Iterable[str]]

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
OF_ONE_CLIENT = ("authorization_code", "refresh_token", DEVICE_CODE, TOKEN_EXCHANGE, JWT_BEARER)
"""What was issued to one client, or is listed for one."""
GOOD_ONCE = ("authorization_code", "refresh_token", DEVICE_CODE, JWT_BEARER)
GRANTED_BEFORE = ("authorization_code", "refresh_token", DEVICE_CODE, TOKEN_EXCHANGE)
"""What hangs off something that an end-user granted, and dies with it."""
ALICE = end_users()["alice"]


async def build(storage: MemoryStorage | None = None, tenant: str = "default") -> House:
    """Return a house with a client for every grant."""
    issuer = Issuer("https://as.example" if tenant == "default" else f"https://{tenant}.example")
    house = await build_house(issuer=issuer, tenant_id=TenantId(tenant), storage=storage)
    await house.commit(PutClient(everything()), PutTrustedIssuer(trusted(clients=(ClientId("every"),))))
    return house


async def good(house: House, grant_type: str) -> Form:
    return {"grant_type": grant_type, **await GOOD[grant_type](house)}


async def send(house: House, form: Form) -> HttpResponse:
    return await house.post("/token", form, basic("every", SECRET))


def refused(response: HttpResponse) -> tuple[int, str]:
    found = document(response)
    assert "access_token" not in found
    assert response.header("cache-control") == "no-store"
    return response.status, str(found["error"])


# covers: COD-03, REF-05, DEV-03, TEX-02, TEX-05
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("grant_type", OF_ONE_CLIENT)
async def test_what_is_one_clients_is_worth_nothing_to_another_and_stays_good(
    grant_type: str, method: AuthenticationMethod
) -> None:
    house = await build()
    thief = replace(client_by(method, house), grant_types=frozenset(GRANTS), profile="LEGACY")
    await house.commit(PutClient(thief))
    form = await good(house, grant_type)
    proof, headers = credentials(house, thief, method)
    found = refused(await house.post("/token", {**form, **proof}, headers))
    assert found == (400, "unauthorized_client" if grant_type == TOKEN_EXCHANGE else "invalid_grant")
    # A stolen code shown by its thief is no replay: it stays redeemable, by its client alone.
    assert (await send(house, form)).status == 200


CAUSES: dict[str, tuple[Callable[[], Sequence[Change]], tuple[str, ...]]] = {
    "end-user disabled": (lambda: [PutEndUser(replace(ALICE, disabled=True))], (*OF_ONE_CLIENT, "password")),
    "end-user removed": (lambda: [RemoveEndUser(ALICE.subject, ALICE.updated_at)], (*OF_ONE_CLIENT, "password")),
    "password changed or reset": (lambda: [BumpGeneration("subject", ALICE.subject)], GRANTED_BEFORE),
    "consent withdrawn": (
        lambda: [
            WithdrawConsent(ALICE.subject, ClientId("every"), ALICE.updated_at),
            WithdrawConsent(ALICE.subject, ClientId("web"), ALICE.updated_at),
        ],
        GRANTED_BEFORE,
    ),
    "client disabled": (lambda: [PutClient(everything(disabled=True))], tuple(GOOD)),
    "client removed": (lambda: [RemoveClient(ClientId("every"))], tuple(GOOD)),
    "client disabled and enabled again": (
        lambda: [PutClient(everything(disabled=True)), PutClient(everything())],
        ("authorization_code", "refresh_token", DEVICE_CODE),
    ),
    "whose token it was, disabled": (
        lambda: [PutClient(replace(clients()["web"], disabled=True))],
        (TOKEN_EXCHANGE,),
    ),
}
"""What happens, and the grants whose credentials die of it."""


# covers: REF-07, DEV-06, TEX-01, TEX-05
@pytest.mark.requirement("RFC6749-5.2/revoked")
@pytest.mark.parametrize(("cause", "grant_type"), [(cause, one) for cause in CAUSES for one in CAUSES[cause][1]])
async def test_the_very_next_redemption_obeys(cause: str, grant_type: str) -> None:
    house = await build()
    form = await good(house, grant_type)
    changes, _ = CAUSES[cause]
    for change in changes():
        await house.commit(change)
    error = refused(await send(house, form))
    assert error in {
        (400, "invalid_grant"),
        (400, "access_denied"),
        (400, "invalid_request"),
        (401, "invalid_client"),
    }
    assert (error == (401, "invalid_client")) is (cause in {"client disabled", "client removed"})
    assert (error == (400, "invalid_request")) <= (grant_type == TOKEN_EXCHANGE)
    assert (error == (400, "access_denied")) <= (grant_type == DEVICE_CODE)


# covers: COD-02, REF-02, DEV-03, TEX-05
@pytest.mark.requirement("RFC6749-4.1.2/single-use")
@pytest.mark.parametrize("grant_type", GOOD_ONCE)
async def test_fifty_that_were_all_judged_before_any_of_them_is_committed_have_one_winner(grant_type: str) -> None:
    house = await build()
    form = await good(house, grant_type)
    crowd = meeting(house, 50)
    responses = await asyncio.gather(*(send(crowd, form) for _ in range(50)))
    answers = {response.body for response in responses if response.status == 200}
    (answer,) = answers
    if grant_type == "refresh_token":
        assert {response.status for response in responses} == {200}
        return
    assert Counter(response.status for response in responses) == {200: 1, 400: 49}
    assert {document(one)["error"] for one in responses if one.status == 400} == {"invalid_grant"}
    # An assertion that comes again tells of no theft: its issuer made it for whoever presents it.
    token = document(next(one for one in responses if one.body == answer))["access_token"]
    said = document(await house.post("/introspect", {"token": token}, basic("every", SECRET)))
    assert said["active"] is (grant_type == JWT_BEARER)


class FailingStores:
    """The stores of a house whose disk is full, or whose file is gone."""

    def __init__(self, house: House) -> None:
        self._stores = house.stores
        self.commits = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stores, name)

    async def commit(self, changes: Sequence[Change], origin: Origin | None = None) -> bool:
        del origin
        if changes:
            self.commits += 1
            raise Unavailable("the store")
        return True


# covers: FLT-03
@pytest.mark.parametrize("grant_type", GOOD)
async def test_a_store_that_cannot_write_is_an_outage_that_uses_nothing_up(grant_type: str) -> None:
    house = await build()
    form = await good(house, grant_type)
    stores = FailingStores(house)
    response = await send(replace(house, server=replace(house.server, stores=stores)), form)
    if stores.commits == 0:
        # Nothing had to be written.
        assert (response.status, grant_type) in {(200, "client_credentials"), (200, TOKEN_EXCHANGE)}
        return
    assert refused(response) == (503, "temporarily_unavailable")
    assert int(response.header("retry-after") or 0) > 0
    assert (await send(house, form)).status == 200


# covers: COD-03, REF-05, DEV-03, TEX-01, TEX-05
@pytest.mark.parametrize("grant_type", OF_ONE_CLIENT)
async def test_what_one_tenant_issued_is_unknown_to_another_on_the_same_database(grant_type: str) -> None:
    storage = MemoryStorage()
    here, there = await build(storage), await build(storage, "acme")
    there.clock.drawn = 100_000
    form = await good(here, grant_type)
    assert refused(await send(there, form)) == (
        400,
        "invalid_request" if grant_type == TOKEN_EXCHANGE else "invalid_grant",
    )
    assert (await send(here, form)).status == 200
    assert (await send(there, await good(there, grant_type))).status == 200


# covers: INT-03, REV-01, REV-02
@pytest.mark.parametrize("name", ["access_token", "refresh_token"])
async def test_a_token_of_another_tenant_is_inactive_and_is_not_given_back(name: str) -> None:
    storage = MemoryStorage()
    here, there = await build(storage), await build(storage, "acme")
    there.clock.drawn = 100_000
    token = document(await send(here, await good(here, "authorization_code")))[name]
    form, proof = {"token": token}, basic("every", SECRET)
    unknown = await there.post("/introspect", {"token": "vk_at_" + "x" * 43}, proof)
    found = await there.post("/introspect", form, proof)
    assert (found.status, found.headers, found.body) == (200, unknown.headers, b'{"active":false}')
    assert (await there.post("/revoke", form, proof)).status == 200
    assert document(await here.post("/introspect", form, proof))["active"] is True
