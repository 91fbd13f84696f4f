"""`valetkey gateway` as an operator runs it: one worker or two, a bad file, its end."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.gateway_program import (
    GATEWAY,
    KeyServer,
    RunningProgram,
    command,
    key_server,
    running_gateway,
    write_gateway,
)
from support.serve import READY_WITHIN, environment
from valetkey.jose import jwt


@pytest.fixture(scope="module")
def issuer() -> Iterator[KeyServer]:
    with key_server() as served:
        yield served


@pytest.fixture(scope="module")
def gateway(issuer: KeyServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProgram]:
    path, port, _ = write_gateway(tmp_path_factory.mktemp("gateway"), issuer.url)
    with running_gateway(path, port) as running:
        yield running


@pytest.mark.parametrize(
    ("target", "changes", "status"),
    [
        ("/orders/7", {}, 200),
        ("/orders/7", {"scope": "other"}, 403),
        ("/orders/7", {"aud": "https://other.example"}, 401),
        ("/orders/7", {"exp": 1_700_000_000}, 401),
        ("/nowhere", {}, 403),
        ("/orders/%2e%2e/7", {}, 400),
    ],
)
def test_the_program_decides_by_the_policy_of_its_file(
    gateway: RunningProgram, issuer: KeyServer, target: str, changes: dict[str, object], status: int
) -> None:
    answer = gateway.ask(issuer.token(**changes), target)
    assert answer.status_code == status
    assert ("x-valetkey-assertion" in answer.headers) == (status == 200)


def test_the_assertion_is_signed_by_the_key_that_it_publishes(gateway: RunningProgram, issuer: KeyServer) -> None:
    assertion = jwt.peek(gateway.ask(issuer.token()).headers["x-valetkey-assertion"])
    assert (assertion.claims["iss"], assertion.claims["sub"]) == (GATEWAY, "alice")
    assert [key["kid"] for key in gateway.http.get("/jwks.json").json()["keys"]] == [assertion.header["kid"]]


def test_limits_are_counted(gateway: RunningProgram, issuer: KeyServer) -> None:
    answers = [gateway.ask(issuer.token(client_id="greedy"), "/dear") for _ in range(4)]
    assert [answer.status_code for answer in answers[:3]] == [200] * 3
    assert answers[3].status_code == 429
    assert "ratelimit" in answers[0].headers


def test_two_workers_share_one_port_and_end_together(issuer: KeyServer, tmp_path: Path) -> None:
    path, port, _ = write_gateway(tmp_path, issuer.url, workers=2)
    path.write_text(path.read_text().replace('"caddy", "envoy-grpc"', '"caddy"'))
    with running_gateway(path, port) as running:
        assert {running.ask(issuer.token()).status_code for _ in range(6)} == {200}
        said = running.stop()
    assert running.process.returncode == 0
    assert '"gateway.stopped"' in said


def test_a_bad_file_is_a_line_a_fault_and_nothing_starts(tmp_path: Path) -> None:
    # covers: GTW-04
    path, _, _ = write_gateway(tmp_path, "http://127.0.0.1:9")
    bad = path.read_text().replace('trusted_peers = ["127.0.0.1"]', "").replace("scope = [", "scop = [")
    path.write_text(bad)
    ended = subprocess.run(
        command(path), env=environment(), text=True, capture_output=True, timeout=READY_WITHIN, check=False
    )
    assert ended.returncode == 78
    first, second = ended.stderr.splitlines()
    assert first.startswith(f"{path}: ")
    assert "did you mean 'scope'?" in first
    assert "gateway.trusted_peers: name the addresses" in second


def test_a_key_that_everybody_may_read_is_refused(tmp_path: Path) -> None:
    path, _, _ = write_gateway(tmp_path, "http://127.0.0.1:9")
    (tmp_path / "assertion.jwk").chmod(0o644)
    ended = subprocess.run(
        command(path), env=environment(), text=True, capture_output=True, timeout=READY_WITHIN, check=False
    )
    assert ended.returncode == 78
    assert "chmod 600" in ended.stderr
