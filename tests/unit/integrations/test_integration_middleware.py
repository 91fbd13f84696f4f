"""The middlewares by a policy: judged is the path as it was sent, and what no route is for goes nowhere."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from support.faces.asking import AsgiFace, WsgiFace, asgi_scope, wsgi_environ
from support.faces.stage import RESOURCE, Stage, bearer
from valetkey.integrations.addresses import TrustedProxies
from valetkey.integrations.asgi import Guard, view_of_scope
from valetkey.integrations.asgi import GuardMiddleware as AsgiMiddleware
from valetkey.integrations.policies import read_policy
from valetkey.integrations.wsgi import GuardMiddleware as WsgiMiddleware
from valetkey.integrations.wsgi import view_of_environ
from valetkey.resource_server.policy_file import BadPolicy

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio

POLICY = f"""
resource = "{RESOURCE}"
hosts = ["api.example"]

[[issuer]]
url = "http://127.0.0.1:9"

[[route]]
path = "/health"
methods = ["GET"]
public = true

[[route]]
path = "/health/{{part}}"
methods = ["GET"]
public = true

[[route]]
path = "/orders/{{id}}"
methods = ["GET", "POST"]
scope = ["orders.read"]
"""


@pytest.fixture(params=["asgi", "wsgi"])
def face(request: pytest.FixtureRequest, tmp_path: Path) -> AsgiFace | WsgiFace:
    (tmp_path / "guard.toml").write_text(POLICY)
    judge = read_policy(tmp_path / "guard.toml")
    if request.param == "asgi":

        async def served(_scope: Any, _receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"served"})

        return AsgiFace("asgi", Stage(), AsgiMiddleware(served, judge))

    def answer(_environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b"served"]

    return WsgiFace("wsgi", Stage(), WsgiMiddleware(answer, judge))


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/health", 200),
        ("HEAD", "/health", 200),
        ("GET", "/health?full=1", 200),
        ("GET", "/health/a%20b", 200),
        ("POST", "/health", 403),
        ("DELETE", "/health", 403),
        ("GET", "/", 403),
        ("GET", "/Health", 403),
        ("GET", "/orders/7", 401),
        ("HEAD", "/orders/7", 401),
        ("OPTIONS", "/orders/7", 403),
        ("GET", "/health/../orders/7", 400),
        ("GET", "/health/%2e%2e/orders/7", 400),
        ("GET", "/health/..%2forders", 400),
        ("GET", "/health/a%2fb", 400),
        ("GET", "//health", 400),
        ("GET", "/health;x", 400),
        ("GET", "/health/%5c", 400),
        ("GET", "/health/%00", 400),
        ("GET", "/health/%ff", 400),
        ("GET", "/health/%C0%AF", 400),
        ("GET", "/health/x.", 400),
    ],
)
async def test_the_path_as_it_was_sent_finds_its_route_or_none(
    face: AsgiFace | WsgiFace, method: str, target: str, status: int
) -> None:
    assert (await face.ask(method, target)).status == status


async def test_a_header_that_makes_another_method_of_it_is_refused(face: AsgiFace | WsgiFace) -> None:
    headers = [("x-http-method-override", "DELETE")]
    assert (await face.ask("GET", "/health", headers)).status == 400


async def test_the_metadata_of_a_policy_is_published_without_a_route(face: AsgiFace | WsgiFace) -> None:
    reply = await face.ask("GET", "/.well-known/oauth-protected-resource")
    assert json.loads(reply.body)["scopes_supported"] == ["orders.read"]


async def test_the_keys_of_a_policy_that_cannot_be_had_are_503(face: AsgiFace | WsgiFace) -> None:
    assert (await face.ask("GET", "/orders/7", [bearer("orders.read", iss="http://127.0.0.1:9")])).status == 503
    # No key could save this one, so nobody is asked for any.
    assert (await face.ask("GET", "/orders/7", [("authorization", "Bearer e30.e30.e30")])).status == 401


def test_a_policy_with_faults_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "guard.toml").write_text(POLICY.replace("orders.read", "orders read").replace("scope", "scopes"))
    with pytest.raises(BadPolicy, match="scopes"):
        read_policy(tmp_path / "guard.toml")


SENT = "/a%20b/c?d=%2F"


@pytest.mark.parametrize("name", ["RAW_URI", "REQUEST_URI"])
def test_the_target_is_what_the_server_was_sent(name: str) -> None:
    environ = wsgi_environ("GET", SENT, [])
    environ[name] = environ.pop("RAW_URI")
    assert view_of_environ(environ).target == SENT
    assert view_of_scope({**asgi_scope("http", SENT, []), "method": "GET"}).target == SENT


def test_without_the_target_as_sent_the_decoded_path_is_written_again() -> None:
    environ = wsgi_environ("GET", SENT, [])
    del environ["RAW_URI"]
    assert view_of_environ(environ).target == SENT
    scope = asgi_scope("http", SENT, [])
    del scope["raw_path"]
    assert view_of_scope(scope).target == SENT


def test_a_path_that_was_rewritten_on_the_way_is_no_path() -> None:
    environ = {**wsgi_environ("GET", "/public", []), "PATH_INFO": "/admin"}
    assert view_of_environ(environ).target == ""
    assert view_of_scope({**asgi_scope("http", "/public", []), "path": "/admin"}).target == ""


def test_a_path_below_a_mount_point_is_judged_whole() -> None:
    environ = {**wsgi_environ("GET", "/api/orders", []), "SCRIPT_NAME": "/api", "PATH_INFO": "/orders"}
    assert view_of_environ(environ).target == "/api/orders"


def test_nothing_that_a_client_says_makes_host_scheme_or_address() -> None:
    said = [
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "http"),
        ("forwarded", "for=127.0.0.1;host=evil.example"),
    ]
    for view in (view_of_environ(wsgi_environ("GET", "/", said)), view_of_scope(asgi_scope("http", "/", said))):
        assert (view.host, view.scheme, view.address) == ("api.example", "https", "198.51.100.9")
    proxies = TrustedProxies(["198.51.100.0/24"])
    for view in (
        view_of_environ(wsgi_environ("GET", "/", said), proxies),
        view_of_scope(asgi_scope("http", "/", said), proxies),
    ):
        assert (view.host, view.scheme, view.address) == ("api.example", "https", "127.0.0.1")


def test_two_hosts_are_none() -> None:
    assert view_of_scope(asgi_scope("http", "/", [("host", "evil.example")])).host == ""


async def test_the_lifespan_passes_and_no_other_scope_does() -> None:
    seen: list[str] = []

    async def application(scope: Any, _receive: Any, _send: Any) -> None:
        seen.append(scope["type"])

    middleware = AsgiMiddleware(application, Stage().guard(Guard).for_all("albums.read"))

    async def nothing(*_: Any) -> Any:
        return {}

    await middleware({"type": "lifespan"}, nothing, nothing)
    with pytest.raises(ValueError, match="http and websocket"):
        await middleware({"type": "webtransport"}, nothing, nothing)
    assert seen == ["lifespan"]
