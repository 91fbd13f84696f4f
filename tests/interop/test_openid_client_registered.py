"""npm openid-client 6 with clients registered beside the running server: algorithms, keys, machines."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.dev_server import DevServer
from support.node import NodePeer, PeerRefusal, node_peer
from valetkey.jose import Jwk, jwt

pytestmark = pytest.mark.interop

CALLBACK = "http://localhost:3999/callback"


@contextmanager
def discovered(dev: DevServer, client_id: str, method: str, **given: object) -> Iterator[NodePeer]:
    with node_peer("openid_client.mjs") as peer:
        peer.call("discover", issuer=dev.issuer, client_id=client_id, method=method, **given)
        yield peer


def code_from(dev: DevServer, peer: NodePeer) -> str:
    """Sign in and consent, and return the whole address that the browser was sent to."""
    person = dev.person()
    sight = person.sign_in(person.open(peer.call("begin", redirect_uri=CALLBACK, scope="openid email")))
    return person.submit(sight, "consent-allow").url


def is_challenged(refusal: PeerRefusal) -> bool:
    """Whether the server answered 401 with WWW-Authenticate, as RFC 6749, 5.2 asks for after HTTP Basic."""
    return (refusal.facts["code"], refusal.facts["status"]) == ("OAUTH_WWW_AUTHENTICATE_CHALLENGE", 401)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "Ed25519", "EdDSA"])
def test_the_id_token_is_signed_with_the_algorithm_that_the_client_registered(
    dev: DevServer, algorithm: str
) -> None:
    client_id = f"signed-{algorithm.lower()}"
    options = ("--redirect-uri", CALLBACK, "--scope", "openid email", "--id-token-signed-response-alg", algorithm)
    secret = dev.add_client(client_id, *options)["client_secret"]
    metadata = {"id_token_signed_response_alg": algorithm}
    with discovered(dev, client_id, "client_secret_basic", secret=secret, metadata=metadata) as peer:
        tokens = peer.call("finish", url=code_from(dev, peer))
    assert jwt.peek(tokens["id_token"]).header["alg"] == algorithm
    assert tokens["claims"]["aud"] == client_id


def test_a_client_registered_for_post_authenticates_by_post_alone(dev: DevServer) -> None:
    options = ("--redirect-uri", CALLBACK, "--scope", "openid email", "--authentication-method")
    secret = dev.add_client("posting", *options, "client_secret_post")["client_secret"]
    with discovered(dev, "posting", "client_secret_post", secret=secret) as peer:
        assert peer.call("finish", url=code_from(dev, peer))["claims"]["aud"] == "posting"
    with (
        discovered(dev, "posting", "client_secret_basic", secret=secret) as peer,
        pytest.raises(PeerRefusal) as refused,
    ):
        peer.call("client_credentials", scope="email")
    assert is_challenged(refused.value)


@pytest.mark.parametrize("algorithm", ["ES256", "PS256", "Ed25519"])
def test_a_client_that_registered_keys_authenticates_by_a_signed_assertion(
    dev: DevServer, tmp_path: Path, algorithm: str
) -> None:
    client_id = f"assertion-{algorithm.lower()}"
    key = Jwk.generate(algorithm)
    published = tmp_path / "jwks.json"
    published.write_text(json.dumps({"keys": [key.public().as_dict()]}))
    dev.add_client(
        *(client_id, "--authentication-method", "private_key_jwt", "--jwks", str(published)),
        *("--redirect-uri", CALLBACK, "--scope", "openid email offline_access"),
        *("--grant-type", "authorization_code", "--grant-type", "refresh_token"),
    )
    with discovered(dev, client_id, "private_key_jwt", jwk=key.as_private_dict()) as peer:
        tokens = peer.call("finish", url=code_from(dev, peer))
        refreshed = peer.call("refresh", refresh_token=tokens["refresh_token"])
    assert refreshed["claims"]["aud"] == client_id
    foreign = Jwk.generate(algorithm)
    with (
        discovered(dev, client_id, "private_key_jwt", jwk=foreign.as_private_dict()) as peer,
        pytest.raises(PeerRefusal) as refused,
    ):
        peer.call("refresh", refresh_token=refreshed["refresh_token"])
    assert (refused.value.error, refused.value.facts["status"]) == ("invalid_client", 401)


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        ({}, {"albums.read", "albums.write"}),
        ({"scope": "albums.read"}, {"albums.read"}),
    ],
)
def test_a_machine_gets_a_token_for_the_resource_and_scope_that_it_asks_for(
    dev: DevServer, asked: dict[str, str], granted: set[str]
) -> None:
    with discovered(dev, "machine", "client_secret_basic", secret=dev.client("machine")["client_secret"]) as peer:
        tokens = peer.call("client_credentials", resource=dev.api, **asked)
        called = peer.call("call_api", access_token=tokens["access_token"], url=f"{dev.api}/albums")
    claims = jwt.peek(tokens["access_token"]).claims
    assert set(tokens["scope"].split()) == granted
    assert (claims["aud"], claims["client_id"], claims["sub"]) == (dev.api, "machine", "machine")
    assert "refresh_token" not in tokens
    assert called["status"] == 200


@pytest.mark.parametrize(
    ("asked", "error", "status"),
    [
        ({"scope": "openid"}, "invalid_scope", 400),
        ({"scope": "albums.read payments"}, "invalid_scope", 400),
        ({"resource": "https://another.example"}, "invalid_target", 400),
    ],
)
def test_a_machine_is_refused_what_it_may_not_have(
    dev: DevServer, asked: dict[str, str], error: str, status: int
) -> None:
    secret = dev.client("machine")["client_secret"]
    with (
        discovered(dev, "machine", "client_secret_basic", secret=secret) as peer,
        pytest.raises(PeerRefusal) as refused,
    ):
        peer.call("client_credentials", **asked)
    assert (refused.value.error, refused.value.facts["status"]) == (error, status)


def test_a_wrong_secret_is_refused_as_invalid_client_with_a_challenge(dev: DevServer) -> None:
    with (
        discovered(dev, "machine", "client_secret_basic", secret="vk_cs_" + "x" * 43) as peer,
        pytest.raises(PeerRefusal) as refused,
    ):
        peer.call("client_credentials", scope="albums.read")
    assert is_challenged(refused.value)
