"""Streams under attack: other receivers' streams, strangers' end-users, addresses inside, secrets of receivers."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from support.house import NOW, House, basic, document
from support.signalling import (
    ALICE,
    ASKED,
    HEADER,
    PARTNER,
    PUSHED,
    PUSHED_TO,
    RIVAL,
    Pushing,
    Receiver,
    bearer,
    change_password,
    grant,
    pushed_to,
    signalling_house,
)
from valetkey.adapters.outbound.fetcher import GuardedFetcher
from valetkey.adapters.storage.memory.storage import MemoryStorage
from valetkey.authorization_server.decision import BumpGeneration, PutClient
from valetkey.authorization_server.outbound_guard import Guard
from valetkey.authorization_server.registered import SelfRegistration
from valetkey.oauth.shared_signals import StreamStatus
from valetkey.oauth.types import OpaqueToken, Scope


@pytest.fixture
async def house() -> House:
    return await signalling_house()


OPERATIONS: dict[str, tuple[str, str, dict[str, object] | None]] = {
    "read": ("GET", "/ssf/streams", None),
    "patch": ("PATCH", "/ssf/streams", {"description": "mine now"}),
    "put": ("PUT", "/ssf/streams", {"description": "mine now"}),
    "delete": ("DELETE", "/ssf/streams", None),
    "status": ("GET", "/ssf/status", None),
    "pause": ("POST", "/ssf/status", {"status": "paused"}),
    "verify": ("POST", "/ssf/verify", {}),
    "remove": (
        "POST",
        "/ssf/subjects:remove",
        {"subject": {"format": "iss_sub", "iss": "https://as.example", "sub": ALICE.subject}},
    ),
}


@pytest.mark.requirement("OIDSSF-8/own-streams")
@pytest.mark.requirement("OIDSSF-8.1.2.1/unknown")
@pytest.mark.parametrize("name", OPERATIONS)
async def test_another_receivers_stream_is_one_that_never_was(house: House, name: str) -> None:
    stream = await Receiver(house).create(ASKED)
    rival = Receiver(house, RIVAL)
    method, path, said = OPERATIONS[name]
    answers = []
    for stream_id in (stream["stream_id"], "no-such-stream"):
        query = {"stream_id": stream_id} if said is None else None
        body = None if said is None else {**said, "stream_id": stream_id}
        answers.append(await rival.ask(method, path, body, query=query))
    assert [answer.status for answer in answers] == [404, 404]
    assert answers[0].body == answers[1].body
    assert document(await Receiver(house).ask("GET", "/ssf/streams", query={"stream_id": stream["stream_id"]})) == (
        stream
    )


@pytest.mark.requirement("OIDSSF-8/own-streams")
async def test_another_receivers_events_are_neither_read_nor_acknowledged(house: House) -> None:
    await grant(house)
    stream = await Receiver(house).create(ASKED)
    own = await Receiver(house, RIVAL).create(ASKED)
    await change_password(house)
    tokens = await Receiver(house).poll(stream)
    path = f"/ssf/events/{stream['stream_id']}"
    assert (await Receiver(house, RIVAL).ask("POST", path, {"returnImmediately": True})).status == 404
    await Receiver(house, RIVAL).poll(own, ack=list(tokens))
    assert set(await Receiver(house).poll(stream)) == set(tokens)


@pytest.mark.requirement("OIDSSF-8/authorization")
@pytest.mark.requirement("RFC6750-2/one-method")
async def test_nothing_is_managed_without_an_access_token_for_signals(house: House) -> None:
    other = {"grant_type": "client_credentials", "scope": "albums.read"}
    of_another_api = document(await house.token("machine", other))["access_token"]
    of_a_person = (await house.tokens())["access_token"]
    for presented in (None, "x", of_another_api, of_a_person):
        response = await house.speak("GET", "/ssf/streams", bearer=presented)
        assert response.status == 401
        assert str(response.header("www-authenticate")).startswith("Bearer")
    token = await bearer(house)
    by_query = await house.send("GET", "/ssf/streams", query={"access_token": token})
    assert getattr(by_query, "status", 0) == 400


async def test_who_may_only_read_changes_nothing(house: House) -> None:
    receiver = Receiver(house)
    stream = await receiver.create(ASKED)
    assert (await receiver.ask("POST", "/ssf/streams", ASKED, scope="ssf.read")).status == 403
    named = {"stream_id": stream["stream_id"]}
    assert (await receiver.ask("DELETE", "/ssf/streams", query=named, scope="ssf.read")).status == 403
    assert (await receiver.ask("GET", "/ssf/status", query=named, scope="ssf.read")).status == 200


@pytest.mark.requirement("OIDSSF-8/authorized")
async def test_a_client_that_registered_itself_receives_nothing(house: House) -> None:
    stranger = replace(
        PARTNER, registration=SelfRegistration(NOW, OpaqueToken.presented("vk_rat_").digest(), scope=Scope())
    )
    await house.commit(PutClient(stranger))
    assert (await Receiver(house, stranger).ask("POST", "/ssf/streams", ASKED)).status == 403


async def test_a_token_of_a_revoked_receiver_is_good_for_nothing(house: House) -> None:
    token = await bearer(house)
    await house.commit(BumpGeneration("client", PARTNER.client_id))
    assert (await house.speak("GET", "/ssf/streams", bearer=token)).status == 401
    assert (
        await house.post("/token", {"grant_type": "client_credentials"}, basic("partner", "wrong"))
    ).status == 401


@pytest.mark.requirement("OIDSSF-6.1.1/endpoint-url")
@pytest.mark.parametrize(
    "url",
    [
        "http://partner.example/events", "https://partner.example/a b", "https://user@partner.example/events", "",
        "https://partner.example/%2e%2e/x", "ftp://partner.example/", "https://partner.example/events#x", PUSHED_TO,
    ],
)  # fmt: skip
async def test_events_are_pushed_to_no_address_that_may_not_be_asked(house: House, url: str) -> None:
    house.outside.blocked.add(PUSHED_TO)
    assert (await Receiver(house).ask("POST", "/ssf/streams", pushed_to(url))).status == 400
    assert await house.stores.streams.list() == []


@pytest.mark.requirement("OIDSSF-6.1.1/authorization-header")
@pytest.mark.parametrize("header", ["Bearer x\r\nX-Injected: 1", "Bearer \x00", "", " ", "x" * 5_000, "Bearer é"])
async def test_a_header_that_would_be_two_is_refused(house: House, header: str) -> None:
    delivery = {"method": "urn:ietf:rfc:8935", "endpoint_url": PUSHED_TO, "authorization_header": header}
    assert (await Receiver(house).ask("POST", "/ssf/streams", {**ASKED, "delivery": delivery})).status == 400


async def test_who_steals_a_token_cannot_send_the_receivers_secret_elsewhere(house: House) -> None:
    stream = await Receiver(house).create(PUSHED)
    elsewhere = {"method": "urn:ietf:rfc:8935", "endpoint_url": "https://evil.example/events"}
    said = {"stream_id": stream["stream_id"], "delivery": elsewhere}
    response = await Receiver(house).ask("PATCH", "/ssf/streams", said)
    assert response.status == 200
    assert HEADER.encode() not in response.body
    (stored,) = await house.stores.streams.list()
    assert stored.stream.delivery.sealed_authorization is None
    assert HEADER not in repr(stored)


async def test_nobody_learns_by_naming_them_who_is_known_here(house: House) -> None:
    stream = await Receiver(house).create(ASKED)
    answers = set()
    for subject in (ALICE.subject, "nobody"):
        for operation, expected in (("add", 200), ("remove", 204)):
            said = {
                "stream_id": stream["stream_id"],
                "subject": {"format": "iss_sub", "iss": "https://as.example", "sub": subject},
            }
            response = await Receiver(house).ask("POST", f"/ssf/subjects:{operation}", said)
            answers.add((operation, response.status, response.body))
            assert response.status == expected
    assert len(answers) == 2
    of_alice = {"format": "iss_sub", "iss": "https://as.example", "sub": ALICE.subject}
    named = {"stream_id": stream["stream_id"], "subject": of_alice}
    await Receiver(house).ask("POST", "/ssf/subjects:add", named)
    await change_password(house)
    assert await Receiver(house).poll(stream) == {}


@pytest.mark.requirement("OIDSSF-8.1.1.1/malformed")
@pytest.mark.requirement("OIDSSF-8.1.1.3/stream-id")
@pytest.mark.parametrize(
    "said",
    [
        [], "text", {"events_requested": "all"}, {"events_requested": [1]}, {"events_requested": [""]},
        {"events_requested": ["x"] * 101}, {"delivery": {"method": "urn:ietf:rfc:0000"}}, {"delivery": "push"},
        {"delivery": {"endpoint_url": PUSHED_TO}}, {"description": 7},
        {"delivery": {"method": "urn:ietf:rfc:8936", "authorization_header": "x"}},
    ],
)  # fmt: skip
async def test_what_is_no_configuration_is_refused(house: House, said: object) -> None:
    receiver = Receiver(house)
    assert (await receiver.ask("POST", "/ssf/streams", said)).status == 400
    assert (await receiver.ask("PATCH", "/ssf/streams", said)).status == 400
    assert (await receiver.ask("PATCH", "/ssf/streams", {"description": "of which?"})).status == 400


async def test_what_a_description_is_too_long_for_is_cut(house: House) -> None:
    stream = await Receiver(house).create({**ASKED, "description": "d" * 1_000})
    assert len(stream["description"]) == 255


class Names:
    """A resolver by which every name leads into a network of one's own."""

    def __init__(self, address: str) -> None:
        self.address = address

    async def resolve(self, host: str, port: int) -> Sequence[tuple[str, int]]:
        del host
        return ((self.address, port),)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.7", "169.254.169.254", "::1", "fd00::1"])
async def test_a_push_whose_name_leads_inside_is_never_sent_and_what_waits_stays(address: str) -> None:
    storage = MemoryStorage()
    house = await signalling_house(storage=storage)
    await grant(house)
    stream = await Receiver(house).create(PUSHED)
    await change_password(house)
    fetcher = GuardedFetcher(Guard(), house.log, resolver=Names(address))
    house.server = replace(house.server, outbound=fetcher)
    await Pushing(house, storage).once()
    await fetcher.close()
    failures = [fields["why"] for event, fields in house.log.events if event == "stream.postponed"]
    assert len(failures) == 1
    assert "not public" in str(failures[0])
    assert len(await house.stores.streams.events(stream["stream_id"], 10, StreamStatus.ENABLED)) == 2
