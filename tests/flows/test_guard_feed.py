"""A guard that follows the live feed of a real server: dead within a moment, closed when nothing can be known."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import httpx2
import pytest

from support.asking import bearing
from support.exchanging import exchanged, gateway
from support.feeding import FEED, feeding_house
from support.house import API, ISSUER, NOW, SECRET, House, claims_of, end_users
from support.introspecting import give_back
from valetkey.authorization_server.decision import (
    BumpGeneration,
    ChangePassword,
    EndSession,
    PutClient,
    RevokeAuthorization,
)
from valetkey.authorization_server.model import PasswordHash
from valetkey.integrations.starlette import Guard
from valetkey.jose import Jwk, JwkSet, VerifiedJwt, Verifier, jwt
from valetkey.oauth.http import HttpResponse
from valetkey.oauth.status_list import StatusReference
from valetkey.oauth.types import AuthorizationId
from valetkey.resource_server import (
    Deny,
    FeedCredentials,
    ResourceServer,
    RevocationFeed,
    RevocationSources,
    Rule,
)
from valetkey.resource_server.feed import CURRENT_SECONDS
from valetkey.resource_server.revocation_view import StatusUnavailable
from valetkey.resource_server.trusted_issuer import ALGORITHMS, published_with

READ = Rule.requiring("albums.read")
PATIENT = Rule.requiring("albums.read", insecure_stale_seconds=60)
ALICE = end_users()["alice"]


class Wire(httpx2.AsyncBaseTransport):
    """The network between an API and a house: it counts, can be cut, and can bend what it carries."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.asked = 0
        self.failure: Exception | httpx2.Response | None = None
        self.bend: Callable[[bytes], bytes] = bytes

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.asked += 1
        body = await request.aread()
        if isinstance(self.failure, Exception):
            raise self.failure
        if self.failure is not None:
            return self.failure
        assert (request.method, str(request.url)) == ("POST", ISSUER.url + FEED)
        headers = {name: request.headers[name] for name in ("authorization", "prefer", "content-type")}
        answer = await self._house.send("POST", FEED, form=body, headers=headers)
        assert isinstance(answer, HttpResponse)
        return httpx2.Response(answer.status, headers=list(answer.headers), content=self.bend(answer.body))


