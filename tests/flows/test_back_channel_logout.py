"""Back-channel logout from the sign-out to the client's own verifier: who is told, what, how often, how soon."""

import asyncio
from dataclasses import dataclass, replace
from urllib.parse import parse_qs

import pytest

from support.house import ISSUER, MAC_SECRET, NOW, House, build_house, claims_of, clients, document
from support.visitor import Visitor
from valetkey.adapters.logout_delivery import AT_ONCE, AT_ONCE_OF_ONE, LogoutDelivery
from valetkey.adapters.storage.memory.storage import MemoryStorage
from valetkey.authorization_server.audit import ActorKind, AuditQuestion
from valetkey.authorization_server.decision import BumpGeneration, EndSession, PutClient
from valetkey.authorization_server.model import SelfRegistration
from valetkey.authorization_server.openid_client import OpenIdMetadata, SubjectType
from valetkey.authorization_server.outbound import FetchedDocument, FetchRules, Lane, OutboundBody
from valetkey.authorization_server.revocation.logouts import PAUSES, TRIES, claim
from valetkey.authorization_server.service import AuthorizationServer
from valetkey.client import LogoutReceiver, ResponseRejected
from valetkey.jose import Jwk, JwkSet, jwt
from valetkey.jose.token_kinds import BACKCHANNEL_LOGOUT
from valetkey.oauth.types import ClientId, NumericDate, TokenDigest

OUT = "https://web.example/out"
TAKEN = FetchedDocument(200, {})
NEVER = OpenIdMetadata(backchannel_logout_uri="https://never.example/out")
WEB = replace(clients()["web"], openid=OpenIdMetadata(backchannel_logout_uri=OUT))


@dataclass
class OneServer:
    """Finds the one server of a house, while it is enabled."""

    house: House
    is_enabled: bool = True

    async def find(self, name: str) -> AuthorizationServer | None:
        assert name == self.house.server.tenant.tenant_id
        return self.house.server if self.is_enabled else None


@dataclass
class Scene:
    house: House
    storage: MemoryStorage
    servers: OneServer
    visitor: Visitor

    def worker(self) -> LogoutDelivery:
        return LogoutDelivery(self.storage, self.servers, self.house.clock, self.house.log)

    async def deliver(self) -> list[str]:
        """Let a worker do what is due, and return the tokens that it posted."""
        before = len(self.house.outside.posted)
        worker = self.worker()
        await worker.begin_due()
        await worker.settled()
        return [token_of(body) for _, body in self.house.outside.posted[before:]]


class Hanging:
    """An OutboundFetch that is asked and never answers, but for the one address that is `answered`."""

    def __init__(self, answered: str | None = None) -> None:
        self.asked = asyncio.Event()
        self._answered = answered

    async def post(self, url: str, body: OutboundBody, rules: FetchRules) -> FetchedDocument:
        del body, rules
        if self._answered in {None, url}:
            self.asked.set()
        if self._answered == url:
            return TAKEN
        await asyncio.Event().wait()
        raise AssertionError


def token_of(body: OutboundBody) -> str:
    assert body.media_type == "application/x-www-form-urlencoded"
    form = parse_qs(body.octets.decode(), strict_parsing=True)
    assert set(form) == {"logout_token"}
    return form["logout_token"][0]


@pytest.fixture
async def scene() -> Scene:
    storage = MemoryStorage()
    house = await build_house(storage=storage)
    await house.commit(PutClient(WEB))
    house.outside.answers[OUT] = TAKEN
    return Scene(house, storage, OneServer(house), Visitor(house))


