"""The guard and status lists: revoked is refused, not knowing is our fault, and nothing is fetched elsewhere."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from support.asking import bearing
from support.issuer import ISSUER, NOW, RESOURCE, TestIssuer
from valetkey.jose import Jwk, KeySourceUnavailable
from valetkey.jose.remote import FetchAnswer, FetchRequest
from valetkey.oauth.status_list import MEDIA_TYPE, MalformedStatusList, StatusList, StatusReference
from valetkey.resource_server import Allow, Decision, Deny, ResourceServer, RevocationSources, Rule, StatusFollower
from valetkey.resource_server.revocation_view import (
    MAXIMUM_LISTS,
    KnownStatusList,
    RevocationView,
    StatusUnavailable,
    is_under,
)
from valetkey.resource_server.trusted_issuer import ALGORITHMS

URI = f"{ISSUER}/status/one"
REVOKED, LIVING = 7, 8


@dataclass
class Published:
    """An issuer's status lists, which tests change, take down and bend; every fetch is counted."""

    issuer: TestIssuer = field(default_factory=TestIssuer)
    now: int = NOW
    revoked: set[int] = field(default_factory=lambda: {REVOKED})
    is_down: bool = False
    changes: dict[str, object] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    status: int = 200
    typ: str = "statuslist+jwt"
    key: Jwk | None = None
    fetched: list[FetchRequest] = field(default_factory=list)

    async def fetch(self, request: FetchRequest) -> FetchAnswer:
        self.fetched.append(request)
        await asyncio.sleep(0)
        if self.is_down:
            raise KeySourceUnavailable("the source cannot be reached (ConnectError)")
        claims: dict[str, object] = {
            "iss": ISSUER,
            "sub": request.url,
            "iat": self.now,
            "exp": self.now + 60,
            "ttl": 5,
            "status_list": StatusList.of_revoked(self.revoked, 64).claim(),
        }
        merged = dict.fromkeys(("aud", "client_id", "jti", "scope")) | claims | self.changes
        signer = self.issuer if self.key is None else TestIssuer(self.key)
        text = signer.token(merged, typ=self.typ)
        return FetchAnswer(self.status, {"content-type": MEDIA_TYPE} | self.headers, text.encode())

    def follower(self, *, stale: int = 0) -> StatusFollower:
        return StatusFollower(
            ISSUER,
            self.issuer.source(),
            algorithms=ALGORITHMS,
            fetch=self.fetch,
            clock=lambda: self.now,
            insecure_stale_seconds=stale,
        )

    def guard(self, *, stale: int = 0) -> ResourceServer:
        return ResourceServer.of_issuer(
            issuer=ISSUER,
            resource=RESOURCE,
            keys=self.issuer.source(),
            revocations=RevocationSources(self.follower(stale=stale)),
        )

    async def ask(self, guard: ResourceServer, index: int = LIVING, *, status: Any = ...) -> Decision:
        claim = StatusReference(URI, index).claim() if status is ... else status
        return await guard.decide(bearing(self.issuer.token({"status": claim})), Rule())


@pytest.fixture
def published() -> Published:
    return Published()


async def landed() -> None:
    # The fetch in the background takes a few turns of the loop and no time.
    for _ in range(20):
        await asyncio.sleep(0)


def denied(outcome: Decision, status: int) -> Deny:
    assert isinstance(outcome, Deny)
    assert outcome.status == status
    return outcome


@pytest.mark.requirement("TSL-8.1/get", "TSL-8.3/first")
async def test_a_revoked_token_is_refused_and_its_neighbour_passes(published: Published) -> None:
    guard = published.guard()
    assert isinstance(await published.ask(guard), Allow)
    refused = denied(await published.ask(guard, REVOKED), 401)
    assert (refused.error, refused.description) == ("invalid_token", "The token was revoked.")
    assert [request.url for request in published.fetched] == [URI]
    assert published.fetched[0].headers["accept"] == MEDIA_TYPE


async def test_a_guard_without_further_settings_follows_what_its_tokens_name() -> None:
    issuer = TestIssuer()
    guard = ResourceServer.of_issuer(issuer=ISSUER, resource=RESOURCE, keys=issuer.source())
    elsewhere = StatusReference("https://elsewhere.example/status/one", 1).claim()
    assert isinstance(await guard.decide(bearing(issuer.token()), Rule()), Allow)
    denied(await guard.decide(bearing(issuer.token({"status": elsewhere})), Rule()), 401)


