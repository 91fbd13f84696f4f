"""A caller's token is narrowed for the next service, kept, bounded, and never sent to it."""

import asyncio
import gc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.scripted import START, Script, answer
from support.token_issuing import PATIENCE, Issuing, issuing
from valetkey.client import (
    AsyncBearerAuth,
    AsyncNarrowedTokens,
    AsyncOAuthClient,
    BearerAuth,
    ExchangeRefused,
    NarrowedTokens,
    OAuthClient,
    Party,
    Registration,
    ResponseRejected,
    Server,
    ServerRefused,
)
from valetkey.client.narrowing import BELIEF_SECONDS, Narrowing, narrow
from valetkey.oauth.errors import OAuthError

PARTY = Party(Server("https://as.example", None, "https://as.example/token", False), Registration("orders"))
CALLER = "token-of-the-caller"
STOCK = "https://stock.example"
WANTED = Narrowing.of(CALLER, STOCK, "stock:read stock:reserve")
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
ISSUED: dict[str, object] = {
    "access_token": "narrowed",
    "issued_token_type": ACCESS_TOKEN,
    "token_type": "Bearer",
    "expires_in": 60,
}
CALLERS = 20


@pytest.fixture
def server() -> Iterator[Issuing]:
    with issuing() as found:
        found.members["issued_token_type"] = ACCESS_TOKEN
        yield found


@pytest.fixture
def client(server: Issuing) -> Iterator[OAuthClient]:
    with OAuthClient(server.issuer, "orders", clock=server.clock) as found:
        yield found


def test_the_exchange_names_one_resource_and_a_part_of_the_scope() -> None:
    script = Script(answer(ISSUED))
    tokens = script.run(narrow(PARTY, CALLER, WANTED))
    assert (tokens.access_token, tokens.expires_at, tokens.renew_at) == ("narrowed", START + 60, START + 55)
    assert script.form() == {
        "grant_type": ["urn:ietf:params:oauth:grant-type:token-exchange"],
        "subject_token": [CALLER],
        "subject_token_type": [ACCESS_TOKEN],
        "requested_token_type": [ACCESS_TOKEN],
        "scope": ["stock:read stock:reserve"],
        "resource": [STOCK],
        "client_id": ["orders"],
    }


@given(lifetime=st.integers(0, 10_000))
def test_a_narrowed_token_is_replaced_in_the_last_seconds_of_its_life(lifetime: int) -> None:
    tokens = Script(answer(ISSUED | {"expires_in": lifetime})).run(narrow(PARTY, CALLER, WANTED))
    assert tokens.expires_at == START + lifetime
    assert tokens.renew_at is not None
    assert START + lifetime - 5 <= tokens.renew_at <= START + lifetime


def test_a_token_of_unknown_lifetime_is_believed_for_a_minute() -> None:
    members = {name: value for name, value in ISSUED.items() if name != "expires_in"}
    tokens = Script(answer(members)).run(narrow(PARTY, CALLER, WANTED))
    assert tokens.expires_at == START + BELIEF_SECONDS


def test_no_refresh_token_of_an_exchange_is_kept() -> None:
    members = ISSUED | {"refresh_token": "rt"}
    assert Script(answer(members)).run(narrow(PARTY, CALLER, WANTED)).refresh_token is None


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"access_token": CALLER}, "token_not_narrowed"),
        ({"scope": "stock:read stock:reserve admin"}, "scope_widened"),
        ({"token_type": "N_A", "issued_token_type": "urn:ietf:params:oauth:token-type:jwt"}, "invalid_response"),
        ({"issued_token_type": "urn:ietf:params:oauth:token-type:jwt"}, "invalid_response"),
    ],
)
def test_an_answer_that_does_not_narrow_is_not_believed(members: dict[str, object], code: str) -> None:
    with pytest.raises(ResponseRejected) as caught:
        Script(answer(ISSUED | members)).run(narrow(PARTY, CALLER, WANTED))
    assert caught.value.code == code
    assert CALLER not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "is_callers_token", "word"),
    [
        ("invalid_request", True, "401"),
        ("invalid_grant", True, "401"),
        ("invalid_target", False, "resource"),
        ("invalid_scope", False, "no more than"),
        ("unauthorized_client", False, "rule"),
        ("invalid_client", False, "credentials"),
        ("something_else", False, "configuration"),
    ],
)
def test_a_refusal_says_whose_fault_it_is_and_what_to_do(
    code: str,
    is_callers_token: bool,  # noqa: FBT001 - a column of the table
    word: str,
) -> None:
    with pytest.raises(ServerRefused) as caught:
        Script(answer({"error": code, "error_description": "No."}, 400)).run(narrow(PARTY, CALLER, WANTED))
    error = caught.value
    assert isinstance(error, ExchangeRefused)
    assert (error.code, error.status, error.is_callers_token) == (code, 400, is_callers_token)
    assert word in error.advice
    assert str(error) == f"{code}: No. {error.advice}"


