"""Our client library at a server that we did not write: npm oidc-provider."""

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin

import httpx2
import pytest

from support.dev_server import free_port
from support.require import require
from valetkey.client import (
    ClientAuthentication,
    ClientSecretBasic,
    ClientSecretJwt,
    ClientSecretPost,
    KeptTokens,
    Kind,
    MemoryTokenStore,
    OAuthClient,
    PrivateKeyJwt,
    ServerRefused,
    SignInNeeded,
    sign_in,
)
from valetkey.jose import Jwk

pytestmark = pytest.mark.interop

SECRET = "s" * 48
KEY = Jwk.generate("ES256")
PATIENCE = 30
MOST_STEPS = 15
METHODS: dict[str, ClientAuthentication] = {
    "basic": ClientSecretBasic(SECRET),
    "post": ClientSecretPost(SECRET),
    "mac": ClientSecretJwt(SECRET),
    "key": PrivateKeyJwt(KEY),
}


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    node = require("node")
    require("npm-clients")
    port, folder = free_port(), Path(__file__).parent
    command = [str(node), str(folder / "oidc_provider.mjs"), str(port), SECRET, json.dumps(KEY.public().as_dict())]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=folder
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            yield f"http://localhost:{port}"
        finally:
            process.kill()


class _Form(HTMLParser):
    """The first form of a page, with what it holds already."""

    def __init__(self) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form" and self.action is None:
            self.action = found.get("action", "")
        elif tag == "input" and found.get("name"):
            self.fields[found["name"]] = found.get("value", "")


def browse(url: str, filled: dict[str, str] | None = None) -> None:
    """Do what the pages ask, whatever it is, until there is none to fill in."""
    answers = {"login": "alice", "password": "any will do", **(filled or {})}
    with httpx2.Client(trust_env=False, timeout=PATIENCE, follow_redirects=False) as browser:
        response = browser.get(url)
        for _ in range(MOST_STEPS):
            if response.is_redirect:
                url = urljoin(url, response.headers["location"])
                response = browser.get(url)
                continue
            form = _Form()
            form.feed(response.text)
            if form.action is None:
                return
            fields = {name: answers.get(name, value) for name, value in form.fields.items()}
            url = urljoin(url, form.action)
            response = browser.post(url, data=fields)
    raise AssertionError("the pages do not end")


def in_a_thread(function: Callable[..., None]) -> Callable[..., None]:
    return lambda *given: threading.Thread(target=function, args=given, daemon=True).start()


def signed_in(client: OAuthClient, scope: str = "openid a.read") -> KeptTokens:
    tokens = KeptTokens(client, MemoryTokenStore())
    found = sign_in(client, scope, show=in_a_thread(browse), seconds=PATIENCE)
    assert found.claims is not None
    assert found.claims["sub"] == "alice"
    tokens.keep(found.tokens)
    return tokens


@pytest.mark.parametrize("client_id", METHODS)
def test_a_client_authenticates_in_every_way_and_asks_about_its_token(issuer: str, client_id: str) -> None:
    with OAuthClient(issuer, client_id, METHODS[client_id]) as client:
        tokens = client.client_credentials("a.read")
        assert tokens.scope == frozenset({"a.read"})
        said = client.introspect(tokens.access_token)
        assert (said.active, said.members["client_id"]) == (True, client_id)
        client.revoke(tokens.access_token, Kind.ACCESS_TOKEN)
        assert client.introspect(tokens.access_token).active is False


def test_a_signed_answer_about_a_token_is_verified(issuer: str) -> None:
    with OAuthClient(issuer, "basic", METHODS["basic"]) as client:
        token = client.client_credentials("a.read").access_token
        assert client.introspect_signed(token).members["client_id"] == "basic"
        client.revoke(token, Kind.ACCESS_TOKEN)
        assert client.introspect_signed(token).active is False


def test_a_person_signs_in_and_ten_threads_share_a_refresh_without_a_replay_to_fall_back_on(issuer: str) -> None:
    with OAuthClient(issuer, "native") as client:
        tokens = signed_in(client)
        for _ in range(5):
            held = tokens.access_token()
            threads = [threading.Thread(target=tokens.renewed, args=(held,)) for _ in range(10)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(PATIENCE)
            # This server takes a second use of a refresh token for theft, at once.
            assert tokens.access_token() != held
        tokens.sign_out()
        with pytest.raises(SignInNeeded):
            tokens.access_token()


def test_a_used_refresh_token_ends_the_sign_in(issuer: str) -> None:
    with OAuthClient(issuer, "native") as client:
        tokens = signed_in(client)
        first = tokens.tokens().refresh_token
        assert first is not None
        held = tokens.renewed(tokens.access_token())
        with pytest.raises(ServerRefused) as caught:
            client.refresh(first)
        assert caught.value.code == "invalid_grant"
        with pytest.raises(SignInNeeded):
            tokens.renewed(held)


def test_a_device_gets_its_tokens(issuer: str) -> None:
    with OAuthClient(issuer, "tv") as client:
        device = client.start_device("openid offline_access a.read")
        assert device.verification_uri_complete is not None
        in_a_thread(browse)(device.verification_uri_complete)
        tokens = client.finish_device(device)
        assert "a.read" in tokens.scope
