"""The builder behind every face: what it puts together, and what it refuses before any request."""

import pytest

from support.faces.stage import RESOURCE, KeyDesk, Stage, bearer
from support.issuer import ISSUER, NOW, TestIssuer
from valetkey.integrations.guarding import ApiGuard, rule_of
from valetkey.jose import Jwk, jwt
from valetkey.oauth.access_token import CredentialKind
from valetkey.oauth.types import Scope
from valetkey.resource_server import (
    Allow,
    Challenge,
    Forbid,
    LimitBy,
    Limited,
    RateLimit,
    RequestView,
    Rule,
    TrustedClient,
    TrustedClients,
    TrustedIssuer,
)
from valetkey.resource_server.memory_limiter import MemoryLimiter
from valetkey.resource_server.used_tokens import MemoryUsedTokens

pytestmark = pytest.mark.anyio

READ = Rule.requiring("albums.read")
BY_ROUTE = RateLimit.parse("per-route", "5/1m", by=frozenset({LimitBy.CLIENT, LimitBy.ROUTE}))
FAILED = RateLimit.parse("failed", "2/1h", by=frozenset({LimitBy.ADDRESS}))


def view(*headers: tuple[str, str]) -> RequestView:
    return RequestView(headers=[(name.encode(), value.encode()) for name, value in headers], address="192.0.2.1")


def test_every_keyword_of_a_rule_reaches_it() -> None:
    rule = rule_of(
        "a",
        "b",
        acr="gold silver",
        max_age=60,
        claims={"department": "staff", "level": [1, 2], "/address/country": {"NO"}},
        credentials=["access_token", CredentialKind.API_KEY],
        limits=[BY_ROUTE],
        cost=2,
        name="albums",
        insecure_stale_seconds=30,
    )
    assert rule == Rule(
        scope=Scope(["a", "b"]),
        insecure_stale_seconds=30,
        acr=("gold", "silver"),
        max_age=60,
        claims={
            "department": frozenset({"staff"}),
            "level": frozenset({1, 2}),
            "/address/country": frozenset({"NO"}),
        },
        credentials=frozenset({CredentialKind.ACCESS_TOKEN, CredentialKind.API_KEY}),
        limits=(BY_ROUTE,),
        cost=2,
        name="albums",
    )


def test_a_rule_without_keywords_asks_for_the_scope_alone() -> None:
    assert rule_of("albums.read") == READ


def test_a_misspelt_keyword_is_refused() -> None:
    with pytest.raises(TypeError, match="'maxage'"):
        rule_of("a", maxage=3)  # type: ignore[call-arg]  # what is refused at run time
    with pytest.raises(TypeError, match="'audience'"):
        ApiGuard(ISSUER, RESOURCE, audience="x")  # type: ignore[call-arg]  # what is refused at run time


def test_one_kind_of_credential_is_written_as_a_list() -> None:
    with pytest.raises(ValueError, match="list"):
        rule_of(credentials="api_key")
    with pytest.raises(ValueError, match="password"):
        rule_of(credentials=["password"])


def test_a_limit_that_nothing_counts_is_refused() -> None:
    guard = ApiGuard(ISSUER, RESOURCE)
    with pytest.raises(ValueError, match="limiter"):
        guard.rule(limits=[BY_ROUTE], name="x")
    with pytest.raises(ValueError, match="limiter"):
        ApiGuard(ISSUER, RESOURCE, failed=FAILED)


def test_a_limit_by_route_needs_a_name_to_count_by() -> None:
    guard = ApiGuard(ISSUER, RESOURCE, limiter=MemoryLimiter())
    with pytest.raises(ValueError, match="name="):
        guard.rule(limits=[BY_ROUTE])
    assert guard.rule(limits=[BY_ROUTE], name="albums").name == "albums"
    assert guard.for_all(limits=[BY_ROUTE]).rule.name


def test_the_scopes_of_all_rules_are_published() -> None:
    guard = ApiGuard(ISSUER, RESOURCE)
    guard.rule("b")
    guard.public_rule("a", "b")
    guard.for_all("c")
    assert guard.scopes == ("a", "b", "c")
    assert b'"scopes_supported":["a","b","c"]' in guard.metadata_body()


