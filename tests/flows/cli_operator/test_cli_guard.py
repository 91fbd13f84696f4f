"""`valetkey guard` and `valetkey gateway check`: what a file of rules means, and what is wrong with it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from support.gateway_program import write_gateway
from valetkey.cli import main


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    return write_gateway(tmp_path, "http://127.0.0.1:9")[0]


def _guard(*words: str) -> Result:
    return CliRunner().invoke(main, ["guard", *words])


def test_the_routes_of_a_sound_file_are_listed(rules: Path) -> None:
    found = _guard("check", "--rules", str(rules))
    assert found.exit_code == 0
    assert "/orders/{id}" in found.output
    assert "scope orders:read" in found.output
    assert "3 routes" in found.output
    routes = json.loads(_guard("check", "--rules", str(rules), "--json").output)["routes"]
    assert [route["access"] for route in routes] == ["scope orders:read", "any valid token", "anybody"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("get", "/orders/7"), 0, "decided by the route /orders/{id}"),
        (("HEAD", "https://api.example/health?x=1"), 0, "passes without credentials"),
        (("DELETE", "/orders/7"), 1, "because /orders/{id} opens GET"),
        (("GET", "/orders/%2e%2e/7"), 1, "400: "),
        (("GET", "https://api.example/a//b"), 1, "400: "),
        (("GET", "orders"), 1, "neither a path"),
        (("G T", "/orders"), 1, "is no method"),
    ],
)
def test_it_says_which_rule_decides_a_request_and_why(
    rules: Path, words: tuple[str, str], code: int, said: str
) -> None:
    found = _guard("explain", *words, "--rules", str(rules))
    assert (found.exit_code, said in found.output) == (code, True), found.output
    if not said.endswith(("path", "method")):
        explained = json.loads(_guard("explain", *words, "--rules", str(rules), "--json").output)
        assert (explained["route"] is not None) == (code == 0)


def test_a_bad_file_is_a_line_a_fault(rules: Path) -> None:
    rules.write_text(rules.read_text().replace('scope = ["orders:read"]', 'scop = ["orders:read"]'))
    found = _guard("explain", "GET", "/orders/7", "--rules", str(rules))
    assert found.exit_code == 78
    assert found.stderr == f"{rules}: route 1: 'scop' is no key of it; did you mean 'scope'?\n"
    assert json.loads(_guard("check", "--rules", str(rules), "--json").output)["sound"] is False
    assert _guard("check", "--rules", str(rules.parent / "none")).exit_code == 78


@pytest.mark.parametrize(
    ("written", "instead", "line"),
    [
        ('trusted_peers = ["127.0.0.1"]', "trusted_peers = []", "gateway.trusted_peers: name the addresses"),
        ('trusted_peers = ["127.0.0.1"]', "", "gateway.trusted_peers: name the addresses"),
        ('trusted_peers = ["127.0.0.1"]', 'trusted_peers = ["0.0.0.0/0"]', "is everybody"),
        ('contracts = ["caddy", "envoy-grpc"]', 'contracts = ["cady"]', "did you mean 'caddy'?"),
        ('scope = ["orders:read"]', 'scop = ["orders:read"]', "did you mean 'scope'?"),
        ("drain_delay = 0", "drain_delays = 0", "serving.drain_delays: unknown"),
        ('resource = "https://api.example"', "resource =", "expected TOML"),
    ],
)
def test_every_fault_of_a_gateways_file_is_a_line(tmp_path: Path, written: str, instead: str, line: str) -> None:
    # covers: GTW-04
    path, _, _ = write_gateway(tmp_path, "http://127.0.0.1:9")
    path.write_text(path.read_text().replace(written, instead, 1))
    found = CliRunner().invoke(main, ["gateway", "check", "--config", str(path)])
    assert found.exit_code == 78
    assert line in found.stderr
    assert all(told.startswith(f"{path}: ") for told in found.stderr.splitlines())


def test_what_a_gateway_serves_is_said(rules: Path) -> None:
    found = CliRunner().invoke(main, ["gateway", "check", "--config", str(rules)])
    assert found.output == f"{rules} is sound: caddy, envoy-grpc\n"


def test_a_proxy_that_nobody_knows_is_said_with_the_nearest_one() -> None:
    found = CliRunner().invoke(main, ["gateway", "snippet", "ngnix"])
    assert (found.exit_code, "did you mean nginx?" in found.output) == (1, True)
    assert "HOST:PORT" in CliRunner().invoke(main, ["gateway", "snippet", "nginx", "--listen", "80"]).output
