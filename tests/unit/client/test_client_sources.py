"""Sources of tokens over a real connection, with a clock that tests move."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from support.token_issuing import PATIENCE, Issuing, issuing
from valetkey.client import (
    AsyncBearerAuth,
    AsyncMachineTokens,
    AsyncOAuthClient,
    BearerAuth,
    ClientSecretBasic,
    MachineTokens,
    OAuthClient,
    PrivateKeyJwt,
    ServerRefused,
    ServerUnreachable,
)
from valetkey.client.token_memory import LONGEST_PAUSE, REPLACE_SECONDS
from valetkey.jose import Jwk

CALLERS = 20


@pytest.fixture
def server() -> Iterator[Issuing]:
    with issuing() as found:
        yield found


@pytest.fixture
def client(server: Issuing) -> Iterator[OAuthClient]:
    with OAuthClient(server.issuer, "machine", clock=server.clock) as found:
        yield found


def test_a_machines_token_is_kept_until_shortly_before_its_end(server: Issuing, client: OAuthClient) -> None:
    tokens = MachineTokens(client, clock=server.clock)
    assert [tokens.access_token(), tokens.access_token()] == ["token-1", "token-1"]
    server.now += 239
    assert tokens.access_token() == "token-1"
    server.now += 32
    assert tokens.access_token() == "token-1"
    tokens.settle()
    assert tokens.access_token() == "token-2"
    assert server.count == 2


def test_an_ended_token_is_never_handed_out(server: Issuing, client: OAuthClient) -> None:
    tokens = MachineTokens(client, clock=server.clock)
    tokens.access_token()
    server.now += 300
    assert tokens.access_token() == "token-2"


def test_each_scope_and_resource_has_a_token_of_its_own_in_one_memory(server: Issuing, client: OAuthClient) -> None:
    tokens = MachineTokens(client, "a b", resource="https://api.example", clock=server.clock)
    same, other = tokens.asking("b a", resource="https://api.example"), tokens.asking("a b")
    assert [tokens.access_token(), same.access_token(), other.access_token()] == ["token-1", "token-1", "token-2"]
    assert [form.get("resource") for form in server.forms] == ["https://api.example", None]


def test_twenty_threads_send_one_request(server: Issuing, client: OAuthClient) -> None:
    tokens = MachineTokens(client, clock=server.clock)
    server.hold()
    with ThreadPoolExecutor(CALLERS) as pool:
        calls = [pool.submit(tokens.access_token) for _ in range(CALLERS)]
        assert server.asked.wait(PATIENCE)
        server.may_answer.set()
        assert {call.result(PATIENCE) for call in calls} == {"token-1"}
    assert len(server.forms) == 1


def test_twenty_threads_whose_token_was_refused_send_one_request(server: Issuing, client: OAuthClient) -> None:
    tokens = MachineTokens(client, clock=server.clock)
    tokens.access_token()
    with ThreadPoolExecutor(CALLERS) as pool:
        assert set(pool.map(tokens.renewed, ["token-1"] * CALLERS)) == {"token-2"}
    assert len(server.forms) == 2


def test_an_api_that_refuses_every_token_gets_one_more_in_a_few_seconds(
    server: Issuing, client: OAuthClient
) -> None:
    tokens = MachineTokens(client, clock=server.clock)
    assert tokens.renewed(tokens.access_token()) == "token-2"
    assert tokens.renewed("token-2") == "token-2"
    server.now += REPLACE_SECONDS
    assert tokens.renewed("token-2") == "token-3"
    assert tokens.renewed("token-1") == "token-3"


def test_a_living_token_serves_while_the_server_is_away_and_a_dead_one_does_not(
    server: Issuing, client: OAuthClient
) -> None:
    tokens = MachineTokens(client, clock=server.clock)
    tokens.access_token()
    server.is_away = True
    server.now += 290
    assert tokens.access_token() == "token-1"
    tokens.settle()
    # In the pause after a failure nobody asks.
    for seconds in (0, 1):
        server.now += seconds
        assert tokens.access_token() == "token-1"
        tokens.settle()
    assert len(server.forms) == 2
    server.now += LONGEST_PAUSE
    for _ in range(3):
        with pytest.raises(ServerUnreachable):
            tokens.access_token()
    assert len(server.forms) == 3
    server.is_away = False
    server.now += LONGEST_PAUSE
    assert tokens.access_token() == "token-2"


def test_a_refusal_is_told_to_everybody_and_asked_for_once(server: Issuing, client: OAuthClient) -> None:
    tokens = MachineTokens(client, clock=server.clock)
    server.refusal = "invalid_client"
    for _ in range(3):
        with pytest.raises(ServerRefused, match="invalid_client"):
            tokens.access_token()
    assert len(server.forms) == 1


def test_a_refused_token_is_not_used_again_while_the_server_is_away(server: Issuing, client: OAuthClient) -> None:
    tokens = MachineTokens(client, clock=server.clock)
    tokens.access_token()
    server.is_away = True
    with pytest.raises(ServerUnreachable):
        tokens.renewed("token-1")
    with pytest.raises(ServerUnreachable):
        tokens.access_token()


def test_nobody_waits_for_the_next_token_while_the_present_one_lives(server: Issuing, client: OAuthClient) -> None:
    tokens = MachineTokens(client, clock=server.clock)
    tokens.access_token()
    server.now += 290
    server.hold()
    assert [tokens.access_token() for _ in range(3)] == ["token-1"] * 3
    assert server.asked.wait(PATIENCE)
    server.may_answer.set()
    tokens.settle()
    assert tokens.access_token() == "token-2"
    assert len(server.forms) == 2


def test_a_renewal_ahead_that_fails_by_accident_harms_nobody(server: Issuing) -> None:
    class Broken(httpx2.BaseTransport):
        is_broken = False
        sound = httpx2.HTTPTransport()

        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            if self.is_broken:
                raise RuntimeError("a transport with a defect")
            return self.sound.handle_request(request)

        def close(self) -> None:
            self.sound.close()

    transport = Broken()
    with OAuthClient(server.issuer, "machine", clock=server.clock, transport=transport) as client:
        tokens = MachineTokens(client, clock=server.clock)
        tokens.access_token()
        transport.is_broken = True
        server.now += 290
        assert tokens.access_token() == "token-1"
        tokens.settle()
        assert tokens.access_token() == "token-1"
        server.now += LONGEST_PAUSE
        with pytest.raises(ServerUnreachable, match="RuntimeError"):
            tokens.access_token()


def test_each_request_of_a_client_with_a_key_carries_an_assertion_of_its_own(server: Issuing) -> None:
    with OAuthClient(server.issuer, "m", PrivateKeyJwt(Jwk.generate("ES256")), clock=server.clock) as client:
        tokens = MachineTokens(client, "a", resource="https://api.example", clock=server.clock)
        assert tokens.renewed(tokens.access_token()) == "token-2"
    first, second = server.forms
    assert first["client_assertion"] != second["client_assertion"]
    assert "client_secret" not in first
    assert (first["scope"], first["resource"]) == ("a", "https://api.example")


class Api(httpx2.MockTransport):
    """Takes the tokens it is told to take."""

    def __init__(self, *good: str) -> None:
        self.seen: list[str] = []
        self.good = {f"Bearer {token}" for token in good}
        super().__init__(self.answer)

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        self.seen.append(request.headers["authorization"].removeprefix("Bearer "))
        if request.headers["authorization"] in self.good:
            return httpx2.Response(200)
        return httpx2.Response(401, headers={"www-authenticate": 'Bearer error="invalid_token"'})


def test_a_401_drops_the_token_once_and_the_call_is_tried_once_more(server: Issuing, client: OAuthClient) -> None:
    tokens, api = MachineTokens(client, clock=server.clock), Api("token-2")
    with httpx2.Client(auth=BearerAuth(tokens, "https://api.example"), transport=api) as http:
        assert http.get("https://api.example/").status_code == 200
        assert http.get("https://api.example/").status_code == 200
    assert api.seen == ["token-1", "token-2", "token-2"]


def test_a_call_that_is_refused_twice_is_not_tried_a_third_time(server: Issuing, client: OAuthClient) -> None:
    tokens, api = MachineTokens(client, clock=server.clock), Api()
    with httpx2.Client(auth=BearerAuth(tokens, "https://api.example"), transport=api) as http:
        assert [http.get("https://api.example/").status_code for _ in range(3)] == [401] * 3
    assert api.seen == ["token-1", "token-2", "token-2", "token-2"]
    assert len(server.forms) == 2


async def test_twenty_tasks_send_one_request(server: Issuing) -> None:
    async with AsyncOAuthClient(server.issuer, "m", ClientSecretBasic("s" * 32), clock=server.clock) as client:
        tokens = AsyncMachineTokens(client, clock=server.clock)
        assert set(await asyncio.gather(*(tokens.access_token() for _ in range(CALLERS)))) == {"token-1"}
        assert set(await asyncio.gather(*(tokens.renewed("token-1") for _ in range(CALLERS)))) == {"token-2"}
    assert len(server.forms) == 2


async def test_in_an_event_loop_nobody_waits_and_no_cancellation_ends_what_others_wait_for(
    server: Issuing,
) -> None:
    async with AsyncOAuthClient(server.issuer, "machine", clock=server.clock) as client:
        tokens = AsyncMachineTokens(client, clock=server.clock)
        assert {await tokens.access_token() for _ in range(3)} == {"token-1"}
        server.now += 290
        server.hold()
        assert [await tokens.access_token() for _ in range(3)] == ["token-1"] * 3
        assert await asyncio.to_thread(server.asked.wait, PATIENCE)
        first = asyncio.create_task(tokens.renewed("token-1"))
        second = asyncio.create_task(tokens.renewed("token-1"))
        await asyncio.sleep(0)
        first.cancel()
        server.may_answer.set()
        assert await second == "token-2"
        assert first.cancelled()
    assert len(server.forms) == 2


async def test_in_an_event_loop_too_a_living_token_serves_while_the_server_is_away(server: Issuing) -> None:
    async with AsyncOAuthClient(server.issuer, "machine", clock=server.clock) as client:
        tokens = AsyncMachineTokens(client, clock=server.clock)
        await tokens.access_token()
        server.is_away = True
        server.now += 290
        assert await tokens.access_token() == "token-1"
        await tokens.settle()
        assert await tokens.access_token() == "token-1"
        with pytest.raises(ServerUnreachable):
            await tokens.renewed("token-1")
        assert len(server.forms) == 2
        server.now += LONGEST_PAUSE
        with pytest.raises(ServerUnreachable):
            await tokens.access_token()
        assert len(server.forms) == 3
        server.is_away = False
        server.now += LONGEST_PAUSE
        other = tokens.asking("a", resource="https://api.example")
        assert [await tokens.access_token(), await other.access_token()] == ["token-2", "token-3"]


async def test_in_an_event_loop_too_a_401_costs_one_more_try(server: Issuing) -> None:
    api = Api("token-2")
    async with AsyncOAuthClient(server.issuer, "machine", clock=server.clock) as client:
        auth = AsyncBearerAuth(AsyncMachineTokens(client, clock=server.clock), "https://api.example")
        async with httpx2.AsyncClient(auth=auth, transport=api) as http:
            assert (await http.get("https://api.example/")).status_code == 200
    assert api.seen == ["token-1", "token-2"]
