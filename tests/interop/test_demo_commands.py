"""`valetkey demo`: the command line plays a client against the running server, as a person would use it."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from support.dev_server import DevServer, running_dev
from support.person import Person, Sight

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
def code_demo(dev: DevServer, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start `demo code --json` and yield it with the link that it prints on stderr."""
    command = [sys.executable, "-m", "valetkey", "demo", "code", "--json", "--print", "--state", str(dev.state)]
    with subprocess.Popen(
        [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
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


def deliver(url: str) -> None:
    """Do what the browser does with the last redirect: ask the command's own little server."""
    answer = httpx2.get(url, trust_env=False, timeout=20)
    assert answer.status_code == 200
    assert "close this page" in answer.text


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
    with code_demo(dev) as (process, link):
        deliver(allow(dev.person(), link).url)
        code, output, errors = ended(process)
    assert (code, errors) == (0, "")
    result: dict[str, Any] = json.loads(output)
    assert set(result) == {"access_token", "id_token", "scope", "expires_in", "api"}
    assert result["id_token"]["claims"]["aud"] == "native"
    assert result["id_token"]["claims"]["sub"] == result["access_token"]["claims"]["sub"]
    assert result["api"]["status"] == 200
    assert result["api"]["body"]["asked_by"] == result["id_token"]["claims"]["sub"]


def deny(person: Person, link: str) -> str:
    return person.submit(person.sign_in(person.open(f"{link}&prompt=consent")), "consent-deny").url


def forge(person: Person, link: str) -> str:
    return allow(person, link).url.replace("state=", "state=x")


@pytest.mark.parametrize(("act", "reason"), [(deny, "access_denied"), (forge, "state_mismatch")])
def test_code_ends_with_one_line_where_the_answer_is_no_or_not_its_own(
    dev: DevServer, act: Callable[[Person, str], str], reason: str
) -> None:
    with code_demo(dev) as (process, link):
        deliver(act(dev.person(), link))
        code, output, errors = ended(process)
    assert (code, output) == (1, "")
    assert errors.startswith(f"valetkey demo: the flow ended: {reason}: ")
    assert len(errors.splitlines()) == 1


def test_code_gives_up_when_nobody_signs_in(dev: DevServer) -> None:
    with code_demo(dev, "--wait", "1") as (process, _link):
        code, output, errors = ended(process)
    assert (code, output) == (1, "")
    assert errors == "valetkey demo: nobody signed in within 1 seconds; run the command again"


@pytest.mark.parametrize("name", ["code", "m2m"])
def test_without_a_state_folder_one_line_says_what_to_start(tmp_path: Path, name: str) -> None:
    assert "start `valetkey dev` first" in refused(demo(name, "--state", str(tmp_path / "none")))


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"issuer": 1, "api": "x", "clients": {}}'])
def test_a_damaged_state_folder_is_one_line_too(tmp_path: Path, content: str) -> None:
    (tmp_path / "dev.json").write_text(content)
    assert "cannot be read" in refused(demo("m2m", "--state", str(tmp_path)))


@pytest.mark.parametrize("name", ["code", "m2m"])
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
        with code_demo(running) as (process, link):
            deliver(allow(running.person(), link).url)
            assert ended(process)[0] == 0
