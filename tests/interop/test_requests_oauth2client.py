"""requests-oauth2client, a library of Python, gets tokens of the real server, asks about them, gives them back."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from requests.auth import AuthBase
from requests_oauth2client import (
    AccessDenied,
    AuthorizationPending,
    ClientSecretBasic,
    ClientSecretJwt,
    ClientSecretPost,
    EndpointError,
    InvalidClient,
    InvalidGrant,
    InvalidRequest,
    InvalidScope,
    InvalidTarget,
    OAuth2Client,
    PrivateKeyJwt,
    PublicApp,
    SlowDown,
    UnauthorizedClient,
)

from support.dev_server import DevServer
from support.playing import native
from valetkey.jose import Jwk, jwt

pytestmark = pytest.mark.interop

MACHINE = ("--grant-type", "client_credentials", "--scope", "albums.read albums.write")
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"


@contextmanager
def library(dev: DevServer, auth: AuthBase) -> Iterator[OAuth2Client]:
    """Return the library's client as the server's metadata makes it; it insists on https unless told of a test."""
    found = OAuth2Client.from_discovery_endpoint(
        issuer=dev.issuer,
        auth=auth,
        testing=True,
        device_authorization_endpoint=f"{dev.issuer}/device_authorization",
    )
    assert found.issuer == dev.issuer
    # Not the client's own context manager: it swallows every exception, this test's failures among them.
    with found.session:
        yield found


def basic(dev: DevServer, name: str) -> ClientSecretBasic:
    return ClientSecretBasic(name, dev.client(name)["client_secret"])


def keyed(dev: DevServer, folder: Path, client_id: str, algorithm: str, *options: str) -> Jwk:
    """Register a machine by its key, and return the private one."""
    key = Jwk.generate(algorithm)
    published = folder / "jwks.json"
    published.write_text(json.dumps({"keys": [key.public().as_dict()]}))
    method = ("--authentication-method", "private_key_jwt", "--jwks", str(published))
    dev.add_client(client_id, *MACHINE, *method, "--resource", dev.api, *options)
    return key


def uses_every_endpoint(dev: DevServer, client: OAuth2Client) -> None:
    """Get a token, ask about it, give it back and ask again; each request proves the client anew."""
    token = client.client_credentials(scope="albums.read", resource=dev.api)
    claims = jwt.peek(token.access_token).claims
    assert (claims["aud"], claims["scope"], token.refresh_token) == (dev.api, "albums.read", None)
    said = client.introspect_token(token)
    assert (said["active"], said["client_id"], said["scope"]) == (True, claims["client_id"], "albums.read")
    assert client.revoke_access_token(token) is True
    assert client.introspect_token(token) == {"active": False}
    assert client.revoke_access_token(token) is True


def test_a_machine_proves_itself_by_its_secret(dev: DevServer) -> None:
    with library(dev, basic(dev, "machine")) as client:
        uses_every_endpoint(dev, client)
        with pytest.raises(InvalidScope):
            client.client_credentials(scope="payments")
        with pytest.raises(InvalidTarget):
            client.client_credentials(resource="https://another.example")
    with library(dev, ClientSecretPost("machine", dev.client("machine")["client_secret"])) as client:
        uses_every_endpoint(dev, client)
    with library(dev, ClientSecretBasic("machine", "w" * 43)) as client, pytest.raises(InvalidClient):
        client.client_credentials()


@pytest.mark.parametrize("algorithm", ["ES256", "PS256", "RS256", "ES512"])
def test_a_machine_proves_itself_by_a_signed_assertion(dev: DevServer, tmp_path: Path, algorithm: str) -> None:
    name = f"key-{algorithm.lower()}"
    key = keyed(dev, tmp_path, name, algorithm)
    with library(dev, PrivateKeyJwt(name, key.as_private_dict(), aud=dev.issuer)) as client:
        uses_every_endpoint(dev, client)
    another = Jwk.generate(algorithm).as_private_dict()
    with library(dev, PrivateKeyJwt(name, another, aud=dev.issuer)) as client, pytest.raises(InvalidClient):
        client.client_credentials()


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_machine_proves_itself_by_a_mac(dev: DevServer, algorithm: str) -> None:
    name = f"mac-{algorithm.lower()}"
    method = ("--authentication-method", "client_secret_jwt", "--token-endpoint-auth-signing-alg", algorithm)
    drawn = dev.add_client(name, *MACHINE, *method, "--resource", dev.api)["client_secret"]
    with library(dev, ClientSecretJwt(name, drawn, alg=algorithm, aud=dev.issuer)) as client:
        uses_every_endpoint(dev, client)
    other = "HS256" if algorithm != "HS256" else "HS512"
    for wrong in (
        ClientSecretJwt(name, "w" * 86, alg=algorithm, aud=dev.issuer),
        ClientSecretJwt(name, drawn, alg=other, aud=dev.issuer),
        ClientSecretBasic(name, drawn),
    ):
        with library(dev, wrong) as client, pytest.raises(InvalidClient):
            client.client_credentials()


def test_an_assertion_counts_once_and_for_our_issuer_alone(dev: DevServer, tmp_path: Path) -> None:
    key = keyed(dev, tmp_path, "key-once", "ES256").as_private_dict()
    with library(dev, PrivateKeyJwt("key-once", key, aud=dev.issuer, jti_gen=lambda: "always this")) as client:
        client.client_credentials(scope="albums.read")
        with pytest.raises(InvalidClient):
            client.client_credentials(scope="albums.read")
    # The library's own default, the URL that it posts to, is for servers of OpenID Connect.
    with library(dev, PrivateKeyJwt("key-once", key)) as client, pytest.raises(InvalidClient):
        client.client_credentials(scope="albums.read")


def test_the_default_audience_of_the_library_is_taken_where_the_profile_is_that_of_openid(
    dev: DevServer, tmp_path: Path
) -> None:
    key = keyed(dev, tmp_path, "key-openid", "ES256", "--profile", "OPENID").as_private_dict()
    with library(dev, PrivateKeyJwt("key-openid", key)) as client:
        assert client.client_credentials(scope="albums.read").scope == "albums.read"


def test_a_device_gets_tokens_after_its_person_allowed_it(dev: DevServer) -> None:
    with library(dev, PublicApp("tv")) as client:
        device = client.authorize_device(scope="albums.read offline_access", resource=dev.api)
        assert (device.verification_uri, device.interval) == (f"{dev.issuer}/device", 5)
        assert device.verification_uri_complete is not None
        dev.person().connect(device.user_code)
        tokens = client.device_code(device)
        assert jwt.peek(tokens.access_token).claims["client_id"] == "tv"
        renewed = client.refresh_token(tokens)
        assert renewed.refresh_token != tokens.refresh_token
        with pytest.raises(InvalidGrant):
            client.device_code(device)


def test_a_device_waits_and_slows_down_and_hears_no(dev: DevServer) -> None:
    with library(dev, PublicApp("tv")) as client:
        device = client.authorize_device(scope="albums.read")
        with pytest.raises(AuthorizationPending):
            client.device_code(device)
        with pytest.raises(SlowDown):
            client.device_code(device)
        dev.person().connect(device.user_code, "device-deny")
        with pytest.raises(AccessDenied):
            client.device_code(device)
        with pytest.raises(InvalidGrant):
            client.device_code("vk_dc_" + "x" * 43)
    with library(dev, basic(dev, "machine")) as client, pytest.raises(UnauthorizedClient):
        client.authorize_device(scope="albums.read")


def test_a_gateway_exchanges_a_persons_token(dev: DevServer) -> None:
    subject_token = native(dev).tokens.access_token
    with library(dev, basic(dev, "api-gateway")) as gateway:
        asked: dict[str, Any] = {"subject_token": subject_token, "subject_token_type": "access_token"}
        got = gateway.token_exchange(**asked, resource=dev.api, scope="albums.read")
        before, claims = jwt.peek(subject_token).claims, jwt.peek(got.access_token).claims
        assert (claims["sub"], claims["client_id"], claims["aud"]) == (before["sub"], "api-gateway", dev.api)
        assert got.issued_token_type == ACCESS_TOKEN
        assert gateway.introspect_token(got)["active"] is True
        refusals: tuple[tuple[dict[str, str], type[EndpointError]], ...] = (
            ({"scope": "albums.read payments"}, InvalidScope),
            ({"resource": "https://another.example"}, InvalidTarget),
            ({"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"}, InvalidRequest),
            ({"subject_token": "no such token"}, InvalidRequest),
        )
        for wrong, error in refusals:
            with pytest.raises(error):
                gateway.token_exchange(**(asked | wrong))
    with library(dev, basic(dev, "machine")) as other, pytest.raises(UnauthorizedClient):
        other.token_exchange(**asked)


def test_a_refresh_token_given_back_is_dead_and_nobody_else_gives_it_back(dev: DevServer) -> None:
    tokens = native(dev).tokens
    assert tokens.refresh_token is not None
    with library(dev, basic(dev, "machine")) as other, pytest.raises(EndpointError) as foreign:
        other.revoke_refresh_token(tokens.refresh_token)
    assert foreign.value.error == "invalid_grant"
    with library(dev, PublicApp("native")) as client:
        renewed = client.refresh_token(tokens.refresh_token)
        assert client.revoke_refresh_token(renewed) is True
        assert client.revoke_refresh_token(renewed) is True
        with pytest.raises(InvalidGrant):
            client.refresh_token(renewed)
        # Who proves nothing is told nothing.
        with pytest.raises(InvalidClient):
            client.introspect_token(renewed)
