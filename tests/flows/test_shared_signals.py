"""Streams of Shared Signals over HTTP: made, changed, verified, polled and pushed, each by its receiver alone."""

import asyncio
from dataclasses import replace

import msgspec
import pytest

from support.house import ISSUER, House, claims_of, document
from support.signalling import (
    ALICE,
    ASKED,
    HEADER,
    PARTNER,
    PUSHED,
    PUSHED_TO,
    RIVAL,
    SIGNALS_API,
    Pushing,
    Receiver,
    change_password,
    grant,
    pushed_to,
    signalling_house,
)
from valetkey.adapters.storage.memory.storage import MemoryStorage
from valetkey.authorization_server.audit import ActorKind, AuditQuestion
from valetkey.authorization_server.decision import (
    BumpGeneration,
    EndSession,
    PutClient,
    PutEndUser,
    PutResource,
    RemoveClient,
)
from valetkey.authorization_server.openid_client import OpenIdMetadata, SubjectType
from valetkey.authorization_server.outbound import FetchedDocument, Unfetchable
from valetkey.authorization_server.signals.pushing import REFUSALS
from valetkey.authorization_server.signals.streams import MOST_STREAMS
from valetkey.jose.jwt import peek
from valetkey.oauth.security_event import ACCOUNT_DISABLED, CREDENTIAL_CHANGE, SESSION_REVOKED
from valetkey.oauth.shared_signals import VERIFICATION
from valetkey.oauth.types import NumericDate


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage()


@pytest.fixture
async def house(storage: MemoryStorage) -> House:
    return await signalling_house(storage=storage)


@pytest.fixture
def partner(house: House) -> Receiver:
    return Receiver(house)


def event_of(token: str) -> tuple[str, dict[str, object]]:
    ((event_type, said),) = claims_of(token)["events"].items()
    return event_type, said


def types(tokens: dict[str, str]) -> list[str]:
    return [event_of(token)[0] for token in tokens.values()]


@pytest.mark.requirement("OIDSSF-7.1/issuer")
@pytest.mark.requirement("OIDSSF-7.1/jwks-uri")
@pytest.mark.requirement("OIDSSF-7.1/default-subjects")
@pytest.mark.requirement("OIDSSF-7.2/location")
@pytest.mark.requirement("OIDSSF-7.2.3/response")
async def test_the_metadata_says_where_everything_is(house: House) -> None:
    response = await house.get("/.well-known/ssf-configuration")
    assert (response.status, response.header("content-type")) == (200, "application/json")
    said = document(response)
    assert (said["issuer"], said["spec_version"]) == (ISSUER.url, "1_0")
    assert said["jwks_uri"] == ISSUER.url + "/jwks.json"
    assert set(said["delivery_methods_supported"]) == {"urn:ietf:rfc:8935", "urn:ietf:rfc:8936"}
    assert {"spec_urn": "urn:ietf:rfc:6749"} in said["authorization_schemes"]
    assert said["default_subjects"] == "ALL"
    assert all(said[name].startswith(ISSUER.url) for name in said if name.endswith("_endpoint"))


@pytest.mark.requirement("OIDSSF-8/management")
async def test_nothing_is_shared_where_the_operator_keeps_no_such_resource_server(house: House) -> None:
    await house.commit(PutResource(replace(SIGNALS_API, disabled=True)))
    assert (await house.get("/.well-known/ssf-configuration")).status == 404
    assert (await house.speak("GET", "/ssf/streams", bearer="x")).status == 404


@pytest.mark.requirement("OIDSSF-8.1.1/stream-id")
@pytest.mark.requirement("OIDSSF-8.1.1/iss")
@pytest.mark.requirement("OIDSSF-8.1.1/events-delivered")
@pytest.mark.requirement("OIDSSF-8.1.1.1/new-id")
@pytest.mark.requirement("OIDSSF-8.1.1.1/default-delivery")
@pytest.mark.requirement("OIDSSF-6.1.2/unique")
async def test_a_stream_is_polled_unless_its_receiver_says_otherwise(partner: Receiver) -> None:
    first, second = await partner.create(), await partner.create({})
    assert first["stream_id"] != second["stream_id"]
    assert (first["iss"], first["aud"]) == (ISSUER.url, "partner")
    assert first["events_requested"] == ASKED["events_requested"]
    assert first["events_delivered"] == [SESSION_REVOKED, CREDENTIAL_CHANGE, ACCOUNT_DISABLED]
    assert first["delivery"]["method"] == "urn:ietf:rfc:8936"
    assert first["delivery"]["endpoint_url"] != second["delivery"]["endpoint_url"]
    assert second["events_delivered"] == []