@pytest.mark.parametrize(("token", "resource", "scope"), [("", STOCK, "a"), (CALLER, "", "a"), (CALLER, STOCK, "")])
def test_what_would_not_narrow_is_refused_before_anything_is_sent(token: str, resource: str, scope: str) -> None:
    with pytest.raises(ValueError, match="narrow"):
        Narrowing.of(token, resource, scope)


def test_a_malformed_scope_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(OAuthError):
        Narrowing.of(CALLER, STOCK, 'a"b')


def test_nothing_that_is_printed_shows_a_token(server: Issuing, client: OAuthClient) -> None:
    tokens = NarrowedTokens(client, clock=server.clock)
    source = tokens.narrowed(CALLER, for_resource=STOCK, scope="a")
    source.access_token()
    assert not {CALLER, "token-1"} & set(repr((source, tokens, source.wanted)).split("'"))
    assert CALLER not in repr(source)


def test_a_token_is_kept_for_each_caller_resource_and_scope(server: Issuing, client: OAuthClient) -> None:
    tokens = NarrowedTokens(client, clock=server.clock)

    def got(caller: str, resource: str, scope: str) -> str:
        return tokens.narrowed(caller, for_resource=resource, scope=scope).access_token()

    assert [got("a", STOCK, "x y"), got("a", STOCK, "y x")] == ["token-1", "token-1"]
    assert [got("b", STOCK, "x y"), got("a", "https://mail.example", "x y"), got("a", STOCK, "x")] == [
        "token-2",
        "token-3",
        "token-4",
    ]
    server.now += 300
    assert got("a", STOCK, "x y") == "token-5"


def test_the_caller_that_was_not_seen_for_longest_is_forgotten_first(server: Issuing, client: OAuthClient) -> None:
    tokens = NarrowedTokens(client, most=2, clock=server.clock)
    got = [tokens.narrowed(caller, for_resource=STOCK, scope="x").access_token() for caller in "abacabc"]
    assert got == ["token-1", "token-2", "token-1", "token-3", "token-1", "token-4", "token-5"]
    with pytest.raises(ValueError, match="at least one"):
        NarrowedTokens(client, most=0)


def test_no_memory_holds_the_callers_token(server: Issuing, client: OAuthClient) -> None:
    caller = "a-token-that-is-found-nowhere"
    tokens = NarrowedTokens(client, clock=server.clock)
    tokens.narrowed(caller, for_resource=STOCK, scope="x").access_token()
    gc.collect()
    seen, found = set(), []
    waiting: list[object] = [tokens]
    while waiting:
        held = waiting.pop()
        if id(held) in seen or isinstance(held, (type, OAuthClient)) or callable(held):
            continue
        seen.add(id(held))
        found += [held] if isinstance(held, str) and caller in held else []
        waiting += gc.get_referents(held)
    assert len(seen) > 10
    assert found == []


