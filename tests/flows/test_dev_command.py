"""`valetkey dev` as a first visitor meets it: its two reports, `make dev`, Ctrl-C, and sign-in over https."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from support.dev_server import DevServer, free_port, running_dev

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60
# A make around this test would make the inner one announce itself on the standard output.
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("VALETKEY_", "MAKE", "MFLAGS"))}


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    # A folder with a space in its name: what is printed must survive a shell.
    with running_dev(tmp_path_factory.mktemp("dev") / "my state") as running:
        yield running


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    with running_dev(tmp_path_factory.mktemp("tls") / "my state", "--tls") as running:
        yield running


def shell(line: str) -> str:
    """Return what a shell prints for a line that was pasted into it."""
    return subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=PATIENCE, check=True).stdout


@contextmanager
def started(*command: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command in a process group of its own, as a terminal does."""
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        cwd=ROOT, env=CLEAN, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def ctrl_c(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Press Ctrl-C in that terminal: every process of the group hears it. Return what was printed since."""
    os.killpg(process.pid, signal.SIGINT)
    return process.communicate(timeout=PATIENCE)


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def test_the_json_report_has_the_documented_members(dev: DevServer) -> None:
    report = dev.report
    assert set(report) == {"issuer", "links", "users", "clients", "api", "curl"}
    assert "ca_file" not in report
    assert set(report["clients"]) == {"web", "spa", "native", "machine", "tv", "api-gateway"}
    for name, client in report["clients"].items():
        secret = {"client_secret"} if name in {"web", "machine", "api-gateway"} else set()
        assert set(client) == {"client_id", "redirect_uris"} | secret
    assert all(set(user) == {"username", "password", "role"} for user in report["users"])
    assert all(url.startswith("http://localhost:") for url in (*report["links"].values(), report["api"]))


def test_the_report_for_people_prints_every_link_password_and_a_curl_line_that_works(dev: DevServer) -> None:
    command = (sys.executable, "-m", "valetkey", "dev", "--port", str(free_port()), "--state", str(dev.state))
    with started(*command) as process:
        assert process.stdout is not None
        printed = []
        for line in process.stdout:
            printed.append(line.rstrip("\n"))
            if "--reset starts over" in line:
                break
        text = "\n".join(printed)
        for user in dev.report["users"]:
            assert f"{user['username']} ({user['role']})" in text
            assert user["password"] in text
        for client in dev.report["clients"].values():
            assert client.get("client_secret", client["client_id"]) in text
        curl = next(line for line in printed if line.startswith("curl "))
        assert shell(curl).startswith("HTTP/1.1 200")
        assert shell(curl.replace("Bearer $", "Bearer x$")).startswith("HTTP/1.1 401")
        output, errors = ctrl_c(process)
    assert (process.returncode, output.strip()) == (0, "")
    # The log tells of the tokens that the curl lines got, and of nothing that went wrong.
    assert {json.loads(line)["event"] for line in errors.splitlines()} == {"token.issued"}


def test_make_dev_passes_flags_on_and_ends_silently_by_ctrl_c(dev: DevServer) -> None:
    if not (ROOT / ".venv/bin/valetkey").exists():
        pytest.skip("make dev would build an environment first: this one was made another way")
    port = free_port()
    flags = f"--json --port {port} --state {str(dev.state).replace(' ', chr(92) + ' ')}"
    # The environment is taken as it is: this test is about the command, not about an installation.
    with started("make", "-o", ".venv/installed-dev", "dev", f"ARGS={flags}") as process:
        assert process.stdout is not None
        report = json.loads(process.stdout.readline())
        assert report["issuer"] == f"http://localhost:{port}"
        assert report["users"] == dev.report["users"]
        assert ctrl_c(process) == ("", "")
    assert is_free(port)
    assert is_free(port + 1)


def test_everything_that_holds_a_secret_is_readable_by_its_owner_alone(tls: DevServer) -> None:
    assert stat.S_IMODE(tls.state.stat().st_mode) == 0o700
    published = {".gitignore", "ca.pem", "server.pem"}
    private = [path for path in tls.state.rglob("*") if path.is_file() and path.name not in published]
    assert {"secrets.json", "dev.json", "valetkey.db", "server.key"} <= {path.name for path in private}
    assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o600}


def test_with_tls_the_report_names_the_authority_and_the_line_still_works(tls: DevServer) -> None:
    assert tls.ca_file == str(tls.state / "tls" / "ca.pem")
    assert tls.issuer.startswith("https://localhost:")
    assert shell(tls.report["curl"]).splitlines()[0].split()[1] == "200"


def test_with_tls_a_code_is_bought_and_cookies_are_bound_to_the_host(tls: DevServer) -> None:
    flow = tls.flow("web", "openid albums.read").start(b"e" * 32)
    person = tls.person()
    sight = person.submit(person.sign_in(person.open(flow.url)), "consent-allow")
    assert parse_qs(urlsplit(sight.url).query)["iss"] == [tls.issuer]
    cookies = list(person.browser.cookies.jar)
    assert cookies
    for cookie in cookies:
        assert cookie.name.startswith("__Host-")
        assert (cookie.secure, cookie.path, cookie.domain_specified) == (True, "/", False)
    request = flow.token_request(urlsplit(sight.url).query)
    answer = person.browser.post(request.url, headers=list(request.headers), content=request.body)
    token = answer.json()["access_token"]
    called = person.browser.get(f"{tls.api}/albums", headers={"authorization": f"Bearer {token}"})
    assert (answer.status_code, called.status_code) == (200, 200)


def test_over_plain_http_the_same_cookies_stand_without_the_prefix(dev: DevServer) -> None:
    person = dev.person()
    person.sign_in(person.open(dev.flow("web", "openid").start(b"e" * 32).url))
    names = {cookie.name for cookie in person.browser.cookies.jar}
    assert names
    assert not any(name.startswith("__") for name in names)