@pytest.mark.requirement("OIDSSF-8.1.1.2/list")
@pytest.mark.requirement("OIDSSF-8.1.1.2/empty-list")
@pytest.mark.requirement("OIDSSF-8.1.1.5/deleted")
async def test_a_receiver_reads_and_deletes_its_own_streams(house: House, partner: Receiver) -> None:
    assert msgspec.json.decode((await partner.ask("GET", "/ssf/streams")).body) == []
    stream = await partner.create(PUSHED)
    assert HEADER not in str(stream)
    named = {"stream_id": stream["stream_id"]}
    assert document(await partner.ask("GET", "/ssf/streams", query=named, scope="ssf.read")) == stream
    assert msgspec.json.decode((await partner.ask("GET", "/ssf/streams")).body) == [stream]
    assert (await partner.ask("DELETE", "/ssf/streams", query=named)).status == 204
    assert (await partner.ask("GET", "/ssf/streams", query=named)).status == 404
    assert await house.stores.streams.list() == []


@pytest.mark.requirement("OIDSSF-8.1.1.1/conflict")
async def test_a_receiver_has_so_many_streams_at_most(partner: Receiver) -> None:
    for _ in range(MOST_STREAMS):
        await partner.create()
    assert (await partner.ask("POST", "/ssf/streams", ASKED)).status == 409


@pytest.mark.requirement("OIDSSF-8.1.1.3/missing")
@pytest.mark.requirement("OIDSSF-8.1.1.4/missing")
async def test_a_patch_changes_what_it_names_and_a_put_replaces_everything(house: House, partner: Receiver) -> None:
    stream = await partner.create({**PUSHED, "description": "first"})
    patch = {"stream_id": stream["stream_id"], "events_requested": [SESSION_REVOKED]}
    patched = document(await partner.ask("PATCH", "/ssf/streams", patch))
    assert patched == {**stream, "events_requested": [SESSION_REVOKED], "events_delivered": [SESSION_REVOKED]}
    put = {"stream_id": stream["stream_id"], "events_requested": [CREDENTIAL_CHANGE]}
    replaced = document(await partner.ask("PUT", "/ssf/streams", put))
    assert replaced["delivery"]["method"] == "urn:ietf:rfc:8936"
    assert (replaced["events_delivered"], replaced.get("description")) == ([CREDENTIAL_CHANGE], None)
    (stored,) = await house.stores.streams.list()
    assert stored.stream.delivery.sealed_authorization is None


@pytest.mark.requirement("OIDSSF-8.1.1.3/transmitter-supplied")
@pytest.mark.requirement("OIDSSF-8.1.1.4/transmitter-supplied")
@pytest.mark.requirement("OIDSSF-6.1.2/endpoint-url")
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
async def test_what_is_the_transmitters_may_be_repeated_and_not_changed(partner: Receiver, method: str) -> None:
    stream = await partner.create()
    assert (await partner.ask(method, "/ssf/streams", stream)).status == 200
    wrong: dict[str, object] = {
        "iss": "https://other.example",
        "aud": ["rival"],
        "events_supported": [SESSION_REVOKED],
        "events_delivered": [],
        "delivery": {"method": "urn:ietf:rfc:8936", "endpoint_url": ISSUER.url + "/ssf/events/other"},
    }
    for name, value in wrong.items():
        assert (await partner.ask(method, "/ssf/streams", {**stream, name: value})).status == 400, name


@pytest.mark.requirement("OIDSSF-8.1.2.1/status")
@pytest.mark.requirement("OIDSSF-8.1.2.2/malformed")
@pytest.mark.requirement("OIDSSF-8.1.2/paused")
@pytest.mark.requirement("OIDSSF-8.1.2/disabled")
async def test_a_paused_stream_holds_its_events_and_a_disabled_one_none(house: House, partner: Receiver) -> None:
    await grant(house)
    stream = await partner.create()
    named = {"stream_id": stream["stream_id"]}
    assert document(await partner.ask("GET", "/ssf/status", query=named)) == {**named, "status": "enabled"}
    paused = {**named, "status": "paused", "reason": "maintenance"}
    assert document(await partner.ask("POST", "/ssf/status", paused)) == paused
    await change_password(house)
    assert await partner.poll(stream) == {}
    await partner.ask("POST", "/ssf/status", {**named, "status": "enabled"})
    assert types(await partner.poll(stream)) == [CREDENTIAL_CHANGE, SESSION_REVOKED]
    await partner.ask("POST", "/ssf/status", {**named, "status": "disabled"})
    await change_password(house)
    await partner.ask("POST", "/ssf/status", {**named, "status": "enabled"})
    assert await partner.poll(stream) == {}
    assert (await partner.ask("POST", "/ssf/status", {**named, "status": "sleepy"})).status == 400