@pytest.mark.requirement("TSL-8.3/first")
async def test_nothing_is_fetched_for_a_token_that_is_no_good_in_itself(published: Published) -> None:
    guard, claim = published.guard(), StatusReference(URI, LIVING).claim()
    token = TestIssuer().token({"status": claim})
    denied(await guard.decide(bearing(token), Rule()), 401)
    assert published.fetched == []


async def test_a_list_is_used_for_its_ttl_and_asked_for_ahead(published: Published) -> None:
    guard = published.guard()
    await published.ask(guard)
    published.revoked.add(LIVING)
    published.now += 1
    assert isinstance(await published.ask(guard), Allow)
    assert len(published.fetched) == 1
    published.now += 1
    assert isinstance(await published.ask(guard), Allow)
    await landed()
    assert len(published.fetched) == 2
    denied(await published.ask(guard), 401)


async def test_after_its_ttl_a_list_is_fetched_before_anything_is_said(published: Published) -> None:
    guard = published.guard()
    await published.ask(guard)
    published.revoked.add(LIVING)
    published.now += 5
    denied(await published.ask(guard), 401)


@pytest.mark.parametrize("ttl", [86_400, None])
async def test_no_list_is_used_for_longer_than_fifteen_seconds(published: Published, ttl: int | None) -> None:
    published.changes = {"ttl": ttl, "exp": None}
    guard = published.guard()
    await published.ask(guard)
    published.is_down = True
    published.now += 14
    assert isinstance(await published.ask(guard), Allow)
    await landed()
    published.now += 1
    denied(await published.ask(guard), 503)


# covers: GTW-07
async def test_a_list_that_cannot_be_had_closes_the_door_by_our_fault(published: Published) -> None:
    published.is_down = True
    guard = published.guard()
    closed = denied(await published.ask(guard), 503)
    assert closed.error == "temporarily_unavailable"
    assert "retry-after" in dict(closed.headers)
    assert "www-authenticate" not in dict(closed.headers)
    # The issuer is not asked again by every request, and the door opens when it is back.
    denied(await published.ask(guard), 503)
    assert len(published.fetched) == 1
    published.is_down = False
    published.now += 1
    assert isinstance(await published.ask(guard), Allow)


# covers: GTW-07
async def test_a_stale_list_closes_the_door_unless_staleness_was_asked_for(published: Published) -> None:
    strict, lenient = published.guard(), published.guard(stale=30)
    for guard in (strict, lenient):
        assert isinstance(await published.ask(guard), Allow)
    published.is_down = True
    published.now += 5
    denied(await published.ask(strict), 503)
    assert isinstance(await published.ask(lenient), Allow)
    denied(await published.ask(lenient, REVOKED), 401)
    published.now += 30
    denied(await published.ask(lenient), 503)


@pytest.mark.parametrize("seconds", [-1, 3_601])
def test_no_more_than_an_hour_of_staleness_can_be_asked_for(published: Published, seconds: int) -> None:
    with pytest.raises(ValueError, match="stale"):
        published.follower(stale=seconds)


async def test_many_requests_wait_for_one_fetch(published: Published) -> None:
    guard = published.guard()
    outcomes = await asyncio.gather(*(published.ask(guard) for _ in range(50)))
    assert all(isinstance(outcome, Allow) for outcome in outcomes)
    assert len(published.fetched) == 1


@pytest.mark.requirement("TSL-5.1/typ", "TSL-5.1/signature", "TSL-5.1/mac", "TSL-8.3/subject", "TSL-8.3/expired")
@pytest.mark.requirement("TSL-5.1/ttl", "TSL-8.2/content-type")
@pytest.mark.parametrize(
    "bent",
    [
        {"typ": "JWT"},
        {"typ": "at+jwt"},
        {"key": Jwk.generate("ES256", kid="a stranger's")},
        {"key": Jwk.generate("HS256", kid="a shared secret")},
        {"changes": {"sub": f"{ISSUER}/status/two"}},
        {"changes": {"sub": None}},
        {"changes": {"iss": "https://elsewhere.example"}},
        {"changes": {"iat": None}},
        {"changes": {"iat": NOW + 3_600}},
        {"changes": {"exp": NOW}},
        {"changes": {"ttl": 0}},
        {"changes": {"ttl": "5"}},
        {"changes": {"status_list": None}},
        {"changes": {"status_list": {"bits": 1, "lst": "!"}}},
        {"changes": {"status_list": {"bits": 5, "lst": "eNrbuRgAAhcBXQ"}}},
        {"status": 302, "headers": {"location": URI}},
        {"status": 404},
        {"status": 304},
        {"headers": {"content-type": "text/html"}},
        {"headers": {"content-encoding": "gzip"}},
    ],
    ids=str,
)
async def test_a_list_that_is_not_believed_says_nothing(published: Published, bent: Mapping[str, Any]) -> None:
    for name, value in bent.items():
        setattr(published, name, value)
    denied(await published.ask(published.guard()), 503)


