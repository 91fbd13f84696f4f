"""What is charged to whom: by address before it is known who asks, and by whoever was proven to after that."""

from collections.abc import Sequence

import pytest

from support.asking import asking, bearing
from support.issuer import ISSUER, NOW, RESOURCE, TestIssuer
from valetkey.oauth.access_token import AccessToken, access_token_from_claims
from valetkey.resource_server import (
    Allow,
    AllowAnonymous,
    BadRequest,
    Challenge,
    Forbid,
    FurtherSources,
    LimitBy,
    Limited,
    RateLimit,
    RequestLimits,
    RequestView,
    ResourceServer,
    Rule,
    TrustedIssuer,
    Unavailable,
)
from valetkey.resource_server.limits import (
    Charge,
    Enforcement,
    LimiterUnavailable,
    Spent,
    WhenDown,
)
from valetkey.resource_server.memory_limiter import MemoryLimiter

pytestmark = pytest.mark.anyio

AS = TestIssuer()
KEY = "vk_ak_" + "k" * 43
HERE, THERE = "203.0.113.7", "198.51.100.9"


class Clock:
    """Microseconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000_000

    def __call__(self) -> int:
        return self.now


class Down:
    """A limiter whose store does not answer."""

    async def spend(self, charges: Sequence[Charge]) -> tuple[Spent, ...]:
        raise LimiterUnavailable(f"{len(charges)} charges, and nobody to count them")

    async def look(self, charges: Sequence[Charge]) -> tuple[Spent, ...]:
        return await self.spend(charges)


class Keys:
    """Explains one API key, with the limit that its issuer gave it."""

    def __init__(self, limit: str) -> None:
        self._limit = limit

    async def introspect(self, token: str) -> AccessToken | None:
        claims = {
            "iss": ISSUER,
            "sub": "batch",
            "client_id": "batch",
            "aud": RESOURCE,
            "exp": NOW + 300,
            "iat": NOW,
        }
        told = {"jti": "key-1", "credential": "api_key", "urn:valetkey:limit": self._limit}
        return access_token_from_claims(claims | told) if token == KEY else None

    introspect_anew = introspect


def _limit(rate: str, *by: LimitBy, name: str = "limit", **more: object) -> RateLimit:
    return RateLimit.parse(name, rate, by=frozenset(by), **more)  # type: ignore[arg-type]  # a test's short hand


def _server(
    limiter: MemoryLimiter | Down, failed: RateLimit | None = None, keys: Keys | None = None
) -> ResourceServer:
    issuer = TrustedIssuer(issuer=ISSUER, resource=RESOURCE, keys=AS.source())
    return ResourceServer(RESOURCE, [issuer], FurtherSources(api_keys=keys, limits=RequestLimits(limiter, failed)))


def _memory() -> MemoryLimiter:
    return MemoryLimiter(clock=Clock())


@pytest.mark.parametrize(
    ("by", "same", "other"),
    [
        (LimitBy.CLIENT, {"sub": "bob"}, {"client_id": "shop"}),
        (LimitBy.SUBJECT, {"client_id": "shop"}, {"sub": "bob"}),
        (LimitBy.TENANT, {"sub": "bob", "client_id": "shop"}, None),
    ],
)
async def test_each_limit_counts_together_what_it_says(
    by: LimitBy, same: dict[str, object], other: dict[str, object] | None
) -> None:
    server = _server(_memory())
    rule = Rule(limits=(_limit("1/1m", by),))
    assert isinstance(await server.decide(bearing(AS.token()), rule), Allow)
    assert isinstance(await server.decide(bearing(AS.token(same)), rule), Limited)
    if other is not None:
        assert isinstance(await server.decide(bearing(AS.token(other)), rule), Allow)


async def test_a_limit_by_route_counts_each_route_on_its_own() -> None:
    server = _server(_memory())
    limit = _limit("1/1m", LimitBy.CLIENT, LimitBy.ROUTE)
    for name in ("/orders", "/stock"):
        rule = Rule(limits=(limit,), name=name)
        assert isinstance(await server.decide(bearing(AS.token()), rule), Allow)
        assert isinstance(await server.decide(bearing(AS.token()), rule), Limited)


async def test_a_limit_by_address_is_charged_before_anything_is_verified() -> None:
    server = _server(_memory())
    rule = Rule(limits=(_limit("2/1m", LimitBy.ADDRESS),))
    assert isinstance(await server.decide(asking("Bearer a.b.c"), rule), Challenge)
    assert isinstance(await server.decide(asking(), rule), Challenge)
    # A good token does not help who comes from there; from elsewhere it passes.
    assert isinstance(await server.decide(bearing(AS.token()), rule), Limited)
    assert isinstance(await server.decide(asking(f"Bearer {AS.token()}", address=THERE), rule), Allow)


# covers: RAT-03
async def test_who_is_not_proven_spends_nothing_of_whom_they_name() -> None:
    server = _server(_memory())
    rule = Rule(limits=(_limit("1/1m", LimitBy.CLIENT),))
    forged = TestIssuer().token()
    for _ in range(5):
        assert isinstance(await server.decide(bearing(forged), rule), Challenge)
    assert isinstance(await server.decide(bearing(AS.token()), rule), Allow)


async def test_bad_credentials_have_a_bucket_of_their_own() -> None:
    server = _server(_memory(), _limit("2/1m", LimitBy.ADDRESS, name="failed"))
    for bad in ("Bearer a.b.c", "Bearer"):
        refused = await server.decide(asking(bad), Rule())
        assert isinstance(refused, Challenge | BadRequest)
    out = await server.decide(bearing(AS.token()), Rule())
    assert isinstance(out, Limited)
    assert dict(out.headers)["retry-after"] == "30"
    assert isinstance(await server.decide(asking(f"Bearer {AS.token()}", address=THERE), Rule()), Allow)


async def test_good_credentials_or_none_cost_no_attempt() -> None:
    server = _server(_memory(), _limit("1/1m", LimitBy.ADDRESS, name="failed"))
    for _ in range(3):
        assert isinstance(await server.decide(bearing(AS.token()), Rule()), Allow)
        assert isinstance(await server.decide(asking(), Rule()), Challenge)
        assert isinstance(await server.decide(bearing(AS.token()), Rule.requiring("albums.write")), Forbid)


def test_failures_are_counted_by_address_only() -> None:
    for by in ((LimitBy.CLIENT,), (LimitBy.ADDRESS, LimitBy.CLIENT), (LimitBy.ROUTE,)):
        with pytest.raises(ValueError, match="by address"):
            RequestLimits(_memory(), _limit("1/1m", *by))


async def test_a_request_costs_what_its_rule_says() -> None:
    server = _server(_memory())
    dear = Rule(limits=(_limit("10/1m", LimitBy.CLIENT),), cost=6)
    assert isinstance(await server.decide(bearing(AS.token()), dear), Allow)
    assert isinstance(await server.decide(bearing(AS.token()), dear), Limited)


async def test_a_shadow_limit_refuses_nobody_and_is_told_to_nobody() -> None:
    server = _server(_memory())
    rule = Rule(limits=(_limit("1/1m", LimitBy.CLIENT, enforcement=Enforcement.SHADOW),))
    for _ in range(3):
        outcome = await server.decide(bearing(AS.token()), rule)
        assert isinstance(outcome, Allow)
        assert outcome.headers == ()


async def test_an_answer_says_what_is_left() -> None:
    server = _server(_memory())
    rule = Rule(limits=(_limit("2/1m", LimitBy.ADDRESS, name="a"), _limit("5/1m", LimitBy.CLIENT, name="b")))
    outcome = await server.decide(bearing(AS.token()), rule)
    assert isinstance(outcome, Allow)
    headers = dict(outcome.headers)
    assert headers["ratelimit-policy"] == '"a";q=2;w=60, "b";q=5;w=60'
    assert headers["ratelimit"] == '"a";r=1;t=30, "b";r=4;t=12'


async def test_a_limit_by_person_does_not_count_machines_nor_anonymous_requests() -> None:
    server = _server(_memory())
    rule = Rule(limits=(_limit("1/1m", LimitBy.SUBJECT),))
    for _ in range(3):
        outcome = await server.decide(bearing(AS.token({"sub": "robot", "client_id": "robot"})), rule)
        assert isinstance(outcome, Allow)
    public = Rule(limits=rule.limits, is_public=True)
    for _ in range(3):
        assert isinstance(await server.decide(asking(), public), AllowAnonymous)


async def test_a_key_may_bring_a_limit_of_its_own() -> None:
    request = RequestView(headers=[(b"x-api-key", KEY.encode())], address=HERE)
    server = _server(_memory(), keys=Keys("2/1m"))
    for kind in (Allow, Allow, Limited):
        assert isinstance(await server.decide(request, Rule()), kind)
    # What its issuer meant cannot be read: as little as can be is the safe reading.
    odd = _server(_memory(), keys=Keys("lots"))
    for kind in (Allow, Limited):
        assert isinstance(await odd.decide(request, Rule()), kind)


# covers: RAT-04
@pytest.mark.parametrize(("when_down", "kind"), [(WhenDown.OPEN, Allow), (WhenDown.CLOSED, Unavailable)])
@pytest.mark.parametrize("by", [LimitBy.CLIENT, LimitBy.ADDRESS])
async def test_a_limiter_that_is_down_opens_or_closes_as_the_limit_says(
    when_down: WhenDown, kind: type, by: LimitBy
) -> None:
    rule = Rule(limits=(_limit("1/1m", by, when_down=when_down),))
    assert isinstance(await _server(Down()).decide(bearing(AS.token()), rule), kind)


async def test_a_failed_attempt_that_cannot_be_counted_is_still_refused() -> None:
    failed = _limit("1/1m", LimitBy.ADDRESS, name="failed")
    assert isinstance(await _server(Down(), failed).decide(bearing("a.b.c"), Rule()), Challenge)


def test_a_rule_whose_cost_no_limit_holds_is_refused() -> None:
    with pytest.raises(ValueError, match="never passes"):
        Rule(limits=(_limit("5/1m", LimitBy.CLIENT),), cost=6)
