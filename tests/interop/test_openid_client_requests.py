"""npm openid-client 6 signs its authorization requests (RFC 9101), and nothing else of them counts."""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest
from anyio import to_thread

from support.dev_server import DevServer
from support.hostile_server import HostileServer, hostile_server, http
from support.node import NodePeer, node_peer
from support.production_server import API, ProductionServer, running_production
from valetkey.jose import Jwk

pytestmark = pytest.mark.interop

CALLBACK = "http://localhost:3000/callback"
SCOPE = "openid email albums.read"


@contextmanager
def signing_client(
    dev: DevServer, folder: Path, client_id: str, algorithm: str, *options: str
) -> Iterator[tuple[NodePeer, Jwk]]:
    """Register a client by its key, and discover the server as that client."""
    key = Jwk.generate(algorithm)
    published = folder / "jwks.json"
    published.write_text(json.dumps({"keys": [key.public().as_dict()]}))
    dev.add_client(
        client_id,
        *("--authentication-method", "private_key_jwt", "--jwks", str(published)),
        *("--redirect-uri", CALLBACK, "--scope", SCOPE, "--resource", dev.api),
        *("--require-signed-request-object", "--request-object-signing-alg", algorithm, *options),
    )
    with node_peer("openid_client.mjs") as peer:
        asked = {"issuer": dev.issuer, "client_id": client_id, "method": "private_key_jwt", "secret": None}
        peer.call("discover", **asked, jwk=key.as_private_dict())
        yield peer, key


def tokens_of(dev: DevServer, peer: NodePeer, url: str) -> Any:
    person = dev.person()
    sight = person.sign_in(person.open(url))
    if "consent-allow" in sight.ids:
        sight = person.submit(sight, "consent-allow")
    assert sight.status == 303, sight.error
    return peer.call("finish", url=sight.url)


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "PS256", "Ed25519"])
def test_a_signed_request_leads_to_tokens(dev: DevServer, tmp_path: Path, algorithm: str) -> None:
    with signing_client(dev, tmp_path, f"npm-signs-{algorithm.lower()}", algorithm) as (peer, key):
        asked = {"redirect_uri": CALLBACK, "scope": SCOPE, "resource": dev.api, "jwk": key.as_private_dict()}
        url = peer.call("begin_signed", **asked)
        # Nothing of the request can be read or changed on its way through the browser.
        assert set(parse_qs(urlsplit(url).query)) == {"client_id", "request"}
        tokens = tokens_of(dev, peer, url)
    assert set(tokens["scope"].split()) == set(SCOPE.split())
    assert tokens["claims"]["sub"]


def test_a_client_that_promised_to_sign_is_refused_without_a_signature(dev: DevServer, tmp_path: Path) -> None:
    with signing_client(dev, tmp_path, "npm-promised", "ES256") as (peer, key):
        plain = peer.call("begin", redirect_uri=CALLBACK, scope=SCOPE)
        other = Jwk.generate("ES256", kid=key.kid).as_private_dict()
        forged = peer.call("begin_signed", redirect_uri=CALLBACK, scope=SCOPE, jwk=other)
        errors = [dev.person().open(url).url for url in (plain, f"{forged}&redirect_uri={CALLBACK}")]
    assert ["error=invalid_request&" in errors[0], "error=invalid_request_object&" in errors[1]] == [True, True]


@dataclass
class Stage:
    """The program of an operator, with keys that clients may encrypt to, and the site of a client."""

    server: ProductionServer
    site: HostileServer
    key: Jwk

    async def peer(self, call: Callable[[NodePeer], Any]) -> Any:
        """Let openid-client do something as the client, in a thread: the site is served by this one."""
        return await to_thread.run_sync(self._peer, call)

    def _peer(self, call: Callable[[NodePeer], Any]) -> Any:
        asked = {"issuer": self.server.issuer, "client_id": "signs", "method": "private_key_jwt", "secret": None}
        with node_peer("openid_client.mjs") as peer:
            peer.call("discover", **asked, jwk=self.key.as_private_dict())
            return call(peer)

    def redirected(self, url: str) -> str:
        """Sign in and consent, and return where the browser is sent to."""
        person = self.server.person()
        sight = person.sign_in(person.open(url))
        sight = person.submit(sight, "consent-allow") if "consent-allow" in sight.ids else sight
        assert sight.status == 303, sight.error
        return sight.url