@pytest.mark.requirement("OIDCBCL-2.4/signed")
@pytest.mark.requirement("OIDCBCL-2.4/events")
@pytest.mark.requirement("OIDCBCL-2.4/nonce")
@pytest.mark.requirement("OIDCBCL-2.5/form")
@pytest.mark.requirement("OIDCBCL-2.4/sub-or-sid")
async def test_a_sign_out_is_told_in_a_token_that_the_client_verifies(scene: Scene) -> None:
    await scene.visitor.granted()
    (stored,) = await scene.visitor.sessions()
    await scene.visitor.sign_out()
    (token,) = await scene.deliver()
    said = jwt.peek(token)
    assert said.header["typ"] == "logout+jwt"
    assert said.header["alg"] == WEB.id_token_signed_response_alg
    assert said.claims["events"] == {BACKCHANNEL_LOGOUT: {}}
    assert said.claims.keys() == {"iss", "aud", "iat", "exp", "jti", "sub", "sid", "events"}
    receiver = LogoutReceiver(ISSUER.url, "web")
    ended = receiver.verify(token, await scene.house.server.signer.public_keys(), now=NOW)
    assert (ended.subject, ended.sid) == ("sub-alice", stored.session.sid)
    (url, asked) = scene.house.outside.asked[-1]
    assert (url, asked.lane, asked.deadline_seconds) == (OUT, Lane.REGISTERED, 5.0)
    assert not await scene.deliver()


async def test_a_token_of_the_first_minutes_is_worthless_afterwards(scene: Scene) -> None:
    await scene.visitor.granted()
    await scene.visitor.sign_out()
    (token,) = await scene.deliver()
    keys = await scene.house.server.signer.public_keys()
    with pytest.raises(ResponseRejected):
        LogoutReceiver(ISSUER.url, "web").verify(token, keys, now=NOW + 120)


async def test_every_client_of_the_session_is_told_and_no_other(scene: Scene) -> None:
    spa = replace(clients()["spa"], openid=OpenIdMetadata(backchannel_logout_uri="https://spa.example/out"))
    native = replace(
        clients()["native"], openid=OpenIdMetadata(backchannel_logout_uri="https://native.example/out")
    )
    await scene.house.commit(PutClient(spa), PutClient(native))
    await scene.visitor.granted()
    await scene.visitor.granted("spa")
    elsewhere = Visitor(scene.house)
    await elsewhere.granted("native")
    await scene.visitor.sign_out()
    assert {str(jwt.peek(token).claims["aud"]) for token in await scene.deliver()} == {"web", "spa"}


# covers: LGO-06, FLT-18
async def test_a_client_that_is_down_is_tried_again_with_growing_pauses_and_then_given_up(scene: Scene) -> None:
    await scene.visitor.granted()
    await scene.visitor.sign_out()
    scene.house.outside.break_off(OUT)
    tokens = await scene.deliver()
    for pause in PAUSES:
        scene.house.clock.advance(pause - 1)
        assert not await scene.deliver()
        scene.house.clock.advance(1)
        tokens += await scene.deliver()
    assert len(tokens) == TRIES
    assert len({str(jwt.peek(token).claims["jti"]) for token in tokens}) == 1
    scene.house.clock.advance(10 * PAUSES[-1])
    assert not await scene.deliver()
    (said,) = scene.house.log.of("logout.abandoned")
    assert (said["client_id"], said["tries"]) == ("web", TRIES)
    now = scene.house.clock.now
    question = AuditQuestion(NOW, NumericDate(now + 1), 10, event="logout.abandoned")
    (record,) = await scene.house.stores.audit.find(question)
    assert (record.kind, record.subject, record.client_id) == (ActorKind.SERVER, "sub-alice", "web")


# covers: LGO-06
@pytest.mark.parametrize("status", [302, 400, 404, 500, 503])
async def test_what_is_no_yes_is_tried_again(scene: Scene, status: int) -> None:
    await scene.visitor.granted()
    await scene.visitor.sign_out()
    scene.house.outside.answers[OUT] = FetchedDocument(status, {})
    assert len(await scene.deliver()) == 1
    scene.house.outside.answers[OUT] = FetchedDocument(204, {})
    scene.house.clock.advance(PAUSES[0])
    assert len(await scene.deliver()) == 1
    scene.house.clock.advance(PAUSES[1])
    assert not await scene.deliver()


# covers: FLT-18
async def test_of_several_workers_one_tells_and_who_dies_leaves_it_to_the_others(scene: Scene) -> None:
    await scene.visitor.granted()
    await scene.visitor.sign_out()
    workers = [scene.worker() for _ in range(4)]
    for worker in workers:
        await worker.begin_due()
    for worker in workers:
        await worker.settled()
    assert len(scene.house.outside.posted) == 1