async def test_a_further_issuer_is_trusted_with_its_own_keys_only() -> None:
    first, second = TestIssuer(), TestIssuer()
    other = "https://other.example"
    guard = ApiGuard(
        ISSUER,
        RESOURCE,
        keys=first.source(),
        also=[TrustedIssuer(issuer=other, resource=RESOURCE, keys=second.source())],
    )

    async def outcome(token: str) -> object:
        return await guard.decide_view(view(("authorization", f"Bearer {token}")), READ)

    assert isinstance(await outcome(first.token({"aud": RESOURCE})), Allow)
    assert isinstance(await outcome(second.token({"aud": RESOURCE, "iss": other})), Allow)
    assert isinstance(await outcome(second.token({"aud": RESOURCE})), Challenge)
    assert isinstance(await outcome(first.token({"aud": RESOURCE, "iss": other})), Challenge)
    assert b'"authorization_servers":["https://as.example","https://other.example"]' in guard.metadata_body()


async def test_trusted_clients_and_api_keys_are_taken_where_they_are_named() -> None:
    key = Jwk.generate("ES256")
    clients = TrustedClients(RESOURCE, [TrustedClient("batch", (key.public(),))], MemoryUsedTokens())
    guard = ApiGuard(ISSUER, RESOURCE, keys=TestIssuer().source(), clients=clients, api_keys=KeyDesk())
    outcome = await guard.decide_view(view(("x-api-key", "vk_ak_good")), READ)
    assert isinstance(outcome, Allow)
    assert outcome.token.credential is CredentialKind.API_KEY
    plain = ApiGuard(ISSUER, RESOURCE, keys=TestIssuer().source())
    assert isinstance(await plain.decide_view(view(("x-api-key", "vk_ak_good")), READ), Challenge)


async def test_an_address_with_too_many_bad_credentials_is_refused_before_they_are_looked_at() -> None:
    stage = Stage()
    options = {**stage.options(), "failed": FAILED}
    guard = ApiGuard(ISSUER, RESOURCE, **options)  # type: ignore[arg-type]  # options of a table
    bad = view(("authorization", "Bearer bad"))
    kinds = [type(await guard.decide_view(bad, READ)) for _ in range(3)]
    assert kinds == [Challenge, Challenge, Limited]
    assert isinstance(await guard.decide_view(view(bearer()), READ), Limited)


async def test_a_further_rule_of_a_request_finds_who_asks_proven() -> None:
    key = Jwk.generate("ES256")
    clients = TrustedClients(
        RESOURCE, [TrustedClient("batch", (key.public(),), Scope(["a", "b"]))], MemoryUsedTokens(clock=lambda: NOW),
        clock=lambda: NOW,
    )  # fmt: skip
    keys = TestIssuer().source()
    guard = ApiGuard(ISSUER, RESOURCE, keys=keys, clients=clients, limiter=MemoryLimiter())
    claims = {"iss": "batch", "sub": "batch", "aud": RESOURCE, "iat": NOW, "exp": NOW + 60, "jti": "once"}
    once = view(("authorization", f"Bearer {jwt.sign(claims, key, typ='client-token+jwt')}"))
    kept: dict[str, object] = {}
    assert isinstance(await guard.decide_view(once, guard.rule("a"), kept), Allow)
    assert isinstance(await guard.decide_view(once, guard.rule("b"), kept), Allow)
    assert isinstance(await guard.decide_view(once, guard.rule("c"), kept), Forbid)
    assert isinstance(await guard.decide_view(once, guard.rule("a"), {}), Challenge)
    other = ApiGuard(ISSUER, RESOURCE, keys=keys)
    assert isinstance(await other.decide_view(once, other.rule("a"), kept), Challenge)
    # Were it ever handed on to another request, it would prove nothing there.
    for another in (view(), view(bearer("x")), view(("x-api-key", "vk_ak_good"))):
        assert isinstance(await guard.decide_view(another, guard.rule("a"), dict(kept)), Challenge)


async def test_a_further_rule_of_a_request_charges_its_own_limits_only() -> None:
    limiter = MemoryLimiter(clock=lambda: 1_000_000)
    issuer = TestIssuer()
    guard = ApiGuard(ISSUER, RESOURCE, keys=issuer.source(), limiter=limiter)
    first = guard.rule(limits=[RateLimit.parse("first", "3/1h", by=frozenset({LimitBy.CLIENT}))])
    second = guard.rule(limits=[RateLimit.parse("second", "3/1h", by=frozenset({LimitBy.CLIENT}))])
    asked = view(("authorization", f"Bearer {issuer.token({'aud': RESOURCE})}"))
    kept: dict[str, object] = {}
    told = []
    for rule in (first, READ, second):
        outcome = await guard.decide_view(asked, rule, kept)
        assert isinstance(outcome, Allow)
        told.append(dict(outcome.headers).get("ratelimit"))
    assert told == ['"first";r=2;t=1200', None, '"second";r=2;t=1200']