@pytest.fixture(params=["OPENID", "OAUTH_2_1"])
async def stage(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    key = Jwk.generate("ES256")
    published = tmp_path / "client.jwks.json"
    published.write_text(json.dumps({"keys": [key.public().as_dict()]}))
    async with hostile_server(tmp_path, "localhost") as site:
        environ = {
            "VALETKEY_PROFILE": request.param,
            "VALETKEY_KEYS__ALGORITHMS": "ES256, RS256, RSA-OAEP-256, ECDH-ES",
            "VALETKEY_OUTBOUND__ALLOW": "localhost",
            "VALETKEY_OUTBOUND__CA_FILE": site.ca_file,
        }
        with running_production(tmp_path, environ=environ) as server:
            words = (
                *("client", "add", "signs", "--name", "Signs", "--authentication-method", "private_key_jwt"),
                *("--jwks", str(published), "--redirect-uri", CALLBACK, "--scope", "openid a.read"),
                *("--resource", API, "--request-uri", f"https://localhost:{site.port}/request.jwt"),
            )
            # In a thread: a command has an event loop of its own.
            await to_thread.run_sync(partial(server.operator.done, *words))
            yield Stage(server, site, key)


async def test_a_signed_request_is_encrypted_for_the_keys_that_the_server_publishes(stage: Stage) -> None:
    metadata = (
        await to_thread.run_sync(httpx2.get, f"{stage.server.issuer}/.well-known/openid-configuration")
    ).json()
    assert metadata["request_object_encryption_alg_values_supported"] == ["ECDH-ES", "RSA-OAEP-256"]
    keys = (await to_thread.run_sync(httpx2.get, metadata["jwks_uri"])).json()["keys"]
    recipients = [key for key in keys if key["use"] == "enc"]
    assert len(recipients) == 2

    def granted(peer: NodePeer, recipient: object) -> Any:
        asked = {"redirect_uri": CALLBACK, "scope": "openid a.read", "jwk": stage.key.as_private_dict()}
        url = peer.call("begin_signed", **asked, recipient=recipient)
        assert set(parse_qs(urlsplit(url).query)) == {"client_id", "request"}
        return peer.call("finish", url=stage.redirected(url))

    for recipient in recipients:
        tokens = await stage.peer(partial(granted, recipient=recipient))
        assert tokens["claims"]["aud"] == "signs"


async def test_a_signed_request_stands_at_an_address_of_the_client_and_is_fetched_once(stage: Stage) -> None:
    def prepared(peer: NodePeer) -> Any:
        asked = {"redirect_uri": CALLBACK, "scope": "openid a.read", "jwk": stage.key.as_private_dict()}
        signed = parse_qs(urlsplit(peer.call("begin_signed", **asked)).query)["request"][0]
        stage.site.answers["/request.jwt"] = http(200, signed.encode(), media_type="application/jwt")
        query = {"client_id": "signs", "request_uri": f"https://localhost:{stage.site.port}/request.jwt"}
        found = stage.redirected(f"{stage.server.issuer}/authorize?{urlencode(query)}")
        return peer.call("finish", url=found)

    tokens = await stage.peer(prepared)
    assert tokens["claims"]["aud"] == "signs"
    assert stage.site.paths == ["/request.jwt"]
    foreign = {"client_id": "signs", "request_uri": f"https://localhost:{stage.site.port}/other.jwt"}
    page = await to_thread.run_sync(httpx2.get, f"{stage.server.issuer}/authorize?{urlencode(foreign)}")
    assert "error=invalid_request_uri" in page.headers["location"]
    assert stage.site.paths == ["/request.jwt"]