# covers: FLT-18
async def test_a_worker_that_was_killed_while_it_told_is_followed_by_another(scene: Scene) -> None:
    outbound = Hanging()
    await scene.visitor.granted()
    await scene.visitor.sign_out()
    server = scene.house.server
    scene.house.server = replace(server, outbound=outbound)  # type: ignore[arg-type]  # only asked to post
    task = asyncio.create_task(scene.worker().run())
    await asyncio.wait_for(outbound.asked.wait(), 10)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    scene.house.server = server
    assert not await scene.deliver()
    scene.house.clock.advance(PAUSES[0])
    assert len(await scene.deliver()) == 1


# covers: LGO-06
async def test_a_slow_client_keeps_no_other_waiting(scene: Scene) -> None:
    spa = replace(clients()["spa"], openid=OpenIdMetadata(backchannel_logout_uri="https://spa.example/out"))
    await scene.house.commit(PutClient(spa))
    for _ in range(6):
        visitor = Visitor(scene.house)
        await visitor.granted()
        await visitor.sign_out()
    last = Visitor(scene.house)
    await last.granted("spa")
    await last.sign_out()
    tokens = [str(jwt.peek(token).claims["aud"]) for token in await scene.deliver()]
    assert sorted(tokens) == ["spa", *["web"] * AT_ONCE_OF_ONE]


