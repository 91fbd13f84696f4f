"""What a client that registered itself gets by replacing its own metadata: nothing that was not its own to say."""

from dataclasses import replace

import pytest

from support.house import House, build_house, document
from support.registering import METADATA, PUBLIC, registered
from support.visitor import Visitor, consent_page, location_of
from valetkey.administration.clients import ClientFields, change_client
from valetkey.authorization_server.audit import AuditQuestion
from valetkey.authorization_server.decision import PutClient
from valetkey.authorization_server.model import Client, RegistrationMode
from valetkey.oauth.types import ClientId, GrantType, NumericDate, Scope


@pytest.fixture
async def house() -> House:
    return await build_house(registration=RegistrationMode.OPEN)


def place(answer: dict[str, object]) -> str:
    return str(answer["registration_client_uri"]).removeprefix("https://as.example")


async def held_of(house: House, answer: dict[str, object]) -> Client:
    held = await house.stores.clients.find(ClientId(str(answer["client_id"])))
    assert held is not None
    return held


async def replaced(house: House, answer: dict[str, object], **changes: object) -> dict[str, object]:
    new = {**METADATA, "client_id": answer["client_id"], **changes}
    response = await house.speak("PUT", place(answer), new, str(answer["registration_access_token"]))
    assert response.status == 200, response.body
    return document(response)


# covers: DCR-03
async def test_what_an_operator_took_from_a_client_it_does_not_give_back_to_itself(house: House) -> None:
    answer = await registered(house, scope="openid albums.read albums.write")
    less = ClientFields(scope=Scope.parse("albums.read"), grant_types=frozenset({GrantType("authorization_code")}))
    act = change_client(await held_of(house, answer), less, house.server.tenant, house.clock())
    await house.commit(*act.changes)

    told = await replaced(house, answer, scope="openid albums.read albums.write")

    assert (told["scope"], told["grant_types"]) == ("albums.read", ["authorization_code"])
    held = await held_of(house, answer)
    assert (held.scope, held.grant_types) == (Scope.parse("albums.read"), less.grant_types)


# covers: DCR-03
async def test_what_an_operator_keeps_of_a_client_it_does_not_shake_off(house: House) -> None:
    answer = await registered(house)
    kept = replace(await held_of(house, answer), attributes={"tier": "untrusted"})
    await house.commit(PutClient(kept))

    await replaced(house, answer, client_name="Inspector 2")

    assert (await held_of(house, answer)).attributes == {"tier": "untrusted"}


# covers: ADM-09
async def test_a_client_that_changes_itself_leaves_a_trace_of_who_and_from_where(house: House) -> None:
    answer = await registered(house)
    await replaced(house, answer, client_name="Inspector 2")
    gone = await house.speak("DELETE", place(answer), None, str(answer["registration_access_token"]))
    assert gone.status == 204

    records = await house.stores.audit.find(AuditQuestion(NumericDate(0), NumericDate(house.clock.now + 1), 10))

    own = {record.event: record for record in records if record.client_id == answer["client_id"]}
    assert set(own) >= {"client.registered", "client.put", "client.removed"}
    for record in own.values():
        assert (record.actor, record.address) == (answer["client_id"], "203.0.113.7")
        assert record.surface.startswith("/register")
    assert str(answer["registration_access_token"]) not in repr(records)


# covers: DCR-03
@pytest.mark.requirement("RFC7591-5/rate-limit")
async def test_a_client_that_never_stops_changing_itself_has_to_wait(house: House) -> None:
    answer, other = await registered(house), await registered(house)
    new = {**METADATA, "client_id": answer["client_id"]}
    bearer = str(answer["registration_access_token"])

    statuses = [(await house.speak("PUT", place(answer), new, bearer)).status for _ in range(25)]

    assert statuses == [200] * 20 + [429] * 5
    assert (await house.speak("GET", place(answer), None, bearer)).status == 200
    await replaced(house, other, client_name="Inspector 2")
    house.clock.advance(30)
    assert (await house.speak("PUT", place(answer), new, bearer)).status == 200


# covers: CON-03
async def test_an_answer_about_one_host_sends_no_code_to_the_one_that_took_its_place(house: House) -> None:
    answer, visitor = await registered(house, **{**PUBLIC, "scope": "albums.read"}), Visitor(house)
    asked = await visitor.authorize(str(answer["client_id"]), redirect_uri=None, scope="albums.read", nonce=None)
    shown = consent_page(await visitor.sign_in(asked))
    assert shown.redirect_host == "inspector.example"
    allowed = await visitor.post(shown.form.action, {**dict(shown.form.hidden), "answer": "allowed"})

    swapped = {"token_endpoint_auth_method": "none", "redirect_uris": ["https://evil.example/callback"]}
    await replaced(house, answer, scope="albums.read", **swapped)
    found = await visitor.follow(allowed)

    assert consent_page(found).redirect_host == "evil.example"
    taken = location_of(await visitor.consent(found))
    assert taken is not None
    assert taken.startswith("https://evil.example/callback?code=")
