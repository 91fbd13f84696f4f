"""The decision service, and Envoy in front of it, beside Envoy's own jwt_authn.

Every subject judges the same ES256 access token. *decision service* is asked directly, as Caddy asks it. The others
are listeners of one Envoy of one thread, which answers by itself: without any filter, with its jwt_authn (of
signature, issuer, audience and times; no `typ`, no revocation), and with ext_authz, which asks the decision service
over gRPC for a rule with a scope. The service is one process, without assertion and once with.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

import uvloop
from load import Connection, drive, get
from machine import conditions, load_average
from subjects import Subject, environment, free_port

from valetkey.jose import Jwk, JwkSet, jwt

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

SERVER_CORE: Final = 0
LOAD_CORE: Final = 1
CONNECTIONS: Final = 16
API: Final = "https://api.example"
_OK: Final = 200
_STARTS_WITHIN: Final = 60.0

POLICY: Final = """
resource = "https://api.example"

[[issuer]]
url = "{issuer}"

[[route]]
path = "/orders/{{id}}"
methods = ["GET"]
scope = ["orders:read"]

[gateway]
contracts = ["caddy", "envoy-http", "envoy-grpc"]
trusted_peers = ["127.0.0.1"]
listen = "127.0.0.1:{port}"
grpc_listen = "127.0.0.1:{grpc}"
{assertion}
[serving]
drain_delay = 0
"""
ASSERTION: Final = """
[gateway.assertion]
issuer = "https://gateway.example"
key_file = "assertion.jwk"
"""


@dataclass(frozen=True, slots=True)
class Figures:
    """One round of one subject: requests a second, CPU microseconds each over all processes, p50 and p99 in ms."""

    per_second: float
    cpu_us: float
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Asked:
    """One subject: its port, the processes that work for it, and the request."""

    name: str
    port: int
    workers: tuple[Subject, ...]
    request: bytes

    def cpu_seconds(self) -> float:
        """CPU that its processes have used."""
        return sum(worker.cpu_seconds() for worker in self.workers)


@contextmanager
def keys_of(issuer_key: Jwk) -> Iterator[str]:
    """Serve the keys of an issuer; yield its URL."""
    body = json.dumps(JwkSet((issuer_key.public(),)).as_dict()).encode()

    class Published(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(_OK)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the standard library's name
            del format, arguments

    server = ThreadingHTTPServer(("127.0.0.1", 0), Published)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def started(name: str, command: list[str], port: int, request: bytes) -> Iterator[Subject]:
    """Start a program on the core of the servers, wait until it answers `request`, and end it in the end."""
    process = subprocess.Popen(
        ["taskset", "-c", str(SERVER_CORE), *command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(),
    )
    try:
        deadline = time.perf_counter() + _STARTS_WITHIN
        while not answers(port, request):
            if time.perf_counter() > deadline or process.poll() is not None:
                raise RuntimeError(f"{name} did not start")
            time.sleep(0.02)
        yield Subject(name, port, process.pid, "", "")
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def answers(port: int, request: bytes) -> bool:
    """Say whether the request is answered at all."""

    async def ask() -> int:
        connection = await Connection.open(port)
        try:
            return (await connection.exchange(request)).status
        finally:
            connection.close()

    with suppress(OSError):
        return uvloop.run(ask()) > 0
    return False


def asking(token: str) -> bytes:
    """Return what Caddy asks."""
    said = {
        "Method": "GET",
        "Scheme": "https",
        "Host": "api.example",
        "Target": "/orders/7",
        "Address": "192.0.2.1",
    }
    headers = "".join(f"X-Valetkey-{name}: {value}\r\n" for name, value in said.items())
    return get("/decide/caddy", f"{headers}Authorization: Bearer {token}\r\n")


def listener(port: int, filters: list[dict[str, object]]) -> dict[str, object]:
    """Return an Envoy listener with these filters that answers by itself."""
    router = {
        "name": "envoy.filters.http.router",
        "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
    }
    manager = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    route = {"match": {"prefix": "/"}, "direct_response": {"status": _OK, "body": {"inline_string": "ok"}}}
    return {
        "name": f"on_{port}",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [
            {
                "filters": [
                    {
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": {
                            "@type": f"type.googleapis.com/{manager}",
                            "stat_prefix": "api",
                            "use_remote_address": True,
                            "http_filters": [*filters, router],
                            "route_config": {
                                "virtual_hosts": [{"name": "api", "domains": ["*"], "routes": [route]}]
                            },
                        },
                    }
                ]
            }
        ],
    }


def jwt_authn(issuer: str, key: Jwk) -> dict[str, object]:
    """Return Envoy's own filter for tokens of the issuer."""
    published = json.dumps(JwkSet((key.public(),)).as_dict())
    provider = {"issuer": issuer, "audiences": [API], "local_jwks": {"inline_string": published}, "forward": True}
    return {
        "name": "envoy.filters.http.jwt_authn",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
            "providers": {"as": provider},
            "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "as"}}],
        },
    }


def ext_authz() -> dict[str, object]:
    """Return the filter that asks the decision service over gRPC."""
    return {
        "name": "envoy.filters.http.ext_authz",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz",
            "transport_api_version": "V3",
            "encode_raw_headers": True,
            "allowed_headers": {"patterns": [{"exact": "authorization"}, {"exact": "x-api-key"}]},
            "grpc_service": {"envoy_grpc": {"cluster_name": "decision"}, "timeout": "5s"},
        },
    }


