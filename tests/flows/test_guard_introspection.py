"""A guarded API asks the real endpoint about opaque tokens: over HTTP, once for many, believing for ten seconds."""

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest

from support.asking import bearing
from support.house import API, ISSUER, SECRET, House
from support.introspecting import give_back, introspecting_house
from valetkey.authorization_server.decision import BumpGeneration
from valetkey.integrations.starlette import Guard
from valetkey.jose import JwkSet, VerifiedJwt, Verifier
from valetkey.oauth.http import HttpResponse
from valetkey.oauth.status_list import StatusReference
from valetkey.resource_server import (
    AccessToken,
    Allow,
    Deny,
    JudgingServer,
    ResourceServer,
    RevocationSources,
    Rule,
)
from valetkey.resource_server.feed_following import Verdict
from valetkey.resource_server.introspecting import RemoteIntrospection

READ = Rule.requiring("albums.read")


class Wire(httpx2.AsyncBaseTransport):
    """The network between an API and a house: it counts, it can be cut, and it can be held up."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.asked = 0
        self.failure: Exception | httpx2.Response | None = None
        self.reached = asyncio.Event()
        self.open = asyncio.Event()
        self.open.set()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.asked += 1
        self.reached.set()
        body = await request.aread()
        await self.open.wait()
        if isinstance(self.failure, Exception):
            raise self.failure
        if self.failure is not None:
            return self.failure
        assert (request.method, str(request.url)) == ("POST", f"{ISSUER.url}/introspect")
        headers = {"authorization": request.headers["authorization"]}
        answer = await self._house.send("POST", "/introspect", form=body, headers=headers)
        assert isinstance(answer, HttpResponse)
        return httpx2.Response(answer.status, headers=list(answer.headers), content=answer.body)


class HouseKeys:
    """The published keys of a house, at its own time."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def verify(self, verifier: Verifier, token: str, now: int | None = None) -> VerifiedJwt:
        del now
        keys: JwkSet = await self._house.server.signer.public_keys()
        return verifier.verify(token, keys, now=self._house.clock.now)


@pytest.fixture
async def house() -> House:
    return await introspecting_house()


@pytest.fixture
async def wire(house: House) -> Wire:
    return Wire(house)


@pytest.fixture
async def introspection(house: House, wire: Wire) -> AsyncIterator[RemoteIntrospection]:
    asking = RemoteIntrospection(
        f"{ISSUER.url}/introspect", "albums-api", SECRET, transport=wire, clock=lambda: house.clock.now
    )
    yield asking
    await asking.aclose()


@pytest.fixture
def api(house: House, introspection: RemoteIntrospection) -> ResourceServer:
    return ResourceServer.of_issuer(
        issuer=ISSUER.url, resource=API, keys=HouseKeys(house), introspection=introspection
    )


async def status(api: JudgingServer, token: str, rule: Rule = READ) -> int:
    outcome = await api.decide(bearing(token), rule)
    return outcome.status if isinstance(outcome, Deny) else 200


async def test_an_opaque_token_opens_the_api_with_one_question_for_ten_seconds(
    house: House, wire: Wire, api: ResourceServer
) -> None:
    token = (await house.tokens())["access_token"]
    outcome = await api.decide(bearing(token), READ)
    assert isinstance(outcome, Allow)
    assert (outcome.token.subject, outcome.token.claims["username"]) == ("sub-alice", "alice")
    house.clock.advance(9)
    assert await status(api, token) == 200
    assert wire.asked == 1
    house.clock.advance(1)
    assert await status(api, token) == 200
    assert wire.asked == 2


# covers: INT-04
async def test_a_revoked_token_is_refused_within_ten_seconds(house: House, api: ResourceServer) -> None:
    token = (await house.tokens())["access_token"]
    assert await status(api, token) == 200
    assert (await give_back(house, token)).status == 200
    house.clock.advance(10)
    assert await status(api, token) == 401


# covers: INT-04
async def test_one_who_asks_every_time_learns_of_it_at_once(house: House, wire: Wire) -> None:
    careful = RemoteIntrospection(
        f"{ISSUER.url}/introspect", "albums-api", SECRET, longest_belief=0, transport=wire,
        clock=lambda: house.clock.now,
    )  # fmt: skip
    api = ResourceServer.of_issuer(issuer=ISSUER.url, resource=API, keys=HouseKeys(house), introspection=careful)
    token = (await house.tokens())["access_token"]
    assert await status(api, token) == 200
    await house.commit(BumpGeneration("subject", "sub-alice"))
    assert await status(api, token) == 401
    await careful.aclose()


