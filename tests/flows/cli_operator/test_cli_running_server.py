"""A running server obeys an operator from the next request on, and a start brings about what the file declares."""

from __future__ import annotations

import signal
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from support.operator import Operator
from support.serve import SECRET, STOPS_WITHIN, Production, command, environment, running_serve, write_configuration

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

API = "https://api.example.com"
GRANT = {"grant_type": "client_credentials"}


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Production, Operator]]:
    folder = tmp_path_factory.mktemp("production")
    with running_serve(folder, workers=2) as running:
        yield running, Operator(folder / "valetkey.toml")


@contextmanager
def serving(path: Path, port: int) -> Iterator[Production]:
    with (path.parent / "serve.log").open("ab") as errors:
        process = subprocess.Popen(command(path), stderr=errors, env=environment())
    running = Production(process, port, path.parent / "serve.log")
    try:
        running.until_ready()
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(STOPS_WITHIN)


def _statuses(running: Production, client_id: str, secret: str, path: str = "/token") -> set[int]:
    # Connections of their own, so that both workers are asked.
    statuses = set()
    for _ in range(8):
        with httpx2.Client() as client:
            statuses.add(client.post(running.url + path, data=GRANT, auth=(client_id, secret)).status_code)
    return statuses


def _machine(operator: Operator, client_id: str, *further: str) -> dict[str, Any]:
    added: dict[str, Any] = operator.done(
        "client", "add", client_id, "--grant-type", "client_credentials", "--scope", "a.read", *further
    )
    return added


def test_a_client_that_was_just_added_gets_tokens_and_one_that_was_disabled_gets_none(
    production: tuple[Production, Operator],
) -> None:
    running, operator = production

    secret = _machine(operator, "robot")["client_secret"]
    after_adding = _statuses(running, "robot", secret)
    operator.done("client", "change", "robot", "--disable")
    after_disabling = _statuses(running, "robot", secret)
    operator.done("client", "change", "robot", "--enable")
    after_enabling = _statuses(running, "robot", secret)
    operator.done("client", "remove", "robot")

    assert (after_adding, after_disabling, after_enabling) == ({200}, {401}, {200})
    assert _statuses(running, "robot", secret) == {401}


# covers: CLI-14
def test_both_secrets_of_a_rotation_are_honoured_and_the_old_one_to_its_own_end(
    production: tuple[Production, Operator],
) -> None:
    running, operator = production
    old = _machine(operator, "rotating")["client_secret"]

    new = operator.done("client", "change", "rotating", "--rotate-secret")["client_secret"]
    both = _statuses(running, "rotating", old) | _statuses(running, "rotating", new)
    newest = operator.done("client", "change", "rotating", "--rotate-secret", "--keep-old-secret", "0")[
        "client_secret"
    ]

    assert both == {200}
    assert _statuses(running, "rotating", old) | _statuses(running, "rotating", new) == {401}
    assert _statuses(running, "rotating", newest) == {200}


def test_a_resource_that_was_just_disabled_gets_no_further_tokens(production: tuple[Production, Operator]) -> None:
    running, operator = production
    operator.done("resource", "add", "https://other.example.com", "--scope", "b.read=Read b")
    added = operator.done(
        "client", "add", "reader", "--grant-type", "client_credentials", "--scope", "b.read",
        "--resource", "https://other.example.com",
    )  # fmt: skip

    before = _statuses(running, "reader", added["client_secret"])
    operator.done("resource", "change", "https://other.example.com", "--disable")

    assert before == {200}
    assert _statuses(running, "reader", added["client_secret"]) == {400}


def test_a_tenant_that_was_just_added_answers_under_its_own_issuer(production: tuple[Production, Operator]) -> None:
    running, operator = production
    issuer = operator.done("tenant", "add", "acme")["issuer"]
    operator.done("resource", "add", API, "--scope", "a.read=Read", "--tenant", "acme")
    secret = _machine(operator, "tenant-robot", "--tenant", "acme")["client_secret"]

    with httpx2.Client() as client:
        document = client.get(f"{running.url}/t/acme/.well-known/openid-configuration").json()
    here = _statuses(running, "tenant-robot", secret, "/t/acme/token")
    elsewhere = _statuses(running, "tenant-robot", secret)
    operator.done("tenant", "remove", "acme")

    assert document["issuer"] == issuer
    assert (here, elsewhere) == ({200}, {401})
    assert _statuses(running, "tenant-robot", secret, "/t/acme/token") == {404}