async def test_an_older_list_does_not_bring_the_dead_back(published: Published) -> None:
    published.revoked.add(LIVING)
    guard = published.guard()
    denied(await published.ask(guard), 401)
    published.revoked.clear()
    published.changes = {"iat": NOW - 1}
    published.now += 5
    denied(await published.ask(guard), 503)


async def test_the_same_list_signed_before_by_another_process_of_the_issuer_confirms_what_is_known(
    published: Published,
) -> None:
    guard = published.guard()
    assert isinstance(await published.ask(guard), Allow)
    published.changes = {"iat": NOW - 20, "exp": NOW + 40}
    for _ in range(4):
        published.now += 5
        assert isinstance(await published.ask(guard), Allow)
        denied(await published.ask(guard, REVOKED), 401)
    assert len(published.fetched) == 5


async def test_an_unchanged_list_is_confirmed_by_304_but_never_beyond_its_own_end(published: Published) -> None:
    published.headers = {"etag": '"1"'}
    guard = published.guard()
    await published.ask(guard)
    published.status = 304
    for _ in range(11):
        published.now += 5
        assert isinstance(await published.ask(guard), Allow)
    assert published.fetched[-1].headers["if-none-match"] == '"1"'
    published.now += 5
    denied(await published.ask(guard), 503)


@pytest.mark.requirement("TSL-6.2/idx", "TSL-6.2/uri", "TSL-8.3/out-of-bounds")
@pytest.mark.parametrize(
    "status",
    [
        "revoked",
        {},
        {"status_list": {"idx": -1, "uri": URI}},
        {"status_list": {"idx": 64, "uri": URI}},
        {"status_list": {"idx": 1, "uri": "https://elsewhere.example/status/one"}},
        {"status_list": {"idx": 1, "uri": f"{ISSUER}.elsewhere.example/status/one"}},
        {"status_list": {"idx": 1, "uri": f"{ISSUER}@elsewhere.example/one"}},
        {"status_list": {"idx": 1, "uri": f"{ISSUER}/status/../one"}},
        {"status_list": {"idx": 1, "uri": f"{ISSUER}/status/one?x"}},
        {"status_list": {"idx": 1, "uri": f"{ISSUER}/status/%6fne"}},
        {"status_list": {"idx": 1, "uri": f"{ISSUER}//elsewhere.example"}},
        {"status_list": {"idx": 1, "uri": ISSUER}},
    ],
    ids=str,
)
async def test_a_status_that_cannot_be_followed_refuses_the_token(published: Published, status: object) -> None:
    refused = denied(await published.ask(published.guard(), status=status), 401)
    assert refused.error == "invalid_token"
    assert {request.url for request in published.fetched} <= {URI}


def test_only_plain_paths_below_the_issuer_are_believed() -> None:
    assert is_under("https://as.example/t/acme", "https://as.example/t/acme/status/one")
    assert not is_under("https://as.example/t/acme", "https://as.example/t/other/status/one")


async def test_only_so_many_lists_are_kept_and_those_of_last_stay() -> None:
    view = RevocationView(ISSUER)
    references = [StatusReference(f"{ISSUER}/status/{number}", 0) for number in range(MAXIMUM_LISTS + 1)]
    claims = {"iat": NOW, "status_list": StatusList.of_revoked({0}, 8).claim()}
    for reference in references:
        known = view.of(reference)
        view.learn(known.told({**claims, "sub": known.uri}, None, NOW))
    assert view.of(references[-1]).is_revoked(0, NOW)
    with pytest.raises(StatusUnavailable):
        view.of(references[0]).is_revoked(0, NOW)
    with pytest.raises(MalformedStatusList):
        view.of(StatusReference("https://elsewhere.example/1", 0))


def test_the_pause_after_failures_grows_to_eight_seconds() -> None:
    known = KnownStatusList(URI)
    pauses = []
    for _ in range(6):
        known = known.failed("down", NOW)
        pauses.append(known.retry_at - NOW)
    assert pauses == [1, 2, 4, 8, 8, 8]
