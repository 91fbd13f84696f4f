"""Envoy, nginx, Caddy, Traefik and HAProxy before an API: who passes, who does not, and what the API is told."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from support.proxies.raw import Answer, exchange, send, upgraded
from support.proxies.relay import Relay, State, running_relay
from support.proxies.running import PROXIES, Between, running_proxy
from support.proxies.upstream import BODY, Received, Upstream, running_upstream
from support.proxies.world import BURST, World, running_world
from valetkey.gateway.snippets import Credentials
from valetkey.resource_server import Allow

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.interop

WITHIN = 15
Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Front:
    """One proxy, with the world behind it."""

    name: str
    port: int
    world: World
    upstream: Upstream
    relay: Relay

    def ask(self, method: str, target: str, headers: Headers = ()) -> tuple[Answer, list[Received]]:
        """Send a request; return the answer, and what reached the API because of it."""
        self.upstream.drain()
        answer = exchange(self.port, method, target, headers)
        return answer, self.upstream.drain()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running_world(tmp_path_factory.mktemp("world")) as running:
        yield running


@pytest.fixture(scope="module")
def good(world: World) -> str:
    return world.token()


@pytest.fixture(scope="module", params=PROXIES)
def front(
    request: pytest.FixtureRequest, world: World, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    name: str = request.param
    folder = tmp_path_factory.mktemp(name)
    with (
        running_upstream() as upstream,
        running_relay(world.decision_port(name)) as relay,
        running_proxy(name, folder, Between(upstream.port, relay.port)) as port,
    ):
        yield Front(name, port, world, upstream, relay)


def bearer(token: str) -> tuple[str, str]:
    return "Authorization", f"Bearer {token}"


def test_a_good_token_passes_and_the_api_is_told_by_a_signed_assertion_who_asks(front: Front, good: str) -> None:
    answer, [received] = front.ask("GET", "/albums?page=2", [bearer(good)])
    assert (answer.status, answer.body) == (200, BODY)
    assert (received.method, received.target) == ("GET", "/albums?page=2")
    decided = front.world.judged(received)
    assert isinstance(decided, Allow)
    assert decided.token.client_id == "machine"
    assert received.all_headers("x-valetkey-client") == ["machine"]
    assert received.all_headers("authorization") == []


INVALID = 'error="invalid_token"'
Presented = Callable[[World], Headers]
REFUSED: dict[str, tuple[str, Presented, int, str]] = {
    "no token": ("/albums", lambda _: [], 401, 'Bearer resource_metadata="'),
    "one that expired": ("/albums", lambda world: [bearer(expired(world))], 401, INVALID),
    "one for another audience": ("/albums", lambda world: [bearer(world.partner_token(aud="x"))], 401, INVALID),
    "one of a stranger": ("/albums", lambda world: [bearer(world.partner_token(iss="x"))], 401, INVALID),
    "one without the scope": ("/written", lambda world: [bearer(world.token())], 403, 'error="insufficient_scope"'),
    "an API key that nobody drew": ("/albums", lambda _: [("X-API-Key", f"vk_ak_{'a' * 43}")], 401, INVALID),
    "a bad one on a public route": ("/public/a", lambda _: [bearer("a.b.c")], 401, INVALID),
}


def expired(world: World) -> str:
    return world.partner_token(exp=int(time.time()) - 100)


# covers: GTW-01, GTW-02
@pytest.mark.parametrize("presented", list(REFUSED))
def test_a_refusal_reaches_the_client_with_its_status_challenge_and_reason(front: Front, presented: str) -> None:
    target, credentials, status, challenge = REFUSED[presented]
    answer, reached = front.ask("GET", target, credentials(front.world))
    assert answer.status == status
    assert challenge in (answer.header("www-authenticate") or "")
    assert json.loads(answer.body)["error_description"]
    assert answer.header("content-type") == "application/json"
    assert answer.header("cache-control") == "no-store"
    assert reached == []


def test_a_token_of_a_second_issuer_and_an_api_key_pass_as_well(front: Front) -> None:
    for credentials in (
        bearer(front.world.partner_token(scope="albums.read")),
        ("X-API-Key", front.world.api_key),
        bearer(front.world.api_key),
    ):
        answer, [received] = front.ask("GET", "/albums", [credentials])
        assert answer.status == 200
        assert isinstance(front.world.judged(received), Allow)
        # The API sees one kind of credential, whatever was presented.
        assert received.all_headers("x-api-key") == received.all_headers("authorization") == []


def test_a_token_that_was_revoked_a_second_ago_is_refused(front: Front) -> None:
    token = front.world.token()
    assert front.ask("GET", "/albums", [bearer(token)])[0].status == 200
    front.world.revoke(token)
    revoked_at = time.monotonic()
    while (answer := front.ask("GET", "/albums", [bearer(token)])[0]).status == 200:
        assert time.monotonic() < revoked_at + WITHIN
        time.sleep(0.02)
    assert answer.status == 401
    assert "was revoked" in (answer.header("www-authenticate") or "")


def test_who_asks_too_often_gets_429_with_the_time_to_wait(front: Front, good: str) -> None:
    target = f"/limited/{front.name}"
    for left in reversed(range(BURST)):
        answer, _ = front.ask("GET", target, [bearer(good)])
        assert answer.status == 200
        if front.name != "traefik":  # which adds nothing to an answer of the API
            assert f";r={left};" in (answer.header("ratelimit") or "")
    answer, reached = front.ask("GET", target, [bearer(good)])
    assert (answer.status, reached) == (429, [])
    assert int(answer.header("retry-after") or "0") > 0
    assert ";r=0;" in (answer.header("ratelimit") or "")
    assert f";q={BURST};w=3600" in (answer.header("ratelimit-policy") or "")


# covers: GTW-01
def test_odd_credentials_are_refused_and_never_a_failure_of_ours(front: Front, good: str) -> None:
    for headers, status in (
        ([bearer(good), bearer(good)], {400}),
        ([bearer(good), ("X-API-Key", front.world.api_key)], {400}),
        ([("X-API-Key", front.world.api_key), ("X-API-Key", front.world.api_key)], {400, 401}),
        ([("Authorization", "Bearer")], {400, 401}),
        ([("Authorization", "Basic dXNlcjpwYXNz")], {401}),
        ([bearer("a" * 65_536)], {400, 401, 431}),
    ):
        answer, reached = front.ask("GET", "/albums", headers)
        assert (answer.status in status, reached) == (True, []), (headers[0][0], answer.status)
    answer, reached = front.ask("GET", f"/albums?access_token={good}")
    assert (answer.status, reached) == (401, [])


DISGUISES = (
    "X-Valetkey-Assertion",
    "x-valetkey-assertion",
    "X-VALETKEY-SUBJECT",
    "X-Valetkey-Subject",
    "X_Valetkey_Assertion",
    "x_valetkey_subject",
    "X-Valetkey_Client",
    "X_Valetkey-Scope",
    "X-Valetkey-Target",
    "X_VALETKEY_METHOD",
)
FORGED = [(name, "forged") for name in (*DISGUISES, *DISGUISES)]


# covers: GTW-03
def test_identity_headers_of_a_client_reach_nobody_on_any_path(front: Front, good: str) -> None:
    for headers, target in (([bearer(good), *FORGED], "/albums"), (FORGED, "/public/a")):
        answer, [received] = front.ask("GET", target, headers)
        assert answer.status == 200
        assert "forged" not in [value for _, value in received.headers]
        owned = [name for name, _ in received.headers if name.replace("_", "-").startswith("x-valetkey-")]
        if target == "/public/a":
            assert owned == []
        else:
            assert sorted(owned) == [f"x-valetkey-{name}" for name in ("assertion", "client", "scope", "subject")]
            assert isinstance(front.world.judged(received), Allow)
    answer, reached = front.ask("GET", "/albums", FORGED)
    assert (answer.status, reached) == (401, [])


# covers: GTW-03
@pytest.mark.parametrize("listed", ["X-Valetkey-Assertion", "close, x-valetkey-assertion, X-Valetkey-Subject"])
def test_a_connection_header_takes_no_identity_away(front: Front, good: str, listed: str) -> None:
    answer, [received] = front.ask("GET", "/albums", [bearer(good), ("Connection", listed)])
    assert answer.status == 200
    assert isinstance(front.world.judged(received), Allow)
    assert "valetkey" not in " ".join(received.all_headers("connection")).lower()


# covers: GTW-04
def test_forged_forwarding_headers_choose_neither_route_nor_method(front: Front) -> None:
    sources = (
        *("X-Valetkey-Target", "X-Forwarded-Uri", "X-Original-URL", "X-Original-URI", "X-Rewrite-URL"),
        *("X-Forwarded-Path", "X-Auth-Request-Redirect", "X-Envoy-Original-Path", "X_Valetkey_Target"),
    )
    methods = ("X-Valetkey-Method", "X-Forwarded-Method", "X-Original-Method")
    forged = [*((name, "/public/a") for name in sources), *((name, "GET") for name in methods)]
    answer, reached = front.ask("GET", "/albums", forged)
    assert (answer.status, reached) == (401, [])
    answer, reached = front.ask("DELETE", "/public/a", forged)
    assert (answer.status, reached) == (403, [])
    answer, [received] = front.ask("GET", "/public/a", [(name, "/albums") for name in sources])
    assert received.target == "/public/a"
    # By these some frameworks would take another path than the one that was judged.
    for name in ("x-original-url", "x-rewrite-url", "x-forwarded-uri", "x-forwarded-method"):
        assert received.all_headers(name) == []


# covers: GTW-04
@pytest.mark.parametrize(
    "name",
    ["X_HTTP_Method_Override", "X-HTTP_Method-Override", "SCRIPT_NAME", "Script_Name", "X_Original_URL", "_"],
)
def test_no_header_with_an_underscore_tells_the_api_of_another_method_or_path(
    front: Front, good: str, name: str
) -> None:
    for target, headers in (("/public/a", [(name, "forged")]), ("/albums", [bearer(good), (name, "forged")])):
        answer, [received] = front.ask("GET", target, headers)
        assert answer.status == 200
        assert "forged" not in [value for _, value in received.headers]


TRICKS = (
    *("/tree/../written", "/tree/%2e%2e/written", "/tree/.%2E/written", "/tree/./a", "//written", "/tree//a"),
    *("/tree/a;x", "/tree/..;/written", "/tree/..%2fwritten", "/tree/a%2Fb", "/tree/a%5cb", "/tree/\\..\\written"),
    *("/tree/a#b", "/tree/a?b#c", "/tree/a%23b", "/tree/a%3fb", "/TREE/a", "/tree/A", "/tree/a.", "/tree/a%00b"),
    *("/tree/%c0%ae%c0%ae/written", "/tree/%252e%252e/written", "/tree/%61", "/tree/%", "/tree/%zz", "/tree/a b"),
    *(
        "http://api.example/tree/a",
        "http://api.example/written",
        "/tree/\x80",
        "*",
        "tree/a",
        "/tree/a?x=/../written",
    ),
    *("/tree/a?", "/tree/a%0d%0aX-Valetkey-Subject:%20forged", "/tree/\ta", "/tree/é"),
)


# covers: GTW-05
@pytest.mark.parametrize("target", TRICKS)
def test_the_path_that_reaches_the_api_is_the_path_that_was_judged(front: Front, good: str, target: str) -> None:
    answer, reached = front.ask("GET", target, [bearer(good)])
    assert answer.status < 500
    assert reached or answer.status >= 400
    for received in reached:
        # The assertion names the method and the path that were judged: the API takes it for no others.
        assert isinstance(front.world.judged(received), Allow)
        assert received.target.startswith(("/tree/", "http://api.example/tree/"))


# covers: GTW-06
@pytest.mark.parametrize("method", ["OPTIONS", "HEAD", "PUT", "PATCH", "TRACE", "CONNECT", "FOO", "get"])
def test_no_method_passes_that_no_rule_opens(front: Front, good: str, method: str) -> None:
    target = "api.example:443" if method == "CONNECT" else "/albums"
    answer, reached = front.ask(method, target)
    assert (answer.status >= 400, reached) == (True, [])
    answer, reached = front.ask(method, target, [bearer(good)])
    # A rule for GET opens HEAD, which asks for the same without its body.
    assert [each.method for each in reached] == (["HEAD"] if method == "HEAD" else [])
    assert (answer.status == 200) is (method == "HEAD")


# covers: GTW-06
def test_neither_user_agents_nor_method_overrides_change_the_rule(front: Front, good: str) -> None:
    for agent in ("ELB-HealthChecker/2.0", "kube-probe/1.30", "GoogleHC/1.0", "Envoy/HC", "curl/8"):
        answer, reached = front.ask("GET", "/albums", [("User-Agent", agent)])
        assert (answer.status, reached) == (401, [])
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        answer, reached = front.ask("POST", "/albums", [bearer(good), (name, "PATCH"), ("Content-Length", "0")])
        assert (answer.status, reached) == (400, [])


# covers: GTW-06
def test_a_websocket_opens_by_the_rule_of_its_get(front: Front, good: str) -> None:
    assert upgraded(front.port, "/albums")[0].status == 401
    front.upstream.drain()
    answer, echoed = upgraded(front.port, "/albums", [bearer(good)])
    assert (answer.status, echoed) == (101, b"PING")
    [received] = front.upstream.drain()
    assert isinstance(front.world.judged(received), Allow)


# covers: GTW-06
def test_no_other_protocol_is_upgraded_to_behind_which_nothing_is_judged(front: Front) -> None:
    smuggled = [
        ("Connection", "Upgrade, HTTP2-Settings"),
        ("Upgrade", "h2c"),
        ("HTTP2-Settings", "AAMAAABkAAQAAP__"),
    ]
    answer, reached = front.ask("GET", "/public/a", smuggled)
    assert answer.status in {200, 400, 403, 426, 501}
    for received in reached:
        assert received.all_headers("upgrade") == []


# covers: GTW-08
def test_one_answer_is_never_given_for_another_question(front: Front, good: str) -> None:
    asked = (
        ("GET", "/albums", 200),
        ("GET", "/written", 403),
        ("DELETE", "/albums", 200),
        ("PATCH", "/albums", 403),
    )
    for _ in range(3):
        for method, target, status in asked:
            assert front.ask(method, target, [bearer(good)])[0].status == status
            assert front.ask(method, target)[0].status in {401, 403}


def test_a_body_goes_on_to_the_api_and_is_no_business_of_the_decision(front: Front, good: str) -> None:
    front.upstream.drain()
    lines = ("POST /albums HTTP/1.1", "Host: api.example", f"Authorization: Bearer {good}", "Content-Length: 70000")
    answer = send(front.port, "\r\n".join([*lines, "", "x" * 70_000]).encode(), "POST")
    assert answer.status == 200
    [received] = front.upstream.drain()
    assert received.all_headers("content-length") == ["70000"]


# These come last: the way to the decision service is cut under the proxy.
# covers: GTW-07
def test_while_the_decision_service_is_down_nobody_passes_and_nobody_is_blamed(front: Front, good: str) -> None:
    try:
        front.relay.be(State.CUT)
        for headers in ([bearer(good)], []):
            for target in ("/albums", "/public/a"):
                answer, reached = front.ask("GET", target, headers)
                assert (500 <= answer.status < 600, reached) == (True, [])
    finally:
        front.relay.be(State.PASSING)
    deadline = time.monotonic() + WITHIN
    while front.ask("GET", "/albums", [bearer(good)])[0].status != 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)


# covers: GTW-07
def test_haproxy_lets_nobody_pass_when_its_script_fails(world: World, good: str, tmp_path: Path) -> None:
    broken = 'core.register_action("valetkey", { "http-req" }, function(txn) error("broken") end, 0)'
    with (
        running_upstream() as upstream,
        running_proxy(
            "haproxy", tmp_path, Between(upstream.port, world.http_port), {"valetkey.lua": broken}
        ) as port,
    ):
        answer = exchange(port, "GET", "/albums", [bearer(good)])
        assert (answer.status, upstream.drain()) == (503, [])


@pytest.mark.parametrize("name", PROXIES)
def test_what_the_client_presented_goes_on_where_the_operator_says_so(
    world: World, good: str, tmp_path: Path, name: str
) -> None:
    with running_upstream() as upstream:
        between = Between(upstream.port, world.decision_port(name), Credentials.FORWARDED)
        with running_proxy(name, tmp_path, between) as port:
            upstream.drain()
            assert exchange(port, "GET", "/albums", [bearer(good)]).status == 200
            assert exchange(port, "GET", "/albums", [("X-API-Key", world.api_key)]).status == 200
            with_token, with_key = upstream.drain()
    assert with_token.all_headers("authorization") == [f"Bearer {good}"]
    assert with_key.all_headers("x-api-key") == [world.api_key]
    assert isinstance(world.judged(with_token), Allow)
    assert isinstance(world.judged(with_key), Allow)


# covers: GTW-07
def test_while_the_decision_service_is_silent_nobody_passes(front: Front, good: str) -> None:
    try:
        front.relay.be(State.SILENT)
        front.upstream.drain()
        try:
            status = exchange(front.port, "GET", "/albums", [bearer(good)]).status
        except TimeoutError:
            assert front.name == "traefik"  # which waits for thirty seconds, and cannot be told otherwise
        else:
            assert 500 <= status < 600
        assert front.upstream.drain() == []
    finally:
        front.relay.be(State.PASSING)
