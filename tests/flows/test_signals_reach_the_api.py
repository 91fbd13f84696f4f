"""A guard that hears another server's signals, pushed or polled: what was revoked there is refused here."""

import asyncio
from dataclasses import replace

import httpx2
import pytest

from support.asking import bearing
from support.house import API, ISSUER, House, clients, document
from support.signalling import PARTNER, PUSHED_TO, Pushing, Receiver, change_password, signalling_house
from valetkey.adapters.storage.memory.storage import MemoryStorage
from valetkey.authorization_server.outbound import FetchedDocument, FetchRules, OutboundBody
from valetkey.jose import JwkSet, VerifiedJwt, Verifier
from valetkey.oauth.http import HttpRequest, HttpResponse
from valetkey.oauth.security_event import CREDENTIAL_CHANGE, SESSION_REVOKED
from valetkey.oauth.shared_signals import StreamStatus
from valetkey.oauth.status_list import StatusReference
from valetkey.oauth.types import Scope
from valetkey.resource_server import Deny, ResourceServer, RevocationSources, Rule
from valetkey.resource_server.signal_endpoint import SignalEndpoint
from valetkey.resource_server.signal_following import SignalPolling
from valetkey.resource_server.signals import Hearing, SignalRefused, Signals, Transmitter

READ = Rule.requiring("albums.read")
SECRET_HEADER = "Bearer " + "p" * 43
# The app that the end-users sign in to is the receiver: its API hears what it may hear.
APP = replace(
    clients()["web"],
    scope=Scope.parse("openid profile email offline_access albums.read ssf.manage"),
    grant_types=clients()["web"].grant_types | PARTNER.grant_types,
    resources=(API, *PARTNER.resources),
)


class HouseKeys:
    """The published keys of the transmitter, at its own time."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def verify(self, verifier: Verifier, token: str, now: int | None = None) -> VerifiedJwt:
        del now
        keys: JwkSet = await self._house.server.signer.public_keys()
        return verifier.verify(token, keys, now=self._house.clock.now)


class NoLists:
    """Status lists that say that nothing is revoked: what is refused here is refused by signals alone."""

    async def is_revoked(self, reference: StatusReference) -> bool:
        del reference
        return False


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage()


@pytest.fixture
async def house(storage: MemoryStorage) -> House:
    return await signalling_house(APP, storage=storage)


@pytest.fixture
def signals(house: House) -> Signals:
    return Signals(Transmitter(ISSUER.url, "web"), HouseKeys(house), clock=lambda: house.clock.now)


def api_of(house: House, signals: Signals | SignalPolling) -> ResourceServer:
    sources = RevocationSources(NoLists(), signals=signals)
    return ResourceServer.of_issuer(issuer=ISSUER.url, resource=API, keys=HouseKeys(house), revocations=sources)


async def status(api: ResourceServer, token: str) -> int:
    outcome = await api.decide(bearing(token), READ)
    return outcome.status if isinstance(outcome, Deny) else 200


class Wire:
    """The way of pushes: what is posted reaches the endpoint of the receiver."""

    def __init__(self, endpoint: SignalEndpoint) -> None:
        self._endpoint = endpoint
        self.statuses: list[int] = []

    async def post(self, url: str, body: OutboundBody, asked: FetchRules) -> FetchedDocument:
        del asked
        assert url == PUSHED_TO
        assert body.authorization is not None
        headers = (
            (b"authorization", body.authorization.reveal().encode()),
            (b"content-type", body.media_type.encode()),
        )
        answer = await self._endpoint.receive(HttpRequest("POST", "/events", headers=headers, body=body.octets))
        self.statuses.append(answer.status)
        return FetchedDocument(answer.status, dict(answer.headers), answer.body)

    async def get(self, url: str, asked: FetchRules) -> FetchedDocument:
        raise NotImplementedError

    def is_blocked(self, url: str) -> bool:
        del url
        return False

    def is_opened(self, host: str) -> bool:
        del host
        return False


async def test_a_revoked_end_users_token_is_refused_after_a_push(
    house: House, storage: MemoryStorage, signals: Signals
) -> None:
    told: list[Hearing | SignalRefused] = []
    wire = Wire(SignalEndpoint(signals, SECRET_HEADER, told=told.append))
    house.server = replace(house.server, outbound=wire)
    delivery = {
        "method": "urn:ietf:rfc:8935",
        "endpoint_url": PUSHED_TO,
        "authorization_header": SECRET_HEADER,
    }
    asked = {"events_requested": [SESSION_REVOKED, CREDENTIAL_CHANGE], "delivery": delivery}
    stream = await Receiver(house, APP).create(asked)
    signals.expect("state-1")
    said = {"stream_id": stream["stream_id"], "state": "state-1"}
    assert (await Receiver(house, APP).ask("POST", "/ssf/verify", said)).status == 204
    alices = str((await house.tokens())["access_token"])
    house.clock.advance(5)
    bobs = str((await house.tokens(subject="sub-bob"))["access_token"])
    api = api_of(house, signals)
    assert [await status(api, token) for token in (alices, bobs)] == [200, 200]
    await change_password(house)
    await Pushing(house, storage).once()
    assert wire.statuses == [202, 202, 202]
    assert [one.heard.value for one in told if isinstance(one, Hearing)] == ["verified", "applied", "applied"]
    assert [await status(api, token) for token in (alices, bobs)] == [401, 200]
    house.clock.advance(5)
    assert await status(api, str((await house.tokens())["access_token"])) == 200


class PollWire(httpx2.AsyncBaseTransport):
    """The network between a guard and a house."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.asked: list[bytes] = []
        self.failures = 0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        body = await request.aread()
        self.asked.append(body)
        if self.failures:
            self.failures -= 1
            raise httpx2.ConnectError("cut")
        path = str(request.url).removeprefix(ISSUER.url)
        headers = {name: request.headers[name] for name in ("authorization", "content-type", "prefer")}
        answer = await self._house.send("POST", path, form=body, headers=headers)
        assert isinstance(answer, HttpResponse)
        return httpx2.Response(answer.status, headers=list(answer.headers), content=answer.body)


@pytest.mark.requirement("RFC8936-2.2/ack")
async def test_a_revoked_end_users_token_is_refused_after_a_poll(house: House, signals: Signals) -> None:
    receiver = Receiver(house, APP)
    stream = await receiver.create({"events_requested": [SESSION_REVOKED]})
    wire = PollWire(house)

    async def authorization() -> str:
        form = {"grant_type": "client_credentials", "scope": "ssf.manage", "resource": PARTNER.resources[0]}
        return f"Bearer {document(await house.token('web', form))['access_token']}"

    polling = SignalPolling(
        stream["delivery"]["endpoint_url"],
        signals,
        authorization,
        transport=wire,
        clock=lambda: house.clock.now,
    )
    token = str((await house.tokens())["access_token"])
    api = api_of(house, polling)
    assert await status(api, token) == 200
    await polling.settle()
    assert polling.outage is None
    await change_password(house)
    house.server.stream_waiting.ring()
    async with asyncio.timeout(20):
        while await status(api, token) != 401:  # noqa: ASYNC110 - as a caller of the API would
            await asyncio.sleep(0.001)
        while await house.stores.streams.events(stream["stream_id"], 1, StreamStatus.ENABLED):  # noqa: ASYNC110 - until the follower has taken it
            await asyncio.sleep(0.001)
    await polling.aclose()
