"""`valetkey dev` as people start it, stop it and start it again: the real program."""

import html
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from support.dev_server import DevServer, free_port, running_dev


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    with running_dev(tmp_path_factory.mktemp("dev") / "state") as running:
        yield running


def start(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `valetkey dev` where it has to refuse."""
    return valetkey("dev", *arguments)


def valetkey(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VALETKEY_")}
    return subprocess.run(
        [sys.executable, "-m", "valetkey", *arguments],
        capture_output=True, text=True, timeout=60, check=False, env=environment,
    )  # fmt: skip


def shell(line: str) -> str:
    """Return what a shell prints for a line that was pasted into it."""
    return subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60, check=True).stdout


def test_the_report_names_everything_that_one_needs(dev: DevServer) -> None:
    report = dev.report
    assert report["issuer"].startswith("http://localhost:")
    assert {user["role"] for user in report["users"]} == {"user", "admin"}
    assert set(report["clients"]) == {"web", "spa", "native", "machine", "tv", "api-gateway"}
    assert report["clients"]["web"]["redirect_uris"] == [
        "http://localhost:3000/callback",
        report["issuer"] + "/demo/callback",
    ]
    assert "client_secret" not in report["clients"]["spa"]
    with httpx2.Client() as client:
        for name, url in report["links"].items():
            expected = {"api": 401, "start_flow": 303}.get(name, 200)
            assert client.get(url).status_code == expected, name


def test_the_printed_curl_line_pasted_unchanged_returns_200(dev: DevServer) -> None:
    answer = shell(dev.report["curl"])
    assert answer.startswith("HTTP/1.1 200")
    assert "albums" in answer


def test_a_bad_token_is_401_with_the_reason(dev: DevServer) -> None:
    url = dev.report["links"]["api"]
    answer = shell(f"curl -is -H 'Authorization: Bearer wrong' {url}")
    assert answer.startswith("HTTP/1.1 401")
    assert 'error="invalid_token"' in answer


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_it_answers_on_both_loopback_addresses(dev: DevServer, host: str) -> None:
    port = dev.issuer.rpartition(":")[2]
    assert httpx2.get(f"http://{host}:{port}/readyz").status_code == 200


# covers: ADM-07
@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "localhost:1", ""])
def test_a_name_that_was_rebound_to_loopback_sees_no_password(dev: DevServer, host: str) -> None:
    answer = httpx2.get(dev.report["links"]["home"], headers={"host": host})
    assert answer.status_code in {400, 421}
    assert dev.report["users"][0]["password"] not in answer.text


# covers: ADM-07
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])
def test_it_refuses_to_bind_beyond_loopback(tmp_path: Path, host: str) -> None:
    ended = start("--host", host, "--state", str(tmp_path / "state"))
    assert ended.returncode != 0
    assert "loopback" in ended.stderr
    assert not (tmp_path / "state").exists()


def test_secrets_lie_in_files_that_only_their_owner_reads(dev: DevServer) -> None:
    assert stat.S_IMODE(dev.state.stat().st_mode) == 0o700
    for name in ("secrets.json", "dev.json", "valetkey.db"):
        assert stat.S_IMODE((dev.state / name).stat().st_mode) == 0o600
    assert (dev.state / ".gitignore").read_text() == "*\n"


def test_a_second_one_says_which_process_holds_the_port_and_what_to_type(dev: DevServer, tmp_path: Path) -> None:
    port = dev.issuer.rpartition(":")[2]
    ended = start("--port", port, "--state", str(tmp_path))
    assert ended.returncode == 69
    assert f"process {dev.process.pid} " in ended.stderr
    assert "valetkey dev --port " in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_second_one_beside_it_on_the_same_state_works(dev: DevServer) -> None:
    with running_dev(dev.state) as beside:
        assert beside.report["users"] == dev.report["users"]
        assert shell(beside.report["curl"]).startswith("HTTP/1.1 200")
        assert shell(dev.report["curl"]).startswith("HTTP/1.1 200")
        ended = start("--state", str(dev.state), "--port", str(free_port()), "--reset")
        assert ended.returncode == 69
        assert "stop it before --reset" in ended.stderr


def test_stopped_and_started_again_at_once_it_is_the_same_server(tmp_path: Path) -> None:
    port = str(free_port())
    with running_dev(tmp_path / "state", "--port", port) as first:
        # An open connection leaves the port in TIME_WAIT, on our side.
        idle = socket.create_connection(("127.0.0.1", int(port)))
        with idle:
            idle.sendall(b"GET /healthz HTTP/1.1\r\nhost: localhost:" + port.encode() + b"\r\n\r\n")
            assert idle.recv(15).startswith(b"HTTP/1.1 200")
            first.process.send_signal(signal.SIGINT)
            assert first.process.wait(20) == 0
    began = time.monotonic()
    with running_dev(tmp_path / "state", "--port", port) as second:
        assert second.report == first.report
        assert shell(second.report["curl"]).startswith("HTTP/1.1 200")
    assert time.monotonic() - began < 60


def test_reset_starts_over_and_touches_no_other_file(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (state / "mine.txt").write_text("keep")
    with running_dev(state) as first:
        pass
    with running_dev(state, "--reset") as second:
        assert second.report["users"] != first.report["users"]
        assert shell(second.report["curl"]).startswith("HTTP/1.1 200")
    assert (state / "mine.txt").read_text() == "keep"


def test_what_an_operator_changed_stays_changed(tmp_path: Path) -> None:
    with running_dev(tmp_path / "state") as running:
        changed = valetkey("client", "change", "web", "--name", "Renamed", "--state", str(running.state))
        assert changed.returncode == 0, changed.stderr
    with running_dev(tmp_path / "state") as again:
        shown = valetkey("client", "show", "web", "--json", "--state", str(again.state))
        assert json.loads(shown.stdout)["name"] == "Renamed"


def test_the_demo_client_of_the_home_page_ends_with_a_line_that_redeems_its_code(dev: DevServer) -> None:
    person = dev.person("user")
    sight = person.sign_in(person.open(f"{dev.issuer}/demo/start"))
    if "consent-allow" in sight.ids:
        sight = person.submit(sight, "consent-allow")
    page = person.browser.get(sight.url)
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    found = re.search(r'id="demo-curl"[^>]*><code>(.*?)</code>', page.text, re.DOTALL)
    assert found
    tokens = json.loads(shell(html.unescape(found[1])))
    assert {"access_token", "id_token", "refresh_token"} <= set(tokens)


# covers: FED-01
def test_the_demo_client_trusts_no_answer_that_it_did_not_ask_for(dev: DevServer) -> None:
    person = dev.person()
    with_nothing = person.browser.get(f"{dev.issuer}/demo/callback?code=x&state=y")
    assert (with_nothing.status_code, "state_mismatch" in with_nothing.text) == (400, True)
    person.browser.get(f"{dev.issuer}/demo/start")
    foreign = person.browser.get(f"{dev.issuer}/demo/callback?code=x&state=y&iss={dev.issuer}")
    assert (foreign.status_code, "state_mismatch" in foreign.text) == (400, True)


def test_a_tenant_that_is_added_while_it_runs_has_keys_with_its_first_request(dev: DevServer) -> None:
    added = valetkey("tenant", "add", "acme", "--display-name", "Acme", "--state", str(dev.state))
    assert added.returncode == 0, added.stderr
    keys = httpx2.get(f"{dev.issuer}/t/acme/jwks.json").json()["keys"]
    assert {key["alg"] for key in keys} >= {"ES256", "RS256"}
    metadata = httpx2.get(f"{dev.issuer}/.well-known/oauth-authorization-server/t/acme").json()
    assert metadata["issuer"] == f"{dev.issuer}/t/acme"


def test_with_tls_the_named_authority_is_all_that_one_has_to_trust(tmp_path: Path) -> None:
    with running_dev(tmp_path / "state", "--tls") as running:
        assert running.issuer.startswith("https://localhost:")
        assert running.ca_file
        answer = shell(running.report["curl"])
        assert answer.startswith("HTTP/1.1 200")
        with pytest.raises(httpx2.ConnectError):
            httpx2.get(running.report["links"]["home"], trust_env=False)
        home = shell(f"curl -is --cacert {running.ca_file} {running.report['links']['home']}")
        assert "strict-transport-security" in home
        key = tmp_path / "state" / "tls" / "server.key"
        assert stat.S_IMODE(key.stat().st_mode) == 0o600


# covers: FLT-10
def test_peers_that_send_no_request_are_ended_while_others_are_served(dev: DevServer) -> None:
    port = int(dev.issuer.rpartition(":")[2])
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(300)]
    slow = socket.create_connection(("127.0.0.1", port))
    slow.sendall(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nx-slow: ")
    assert httpx2.get(dev.report["links"]["health"]).status_code == 200
    for peer in (*silent, slow):
        peer.settimeout(20)
        assert peer.recv(1) == b""
        peer.close()


# covers: FLT-10
def test_endless_headers_are_cut_off(dev: DevServer) -> None:
    port = int(dev.issuer.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as peer:
        peer.settimeout(20)
        peer.sendall(b"GET / HTTP/1.1\r\nhost: localhost\r\n")
        received = b""
        try:
            for number in range(4_000):
                peer.sendall(b"x-%d: %s\r\n" % (number, b"y" * 1_000))
            received = peer.recv(100)
        except (BrokenPipeError, ConnectionResetError):
            received = b"HTTP/1.1 431"
        assert received.startswith(b"HTTP/1.1 431")


# covers: FLT-10
def test_a_body_that_never_ends_is_408(dev: DevServer) -> None:
    port = int(dev.issuer.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as peer:
        peer.settimeout(30)
        head = (
            f"POST /token HTTP/1.1\r\nhost: localhost:{port}\r\ncontent-type: application/x-www-form-urlencoded\r\n"
        )
        peer.sendall(head.encode() + b"content-length: 100\r\n\r\ngrant_type=")
        assert peer.recv(12) == b"HTTP/1.1 408"