@pytest.mark.requirement("OIDCRISC-2.11/session-revoked")
@pytest.mark.requirement("OIDCRISC-3.1/format")
@pytest.mark.requirement("OIDSSF-3.1/sub-id")
@pytest.mark.requirement("OIDSSF-4.1.1/typ")
@pytest.mark.requirement("OIDSSF-4.1.2/sub")
@pytest.mark.requirement("OIDSSF-4.1.6/iss")
@pytest.mark.requirement("OIDSSF-4.1.7/exp")
@pytest.mark.requirement("OIDSSF-4.1.9/txn")
@pytest.mark.requirement("OIDSSF-4.2.1/one-event")
@pytest.mark.requirement("OIDCAEP-2/reason-admin")
@pytest.mark.requirement("OIDCAEP-3.1.1/event-timestamp")
@pytest.mark.requirement("RFC8936-2.2/ack")
@pytest.mark.requirement("RFC8936-2.2/maximum")
@pytest.mark.requirement("RFC8936-2.3/sets")
async def test_a_receiver_hears_of_who_granted_it_something_until_it_acknowledges(
    house: House, partner: Receiver
) -> None:
    await grant(house)
    stream = await partner.create()
    before = int(house.clock.now)
    await change_password(house)
    first = await partner.poll(stream, maxEvents=1)
    assert types(first) == [CREDENTIAL_CHANGE]
    tokens = await partner.poll(stream)
    assert types(tokens) == [CREDENTIAL_CHANGE, SESSION_REVOKED]
    for token_id, token in tokens.items():
        claims = claims_of(token)
        assert peek(token).header["typ"] == "secevent+jwt"
        assert (claims["iss"], claims["aud"], claims["jti"]) == (ISSUER.url, "partner", token_id)
        assert claims["sub_id"] == {"format": "iss_sub", "iss": ISSUER.url, "sub": ALICE.subject}
        assert not {"sub", "exp"} & set(claims)
        assert event_of(token)[1]["reason_admin"]
        assert claims["iat"] >= before
    assert len({claims_of(token)["txn"] for token in tokens.values()}) == 1
    assert await partner.poll(stream, ack=list(tokens)) == {}
    assert types(await partner.poll(stream, maxEvents=0)) == []


async def test_a_session_is_named_with_its_end_user(house: House, partner: Receiver) -> None:
    session = await house.session()
    await grant(house, sid=session.sid)
    stream = await partner.create()
    await house.commit(EndSession(session.sid, house.clock.now))
    (token,) = (await partner.poll(stream)).values()
    user = {"format": "iss_sub", "iss": ISSUER.url, "sub": ALICE.subject}
    named = {"format": "complex", "user": user, "session": {"format": "opaque", "id": session.sid}}
    assert claims_of(token)["sub_id"] == named


async def test_the_end_of_a_whole_tenant_is_told_at_once(house: House, partner: Receiver) -> None:
    stream = await partner.create()
    await house.commit(BumpGeneration("tenant", ""))
    (token,) = (await partner.poll(stream)).values()
    tenant = {"format": "uri", "uri": ISSUER.url}
    assert claims_of(token)["sub_id"] == {"format": "complex", "tenant": tenant}


async def test_a_pairwise_receiver_hears_of_nobody_by_a_name_that_others_know() -> None:
    pairwise = OpenIdMetadata(subject_type=SubjectType.PAIRWISE, sector_identifier_uri="https://partner.example/s")
    shy = replace(PARTNER, openid=pairwise)
    house = await signalling_house(shy)
    await grant(house, shy)
    receiver = Receiver(house, shy)
    stream = await receiver.create()
    await change_password(house)
    tokens = await receiver.poll(stream)
    (told,) = {claims_of(token)["sub_id"]["sub"] for token in tokens.values()}
    assert told != ALICE.subject
    named = {"format": "iss_sub", "iss": ISSUER.url, "sub": told}
    said = {"stream_id": stream["stream_id"], "subject": named}
    assert (await receiver.ask("POST", "/ssf/subjects:remove", said)).status == 204
    await receiver.poll(stream, ack=list(tokens))
    await change_password(house)
    assert await receiver.poll(stream) == {}


