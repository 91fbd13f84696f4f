"""`valetkey demo`: the command line plays a client against the running server, as a person would use it."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from support.dev_server import DevServer, running_dev
from support.person import Person, Sight
from support.playing import enter_code

pytestmark = pytest.mark.interop

PATIENCE = 60


def demo(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "valetkey", "demo", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)


def refused(ended: subprocess.CompletedProcess[str]) -> str:
    """Return the one line of a command that failed."""
    assert (ended.returncode, ended.stdout) == (1, "")
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
    return ended.stderr


@contextmanager
def signing_in(dev: DevServer, *words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start a demo with `--json` and yield it with the link that it prints on stderr."""
    command = [sys.executable, "-m", "valetkey", "demo", *words, "--json", "--print", "--state", str(dev.state)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            yield process, next(line.strip() for line in process.stderr if "/authorize?" in line)
        finally:
            process.kill()


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    output, errors = process.communicate(timeout=PATIENCE)
    return process.returncode, output, errors.strip()


def allow(person: Person, link: str) -> Sight:
    sight = person.sign_in(person.open(link))
    return person.submit(sight, "consent-allow") if "consent-allow" in sight.ids else sight


def deliver(url: str) -> httpx2.Response:
    """Do what the browser does with the last redirect: ask the command's own little server."""
    return httpx2.get(url, trust_env=False, timeout=20)


def played(dev: DevServer, *words: str) -> dict[str, Any]:
    """Sign in to a demo as a person does; return what it prints in the end."""
    with signing_in(dev, *words) as (process, link):
        answer = deliver(allow(dev.person(), link).url)
        assert (answer.status_code, "close this page" in answer.text) == (200, True)
        code, output, errors = ended(process)
    assert (code, errors) == (0, "")
    result: dict[str, Any] = json.loads(output)
    return result


def test_m2m_prints_the_token_and_what_the_api_answered(dev: DevServer) -> None:
    done = demo("m2m", "--json", "--state", str(dev.state))
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["access_token"]["header"]["typ"] == "at+jwt"
    assert result["access_token"]["claims"]["client_id"] == "machine"
    assert result["access_token"]["claims"]["aud"] == dev.api
    assert (result["scope"], result["expires_in"]) == ("albums.read", 300)
    assert (result["api"]["status"], result["api"]["url"]) == (200, f"{dev.api}/albums")
    assert result["api"]["body"]["asked_by"] == "machine"


def test_m2m_tells_a_person_every_step(dev: DevServer) -> None:
    done = demo("m2m", "--state", str(dev.state))
    assert done.returncode == 0, done.stderr
    for told in (f"POST {dev.issuer}/token", '"typ": "at+jwt"', f"GET {dev.api}/albums -> 200"):
        assert told in done.stdout


def test_code_receives_the_redirect_and_prints_verified_tokens(dev: DevServer) -> None:
    result = played(dev, "code")
    assert set(result) == {"access_token", "id_token", "scope", "expires_in", "api"}
    assert result["id_token"]["claims"]["aud"] == "native"
    assert result["id_token"]["claims"]["sub"] == result["access_token"]["claims"]["sub"]
    assert result["api"]["status"] == 200
    assert result["api"]["body"]["asked_by"] == result["id_token"]["claims"]["sub"]


def test_code_ends_with_one_line_where_the_answer_is_no(dev: DevServer) -> None:
    with signing_in(dev, "code") as (process, link):
        person = dev.person()
        denied = person.submit(person.sign_in(person.open(f"{link}&prompt=consent")), "consent-deny")
        assert "access_denied" in deliver(denied.url).text
        code, output, errors = ended(process)
    assert (code, output) == (1, "")
    assert errors.startswith("valetkey demo: the flow ended: access_denied: ")
    assert len(errors.splitlines()) == 1


def test_code_goes_on_waiting_where_an_answer_is_not_its_own(dev: DevServer) -> None:
    with signing_in(dev, "code") as (process, link):
        genuine = allow(dev.person(), link).url
        assert deliver(genuine.replace("state=", "state=x")).status_code == 400
        assert deliver(genuine).status_code == 200
        assert ended(process)[0] == 0


def test_exchange_shows_who_acts_for_whom_and_what_is_refused(dev: DevServer) -> None:
    result = played(dev, "exchange")
    before, after = result["subject_token"]["claims"], result["access_token"]["claims"]
    assert (before["client_id"], after["client_id"]) == ("native", "api-gateway")
    assert before["sub"] == after["sub"] == result["api"]["body"]["asked_by"]
    assert after["act"]["client_id"] == "api-gateway"
    assert (result["scope"], result["refused"]) == ("albums.read", "invalid_scope")
    assert result["issued_token_type"] == "urn:ietf:params:oauth:token-type:access_token"


def test_refresh_shows_rotation_a_lost_reply_ten_at_once_and_the_thief(dev: DevServer) -> None:
    result = played(dev, "refresh")
    assert result.pop("access_token")["claims"]["client_id"] == "native"
    assert result == {
        "identical_replies": 11,
        "threads": 10,
        "requests_of_the_library": 1,
        "thief": "invalid_grant",
        "family": "dead",
    }


@pytest.mark.parametrize("switch", ["password", "subject", "authorization"])
def test_kill_ends_a_token_that_the_api_verifies_by_itself(dev: DevServer, switch: str) -> None:
    result = played(dev, "kill", "--by", switch)
    assert (result["before"]["status"], result["after"]["status"]) == (200, 401)
    assert result["after"]["body"]["error"] == "invalid_token"
    assert (result["by"], result["refresh"]) == (switch, "invalid_grant")
    assert result["seconds"] > 0


def test_device_shows_a_code_and_gets_tokens_when_it_was_entered(dev: DevServer) -> None:
    command = [sys.executable, "-m", "valetkey", "demo", "device", "--json", "--state", str(dev.state)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            shown = next(line.strip() for line in process.stderr if line.strip())
            enter_code(dev, f"{dev.issuer}/device", shown)
            code, output, errors = ended(process)
        finally:
            process.kill()
    assert (code, errors) == (0, "")
    result = json.loads(output)
    assert result["access_token"]["claims"]["client_id"] == "tv"
    assert (result["scope"], result["api"]["status"]) == ("albums.read", 200)


@pytest.mark.parametrize("words", [("refresh",), ("kill", "--by", "subject"), ("exchange",)])
def test_every_demo_tells_a_person_its_steps_and_no_whole_secret(dev: DevServer, words: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "valetkey", "demo", *words, "--print", "--state", str(dev.state)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            link = next(line.strip() for line in process.stdout if "/authorize?" in line)
            deliver(allow(dev.person(), link).url)
            code, output, errors = ended(process)
        finally:
            process.kill()
    assert (code, errors) == (0, "")
    assert all(f"\n{step}. " in f"\n{output}" for step in (2, 3, 4, 5, 6))
    assert not re.search(r"vk_(rt|cs|ac)_[\w-]{20}", output)


def test_code_gives_up_when_nobody_signs_in(dev: DevServer) -> None:
    with signing_in(dev, "code", "--wait", "1") as (process, _link):
        code, output, errors = ended(process)
    assert (code, output) == (1, "")
    assert errors == "valetkey demo: nobody signed in within 1 seconds; run the command again"


@pytest.mark.parametrize("name", ["code", "m2m", "device", "exchange", "refresh", "kill"])
def test_without_a_state_folder_one_line_says_what_to_start(tmp_path: Path, name: str) -> None:
    assert "start `valetkey dev` first" in refused(demo(name, "--state", str(tmp_path / "none")))


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"issuer": 1, "api": "x", "clients": {}}'])
def test_a_damaged_state_folder_is_one_line_too(tmp_path: Path, content: str) -> None:
    (tmp_path / "dev.json").write_text(content)
    assert "cannot be read" in refused(demo("m2m", "--state", str(tmp_path)))


@pytest.mark.parametrize("name", ["code", "m2m", "device", "exchange", "refresh", "kill"])
def test_a_server_that_was_stopped_is_one_line_too(tmp_path: Path, name: str) -> None:
    with running_dev(tmp_path / "state") as stopped:
        pass
    line = refused(demo(name, "--state", str(stopped.state)))
    assert f"{stopped.issuer} does not answer" in line
    assert "is `valetkey dev` running?" in line


def test_the_demos_trust_the_throw_away_authority_of_the_server(tmp_path: Path) -> None:
    with running_dev(tmp_path / "state", "--tls") as running:
        done = demo("m2m", "--json", "--state", str(running.state))
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["api"]["status"] == 200
        with signing_in(running, "code") as (process, link):
            deliver(allow(running.person(), link).url)
            assert ended(process)[0] == 0