def test_what_the_file_declares_refuses_to_be_changed_here_and_names_the_file(
    production: tuple[Production, Operator],
) -> None:
    running, operator = production
    told = f"is declared in {operator.config}: change it there and start the server again"

    assert operator.refused("client", "change", "machine", "--disable") == f"valetkey: client machine {told}"
    assert operator.refused("client", "remove", "machine") == f"valetkey: client machine {told}"
    assert operator.refused("resource", "remove", API) == f"valetkey: resource {API} {told}"
    assert _statuses(running, "machine", SECRET) == {200}


def test_a_start_brings_about_what_the_file_declares_and_disables_what_left_it(tmp_path: Path) -> None:
    path, port = write_configuration(tmp_path)
    whole = path.read_text()
    operator = Operator(path)

    with serving(path, port) as running:
        declared = _statuses(running, "machine", SECRET)
    path.write_text(whole.partition("[[clients]]")[0])
    with serving(path, port) as running:
        left = _statuses(running, "machine", SECRET)
        held = operator.done("client", "show", "machine")
    path.write_text(whole)
    with serving(path, port) as running:
        back = _statuses(running, "machine", SECRET)

    assert (declared, left, back) == ({200}, {401}, {200})
    assert (held["managed_by"], held["disabled"]) == ("file", True)


def test_of_two_files_the_higher_revision_holds(tmp_path: Path) -> None:
    path, port = write_configuration(tmp_path)
    whole = path.read_text()

    path.write_text("revision = 2\n" + whole)
    with serving(path, port):
        pass
    path.write_text("revision = 1\n" + whole.partition("[[clients]]")[0])
    with serving(path, port) as running:
        held = _statuses(running, "machine", SECRET)

    assert held == {200}
    assert "provisioning.superseded" in (tmp_path / "serve.log").read_text()


def test_the_configuration_that_init_wrote_is_served_as_it_is(tmp_path: Path) -> None:
    operator = Operator(tmp_path / "valetkey.toml")
    assert operator.bare("init", "--output", str(operator.config)).exit_code == 0
    _, port = write_configuration(_made(tmp_path / "unused"))
    unchanged = operator.config.read_bytes()

    with (tmp_path / "serve.log").open("ab") as errors:
        arguments = [*command(operator.config), "--port", str(port)]
        process = subprocess.Popen(arguments, stderr=errors, env=environment())
    running = Production(process, port, tmp_path / "serve.log")
    try:
        running.until_ready()
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(STOPS_WITHIN)

    assert operator.config.read_bytes() == unchanged
    assert [each["name"] for each in operator.done("tenant", "list")] == ["default"]


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


# covers: FLT-16
@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("isuer = 1\n", "isuer: unknown setting; did you mean issuer?"),
        ('profile = "FAPI"\n', "profile: expected one of OAUTH_2_1, OPENID, MCP"),
        ("", "issuer: missing; expected an https URL"),
    ],
)
def test_a_bad_configuration_starts_nothing(tmp_path: Path, text: str, line: str) -> None:
    path, _ = write_configuration(tmp_path)
    issuer, _, rest = path.read_text().strip().partition("\n")
    path.write_text((f"{issuer}\n" if text else "") + text + rest)
    before = sorted(each.name for each in tmp_path.iterdir())

    ended = subprocess.run(
        command(path), env=environment(), capture_output=True, text=True, timeout=60, check=False
    )

    assert ended.returncode == 78
    assert ended.stdout == ""
    assert ended.stderr.splitlines()[0].startswith(f"{path}: {line}")
    assert len(ended.stderr.splitlines()) == 1
    assert sorted(each.name for each in tmp_path.iterdir()) == before
