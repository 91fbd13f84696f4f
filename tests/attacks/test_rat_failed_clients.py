"""Guesses at a client's secret are counted by client and source: whoever guesses locks out themselves alone."""

from dataclasses import replace

import pytest

from support.house import SECRET, House, basic, build_house
from support.limiting import SECOND, START, Told, valkey_server
from valetkey.adapters.limits.client_failures import CountedFailures
from valetkey.adapters.limits.valkey import ValkeyLimiter
from valetkey.authorization_server import paths
from valetkey.authorization_server.endpoints import introspection, revocation, token
from valetkey.authorization_server.routes import Endpoint
from valetkey.oauth.errors import OAuthError
from valetkey.oauth.http import HttpRequest
from valetkey.resource_server.limits import LimitBy, Limiter, RateLimit
from valetkey.resource_server.memory_limiter import MemoryLimiter

THREE = RateLimit.parse("failed-clients", "3/3m", by=frozenset({LimitBy.CLIENT, LimitBy.ADDRESS}))
ATTACKER, VICTIM = "203.0.113.7", "198.51.100.9"
FORMS: dict[Endpoint, bytes] = {
    token.respond: b"grant_type=client_credentials",
    introspection.respond: b"token=x",
    revocation.respond: b"token=x",
}


class Hands:
    now = START

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
async def house(hands: Hands) -> House:
    built = await build_house()
    counted = CountedFailures("default", THREE, MemoryLimiter(clock=hands))
    built.server = replace(built.server, failed_clients=counted)
    return built


async def ask(
    house: House, secret: str, address: str, client: str = "machine", at: Endpoint = token.respond
) -> tuple[int, str]:
    """Return the status and the error code of a request that proves `client` by `secret`."""
    headers = tuple((name.encode(), value.encode()) for name, value in basic(client, secret).items())
    request = HttpRequest("POST", paths.TOKEN, b"", headers, FORMS[at], address, "request-1")
    try:
        await at(request, house.server)
    except OAuthError as refused:
        return refused.status, refused.code.value
    return 200, ""


def wrong(number: int) -> str:
    return f"vk_cs_{number:043}"


@pytest.mark.parametrize("at", FORMS, ids=["token", "introspection", "revocation"])
async def test_after_its_failures_no_proof_of_a_client_is_looked_at_from_there(house: House, at: Endpoint) -> None:
    guesses = [await ask(house, wrong(number), ATTACKER, at=at) for number in range(6)]  # covers: RAT-01
    assert guesses == [(401, "invalid_client")] * 3 + [(429, "temporarily_unavailable")] * 3
    # Not even the right one: that would tell a guesser which it is.
    assert await ask(house, SECRET, ATTACKER, at=at) == (429, "temporarily_unavailable")


async def test_the_owner_of_a_client_that_is_guessed_at_goes_on_from_elsewhere(house: House) -> None:
    for number in range(50):  # covers: RAT-03
        await ask(house, wrong(number), ATTACKER)
    assert await ask(house, SECRET, VICTIM) == (200, "")
    assert await ask(house, wrong(1), VICTIM) == (401, "invalid_client")


async def test_other_clients_behind_the_same_address_go_on(house: House) -> None:  # covers: RAT-03
    for number in range(50):
        await ask(house, wrong(number), ATTACKER)
    assert await ask(house, SECRET, ATTACKER, client="web", at=revocation.respond) == (200, "")


async def test_a_refusal_says_when_to_come_again_and_keeps_its_word(house: House, hands: Hands) -> None:
    for number in range(3):
        await ask(house, wrong(number), ATTACKER)
    assert await house.server.failed_clients.wait("machine", ATTACKER) == 60
    hands.now += 60 * SECOND
    assert await ask(house, SECRET, ATTACKER) == (200, "")


async def test_a_refused_guess_is_written_nowhere(house: House) -> None:  # covers: RAT-01
    for number in range(3):
        await ask(house, wrong(number), ATTACKER)
    before = await _attempts_left(house)
    for number in range(30):
        await ask(house, wrong(number), ATTACKER)
    assert await _attempts_left(house) == before


async def _attempts_left(house: House) -> int:
    # The store's own count by address: it would say a wait after 100 attempts.
    return await house.stores.attempts.wait(f"client_authentication {ATTACKER}", 1, 4, house.clock.now)


async def test_guesses_at_very_many_clients_take_no_more_memory_than_the_bound(hands: Hands) -> None:
    local = MemoryLimiter(size=10, clock=hands)
    failures = CountedFailures("default", THREE, local)
    for number in range(5_000):
        await failures.count(f"{'x' * 200}{number}", ATTACKER)
    assert len(local) <= 10 + 2 * 4096


async def test_nodes_that_share_a_store_let_the_limit_and_one_each_through(hands: Hands) -> None:
    with valkey_server() as server:  # covers: RAT-04
        shared: list[Limiter] = [ValkeyLimiter(server.connection_url, Told(), timeout=5) for _ in range(2)]
        nodes = [CountedFailures("default", THREE, MemoryLimiter(clock=hands), each) for each in shared]
        let_through = 0
        for number in range(20):
            node = nodes[number % 2]
            if not await node.wait("machine", ATTACKER):
                let_through += 1
                await node.count("machine", ATTACKER)
        assert THREE.burst <= let_through <= THREE.burst + len(nodes)
        assert await nodes[0].wait("machine", VICTIM) == 0
        for limiter in shared:
            await limiter.close()  # type: ignore[attr-defined] # it is the one over Valkey
    # It goes on alone while the store is down.
    assert await nodes[0].wait("machine", VICTIM) == 0
    for _ in range(3):
        await nodes[0].count("machine", VICTIM)
    assert await nodes[0].wait("machine", VICTIM) == 60