# covers: GTW-07
@pytest.mark.parametrize(
    "failure",
    [
        httpx2.ConnectError("refused"),
        httpx2.ReadTimeout("slow"),
        httpx2.Response(503),
        httpx2.Response(500, text="<html>"),
        httpx2.Response(200, text="<html>"),
        httpx2.Response(200, headers={"content-encoding": "zstd"}, stream=httpx2.ByteStream(b"x")),
        httpx2.Response(302, headers={"location": "https://evil.example"}),
        httpx2.Response(200, headers={"content-type": "application/json"}, content=b"x" * 100_000),
    ],
    ids=lambda failure: type(failure).__name__ + str(getattr(failure, "status_code", "")),
)
async def test_an_issuer_out_of_reach_is_503_and_a_believed_answer_lasts_no_longer_for_it(
    house: House, wire: Wire, api: ResourceServer, failure: Exception | httpx2.Response
) -> None:
    token, fresh = (await house.tokens())["access_token"], (await house.tokens())["access_token"]
    assert await status(api, token) == 200
    wire.failure = failure
    assert await status(api, fresh) == 503
    house.clock.advance(9)
    assert await status(api, token) == 200
    house.clock.advance(1)
    assert await status(api, token) == 503
    wire.failure = None
    assert await status(api, token) == 200


# covers: GTW-07
async def test_wrong_credentials_of_the_api_are_its_own_fault(house: House, wire: Wire) -> None:
    wrong = RemoteIntrospection(f"{ISSUER.url}/introspect", "albums-api", "wrong" * 10, transport=wire)
    api = ResourceServer.of_issuer(issuer=ISSUER.url, resource=API, keys=HouseKeys(house), introspection=wrong)
    assert await status(api, (await house.tokens())["access_token"]) == 503
    await wrong.aclose()


async def test_fifty_requests_with_one_token_ask_once(house: House, wire: Wire, api: ResourceServer) -> None:
    token = (await house.tokens())["access_token"]
    wire.open.clear()
    crowd = asyncio.gather(*(status(api, token) for _ in range(50)))
    await wire.reached.wait()
    wire.open.set()
    assert await crowd == [200] * 50
    assert wire.asked == 1


# covers: GTW-08
async def test_what_is_remembered_is_the_token_and_not_the_decision(
    house: House, wire: Wire, api: ResourceServer
) -> None:
    token = (await house.tokens())["access_token"]
    assert await status(api, token, Rule.requiring("albums.write")) == 403
    assert await status(api, token) == 200
    assert await status(api, token, Rule.requiring("albums.write")) == 403
    assert wire.asked == 1


async def test_the_starlette_guard_takes_it_too(house: House, introspection: RemoteIntrospection) -> None:
    guard = Guard(ISSUER.url, API, introspection=introspection)
    token = (await house.tokens())["access_token"]
    assert await status(guard.resource_server, token) == 200


# covers: INT-04
async def test_with_the_feed_a_revoked_opaque_token_dies_without_waiting_for_its_belief(
    house: House, wire: Wire, introspection: RemoteIntrospection
) -> None:
    class Feed:
        """Knows one revocation, and nothing by which tokens of one subject could be told apart."""

        told = False

        def judge(self, token: AccessToken) -> Verdict:
            return Verdict.REVOKED if self.told and token.subject == "sub-alice" else Verdict.LIVING

        async def settle(self) -> None: ...

        def was_current_within(self, seconds: int) -> bool:
            return seconds >= 0

    class NoLists:
        async def is_revoked(self, reference: StatusReference) -> bool:
            raise AssertionError(reference)

    feed = Feed()
    api = ResourceServer.of_issuer(
        issuer=ISSUER.url,
        resource=API,
        keys=HouseKeys(house),
        introspection=introspection,
        revocations=RevocationSources(NoLists(), feed),
    )
    token = (await house.tokens())["access_token"]
    assert await status(api, token) == 200
    await house.commit(BumpGeneration("subject", "sub-alice"))
    assert await status(api, token) == 200  # still believed
    feed.told = True
    assert await status(api, token) == 401
    # One that was issued after it lives: the issuer says so, whatever the feed can tell.
    later = (await house.tokens())["access_token"]
    assert await status(api, later) == 200
    assert wire.asked == 4
