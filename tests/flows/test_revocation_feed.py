"""The live feed of revocations over the real endpoint: who hears what, from where on, and how soon."""

import asyncio
from dataclasses import replace

import pytest

from support.feeding import AT_ONCE, FEED, feed_of, feeding_house, poll, revocations, told, until_waiting
from support.house import API, ISSUER, NOW, SECRET, House, basic, claims_of, clients, document, end_users
from support.introspecting import ALBUMS_API, ORDERS_API, give_back
from valetkey.adapters import event_feed
from valetkey.authorization_server.decision import (
    BumpGeneration,
    Change,
    ChangePassword,
    EndSession,
    PutClient,
    PutEndUser,
    PutResource,
    RemoveClient,
    RemoveEndUser,
    WithdrawConsent,
)
from valetkey.authorization_server.model import PasswordHash
from valetkey.authorization_server.revocation.events import position_of
from valetkey.jose import Verifier, jwt
from valetkey.jose.token_kinds import SECURITY_EVENT_TOKEN
from valetkey.oauth.security_event import Cause, Revocation, RevokedKind
from valetkey.oauth.types import ClientId, SessionId

ALICE, WEB = end_users()["alice"], clients()["web"]
HASH = ALICE.password_hash
assert HASH is not None
NOBODY = replace(ALBUMS_API, client_id=ClientId("nobody"))


@pytest.fixture
async def house() -> House:
    return await feeding_house()


# covers: INT-07
@pytest.mark.parametrize(
    ("kill", "expected"),
    [
        (BumpGeneration("subject", ALICE.subject), Revocation(RevokedKind.SUBJECT, ALICE.subject, 1)),
        (BumpGeneration("client", "web"), Revocation(RevokedKind.CLIENT, "web", 1)),
        (BumpGeneration("tenant", ""), Revocation(RevokedKind.TENANT, "", 1)),
        (BumpGeneration("server", ""), Revocation(RevokedKind.SERVER, "", 1)),
        (
            ChangePassword(ALICE.subject, HASH, PasswordHash("$argon2id$new"), NOW),
            Revocation(RevokedKind.SUBJECT, ALICE.subject, 1, Cause.PASSWORD_CHANGED),
        ),
        (
            PutEndUser(replace(ALICE, disabled=True)),
            Revocation(RevokedKind.SUBJECT, ALICE.subject, 1, Cause.DISABLED),
        ),
        (
            RemoveEndUser(ALICE.subject, NOW),
            Revocation(RevokedKind.SUBJECT, ALICE.subject, 1, Cause.REMOVED),
        ),
        (PutClient(replace(WEB, disabled=True)), Revocation(RevokedKind.CLIENT, "web", 1)),
        (RemoveClient(ClientId("web")), Revocation(RevokedKind.CLIENT, "web", 1)),
    ],
    ids=lambda one: str(one.cause) + str(one.kind) if isinstance(one, Revocation) else "",
)
async def test_what_moves_a_counter_is_told_with_the_lowest_generation_that_lives(
    house: House, kill: Change, expected: Revocation
) -> None:
    await house.commit(kill)
    assert await revocations(house) == [expected]


async def test_what_moves_no_counter_is_not_told(house: House) -> None:
    await house.commit(PutEndUser(replace(ALICE, name="Alice B.")), PutClient(replace(WEB, name="Prints")))
    await house.commit(EndSession(SessionId("unknown"), house.clock.now))
    assert await revocations(house) == []


async def test_a_revoked_refresh_token_tells_of_its_authorization_once(house: House) -> None:
    tokens = await house.tokens()
    authorization_id = claims_of(tokens["access_token"])["authorization_id"]
    for _ in range(2):
        assert (await give_back(house, tokens["refresh_token"])).status == 200
    assert await revocations(house) == [Revocation(RevokedKind.AUTHORIZATION, authorization_id)]


async def test_an_ended_session_is_told_with_everything_that_is_bound_to_it(house: House) -> None:
    session = await house.session()
    bound = claims_of((await house.tokens(sid=session.sid, bound_to_session=True))["access_token"])
    await house.tokens(sid=session.sid, bound_to_session=False)
    for _ in range(2):
        await house.commit(EndSession(session.sid, house.clock.now))
    assert await revocations(house) == [
        Revocation(RevokedKind.SESSION, session.sid),
        Revocation(RevokedKind.AUTHORIZATION, bound["authorization_id"]),
    ]