# covers: LGO-06
async def test_strangers_that_never_answer_leave_room_for_a_client_that_somebody_vouches_for(scene: Scene) -> None:
    registered = SelfRegistration(NOW, TokenDigest(b"r" * 32))
    strangers = [ClientId(f"a-stranger-{number}") for number in range(AT_ONCE // AT_ONCE_OF_ONE + 1)]
    for name in strangers:
        await scene.house.commit(PutClient(replace(WEB, client_id=name, openid=NEVER, registration=registered)))
    for _ in range(AT_ONCE_OF_ONE):
        visitor = Visitor(scene.house)
        for name in strangers:
            await visitor.granted(name, redirect_uri=WEB.redirect_uris[0])
        await visitor.sign_out()
    await scene.visitor.granted()
    await scene.visitor.sign_out()
    outbound = Hanging(answered=OUT)
    scene.house.server = replace(scene.house.server, outbound=outbound)  # type: ignore[arg-type]  # only asked to post
    running = asyncio.create_task(scene.worker().run())
    try:
        await asyncio.wait_for(outbound.asked.wait(), 10)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_client_that_is_gone_or_wants_no_more_is_told_nothing(scene: Scene) -> None:
    for gone in (replace(WEB, disabled=True), replace(WEB, openid=OpenIdMetadata())):
        await scene.house.commit(PutClient(WEB))
        await scene.visitor.granted()
        await scene.visitor.sign_out()
        await scene.house.commit(PutClient(gone))
        assert not await scene.deliver()
        assert not await scene.storage.due_logouts(NumericDate(10**10), 10, 10)


async def test_a_tenant_that_is_disabled_for_a_while_is_told_of_later(scene: Scene) -> None:
    await scene.visitor.granted()
    await scene.visitor.sign_out()
    scene.servers.is_enabled = False
    assert not await scene.deliver()
    scene.servers.is_enabled = True
    scene.house.clock.advance(PAUSES[0])
    assert len(await scene.deliver()) == 1


async def test_strangers_are_told_in_a_lane_of_their_own(scene: Scene) -> None:
    registered = SelfRegistration(NOW, TokenDigest(b"r" * 32))
    await scene.house.commit(PutClient(replace(WEB, registration=registered)))
    await scene.visitor.granted()
    await scene.visitor.sign_out()
    assert len(await scene.deliver()) == 1
    assert scene.house.outside.asked[-1][1].lane is Lane.STRANGERS


# covers: LGO-06
async def test_the_sign_out_does_not_wait_and_the_worker_wakes_with_its_commit(scene: Scene) -> None:
    await scene.visitor.granted()
    outbound = Hanging()
    scene.house.server = replace(scene.house.server, outbound=outbound)  # type: ignore[arg-type]  # only asked to post
    worker = LogoutDelivery(scene.storage, scene.servers, scene.house.clock, scene.house.log, tick_seconds=3_600)
    scene.house.stores.security_events.on_written(worker.wake)
    running = asyncio.create_task(worker.run())
    await asyncio.sleep(0)
    await scene.visitor.sign_out()
    await asyncio.wait_for(outbound.asked.wait(), 10)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize("way", ["account", "everywhere", "password", "operator", "subject"])
async def test_every_way_out_is_told(scene: Scene, way: str) -> None:
    await scene.visitor.granted()
    (stored,) = await scene.visitor.sessions()
    sid = stored.session.sid
    elsewhere = Visitor(scene.house)
    match way:
        case "account":
            page = await elsewhere.account()
            form = next(one.end_form for one in page.sessions if one.end_form is not None)
            await elsewhere.submit(form, {})
        case "everywhere":
            await elsewhere.submit((await elsewhere.account()).everywhere_form, {})
        case "password":
            await elsewhere.change_password("another battery staple")
        case "operator":
            await scene.house.commit(EndSession(sid, scene.house.clock.now))
        case _:
            await scene.house.commit(BumpGeneration("subject", "sub-alice"))
    (token,) = await scene.deliver()
    assert jwt.peek(token).claims["sid"] == sid


async def test_a_client_without_the_key_that_it_asks_for_is_told_nothing_in_clear_and_given_up(
    scene: Scene,
) -> None:
    await scene.visitor.granted()
    await scene.visitor.sign_out()
    openid = replace(WEB.openid, id_token_encrypted_response_alg="ECDH-ES")
    await scene.house.commit(PutClient(replace(WEB, openid=openid)))
    for pause in (0, *PAUSES):
        scene.house.clock.advance(pause)
        assert not await scene.deliver()
    assert not await scene.storage.due_logouts(NumericDate(10**10), 10, 10)
    assert len(scene.house.log.of("logout.abandoned")) == 1


async def test_a_logout_that_kills_every_worker_is_given_up_too(scene: Scene) -> None:
    await scene.visitor.granted()
    await scene.visitor.sign_out()
    for pause in (0, *PAUSES):
        scene.house.clock.advance(pause)
        (due,) = await scene.storage.due_logouts(scene.house.clock.now, 10, 10)
        await scene.house.commit(claim(due, scene.house.clock.now))
    scene.house.clock.advance(PAUSES[-1])
    assert not await scene.deliver()
    assert len(scene.house.log.of("logout.abandoned")) == 1


@pytest.mark.requirement("OIDCC-8.1/distinct")
async def test_a_pairwise_client_is_told_of_the_subject_that_it_knows(scene: Scene) -> None:
    openid = replace(WEB.openid, subject_type=SubjectType.PAIRWISE)
    await scene.house.commit(PutClient(replace(WEB, openid=openid)))
    tokens = document(await scene.house.redeem((await scene.visitor.granted())["code"]))
    await scene.visitor.sign_out()
    (token,) = await scene.deliver()
    assert jwt.peek(token).claims["sub"] == claims_of(tokens["id_token"])["sub"] != "sub-alice"


@pytest.mark.requirement("OIDCBCL-2.4/signed")
@pytest.mark.requirement("OIDCBCL-2.4/same-keys")
async def test_a_client_of_macs_verifies_by_its_own_secret(scene: Scene) -> None:
    mac = replace(clients()["mac"], id_token_signed_response_alg="HS256", scope=WEB.scope, openid=WEB.openid)
    await scene.house.commit(PutClient(mac))
    await scene.visitor.granted("mac", resource=None, scope="openid")
    await scene.visitor.sign_out()
    (token,) = await scene.deliver()
    key = Jwk.from_secret(MAC_SECRET.encode(), algorithm="HS256")
    receiver = LogoutReceiver(ISSUER.url, "mac", algorithms=["HS256"])
    assert receiver.verify(token, JwkSet((key,)), now=NOW).subject == "sub-alice"
