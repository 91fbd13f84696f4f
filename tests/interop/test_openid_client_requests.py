"""npm openid-client 6 signs its authorization requests (RFC 9101), and nothing else of them counts."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from support.dev_server import DevServer
from support.node import NodePeer, node_peer
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


def test_a_signed_request_is_encrypted_where_the_server_publishes_a_key_for_that(
    dev: DevServer, tmp_path: Path
) -> None:
    metadata = httpx2.get(f"{dev.issuer}/.well-known/openid-configuration").json()
    assert metadata["request_parameter_supported"] is metadata["require_request_uri_registration"] is True
    keys = httpx2.get(metadata["jwks_uri"]).json()["keys"]
    recipients = [key for key in keys if key.get("use") == "enc"]
    offered = metadata.get("request_object_encryption_alg_values_supported", [])
    assert sorted(offered) == sorted({key["alg"] for key in recipients})
    for number, recipient in enumerate(recipients):
        with signing_client(dev, tmp_path, f"npm-seals-{number}", "ES256") as (peer, key):
            asked = {"redirect_uri": CALLBACK, "scope": SCOPE, "resource": dev.api, "jwk": key.as_private_dict()}
            tokens = tokens_of(dev, peer, peer.call("begin_signed", **asked, recipient=recipient))
            assert tokens["claims"]["sub"]
