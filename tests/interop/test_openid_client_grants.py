"""npm openid-client 6 as a device and as a gateway, by every kind of assertion, and one that registers itself."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.dev_server import DevServer
from support.node import NodePeer, PeerRefusal, node_peer
from valetkey.jose import Jwk, jwt

pytestmark = pytest.mark.interop

CALLBACK = "http://localhost:3999/callback"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
MACHINE = ("--grant-type", "client_credentials", "--scope", "albums.read albums.write")


@contextmanager
def discovered(dev: DevServer, client_id: str, method: str, **given: object) -> Iterator[NodePeer]:
    with node_peer("openid_client.mjs") as peer:
        peer.call("discover", issuer=dev.issuer, client_id=client_id, method=method, **given)
        yield peer


def secret(dev: DevServer, name: str) -> str:
    return str(dev.client(name)["client_secret"])


def person_tokens(dev: DevServer, peer: NodePeer, redirect_uri: str, **asked: str) -> Any:
    parameters = {"scope": "openid email albums.read", "prompt": "consent", **asked}
    url = peer.call("begin", redirect_uri=redirect_uri, **parameters)
    answer = dev.person().authorize(url)
    returned = f"{redirect_uri}?" + "&".join(f"{name}={value}" for name, value in answer.items())
    return peer.call("finish", url=returned)


def test_a_device_polls_while_its_person_answers_elsewhere(dev: DevServer) -> None:
    with discovered(dev, "tv", "none") as peer, ThreadPoolExecutor(1) as pool:
        device = peer.call("device", scope="openid albums.read offline_access", resource=dev.api)
        assert device["verification_uri"] == f"{dev.issuer}/device"
        assert (device["interval"], device["expires_in"]) == (5, 600)
        polled = pool.submit(peer.call, "poll", device=device)
        dev.person().connect(device["user_code"])
        tokens = polled.result()
        called = peer.call("call_api", access_token=tokens["access_token"], url=f"{dev.api}/albums")
        refreshed = peer.call("refresh", refresh_token=tokens["refresh_token"])
        with pytest.raises(PeerRefusal) as again:
            peer.call("poll", device=device | {"interval": 0.01})
    assert (called["status"], called["body"]["asked_by"]) == (200, tokens["claims"]["sub"])
    assert refreshed["refresh_token"] != tokens["refresh_token"]
    assert (again.value.error, again.value.facts["status"]) == ("invalid_grant", 400)


def test_a_device_that_asks_too_often_slows_down_and_learns_that_it_was_turned_down(dev: DevServer) -> None:
    with discovered(dev, "tv", "none") as peer:
        device = peer.call("device", scope="albums.read")
        asked = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": device["device_code"]}
        errors = []
        for _ in range(2):
            with pytest.raises(PeerRefusal) as early:
                peer.call("grant", **asked)
            errors.append(early.value.error)
        dev.person().connect(device["user_code"], "device-deny")
        with pytest.raises(PeerRefusal) as denied:
            peer.call("poll", device=device | {"interval": 0.01})
    assert errors == ["authorization_pending", "slow_down"]
    assert denied.value.error == "access_denied"


def test_a_gateway_exchanges_a_persons_token_for_a_narrower_one(dev: DevServer) -> None:
    redirect_uri = "http://localhost:3000/callback"
    with (
        discovered(dev, "web", "client_secret_basic", secret=secret(dev, "web")) as web,
        discovered(dev, "api-gateway", "client_secret_basic", secret=secret(dev, "api-gateway")) as gateway,
    ):
        tokens = person_tokens(dev, web, redirect_uri, scope="openid albums.read albums.write", resource=dev.api)
        asked = {"subject_token": tokens["access_token"], "subject_token_type": ACCESS_TOKEN, "resource": dev.api}
        got = gateway.call("grant", grant_type=TOKEN_EXCHANGE, scope="albums.read", **asked)
        called = gateway.call("call_api", access_token=got["access_token"], url=f"{dev.api}/albums")
        refused = []
        for wrong in (
            {"scope": "albums.read payments"},
            {"resource": "https://another.example"},
            {"subject_token_type": "urn:ietf:params:oauth:token-type:refresh_token"},
            {"subject_token": "no such token"},
        ):
            with pytest.raises(PeerRefusal) as caught:
                gateway.call("grant", grant_type=TOKEN_EXCHANGE, **(asked | wrong))
            refused.append((caught.value.facts["status"], caught.value.error))
        with pytest.raises(PeerRefusal) as own:
            web.call("grant", grant_type=TOKEN_EXCHANGE, **asked)
    claims = jwt.peek(got["access_token"]).claims
    assert (claims["sub"], claims["client_id"], claims["scope"]) == (
        tokens["claims"]["sub"],
        "api-gateway",
        "albums.read",
    )
    assert (got["issued_token_type"], called["status"]) == (ACCESS_TOKEN, 200)
    assert "refresh_token" not in got
    assert refused == [
        (400, "invalid_scope"),
        (400, "invalid_target"),
        (400, "invalid_request"),
        (400, "invalid_request"),
    ]
    assert own.value.error == "unauthorized_client"


def keyed(dev: DevServer, folder: Path, client_id: str) -> Jwk:
    """Register a machine by its key, and return the private one."""
    key = Jwk.generate("ES256")
    published = folder / "jwks.json"
    published.write_text(json.dumps({"keys": [key.public().as_dict()]}))
    method = ("--authentication-method", "private_key_jwt", "--jwks", str(published))
    dev.add_client(client_id, *MACHINE, *method, "--resource", dev.api)
    return key


def test_a_machine_proves_itself_by_a_signed_assertion_for_each_endpoint(dev: DevServer, tmp_path: Path) -> None:
    key = keyed(dev, tmp_path, "npm-key-machine")
    with discovered(dev, "npm-key-machine", "private_key_jwt", jwk=key.as_private_dict()) as peer:
        token = peer.call("client_credentials", scope="albums.read", resource=dev.api)["access_token"]
        assert peer.call("call_api", access_token=token, url=f"{dev.api}/albums")["status"] == 200
        assert peer.call("introspect", token=token)["active"] is True
        peer.call("revoke", token=token)
        assert peer.call("introspect", token=token) == {"active": False}


def test_a_machine_proves_itself_by_a_mac_under_its_secret_alone(dev: DevServer) -> None:
    view = dev.add_client(
        "npm-mac-machine", *MACHINE, "--authentication-method", "client_secret_jwt", "--resource", dev.api
    )
    with discovered(dev, "npm-mac-machine", "client_secret_jwt", secret=view["client_secret"]) as peer:
        token = peer.call("client_credentials", scope="albums.read", resource=dev.api)["access_token"]
        assert peer.call("introspect", token=token)["active"] is True
        peer.call("revoke", token=token)
        assert peer.call("introspect", token=token) == {"active": False}
    for method, wrong in (("client_secret_jwt", "w" * 64), ("client_secret_basic", view["client_secret"])):
        with (
            discovered(dev, "npm-mac-machine", method, secret=wrong) as peer,
            pytest.raises(PeerRefusal) as refused,
        ):
            peer.call("client_credentials", scope="albums.read")
        assert refused.value.facts["status"] == 401


@pytest.mark.parametrize("method", ["none", "client_secret_basic", "client_secret_post", "client_secret_jwt"])
def test_a_client_that_registered_itself_is_used_at_once(dev: DevServer, method: str) -> None:
    metadata = {
        "redirect_uris": [CALLBACK],
        "client_name": "Photo Frame",
        "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": method,
        "scope": "openid email offline_access albums.read",
    }
    with node_peer("openid_client.mjs") as peer:
        # The secret is not known yet: the library takes it from what the server registers.
        known = peer.call("register", issuer=dev.issuer, metadata=metadata)
        tokens = person_tokens(
            dev, peer, CALLBACK, scope="openid email offline_access albums.read", resource=dev.api
        )
        called = peer.call("call_api", access_token=tokens["access_token"], url=f"{dev.api}/albums")
        refreshed = peer.call("refresh", refresh_token=tokens["refresh_token"])
        if method != "none":
            assert peer.call("introspect", token=refreshed["access_token"])["active"] is True
        peer.call("revoke", token=refreshed["refresh_token"])
        with pytest.raises(PeerRefusal) as refused:
            peer.call("refresh", refresh_token=refreshed["refresh_token"])
    assert known["token_endpoint_auth_method"] == method
    assert ("client_secret" in known) is (method != "none")
    assert (tokens["claims"]["aud"], called["status"]) == (known["client_id"], 200)
    assert refused.value.error == "invalid_grant"


def test_a_client_registers_its_key_and_proves_itself_by_it(dev: DevServer) -> None:
    key = Jwk.generate("ES256")
    metadata = {
        "redirect_uris": [CALLBACK],
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": {"keys": [key.public().as_dict()]},
        "scope": "openid email albums.read",
    }
    with node_peer("openid_client.mjs") as peer:
        known = peer.call("register", issuer=dev.issuer, metadata=metadata, jwk=key.as_private_dict())
        tokens = person_tokens(dev, peer, CALLBACK)
    assert "client_secret" not in known
    assert tokens["claims"]["aud"] == known["client_id"]


def test_a_machine_registers_by_a_token_of_an_operator_and_no_second_one_by_the_same(dev: DevServer) -> None:
    drawn = dev.command(
        *("client", "registration-token", "add", "--uses", "1"),
        *("--scope", "albums.read", "--grant-type", "client_credentials"),
    )["registration_token"]
    metadata = {
        "client_name": "Nightly Job",
        "grant_types": ["client_credentials"],
        "response_types": [],
        "token_endpoint_auth_method": "client_secret_basic",
    }
    with node_peer("openid_client.mjs") as peer:
        asked = {"issuer": dev.issuer, "metadata": metadata, "initial_access_token": drawn}
        known = peer.call("register", **asked)
        tokens = peer.call("client_credentials", resource=dev.api)
        called = peer.call("call_api", access_token=tokens["access_token"], url=f"{dev.api}/albums")
        with pytest.raises(PeerRefusal) as again:
            peer.call("register", **asked)
    assert (tokens["scope"], called["status"]) == ("albums.read", 200)
    assert called["body"]["asked_by"] == known["client_id"]
    assert again.value.facts["status"] == 401


def test_what_a_stranger_must_not_register_reaches_the_library_as_the_servers_no(dev: DevServer) -> None:
    for metadata, error in (
        ({"redirect_uris": ["http://evil.example/callback"]}, "invalid_redirect_uri"),
        ({"redirect_uris": []}, "invalid_redirect_uri"),
        ({"redirect_uris": [CALLBACK], "grant_types": ["client_credentials"]}, "invalid_client_metadata"),
    ):
        with node_peer("openid_client.mjs") as peer, pytest.raises(PeerRefusal) as refused:
            peer.call("register", issuer=dev.issuer, metadata=metadata)
        assert (refused.value.error, refused.value.facts["status"]) == (error, 400), metadata