@pytest.mark.requirement("OIDSSF-8.1.3.2/added")
@pytest.mark.requirement("OIDSSF-8.1.3.2/malformed")
@pytest.mark.requirement("OIDSSF-8.1.3.3/removed")
async def test_a_removed_subject_is_told_of_again_once_added(house: House, partner: Receiver) -> None:
    await grant(house)
    stream = await partner.create()
    said = {
        "stream_id": stream["stream_id"],
        "subject": {"format": "iss_sub", "iss": ISSUER.url, "sub": ALICE.subject},
    }
    assert (await partner.ask("POST", "/ssf/subjects:remove", said)).status == 204
    await change_password(house)
    assert await partner.poll(stream) == {}
    assert (await partner.ask("POST", "/ssf/subjects:add", said)).status == 200
    await change_password(house)
    assert len(await partner.poll(stream)) == 2
    by_email = {**said, "subject": {"format": "email", "email": "alice@example.com"}}
    assert (await partner.ask("POST", "/ssf/subjects:add", by_email)).status == 400


@pytest.mark.requirement("OIDSSF-8.1.4.1/sub-id")
@pytest.mark.requirement("OIDSSF-8.1.4.2/state")
@pytest.mark.requirement("OIDSSF-8.1.4.2/malformed")
@pytest.mark.requirement("OIDSSF-8.1.1/min-verification-interval")
async def test_a_verification_brings_back_its_state_and_not_too_often(house: House, partner: Receiver) -> None:
    stream = await partner.create()
    asked = {"stream_id": stream["stream_id"], "state": "VGhpcw=="}
    assert (await partner.ask("POST", "/ssf/verify", asked)).status == 204
    (token,) = (await partner.poll(stream)).values()
    assert event_of(token) == (VERIFICATION, {"state": "VGhpcw=="})
    assert claims_of(token)["sub_id"] == {"format": "opaque", "id": stream["stream_id"]}
    too_soon = await partner.ask("POST", "/ssf/verify", asked)
    assert (too_soon.status, too_soon.header("retry-after")) == (429, "10")
    house.clock.advance(10)
    assert (await partner.ask("POST", "/ssf/verify", asked)).status == 204
    assert (await partner.ask("POST", "/ssf/verify", {"state": "x"})).status == 400


async def test_a_long_poll_is_answered_the_moment_something_is_there(house: House, partner: Receiver) -> None:
    await grant(house)
    stream = await partner.create()
    polling = asyncio.create_task(partner.poll(stream, returnImmediately=False))
    await asyncio.sleep(0)
    await change_password(house)
    house.server.stream_waiting.ring()
    async with asyncio.timeout(10):
        assert types(await polling)[0] == CREDENTIAL_CHANGE


@pytest.fixture
def pushing(house: House, storage: MemoryStorage) -> Pushing:
    return Pushing(house, storage)


def take(house: House, status: int = 202, body: bytes = b"") -> None:
    headers = {"content-type": "application/json"} if body else {}
    house.outside.answers[PUSHED_TO] = FetchedDocument(status, headers, body)


def pushed(house: House) -> list[str]:
    return [event_of(body.octets.decode())[0] for _, body in house.outside.posted]


@pytest.mark.requirement("RFC8935-2.1/content-type")
@pytest.mark.requirement("RFC8935-2.1/accept")
@pytest.mark.requirement("OIDSSF-6.1.1/authorization-header")
async def test_events_are_pushed_in_their_order_with_the_receivers_own_header(
    house: House, partner: Receiver, pushing: Pushing
) -> None:
    await grant(house)
    await partner.create(PUSHED)
    take(house)
    await change_password(house)
    await house.commit(PutEndUser(replace(ALICE, disabled=True)))
    await pushing.once()
    assert pushed(house) == [CREDENTIAL_CHANGE, SESSION_REVOKED, ACCOUNT_DISABLED, SESSION_REVOKED]
    url, body = house.outside.posted[0]
    assert (url, body.media_type) == (PUSHED_TO, "application/secevent+jwt")
    assert body.authorization is not None
    assert body.authorization.reveal() == HEADER
    assert HEADER not in repr(body)
    assert house.outside.asked[0][1].media_types == ("application/json",)
    await pushing.once()
    assert len(house.outside.posted) == 4


