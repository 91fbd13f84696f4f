"""The rules that all grants share, for each grant of the table: a new one has to say how it is used well."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest

from support.bearing import assertion, trusted
from support.device import answer
from support.exchanging import ACCESS_TOKEN
from support.house import (
    API,
    OTHER_API,
    PASSWORD,
    SECRET,
    Answer,
    House,
    basic,
    build_house,
    claims_of,
    clients,
    document,
)
from support.visitor import Visitor
from valetkey.authorization_server.decision import BumpGeneration, PutClient, PutTrustedIssuer
from valetkey.authorization_server.grants import GRANTS
from valetkey.authorization_server.model import Client, ExchangeRule
from valetkey.authorization_server.paths import TOKEN
from valetkey.authorization_server.routes import ROUTES, Cache
from valetkey.oauth.http import HttpResponse
from valetkey.oauth.pkce import challenge_of
from valetkey.oauth.types import ClientId, GrantType, Scope

pytestmark = pytest.mark.anyio

Form = dict[str, str | Iterable[str]]
SCOPE = Scope.parse("albums.read albums.write")
VERIFIER = "v" * 43


def everything(**changes: Any) -> Client:
    """Return a client that is registered for every grant."""
    client = replace(
        clients()["web"],
        client_id=ClientId("every"),
        grant_types=frozenset(GRANTS),
        scope=SCOPE,
        resources=(API,),
        profile="LEGACY",
        token_exchange=(ExchangeRule(ClientId("web"), (API,)),),
    )
    return replace(client, **changes)


async def _house() -> House:
    house = await build_house()
    await house.commit(PutClient(everything()), PutTrustedIssuer(trusted(clients=(ClientId("every"),))))
    return house


async def _code(house: House) -> Form:
    visitor = Visitor(house)
    told = {"redirect_uri": "https://web.example/callback", "scope": "albums.read", "nonce": None}
    sent = await visitor.granted("every", code_challenge=challenge_of(VERIFIER), **told)
    return {"code": sent["code"], "code_verifier": VERIFIER, "redirect_uri": "https://web.example/callback"}


async def _refresh(house: House) -> Form:
    form = {"grant_type": "authorization_code", **await _code(house)}
    return {"refresh_token": document(await _send(house, form))["refresh_token"]}


async def _nothing(house: House) -> Form:
    del house
    return {}


async def _exchange(house: House) -> Form:
    token = str((await house.tokens("web"))["access_token"])
    return {"subject_token": token, "subject_token_type": ACCESS_TOKEN}


async def _assertion(house: House) -> Form:
    return {"assertion": assertion(house)}


async def _password(house: House) -> Form:
    del house
    return {"username": "alice", "password": PASSWORD}


async def _device(house: House) -> Form:
    form = {"scope": "albums.read", "resource": API}
    started = document(await house.post("/device_authorization", form, basic("every", SECRET)))
    await answer(Visitor(house), started["user_code"])
    return {"device_code": started["device_code"]}


GOOD: dict[str, Callable[[House], Awaitable[Form]]] = {
    "authorization_code": _code,
    "client_credentials": _nothing,
    "refresh_token": _refresh,
    "urn:ietf:params:oauth:grant-type:token-exchange": _exchange,
    "urn:ietf:params:oauth:grant-type:jwt-bearer": _assertion,
    "password": _password,
    "urn:ietf:params:oauth:grant-type:device_code": _device,
}
NARROWS_BY_SCOPE = set(GOOD) - {"authorization_code", "urn:ietf:params:oauth:grant-type:device_code"}
OF_AN_END_USER = set(GOOD) - {"client_credentials"}


async def _send(house: House, form: Form, secret: str = SECRET) -> HttpResponse:
    return await house.post("/token", form, basic("every", secret))


async def _good(house: House, grant_type: str, **changes: str | Iterable[str]) -> Form:
    return {"grant_type": grant_type, **await GOOD[grant_type](house), **changes}


def _error(response: HttpResponse) -> tuple[int, str]:
    assert ("cache-control", "no-store") in response.headers
    assert "access_token" not in document(response)
    return response.status, document(response)["error"]


def test_every_grant_is_looked_at() -> None:
    assert set(GOOD) == set(GRANTS)


# covers: GRA-01
@pytest.mark.requirement("RFC6749-5.1/no-store")
@pytest.mark.parametrize("grant_type", GOOD)
async def test_what_is_asked_well_is_answered_and_kept_by_nobody(grant_type: str) -> None:
    house = await _house()
    response = await _send(house, await _good(house, grant_type))
    assert response.status == 200, response.body
    # The row of the endpoint says it for every answer.
    assert next(row for row in ROUTES if row.path == TOKEN).cache is Cache.NO_STORE
    claims = claims_of(document(response)["access_token"])
    assert (claims["client_id"], claims["aud"]) == ("every", API)
    assert claims["sub"] == ("sub-alice" if grant_type in OF_AN_END_USER else "every")


# covers: GRA-01
@pytest.mark.parametrize("grant_type", GOOD)
async def test_a_client_that_proves_nothing_gets_nothing_and_uses_nothing_up(grant_type: str) -> None:
    house = await _house()
    form = await _good(house, grant_type)
    assert _error(await _send(house, form, "wrong" * 10)) == (401, "invalid_client")
    assert _error(await house.post("/token", {**form, "client_id": "every"}, {})) == (401, "invalid_client")
    assert (await _send(house, form)).status == 200


# covers: GRA-01
@pytest.mark.parametrize("grant_type", GOOD)
async def test_a_grant_that_the_client_is_not_registered_for_is_not_its_own(grant_type: str) -> None:
    house = await _house()
    form = await _good(house, grant_type)
    await house.commit(PutClient(everything(grant_types=frozenset(GRANTS) - {GrantType(grant_type)})))
    assert _error(await _send(house, form)) == (400, "unauthorized_client")
    await house.commit(PutClient(everything()))
    assert (await _send(house, form)).status == 200


# covers: GRA-01
@pytest.mark.parametrize("grant_type", GOOD)
async def test_a_disabled_client_gets_nothing_and_what_was_under_way_is_gone(grant_type: str) -> None:
    house = await _house()
    form = await _good(house, grant_type)
    await house.commit(PutClient(everything(disabled=True)))
    assert _error(await _send(house, form)) == (401, "invalid_client")


# covers: GRA-01, HTP-05
@pytest.mark.parametrize("grant_type", GOOD)
async def test_no_parameter_comes_twice_but_those_that_may(grant_type: str) -> None:
    house = await _house()
    form = await _good(house, grant_type)
    grant = GRANTS[GrantType(grant_type)]
    for name in sorted({"grant_type", "scope", *grant.parameters} - grant.repeatable):
        twice = {**form, name: [str(form.get(name, "x"))] * 2}
        assert _error(await _send(house, twice)) == (400, "invalid_request"), name
    assert grant.repeatable <= grant.parameters
    assert (await _send(house, form)).status == 200


# covers: GRA-01
@pytest.mark.parametrize("grant_type", GOOD)
@pytest.mark.parametrize("resource", ["https://elsewhere.example", OTHER_API, "albums", API + "#x", API + "/"])
async def test_an_unknown_resource_is_no_target(grant_type: str, resource: str) -> None:
    house = await _house()
    assert _error(await _send(house, await _good(house, grant_type, resource=resource))) == (400, "invalid_target")


# covers: GRA-01
@pytest.mark.parametrize("grant_type", sorted(NARROWS_BY_SCOPE))
async def test_a_scope_that_the_client_may_not_have_is_refused(grant_type: str) -> None:
    house = await _house()
    for scope in ("orders.read", "albums.read nonsense"):
        assert _error(await _send(house, await _good(house, grant_type, scope=scope))) == (400, "invalid_scope")


# covers: GRA-01
@pytest.mark.parametrize("grant_type", GOOD)
async def test_a_scope_that_the_client_lost_is_not_given(grant_type: str) -> None:
    house = await _house()
    form = await _good(house, grant_type)
    await house.commit(PutClient(everything(scope=Scope.parse("albums.write"))))
    response = await _send(house, form)
    answered: Answer = document(response)
    assert "albums.read" not in str(answered.get("scope", "")).split(" ")


# covers: GRA-01
@pytest.mark.parametrize("kind", ["server", "tenant", "client", "subject"])
@pytest.mark.parametrize("grant_type", GOOD)
async def test_a_generation_that_moves_on_kills_what_was_issued(grant_type: str, kind: str) -> None:
    house = await _house()
    token = document(await _send(house, await _good(house, grant_type)))["access_token"]
    assert await _is_alive(house, token)
    name = {"client": "every", "subject": "sub-alice"}.get(kind, "")
    await house.commit(BumpGeneration(kind, name))
    is_its_own = kind == "subject" and grant_type not in OF_AN_END_USER
    assert await _is_alive(house, token) is is_its_own


# covers: GRA-01
@pytest.mark.parametrize("kind", ["server", "tenant", "client", "subject"])
@pytest.mark.parametrize(
    "grant_type", sorted(OF_AN_END_USER - {"password", "urn:ietf:params:oauth:grant-type:jwt-bearer"})
)
async def test_a_generation_that_moves_on_kills_what_is_under_way(grant_type: str, kind: str) -> None:
    house = await _house()
    form = await _good(house, grant_type)
    # The token that is exchanged is another client's.
    name = {"client": "web" if "subject_token" in form else "every", "subject": "sub-alice"}.get(kind, "")
    await house.commit(BumpGeneration(kind, name))
    status, error = _error(await _send(house, form))
    assert (status, error) in {(400, "invalid_grant"), (400, "invalid_request"), (400, "access_denied")}


# covers: GRA-01
@pytest.mark.parametrize("grant_type", GOOD)
async def test_an_end_user_who_is_called_like_the_client_is_not_the_client(grant_type: str) -> None:
    house = await _house()
    response = await _send(house, await _good(house, grant_type))
    said = document(await house.post("/introspect", {"token": document(response)["access_token"]}, _owner()))
    assert ("username" in said) is (grant_type in OF_AN_END_USER)


async def _is_alive(house: House, token: str) -> bool:
    said = document(await house.post("/introspect", {"token": token}, _owner()))
    return bool(said["active"])


def _owner() -> dict[str, str]:
    return basic("every", SECRET)