def test_twenty_calls_of_one_caller_cost_one_exchange(server: Issuing, client: OAuthClient) -> None:
    tokens = NarrowedTokens(client, clock=server.clock)
    server.hold()
    with ThreadPoolExecutor(CALLERS) as pool:
        calls = [
            pool.submit(tokens.narrowed(CALLER, for_resource=STOCK, scope="x").access_token) for _ in range(CALLERS)
        ]
        assert server.asked.wait(PATIENCE)
        server.may_answer.set()
        assert {call.result(PATIENCE) for call in calls} == {"token-1"}
    assert len(server.forms) == 1


def test_what_is_forgotten_is_exchanged_anew_even_if_it_was_under_way(server: Issuing, client: OAuthClient) -> None:
    tokens = NarrowedTokens(client, clock=server.clock)
    source = tokens.narrowed(CALLER, for_resource=STOCK, scope="x")
    other = tokens.narrowed("other", for_resource=STOCK, scope="x")
    assert [source.access_token(), other.access_token()] == ["token-1", "token-2"]
    server.now += 296
    server.hold()
    assert source.access_token() == "token-1"
    assert server.asked.wait(PATIENCE)
    tokens.forget(CALLER)
    server.refusal = "invalid_request"
    server.may_answer.set()
    with pytest.raises(ExchangeRefused) as caught:
        source.access_token()
    assert caught.value.is_callers_token
    assert other.access_token() == "token-2"


def test_the_next_service_sees_the_narrowed_token_alone(server: Issuing, client: OAuthClient) -> None:
    seen: list[str] = []

    def stock(request: httpx2.Request) -> httpx2.Response:
        seen.append(str(request.headers))
        is_good = request.headers["authorization"] == "Bearer token-2"
        challenge = {} if is_good else {"www-authenticate": 'Bearer error="invalid_token"'}
        return httpx2.Response(200 if is_good else 401, headers=challenge)

    tokens = NarrowedTokens(client, clock=server.clock)
    with httpx2.Client(transport=httpx2.MockTransport(stock)) as http:
        auth = BearerAuth(tokens.narrowed(CALLER, for_resource=STOCK, scope="x"), STOCK)
        assert http.get(f"{STOCK}/things", auth=auth).status_code == 200
        server.refusal = "invalid_request"
        dead = BearerAuth(tokens.narrowed("dead", for_resource=STOCK, scope="x"), STOCK)
        with pytest.raises(ExchangeRefused):
            http.get(f"{STOCK}/things", auth=dead)
    assert len(seen) == 2
    assert not any(CALLER in headers for headers in seen)


async def test_the_same_in_an_event_loop(server: Issuing) -> None:
    async with AsyncOAuthClient(server.issuer, "orders", clock=server.clock) as client:
        tokens = AsyncNarrowedTokens(client, clock=server.clock)
        source = tokens.narrowed(CALLER, for_resource=STOCK, scope="x")
        assert set(await asyncio.gather(*(source.access_token() for _ in range(CALLERS)))) == {"token-1"}
        assert await source.renewed("token-1") == "token-2"
        assert CALLER not in repr(source)
        api = httpx2.MockTransport(lambda request: httpx2.Response(200, text=request.headers["authorization"]))
        async with httpx2.AsyncClient(transport=api) as http:
            assert (await http.get(STOCK, auth=AsyncBearerAuth(source, STOCK))).text == "Bearer token-2"
        tokens.forget("another")
        assert await source.access_token() == "token-2"
        tokens.forget(CALLER)
        server.refusal = "invalid_target"
        with pytest.raises(ExchangeRefused, match="lists"):
            await source.access_token()
        with pytest.raises(ValueError, match="at least one"):
            AsyncNarrowedTokens(client, most=0)
    assert len(server.forms) == 3


async def test_in_an_event_loop_too_the_memory_is_bounded(server: Issuing) -> None:
    async with AsyncOAuthClient(server.issuer, "orders", clock=server.clock) as client:
        tokens = AsyncNarrowedTokens(client, most=2, clock=server.clock)
        got = [await tokens.narrowed(c, for_resource=STOCK, scope="x").access_token() for c in "abacabc"]
    assert got == ["token-1", "token-2", "token-1", "token-3", "token-1", "token-4", "token-5"]
