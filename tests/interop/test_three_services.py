"""examples/three_services, started as its page says: what a chain of services may do, and what ends it."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from support.documents.running import ROOT
from support.person import Person
from support.production_server import ProductionServer
from valetkey.client import (
    ClientSecretBasic,
    ExchangeRefused,
    Kind,
    NarrowedTokens,
    OAuthClient,
    PrivateKeyJwt,
    TokenResponse,
    sign_in,
)
from valetkey.jose import Jwk, jwt

SHOP, ORDERS, STOCK = (f"https://{name}.example.com" for name in ("shop", "orders", "stock"))
SCOPE = "shop:buy stock:reserve"
PATIENCE = 60
DEAD_WITHIN = 30


@dataclass(frozen=True, slots=True)
class Chain:
    """The four programs, and where they are."""

    folder: Path
    server: ProductionServer
    urls: dict[str, str]

    def person(self) -> Person:
        return self.server.person("ada", (self.folder / "state" / "ada.password").read_text())

    def signed_in(self) -> TokenResponse:
        """The tokens of the buyer's program, after Ada signed in and allowed it."""
        with OAuthClient(self.server.issuer, "buyer") as client:
            return sign_in(client, SCOPE, resource=SHOP, show=self.browse, seconds=PATIENCE).tokens

    def browse(self, url: str) -> None:
        def visit() -> None:
            person = self.person()
            sight = person.open(url)
            if "login-submit" in sight.ids:
                sight = person.sign_in(sight)
            if "consent-allow" in sight.ids:
                sight = person.submit(sight, "consent-allow")
            httpx2.get(sight.url, trust_env=False, timeout=PATIENCE)

        threading.Thread(target=visit, daemon=True).start()

    def call(self, name: str, path: str, token: str | None) -> httpx2.Response:
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        return httpx2.post(f"{self.urls[name]}{path}", headers=headers, timeout=PATIENCE, trust_env=False)

    def shop(self) -> OAuthClient:
        """The shop, as the authorization server knows it."""
        secret = (self.folder / "state" / "shop.secret").read_text()
        return OAuthClient(self.server.issuer, "shop", ClientSecretBasic(secret))

    def orders(self) -> OAuthClient:
        key = Jwk.parse(json.loads((self.folder / "state" / "orders.private.json").read_text()))
        return OAuthClient(self.server.issuer, "orders", PrivateKeyJwt(key))


@pytest.fixture(scope="module")
def user(chain: Chain) -> str:
    """An access token of Ada's, for the shop."""
    return chain.signed_in().access_token


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


@contextmanager
def running(folder: Path, name: str, environment: dict[str, str]) -> Iterator[None]:
    with (folder / f"{name}.log").open("ab") as log:
        program = subprocess.Popen(
            [sys.executable, f"{name}.py"], cwd=folder, env=environment, stdout=log, stderr=log
        )
        try:
            yield
        finally:
            program.terminate()
            program.wait(PATIENCE)


def until_it_listens(url: str, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            httpx2.get(url, trust_env=False)
        except httpx2.TransportError:
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        else:
            return


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    folder = tmp_path_factory.mktemp("chain") / "three_services"
    shutil.copytree(ROOT / "examples" / "three_services", folder, ignore=shutil.ignore_patterns("state", "__*"))
    names = ("shop", "orders", "stock")
    port, *ports = free_ports(4)
    urls = {name: f"http://localhost:{own}" for name, own in zip(names, ports, strict=True)}
    issuer = f"http://localhost:{port}"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("VALETKEY_")}
    environment = {**clean, "ISSUER": issuer, **{f"{name.upper()}_URL": url for name, url in urls.items()}}
    made = subprocess.run(
        [sys.executable, "prepare.py"], cwd=folder, env=environment, check=True, capture_output=True, text=True
    )
    assert (folder / "state" / "ada.password").read_text() in made.stdout
    variables = {"VALETKEY_ISSUER": issuer, "VALETKEY_SERVER__PORT": str(port)}
    server = ProductionServer(folder / "valetkey.toml", port, 1, [sys.executable, "-m", "valetkey"], variables)
    with ExitStack() as stack:
        server.spawn()
        stack.callback(server.stop)
        for name in names:
            stack.enter_context(running(folder, name, environment))
        server.running.until_ready()
        for name, url in urls.items():
            until_it_listens(url, folder / f"{name}.log")
        yield Chain(folder, server, urls)


def test_a_purchase_goes_through_all_three_and_the_last_one_sees_who_acts_for_whom(chain: Chain, user: str) -> None:
    answer = chain.call("shop", "/buy/tea", user)
    assert answer.status_code == 200, answer.text
    seen = answer.json()["orders_said"]["stock_saw"]
    assert seen["for"] == jwt.peek(user).claims["sub"]
    acting = seen["act"]
    assert (acting["sub"], acting["act"]["sub"]) == ("orders", "shop")
    assert "act" not in acting["act"]
    # What is seen to be sold out by the service's own token is not ordered for anybody.
    assert chain.call("shop", "/buy/coffee", user).status_code == 409


