"""`valetkey dev`: a JWT that the demo API verifies by itself is refused there soon after it was revoked."""

import os
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from support.dev_server import DevServer, running_dev
from support.person import Person
from valetkey.authorization_server.revocation.publication import TTL
from valetkey.client import Credentials, token_post
from valetkey.jose import jwt

SOON = 6 * TTL
"""Far more than the list's ttl, for the busiest of machines: a deadline, not a measurement."""


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    with running_dev(tmp_path_factory.mktemp("revocation") / "state") as running:
        yield running


def machine_token(dev: DevServer) -> str:
    form = (("grant_type", "client_credentials"), ("resource", dev.api))
    secret: str = dev.client("machine")["client_secret"]
    post = token_post(dev.server(), Credentials.basic("machine", secret), form)
    return token_of(httpx2.post(post.url, content=post.body, headers=dict(post.headers), trust_env=False))


def users_token(dev: DevServer, person: Person, scope: str = "openid offline_access albums.read") -> str:
    started = dev.flow("web", scope).start(os.urandom(32))
    sight = person.open(started.url)
    if "login-submit" in sight.ids:
        sight = person.sign_in(sight)
    if "consent-allow" in sight.ids:
        sight = person.submit(sight, "consent-allow")
    post = started.token_request(urlsplit(sight.url).query)
    return token_of(httpx2.post(post.url, content=post.body, headers=dict(post.headers), trust_env=False))


def token_of(response: httpx2.Response) -> str:
    assert response.status_code == 200, response.text
    token: str = response.json()["access_token"]
    return token


def albums(dev: DevServer, token: str) -> httpx2.Response:
    return httpx2.get(
        f"{dev.api}/albums", headers={"authorization": f"Bearer {token}"}, trust_env=False, timeout=30
    )


def refused_soon(dev: DevServer, token: str) -> dict[str, Any]:
    deadline = time.monotonic() + SOON
    while (response := albums(dev, token)).status_code == 200:
        assert time.monotonic() < deadline, "the token still passes"
        time.sleep(0.2)
    assert response.status_code == 401, response.text
    body: dict[str, Any] = response.json()
    return body


def by_password(dev: DevServer, person: Person, _claims: dict[str, Any]) -> None:
    dev.command("user", "change", person.username, "--generate-password")


def by_sign_out(_dev: DevServer, person: Person, _claims: dict[str, Any]) -> None:
    sight = person.open(f"{person.issuer}/logout")
    person.submit(sight, "logout-confirm")


def by_authorization(dev: DevServer, _person: Person, claims: dict[str, Any]) -> None:
    dev.command("revoke", "authorization", claims["authorization_id"])


# covers: INT-07
@pytest.mark.parametrize(
    ("scope", "kill"),
    [
        ("openid offline_access albums.read", by_authorization),
        # Without offline_access an authorization dies with its session.
        ("openid albums.read", by_sign_out),
        ("openid offline_access albums.read", by_password),
    ],
    ids=["authorization", "sign-out", "password"],
)
def test_a_users_token_is_refused_soon_after_it_was_revoked_and_a_machines_lives_on(
    dev: DevServer, scope: str, kill: Callable[[DevServer, Person, dict[str, Any]], None]
) -> None:
    person = dev.person()
    token, machines = users_token(dev, person, scope), machine_token(dev)
    assert albums(dev, token).status_code == albums(dev, machines).status_code == 200
    kill(dev, person, dict(jwt.peek(token).claims))
    assert refused_soon(dev, token) == {"error": "invalid_token", "error_description": "The token was revoked."}
    assert albums(dev, machines).status_code == 200


def test_a_disabled_clients_token_is_refused_soon_and_those_after_it_was_enabled_pass(dev: DevServer) -> None:
    token = machine_token(dev)
    assert albums(dev, token).status_code == 200
    dev.command("client", "change", "machine", "--disable")
    assert refused_soon(dev, token)["error_description"] == "The token was revoked."
    dev.command("client", "change", "machine", "--enable")
    assert albums(dev, machine_token(dev)).status_code == 200
