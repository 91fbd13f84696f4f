"""What a replay kills is dead also for whoever verifies a JWT alone: in the status list and in the live feed."""

import pytest

from attacks.test_gra_every_grant import GOOD, everything
from flows.test_status_lists import is_revoked
from support.bearing import trusted
from support.feeding import feeding_house, revocations
from support.house import SECRET, House, basic, claims_of, document
from valetkey.authorization_server.decision import PutClient, PutTrustedIssuer
from valetkey.oauth.http import HttpResponse
from valetkey.oauth.security_event import RevokedKind
from valetkey.oauth.types import ClientId

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"


@pytest.fixture
async def house() -> House:
    found = await feeding_house()
    await found.commit(PutClient(everything()), PutTrustedIssuer(trusted(clients=(ClientId("every"),))))
    return found


async def send(house: House, form: object) -> HttpResponse:
    return await house.post("/token", form, basic("every", SECRET))  # type: ignore[arg-type]  # as GOOD makes them


# covers: COD-01, REF-01, DEV-03
@pytest.mark.requirement("RFC6749-4.1.2/single-use", "RFC9700-4.14.2/reuse")
@pytest.mark.parametrize("grant_type", ["authorization_code", "refresh_token", DEVICE_CODE])
async def test_all_that_was_bought_is_listed_and_told(house: House, grant_type: str) -> None:
    form = {"grant_type": grant_type, **await GOOD[grant_type](house)}
    first = document(await send(house, form))
    again = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    tokens = [first["access_token"], document(await send(house, again))["access_token"]]
    bystander = document(await send(house, {"grant_type": grant_type, **await GOOD[grant_type](house)}))
    assert [await is_revoked(house, token) for token in tokens] == [False, False]

    assert document(await send(house, form))["error"] == "invalid_grant"

    assert [await is_revoked(house, token) for token in tokens] == [True, True]
    assert not await is_revoked(house, bystander["access_token"])
    (told,) = await revocations(house)
    assert (told.kind, told.handle) == (RevokedKind.AUTHORIZATION, claims_of(tokens[0])["authorization_id"])


# covers: TEX-05
async def test_an_assertion_that_comes_again_kills_nothing(house: House) -> None:
    grant_type = "urn:ietf:params:oauth:grant-type:jwt-bearer"
    form = {"grant_type": grant_type, **await GOOD[grant_type](house)}
    token = document(await send(house, form))["access_token"]
    assert document(await send(house, form))["error"] == "invalid_grant"
    assert not await is_revoked(house, token)
    assert await revocations(house) == []