def envoy(listeners: list[dict[str, object]], grpc_port: int) -> dict[str, object]:
    """Return the configuration of one Envoy with these listeners."""
    options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    address = {"socket_address": {"address": "127.0.0.1", "port_value": grpc_port}}
    cluster = {
        "name": "decision",
        "type": "STATIC",
        "connect_timeout": "1s",
        "typed_extension_protocol_options": {
            options: {
                "@type": f"type.googleapis.com/{options}",
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        },
        "load_assignment": {
            "cluster_name": "decision",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
    }
    return {"static_resources": {"listeners": listeners, "clusters": [cluster]}}


def subjects(stack: ExitStack, folder: Path) -> list[Asked]:
    """Start the services and Envoy; return all that is measured."""
    key = Jwk.generate("ES256", kid="k")
    issuer = stack.enter_context(keys_of(key))
    token = good_token(issuer, key)
    direct = asking(token)
    through = get("/orders/7", f"Authorization: Bearer {token}\r\n", host="api.example")
    secret = folder / "assertion.jwk"
    secret.write_text(json.dumps(Jwk.generate("ES256", kid="g").as_private_dict()))
    secret.chmod(0o600)
    services: list[tuple[Subject, int]] = []
    for name, assertion in (("bare", ""), ("asserting", ASSERTION)):
        port, grpc_port = free_port(), free_port()
        path = folder / f"{name}.toml"
        path.write_text(POLICY.format(issuer=issuer, port=port, grpc=grpc_port, assertion=assertion))
        command = [sys.executable, "-m", "valetkey", "gateway", "--config", str(path)]
        services.append((stack.enter_context(started(name, command, port, direct)), grpc_port))
    plain, own, asked = free_port(), free_port(), free_port()
    listeners = [listener(plain, []), listener(own, [jwt_authn(issuer, key)]), listener(asked, [ext_authz()])]
    configuration = folder / "envoy.json"
    configuration.write_text(json.dumps(envoy(listeners, services[0][1])))
    command = [
        str(Path(sys.executable).with_name("envoy")),
        "--concurrency",
        "1",
        "--log-level",
        "off",
        "--use-dynamic-base-id",
    ]
    program = [*command, "-c", str(configuration)]
    proxy = stack.enter_context(started("Envoy", program, plain, through))
    (bare, _), (asserting, _) = services
    return [
        Asked("decision service", bare.port, (bare,), direct),
        Asked("decision service, with assertion", asserting.port, (asserting,), direct),
        Asked("Envoy alone", plain, (proxy,), through),
        Asked("Envoy, jwt_authn", own, (proxy,), through),
        Asked("Envoy, decision service over gRPC", asked, (proxy, bare), through),
    ]


def good_token(issuer: str, key: Jwk) -> str:
    """Return a token that is good for as long as the benchmark runs."""
    now = int(time.time())
    claims = {
        "iss": issuer,
        "sub": "alice",
        "client_id": "web",
        "aud": API,
        "iat": now - 1,
        "exp": now + 3_600,
        "jti": "1",
        "scope": "orders:read",
    }
    return jwt.sign(claims, key, typ="at+jwt")


def operation(request: bytes) -> Callable[[Connection, int], AsyncIterator[None]]:
    """Return the operation that sends one request again and again; an answer that is no success ends the run."""

    async def steps(connection: Connection, _number: int) -> AsyncIterator[None]:
        while True:
            answer = await connection.exchange(request)
            if answer.status != _OK:
                raise RuntimeError(f"answered {answer.status}: {answer.body[:200]!r}")
            yield

    return steps


def measure(asked: Asked, seconds: float) -> Figures:
    """Run one subject for so many seconds."""
    before = asked.cpu_seconds()
    measured = uvloop.run(drive(asked.port, CONNECTIONS, seconds, operation(asked.request)))
    waits = sorted(measured.waits)
    done = len(waits)
    cpu = (asked.cpu_seconds() - before) / done * 1e6
    return Figures(done / measured.seconds, cpu, waits[done // 2] * 1e3, waits[done * 99 // 100] * 1e3)


def spread(values: list[float]) -> dict[str, float]:
    """Median, lowest and highest."""
    return {"median": round(median(values), 2), "lowest": round(min(values), 2), "highest": round(max(values), 2)}


def run(rounds: int, seconds: float) -> dict[str, list[Figures]]:
    """Start everything, warm it up, and measure all subjects in every round."""
    found: dict[str, list[Figures]] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        everybody = subjects(stack, folder)
        os.sched_setaffinity(0, {LOAD_CORE})
        for asked in everybody:
            measure(asked, seconds / 2)
        for _ in range(rounds):
            for asked in everybody:
                found.setdefault(asked.name, []).append(measure(asked, seconds))
    return found


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--output", type=Path, help="write the figures to this file")
    parser.add_argument("--smoke", action="store_true", help="one short round, whose figures say nothing")
    parser.add_argument("--rounds", type=int, default=10)
    arguments = parser.parse_args()
    before = load_average()
    rounds, seconds = (1, 0.2) if arguments.smoke else (arguments.rounds, 2.0)
    found = run(rounds, seconds)
    baseline = found["Envoy, jwt_authn"]
    report = {
        "machine": conditions(before),
        "rounds": rounds,
        "connections": CONNECTIONS,
        "subjects": {
            name: {field: spread([getattr(one, field) for one in measured]) for field in Figures.__slots__}
            for name, measured in found.items()
        },
        "per_second_to_jwt_authn": {
            name: spread([one.per_second / other.per_second for one, other in zip(measured, baseline, strict=True)])
            for name, measured in found.items()
        },
    }
    text = json.dumps(report, indent=2)
    print(text)
    if arguments.output is not None:
        arguments.output.write_text(text + "\n")


if __name__ == "__main__":
    main()