async def test_a_withdrawn_consent_tells_of_each_authorization_of_that_client_alone(house: House) -> None:
    granted = [claims_of((await house.tokens())["access_token"])["authorization_id"] for _ in range(2)]
    await house.tokens("spa")
    await house.commit(WithdrawConsent(ALICE.subject, ClientId("web"), NOW))
    assert [one.handle for one in await revocations(house)] == sorted(granted)


async def test_one_revoked_access_token_is_told_to_its_audience_alone(house: House) -> None:
    token = (await house.tokens())["access_token"]
    assert (await give_back(house, token)).status == 200
    (told_of,) = await revocations(house, ALBUMS_API)
    assert told_of.kind is RevokedKind.TOKEN
    assert claims_of(token)["jti"] not in str(told_of)
    assert await revocations(house, ORDERS_API) == []


@pytest.mark.requirement("RFC8417-2.2/jti", "OIDSSF-4.1.1/typ", "OIDSSF-4.1.2/sub", "OIDSSF-4.1.7/exp")
async def test_a_token_of_the_feed_is_signed_for_it_and_is_no_token_of_another_kind(house: House) -> None:
    await house.commit(BumpGeneration("subject", ALICE.subject))
    sets = (await told(house))["sets"]
    ((token_id, token),) = sets.items()
    verifier = Verifier(
        issuer=ISSUER.url, audience=ISSUER.url + FEED, typ="secevent+jwt", algorithms=["ES256"],
        kind=SECURITY_EVENT_TOKEN,
    )  # fmt: skip
    claims = verifier.verify(token, await house.server.signer.public_keys(), now=house.clock.now).claims
    assert claims["jti"] == token_id
    assert {"exp", "sub"}.isdisjoint(claims)
    assert jwt.peek(token).header["typ"] == "secevent+jwt"


async def test_a_token_is_signed_once_for_all_readers(house: House) -> None:
    await house.commit(BumpGeneration("server", ""))
    assert (await told(house))["sets"] == (await told(house, reader=ORDERS_API))["sets"]


@pytest.mark.requirement("RFC8936-2.2/ack", "RFC8936-2.3/sets")
async def test_what_is_acknowledged_is_not_told_again_and_who_acknowledges_nothing_hears_all_again(
    house: House,
) -> None:
    await house.commit(BumpGeneration("client", "web"))
    first = list((await told(house))["sets"])
    assert (await told(house, {"ack": first}))["sets"] == {}
    await house.commit(BumpGeneration("client", "spa"))
    second = list((await told(house, {"ack": first}))["sets"])
    assert list((await told(house))["sets"]) == first + second
    assert (await told(house, {"ack": second}))["sets"] == {}


async def test_what_a_reader_could_not_take_counts_as_told_and_the_log_says_why(house: House) -> None:
    await house.commit(BumpGeneration("client", "web"))
    (token_id,) = (await told(house))["sets"]
    error = {"err": "invalid_key", "description": "Unknown kid."}
    assert (await told(house, {"setErrs": {token_id: error}}))["sets"] == {}
    (line,) = house.log.of("feed.event_refused")
    assert (line["token_id"], line["error"]) == (token_id, "invalid_key")


async def test_a_position_of_another_database_begins_anew(house: House) -> None:
    await house.commit(BumpGeneration("client", "web"))
    assert list((await told(house, {"ack": ["777"]}))["sets"]) == ["1"]


def test_an_identifier_that_was_never_given_acknowledges_nothing() -> None:
    assert position_of(["", "x", "-1", "1.5", "٣", "9" * 100, "2", "10"]) == 10
    assert position_of([]) == 0


@pytest.mark.requirement("RFC8936-2.2/maximum", "RFC8936-2.2/acknowledge-only")
async def test_no_more_is_told_at_once_than_was_asked_for(house: House) -> None:
    for name in ("a", "b", "c"):
        await house.commit(BumpGeneration("client", name))
    answer = await told(house, {"maxEvents": 2})
    assert (list(answer["sets"]), answer["moreAvailable"]) == (["1", "2"], True)
    answer = await told(house, {"maxEvents": 2, "ack": ["1", "2"]})
    assert (list(answer["sets"]), "moreAvailable" in answer) == (["3"], False)
    assert (await told(house, {"maxEvents": 0}))["sets"] == {}


async def test_more_events_than_a_page_are_told_in_their_order(house: House) -> None:
    await house.commit(*(BumpGeneration("client", f"c{number}") for number in range(300)))
    seen: list[str] = []
    while True:
        answer = await told(house, {"ack": seen[-1:]})
        seen += answer["sets"]
        if "moreAvailable" not in answer:
            break
    assert seen == [str(number) for number in range(1, 301)]


