"""A running `valetkey gateway`, the real program, over a policy that trusts whoever serves the keys beside it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import httpx2

from support.serve import READY_WITHIN, STOPS_WITHIN, environment
from valetkey.jose import Jwk, JwkSet, jwt

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

API = "https://api.example"
GATEWAY = "https://gateway.example"
POLICY = """
resource = "https://api.example"

[[issuer]]
url = "{issuer}"

[failed_authentication]
rate = "1000/1m"

[[limit]]
name = "per-client"
rate = "3/1h"
by = ["client"]

[[route]]
path = "/orders/{{id}}"
methods = ["GET"]
scope = ["orders:read"]

[[route]]
path = "/dear"
methods = ["GET"]
limits = ["per-client"]

[[route]]
path = "/health"
methods = ["GET"]
public = true

[gateway]
contracts = ["caddy", "envoy-grpc"]
trusted_peers = ["127.0.0.1"]
listen = "127.0.0.1:{port}"
grpc_listen = "127.0.0.1:{grpc_port}"

[gateway.assertion]
issuer = "https://gateway.example"
key_file = "assertion.jwk"

[serving]
workers = {workers}
drain_delay = 0
"""


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(slots=True)
class KeyServer:
    """Publishes the keys of an issuer that signs whatever a test asks for."""

    url: str
    key: Jwk = field(default_factory=lambda: Jwk.generate("ES256", kid="k"))

    def token(self, **changes: object) -> str:
        """Return a token for the API, good for five minutes, with `changes`."""
        now = int(time.time())
        claims = {
            "iss": self.url,
            "sub": "alice",
            "client_id": "web",
            "aud": API,
            "iat": now - 1,
            "exp": now + 300,
            "jti": "1",
            "scope": "orders:read",
        }
        return jwt.sign(claims | changes, self.key, typ="at+jwt")


@contextmanager
def key_server() -> Iterator[KeyServer]:
    """Serve the keys of an issuer on loopback."""
    found: list[KeyServer] = []

    class Published(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(JwkSet((found[0].key.public(),)).as_dict()).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the standard library's name
            del format, arguments

    server = ThreadingHTTPServer(("127.0.0.1", 0), Published)
    found.append(KeyServer(f"http://127.0.0.1:{server.server_port}"))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield found[0]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def write_gateway(folder: Path, issuer: str, *, workers: int = 1) -> tuple[Path, int, int]:
    """Write the file of a gateway with its key; return its path, and the ports for HTTP and gRPC."""
    port, grpc_port = free_port(), free_port()
    secret = folder / "assertion.jwk"
    secret.write_text(json.dumps(Jwk.generate("ES256", kid="g").as_private_dict()))
    secret.chmod(0o600)
    path = folder / "gateway.toml"
    path.write_text(POLICY.format(issuer=issuer, port=port, grpc_port=grpc_port, workers=workers))
    return path, port, grpc_port


def command(path: Path) -> list[str]:
    """Return the command line that runs the gateway of `path`."""
    return [sys.executable, "-m", "valetkey", "gateway", "--config", str(path)]


@dataclass(slots=True)
class RunningProgram:
    """The program, and how a proxy asks it."""

    process: subprocess.Popen[str]
    http: httpx2.Client

    def ask(self, token: str | None, target: str = "/orders/7", **headers: str) -> httpx2.Response:
        """Ask as Caddy does."""
        said = {
            "x-valetkey-method": "GET",
            "x-valetkey-scheme": "https",
            "x-valetkey-host": "api.example",
            "x-valetkey-target": target,
            "x-valetkey-address": "203.0.113.7",
        }
        bearing = {} if token is None else {"authorization": f"Bearer {token}"}
        return self.http.get("/decide/caddy", headers=said | bearing | headers)

    def stop(self) -> str:
        """Stop it as an operator does, and return what it wrote."""
        self.process.terminate()
        _, said = self.process.communicate(timeout=STOPS_WITHIN)
        return said


@contextmanager
def running_gateway(path: Path, port: int) -> Iterator[RunningProgram]:
    """Run the gateway of `path` until it is ready, and end it."""
    process = subprocess.Popen(
        command(path), env=environment(), text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=20) as client:
        try:
            _await_ready(process, client)
            yield RunningProgram(process, client)
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()


def _await_ready(process: subprocess.Popen[str], client: httpx2.Client) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise AssertionError(f"the gateway ended: {process.communicate()[1]}")
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx2.TransportError:
            time.sleep(0.02)
    raise AssertionError("the gateway was not ready in time")