def test_the_program_of_the_end_user_buys(chain: Chain) -> None:
    # A browser of the standard library's is whatever program BROWSER names: here one that says the address.
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("VALETKEY_")},
        "ISSUER": chain.server.issuer,
        "SHOP_URL": chain.urls["shop"],
        "BROWSER": f"{shutil.which('sh')} -c 'echo $0 >> opened.txt' %s",
    }
    program = subprocess.Popen(
        [sys.executable, "buy.py", "tea"], cwd=chain.folder, env=environment, stdout=subprocess.PIPE, text=True
    )
    opened, deadline = chain.folder / "opened.txt", time.monotonic() + PATIENCE
    while not (opened.exists() and opened.read_text().endswith("\n")):
        assert program.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    chain.browse(opened.read_text().strip())
    said, _ = program.communicate(timeout=PATIENCE)
    assert json.loads(said)["bought"] == "tea"


def test_nobody_is_let_in_without_a_token_for_that_very_service(chain: Chain, user: str) -> None:
    paths = {"shop": "/buy/tea", "orders": "/orders/tea", "stock": "/items/tea/reservations"}
    with chain.shop() as shop, chain.orders() as orders:
        first = NarrowedTokens(shop).narrowed(user, for_resource=ORDERS, scope=SCOPE).access_token()
        second = NarrowedTokens(orders).narrowed(first, for_resource=STOCK, scope="stock:reserve").access_token()
        own = orders.client_credentials("stock:read", resource=STOCK).access_token
    tokens = {"shop": user, "orders": first, "stock": second}
    for name, path in paths.items():
        assert chain.call(name, path, None).status_code == 401
        for holder, token in tokens.items():
            # A token that is stolen at one hop opens no other.
            expected = 200 if name == holder else 401
            assert chain.call(name, path, token).status_code == expected, (name, holder)
    # What a service may as itself, it may not in the name of an end-user.
    assert chain.call("stock", paths["stock"], own).status_code == 403


@pytest.mark.parametrize(
    ("resource", "scope", "code"),
    [
        (STOCK, "stock:read", "invalid_scope"),
        (STOCK, "stock:reserve stock:read", "invalid_scope"),
        (STOCK, "shop:buy", "invalid_scope"),
        (SHOP, "shop:buy", "invalid_target"),
        (ORDERS, "shop:buy", "invalid_target"),
    ],
)
def test_the_service_in_the_middle_cannot_widen_what_it_was_given(
    chain: Chain, user: str, resource: str, scope: str, code: str
) -> None:
    with chain.shop() as shop, chain.orders() as orders:
        given = NarrowedTokens(shop).narrowed(user, for_resource=ORDERS, scope=SCOPE).access_token()
        with pytest.raises(ExchangeRefused) as caught:
            NarrowedTokens(orders).narrowed(given, for_resource=resource, scope=scope).access_token()
    assert caught.value.code == code
    assert not caught.value.is_callers_token


def test_the_service_in_the_middle_cannot_use_a_token_that_was_not_given_to_it(chain: Chain, user: str) -> None:
    with chain.orders() as orders, pytest.raises(ExchangeRefused) as caught:
        NarrowedTokens(orders).narrowed(user, for_resource=STOCK, scope="stock:reserve").access_token()
    assert caught.value.code == "unauthorized_client"


def test_revoking_the_end_users_authorization_ends_the_whole_chain(chain: Chain) -> None:
    tokens = chain.signed_in()
    assert tokens.refresh_token is not None
    with chain.shop() as shop, chain.orders() as orders:
        first = NarrowedTokens(shop).narrowed(tokens.access_token, for_resource=ORDERS, scope=SCOPE).access_token()
        second = NarrowedTokens(orders).narrowed(first, for_resource=STOCK, scope="stock:reserve").access_token()
        held = {"shop": tokens.access_token, "orders": first, "stock": second}
        paths = {"shop": "/buy/tea", "orders": "/orders/tea", "stock": "/items/tea/reservations"}
        assert [chain.call(name, paths[name], token).status_code for name, token in held.items()] == [200] * 3
        with OAuthClient(chain.server.issuer, "buyer") as buyer:
            buyer.revoke(tokens.refresh_token, Kind.REFRESH_TOKEN)
        deadline = time.monotonic() + DEAD_WITHIN
        for name, token in held.items():
            while (answer := chain.call(name, paths[name], token)).status_code != 401:
                assert time.monotonic() < deadline, (name, answer.status_code)
                time.sleep(0.1)
            assert "invalid_token" in answer.headers["www-authenticate"]
        with pytest.raises(ExchangeRefused, match="401") as caught:
            NarrowedTokens(shop).narrowed(tokens.access_token, for_resource=ORDERS, scope=SCOPE).access_token()
    assert caught.value.is_callers_token


def test_no_service_says_a_token_in_its_log_or_on_its_page(chain: Chain) -> None:
    for path in chain.folder.glob("*.log"):
        assert not re.search(r"eyJ[\w-]+\.eyJ|vk_[a-z]+_", path.read_text()), path.name