async def test_events_of_others_are_passed_over_however_many_they_are(house: House) -> None:
    for _ in range(3):
        tokens = await house.tokens()
        assert (await give_back(house, tokens["access_token"])).status == 200
    await house.commit(BumpGeneration("client", "spa"))
    assert list((await told(house, reader=ORDERS_API))["sets"]) == ["4"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"ack": 1}', b'{"ack": [""]}', b'{"maxEvents": -1}'])
@pytest.mark.requirement("RFC8936-2.2/ack")
async def test_a_malformed_poll_is_refused(house: House, body: bytes) -> None:
    response = await house.post(FEED, body, basic("albums-api", SECRET))
    assert (response.status, document(response)["error"]) == (400, "invalid_request")


@pytest.mark.requirement("RFC6749-5.2/unauthorized-client")
async def test_only_who_speaks_for_a_resource_server_reads(house: House) -> None:
    await house.commit(PutClient(NOBODY), BumpGeneration("server", ""))
    assert (await poll(house, AT_ONCE, NOBODY)).status == 403
    assert (await house.post(FEED, b"{}", basic("albums-api", "wrong"))).status == 401
    assert (await house.post(FEED, b"{}")).status == 401
    assert (await house.post(FEED, b"{}", basic("spa", ""))).status == 401
    await house.commit(PutClient(replace(ALBUMS_API, disabled=True)))
    assert (await poll(house, AT_ONCE)).status == 401


@pytest.mark.requirement("RFC8936-2.2/return-immediately")
async def test_a_reader_who_waits_is_answered_by_the_revocation_itself(house: House) -> None:
    waiting = asyncio.create_task(poll(house, {}))
    await until_waiting(house)
    await house.commit(BumpGeneration("client", "web"))
    async with asyncio.timeout(10):
        assert list(document(await waiting)["sets"]) == ["1"]
    assert feed_of(house).waiting == 0


async def test_a_reader_who_waits_hears_nothing_of_what_concerns_others(house: House) -> None:
    token = (await house.tokens())["access_token"]
    waiting = asyncio.create_task(poll(house, {}, ORDERS_API))
    await until_waiting(house)
    assert (await give_back(house, token)).status == 200
    await house.commit(BumpGeneration("client", "web"))
    async with asyncio.timeout(10):
        assert list(document(await waiting)["sets"]) == ["2"]


async def test_who_prefers_to_wait_shortly_is_answered_with_nothing(house: House) -> None:
    async with asyncio.timeout(10):
        assert document(await poll(house, {}, wait=0)) == {"sets": {}}
        assert document(await poll(house, {}, wait=1)) == {"sets": {}}


async def test_who_waits_is_answered_with_nothing_when_the_process_ends(house: House) -> None:
    waiting = asyncio.create_task(poll(house, {}))
    await until_waiting(house)
    feed_of(house).drain()
    async with asyncio.timeout(10):
        assert document(await waiting) == {"sets": {}}
        assert document(await poll(house, {})) == {"sets": {}}


async def test_no_more_wait_than_there_are_places(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_feed, "MAXIMUM_WAITING_OF_ONE", 2)
    monkeypatch.setattr(event_feed, "MAXIMUM_WAITING", 3)
    readers = (ALBUMS_API, ALBUMS_API, ORDERS_API)
    waiting = [asyncio.create_task(poll(house, {}, reader)) for reader in readers]
    await until_waiting(house, 3)
    for reader in (ALBUMS_API, ORDERS_API):
        refused = await poll(house, {}, reader)
        assert (refused.status, refused.header("retry-after") is not None) == (503, True)
    # Who does not wait needs no place.
    assert (await told(house))["sets"] == {}
    await house.commit(BumpGeneration("server", ""))
    answers = await asyncio.gather(*waiting)
    assert [list(document(answer)["sets"]) for answer in answers] == [["1"]] * 3


async def test_an_api_speaks_for_what_it_speaks_for_now(house: House) -> None:
    token = (await house.tokens())["access_token"]
    assert (await give_back(house, token)).status == 200
    resource = await house.stores.resources.find(API)
    assert resource is not None
    await house.commit(PutResource(replace(resource, introspection_client_ids=(ORDERS_API.client_id,))))
    assert [one.kind for one in await revocations(house, ORDERS_API)] == [RevokedKind.TOKEN]
    assert (await poll(house, AT_ONCE, ALBUMS_API)).status == 403