async def test_what_a_receiver_does_not_take_is_pushed_again_later_and_nothing_overtakes_it(
    house: House, partner: Receiver, pushing: Pushing
) -> None:
    await grant(house)
    await partner.create(PUSHED)
    await change_password(house)
    house.outside.answers[PUSHED_TO] = Unfetchable("down")
    await pushing.once()
    await pushing.once()
    assert pushed(house) == [CREDENTIAL_CHANGE]
    house.clock.advance(2)
    take(house, 503)
    await pushing.once()
    assert pushed(house) == [CREDENTIAL_CHANGE] * 2
    take(house)
    house.clock.advance(9)
    await pushing.once()
    assert len(pushed(house)) == 2
    house.clock.advance(1)
    await pushing.once()
    assert pushed(house) == [CREDENTIAL_CHANGE, CREDENTIAL_CHANGE, CREDENTIAL_CHANGE, SESSION_REVOKED]


async def test_an_event_that_a_receiver_refuses_again_and_again_is_passed_over(
    house: House, partner: Receiver, pushing: Pushing
) -> None:
    await grant(house)
    await partner.create(PUSHED)
    await change_password(house)
    take(house, 400, b'{"err":"invalid_request","description":"no such thing"}')
    for _ in range(REFUSALS):
        await pushing.once()
        house.clock.advance(3_600)
    told = [fields for event, fields in house.log.events if event == "stream.event_refused"]
    assert told
    assert told[0]["error"] == "invalid_request: no such thing"
    assert pushed(house)[-1] == SESSION_REVOKED


async def test_a_stream_that_is_paused_meanwhile_pushes_nothing_more(
    house: House, partner: Receiver, pushing: Pushing
) -> None:
    await grant(house)
    stream = await partner.create(PUSHED)
    await change_password(house)
    take(house)
    await partner.ask("POST", "/ssf/status", {"stream_id": stream["stream_id"], "status": "paused"})
    await pushing.once()
    assert pushed(house) == []


async def test_the_streams_of_a_receiver_that_is_gone_go_too(
    house: House, partner: Receiver, pushing: Pushing
) -> None:
    await grant(house)
    await partner.create(PUSHED)
    take(house)
    await change_password(house)
    await house.commit(PutClient(replace(PARTNER, disabled=True)))
    await pushing.once()
    assert pushed(house) == []
    await house.commit(RemoveClient(PARTNER.client_id))
    assert await house.stores.streams.list() == []


async def test_a_receiver_that_never_answers_keeps_no_other_waiting(house: House, pushing: Pushing) -> None:
    await grant(house, PARTNER)
    await grant(house, RIVAL)
    elsewhere = "https://rival.example/events"
    await Receiver(house).create(PUSHED)
    await Receiver(house, RIVAL).create(pushed_to(elsewhere))
    house.outside.answers[PUSHED_TO] = Unfetchable("no answer within 5 s")
    house.outside.answers[elsewhere] = FetchedDocument(202, {})
    await change_password(house)
    await pushing.once()
    assert [url for url, _ in house.outside.posted].count(elsewhere) == 2


async def test_what_becomes_of_a_stream_is_recorded_and_what_goes_through_it_is_not(
    house: House, partner: Receiver, pushing: Pushing
) -> None:
    await grant(house)
    stream = await partner.create(PUSHED)
    named = {"stream_id": stream["stream_id"]}
    said = {**named, "subject": {"format": "iss_sub", "iss": ISSUER.url, "sub": ALICE.subject}}
    take(house)
    await change_password(house)
    await partner.ask("POST", "/ssf/verify", named)
    await pushing.once()
    for operation in ("remove", "add"):
        await partner.ask("POST", f"/ssf/subjects:{operation}", said)
    await partner.ask("DELETE", "/ssf/streams", query=named)
    asked = AuditQuestion(NumericDate(0), NumericDate(house.clock.now + 10), 100, event="stream")
    records = list(await house.stores.audit.find(asked))[::-1]
    assert [record.event for record in records] == [
        "stream.put", "stream.subject_excluded", "stream.subject_included", "stream.removed",
    ]  # fmt: skip
    assert {(record.kind, record.actor) for record in records} == {(ActorKind.CLIENT, "partner")}
    assert HEADER not in str(records)
