"""A running authorization server and a running gateway, which every proxy of a test asks."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx2

from support.dev_server import DevServer, free_port, running_dev
from support.issuer import TestIssuer
from support.proxies.running import PROXIES
from support.served_app import served_app
from valetkey.jose import Jwk, JwkSet
from valetkey.resource_server.asserted import AssertedServer
from valetkey.resource_server.request import RequestView
from valetkey.resource_server.rules import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.proxies.upstream import Received
    from valetkey.jose import VerifiedJwt, Verifier
    from valetkey.resource_server.decision import Decision

READY_WITHIN = 30
STOPS_WITHIN = 20
GATEWAY = "https://gateway.example"
PARTNER = "https://partner.example"
BURST = 2

_POLICY = """
resource = "{api}"

[gateway]
contracts = ["nginx", "caddy", "traefik", "haproxy", "envoy-http", "envoy-grpc"]
trusted_peers = ["127.0.0.1"]
listen = "127.0.0.1:{http}"
grpc_listen = "127.0.0.1:{grpc}"
plain_identity = true

[gateway.assertion]
issuer = "{gateway}"
key_file = "key.json"

[serving]
drain_delay = 0

[[issuer]]
url = "{issuer}"
client_id = "demo-api"
client_secret_file = "secret"
api_keys = true
feed = true

[[issuer]]
url = "{partner}"
jwks_uri = "{partner_keys}"

[[route]]
path = "/albums"
methods = ["GET", "POST", "DELETE"]
scope = ["albums.read"]

[[route]]
path = "/tree/{{rest*}}"
methods = ["GET"]
scope = ["albums.read"]

[[route]]
path = "/written"
methods = ["GET"]
scope = ["albums.write"]

[[route]]
path = "/public/{{rest*}}"
methods = ["GET"]
public = true
"""
_LIMITED = """
[[limit]]
name = "few-{proxy}"
rate = "{burst}/1h"
by = ["client"]

[[route]]
path = "/limited/{proxy}"
methods = ["GET"]
scope = ["albums.read"]
limits = ["few-{proxy}"]
"""


@dataclass(frozen=True, slots=True)
class _Keys:
    keys: JwkSet

    async def verify(self, verifier: Verifier, token: str, now: int | None = None) -> VerifiedJwt:
        return verifier.verify(token, self.keys, now=now)


@dataclass(frozen=True, slots=True)
class World:
    """Who issues tokens, and where the decision service listens for each proxy."""

    dev: DevServer
    partner: TestIssuer
    http_port: int
    grpc_port: int
    asserted: AssertedServer
    api_key: str

    def decision_port(self, proxy: str) -> int:
        return self.grpc_port if proxy == "envoy-grpc" else self.http_port

    def token(self, scope: str = "albums.read") -> str:
        """A token of the machine client, from the token endpoint."""
        answer = httpx2.post(
            f"{self.dev.issuer}/token",
            data={"grant_type": "client_credentials", "scope": scope, "resource": self.dev.api},
            auth=self._machine,
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def revoke(self, token: str) -> None:
        """Revoke a token as its client does (RFC 7009)."""
        answer = httpx2.post(f"{self.dev.issuer}/revoke", data={"token": token}, auth=self._machine)
        assert answer.status_code == 200, answer.text

    def partner_token(self, **changes: object) -> str:
        """A token of the second issuer, with other claims than a good one."""
        now = int(time.time())
        times = {"iat": now - 10, "exp": now + 300}
        return self.partner.token({"iss": PARTNER, "aud": self.dev.api, **times, **changes})

    def judged(self, received: Received) -> Decision:
        """What the API behind the gateway decides of a request as it arrived, by the assertion alone."""
        headers = [(name.encode(), value.encode("latin-1")) for name, value in received.headers]
        view = RequestView(received.method, received.target, headers)
        return asyncio.run(self.asserted.decide(view, Rule.requiring("albums.read")))

    @property
    def _machine(self) -> tuple[str, str]:
        return "machine", str(self.dev.client("machine")["client_secret"])


@contextmanager
def running_world(folder: Path) -> Iterator[World]:
    """Start `valetkey dev` and `valetkey gateway` once for all proxies."""
    partner = TestIssuer()
    with ExitStack() as stack:
        dev = stack.enter_context(running_dev(folder / "state"))
        partner_keys = stack.enter_context(served_app(partial(_published_keys, partner)))
        port = free_port()
        secret = json.loads((dev.state / "secrets.json").read_text())["client_secrets"]["demo-api"]
        _write_secret(folder / "secret", secret)
        _write_secret(folder / "key.json", json.dumps(Jwk.generate("ES256").as_private_dict()))
        policy = _POLICY.format(
            api=dev.api,
            issuer=dev.issuer,
            http=port,
            grpc=port + 1,
            gateway=GATEWAY,
            partner=PARTNER,
            partner_keys=f"{partner_keys}/jwks.json",
        )
        limited = "".join(_LIMITED.format(proxy=proxy, burst=BURST) for proxy in PROXIES)
        (folder / "gateway.toml").write_text(policy + limited)
        stack.enter_context(_running_gateway(folder, port))
        published = JwkSet.parse(httpx2.get(f"http://127.0.0.1:{port}/jwks.json").content)
        asserted = AssertedServer(dev.api, gateway=GATEWAY, keys=_Keys(published))
        owned = ("--client", "machine", "--resource", dev.api, "--scope", "albums.read")
        key = dev.command("apikey", "add", "export", *owned)
        world = World(dev, partner, port, port + 1, asserted, str(key["api_key"]))
        _await_decisions(world)
        yield world


@contextmanager
def _running_gateway(folder: Path, port: int) -> Iterator[None]:
    command = [sys.executable, "-m", "valetkey", "gateway", "--config", str(folder / "gateway.toml")]
    with (folder / "gateway.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            _await_readiness(process, port, folder / "gateway.log")
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(STOPS_WITHIN)
    assert process.returncode == 0, (folder / "gateway.log").read_text()


def _await_readiness(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx2.get(f"http://127.0.0.1:{port}/readyz").status_code == 200:
                return
        except httpx2.HTTPError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"the gateway did not start: {log.read_text()}")


def _await_decisions(world: World) -> None:
    """Wait until the gateway follows the feed: until then nobody passes."""
    said = {"Method": "GET", "Scheme": "http", "Host": "api.example", "Target": "/albums", "Address": "127.0.0.1"}
    headers = {f"X-Valetkey-{part}": value for part, value in said.items()}
    headers["Authorization"] = f"Bearer {world.token()}"
    deadline = time.monotonic() + READY_WITHIN
    while httpx2.get(f"http://127.0.0.1:{world.http_port}/decide/caddy", headers=headers).status_code != 200:
        assert time.monotonic() < deadline, "the gateway lets nobody pass"
        time.sleep(0.05)


def _write_secret(path: Path, content: str) -> None:
    path.touch(0o600)
    path.write_text(content)


def _published_keys(partner: TestIssuer, _origin: str) -> Any:
    keys = json.dumps(JwkSet((partner.key.public(),)).as_dict()).encode()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for said in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{said}.complete"})
            return
        headers = [(b"content-type", b"application/jwk-set+json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": keys})

    return application