class HouseKeys:
    """The published keys of a house, at its own time."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def verify(self, verifier: Verifier, token: str, now: int | None = None) -> VerifiedJwt:
        del now
        keys: JwkSet = await self._house.server.signer.public_keys()
        return verifier.verify(token, keys, now=self._house.clock.now)


class Lists:
    """The status lists, as they would be read at this moment: by default they are out of reach."""

    def __init__(self) -> None:
        self.asked = 0
        self.revoked: bool | None = None

    async def is_revoked(self, reference: StatusReference) -> bool:
        del reference
        self.asked += 1
        if self.revoked is None:
            raise StatusUnavailable("no list can be had")
        return self.revoked


@pytest.fixture
async def house() -> House:
    return await feeding_house()


@pytest.fixture
async def wire(house: House) -> Wire:
    return Wire(house)


@pytest.fixture
def lists() -> Lists:
    return Lists()


@pytest.fixture
async def feed(house: House, wire: Wire) -> AsyncIterator[RevocationFeed]:
    following = RevocationFeed(
        ISSUER.url,
        FeedCredentials("albums-api", SECRET),
        HouseKeys(house),
        algorithms=ALGORITHMS,
        transport=wire,
        clock=lambda: house.clock.now,
    )
    yield following
    await following.aclose()


@pytest.fixture
def api(house: House, feed: RevocationFeed, lists: Lists) -> ResourceServer:
    sources = RevocationSources(lists, feed)
    return ResourceServer.of_issuer(issuer=ISSUER.url, resource=API, keys=HouseKeys(house), revocations=sources)


async def status(api: ResourceServer, token: str, rule: Rule = READ) -> int:
    outcome = await api.decide(bearing(token), rule)
    return outcome.status if isinstance(outcome, Deny) else 200


async def soon(api: ResourceServer, token: str, expected: int) -> None:
    """Ask until the guard has heard of it: what it waits for takes turns of the loop, and no time."""
    async with asyncio.timeout(20):
        while await status(api, token) != expected:  # noqa: ASYNC110 - as a caller of the API would
            await asyncio.sleep(0.001)


async def without_status(house: House, **changes: object) -> str:
    """Return a token of the house as an issuer without status lists would have signed it."""
    claims = claims_of((await house.tokens())["access_token"]) | changes
    del claims["status"]
    return await house.server.signer.sign(claims, typ="at+jwt", algorithm="ES256")


async def by_password(house: House, _token: str) -> None:
    assert ALICE.password_hash is not None
    await house.commit(ChangePassword(ALICE.subject, ALICE.password_hash, PasswordHash("$argon2id$new"), NOW))


async def by_authorization(house: House, token: str) -> None:
    await house.commit(RevokeAuthorization(AuthorizationId(claims_of(token)["authorization_id"]), NOW))


async def by_client(house: House, _token: str) -> None:
    await house.commit(BumpGeneration("client", "web"))


async def by_server(house: House, _token: str) -> None:
    await house.commit(BumpGeneration("server", ""))


async def by_giving_back(house: House, token: str) -> None:
    assert (await give_back(house, token)).status == 200


Kill = Callable[[House, str], Awaitable[None]]


# covers: INT-07
@pytest.mark.parametrize("kill", [by_password, by_authorization, by_client, by_server, by_giving_back])
async def test_a_killed_token_is_refused_without_a_look_at_any_list_and_one_from_after_it_passes(
    house: House, api: ResourceServer, lists: Lists, kill: Kill
) -> None:
    token, other = (await house.tokens())["access_token"], (await house.tokens("spa"))["access_token"]
    await soon(api, token, 200)
    looked = lists.asked
    await kill(house, token)
    await soon(api, token, 401)
    assert await status(api, (await house.tokens())["access_token"]) == 200
    expected = 401 if kill in {by_password, by_server} else 200
    assert await status(api, other) == expected
    assert lists.asked == looked


async def test_a_session_takes_the_tokens_that_are_bound_to_it_along(house: House, api: ResourceServer) -> None:
    session = await house.session()
    bound = (await house.tokens(sid=session.sid, bound_to_session=True))["access_token"]
    outlives = (await house.tokens(sid=session.sid, bound_to_session=False))["access_token"]
    await soon(api, bound, 200)
    await house.commit(EndSession(session.sid, NOW))
    await soon(api, bound, 401)
    assert await status(api, outlives) == 200


@pytest.mark.parametrize("kill", [by_password, by_authorization, by_client, by_server])
async def test_an_exchanged_token_dies_with_what_it_was_made_of(
    house: House, api: ResourceServer, kill: Kill
) -> None:
    await house.commit(PutClient(gateway()))
    # The gateway's own counter is ahead of the first client's: the two are never mixed up.
    await house.commit(*(BumpGeneration("client", "gateway") for _ in range(3)))
    token = (await house.tokens())["access_token"]
    handed_on = (await exchanged(house, token))["access_token"]
    await soon(api, handed_on, 200)
    await kill(house, token)
    await soon(api, handed_on, 401)


async def test_what_was_revoked_before_the_guard_began_is_known_with_its_first_answer(
    house: House, api: ResourceServer, lists: Lists
) -> None:
    token, living = await without_status(house), await without_status(house)
    await by_authorization(house, token)
    for number in range(250):
        await house.commit(BumpGeneration("client", f"c{number}"))
    assert await status(api, token) == 401
    assert await status(api, living) == 200
    assert lists.asked == 0


async def test_the_feed_says_why_it_cannot_be_believed(
    house: House, wire: Wire, api: ResourceServer, feed: RevocationFeed
) -> None:
    def outage() -> str | None:
        return feed.outage

    assert outage() == "the feed is being read"
    wire.failure = httpx2.Response(401)
    assert await status(api, await without_status(house)) == 503
    assert outage() == "the issuer answered 401"
    wire.failure = None
    house.clock.advance(1)
    await soon(api, await without_status(house), 200)
    assert outage() is None
    house.clock.advance(CURRENT_SECONDS)
    assert outage() is not None


async def test_until_the_first_answer_the_status_list_decides(
    house: House, wire: Wire, api: ResourceServer, lists: Lists
) -> None:
    wire.failure = httpx2.ConnectError("down")
    token = (await house.tokens())["access_token"]
    lists.revoked = False
    assert await status(api, token) == 200
    lists.revoked = True
    assert await status(api, token) == 401
    lists.revoked = None
    assert await status(api, token) == 503


async def test_without_feed_and_status_a_token_is_refused_for_now(
    house: House, wire: Wire, api: ResourceServer
) -> None:
    wire.failure = httpx2.Response(503)
    token = await without_status(house)
    assert await status(api, token) == 503
    assert await status(api, token, PATIENT) == 503


async def lost(house: House, wire: Wire, api: ResourceServer, token: str) -> None:
    """Let the guard catch up with the feed, then lose it."""
    await soon(api, token, 200)
    wire.failure = httpx2.ConnectError("down")
    await by_client(house, token)  # answers the pending question, so that the next one is asked
    house.clock.advance(CURRENT_SECONDS)


async def test_when_the_feed_is_lost_the_list_decides_and_what_was_known_to_be_dead_stays_dead(
    house: House, wire: Wire, api: ResourceServer, lists: Lists
) -> None:
    living, token = await without_status(house, client_id="spa"), (await house.tokens())["access_token"]
    await lost(house, wire, api, living)
    lists.revoked = False
    assert await status(api, (await house.tokens("spa"))["access_token"]) == 200
    await soon(api, token, 401)
    assert await status(api, living) == 503


async def test_a_rule_may_accept_what_is_stale_for_a_stated_time(
    house: House, wire: Wire, api: ResourceServer
) -> None:
    living = await without_status(house, client_id="spa")
    await lost(house, wire, api, living)
    assert await status(api, living, PATIENT) == 200
    assert await status(api, living, READ) == 503
    house.clock.advance(60)
    assert await status(api, living, PATIENT) == 503


async def test_an_event_that_is_not_believed_is_never_passed_over(
    house: House, wire: Wire, api: ResourceServer, lists: Lists, feed: RevocationFeed
) -> None:
    await by_client(house, "")
    forged = jwt.sign({"iss": ISSUER.url, "jti": "1"}, Jwk.generate("ES256"), typ="secevent+jwt")
    wire.bend = lambda _: b'{"sets": {"1": "%s"}}' % forged.encode()
    token = (await house.tokens())["access_token"]
    await feed.settle()
    assert await status(api, token) == 503
    assert "not believed" in feed.state.failure
    assert feed.state.acknowledged == ()
    lists.revoked = False
    assert await status(api, token) == 200


async def test_a_token_under_the_identifier_of_another_is_no_event(
    house: House, wire: Wire, api: ResourceServer, feed: RevocationFeed
) -> None:
    await by_client(house, "")
    wire.bend = lambda body: body.replace(b'"1":', b'"2":')
    assert await status(api, await without_status(house)) == 503
    assert "identifier" in feed.state.failure


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(401),
        httpx2.Response(200, headers={"content-type": "text/html"}),
        httpx2.Response(200, headers={"content-type": "application/json", "content-encoding": "gzip"}),
        httpx2.Response(200, headers={"content-type": "application/json"}, content=b" " * ((1 << 20) + 1)),
    ],
    ids=["refused", "not JSON", "compressed", "too large"],
)
async def test_an_answer_that_is_none_leaves_the_guard_closed(
    house: House, wire: Wire, api: ResourceServer, answer: httpx2.Response
) -> None:
    wire.failure = answer
    assert await status(api, await without_status(house)) == 503


async def test_one_question_at_a_time_is_asked_for_however_many_requests(
    house: House, wire: Wire, api: ResourceServer
) -> None:
    token = await without_status(house)
    assert await asyncio.gather(*(status(api, token) for _ in range(20))) == [200] * 20
    assert wire.asked <= 2


async def test_a_guard_that_was_closed_begins_anew(house: House, api: ResourceServer, feed: RevocationFeed) -> None:
    token = (await house.tokens())["access_token"]
    await soon(api, token, 200)
    await feed.aclose()
    await by_authorization(house, token)
    await soon(api, token, 401)


def test_what_is_published_of_revocation_is_believed_under_es256_too() -> None:
    assert published_with(["RS256"]) == {"RS256", "ES256"}


def test_an_option_that_a_guard_does_not_know_is_refused() -> None:
    with pytest.raises(TypeError, match="'feeds'"):
        Guard("https://as.example", "https://api.example", feeds=1)  # type: ignore[call-arg]  # what is tried


def test_the_feed_is_one_argument_of_a_guard() -> None:
    credentials = FeedCredentials("albums-api", "s3cret")
    guard = Guard("https://as.example", "https://api.example", feed=credentials)
    assert "s3cret" not in repr(guard.resource_server)
    with pytest.raises(ValueError, match="https"):
        RevocationFeed("http://as.example", replace(credentials), HouseKeys, algorithms=ALGORITHMS)  # type: ignore[arg-type]  # never asked
