"""`valetkey audit`: what was changed is told with who did it, and can be narrowed down."""

from __future__ import annotations

import getpass
import json
from typing import TYPE_CHECKING, Any

from support.operator import Operator
from support.serve import running_serve

if TYPE_CHECKING:
    from pathlib import Path


def _events(operator: Operator, *arguments: str) -> list[str]:
    return [record["event"] for record in operator.done("audit", *arguments)]


def _changed(operator: Operator) -> dict[str, Any]:
    operator.done("client", "add", "robot", "--grant-type", "client_credentials", "--scope", "a.read")
    added: dict[str, Any] = operator.done("user", "add", "ada", "--generate-password")
    operator.done("revoke", "subject", "ada")
    return added


def test_what_an_operator_did_is_told_with_their_name(operator: Operator) -> None:
    added = _changed(operator)

    records = operator.done("audit")

    assert sorted(record["event"] for record in records) == ["client.put", "end_user.put", "generation.raised"]
    put = next(record for record in records if record["event"] == "client.put")
    assert (put["actor_kind"], put["actor"]) == ("operator", getpass.getuser())
    assert (put["client_id"], put["surface"]) == ("robot", "command line")
    assert put["at"].endswith("Z")
    assert json.dumps(records).count(added["subject"]) >= 1
    assert "argon2" not in json.dumps(records)


def test_records_are_narrowed_by_user_client_event_and_time(operator: Operator) -> None:
    _changed(operator)

    assert _events(operator, "--user", "ada") == ["end_user.put"]
    assert _events(operator, "--client", "robot") == ["client.put"]
    assert _events(operator, "--event", "generation.") == ["generation.raised"]
    assert _events(operator, "--until", "1h") == []
    assert "client.put" in _events(operator, "--since", "1h")
    assert len(_events(operator, "--limit", "1")) == 1


def test_of_a_removed_user_the_records_stay_and_are_found_by_the_subject(operator: Operator) -> None:
    subject = _changed(operator)["subject"]
    operator.done("user", "remove", "ada")

    # Two orders of one second have no order among themselves.
    assert set(_events(operator, "--user", subject)) == {"end_user.put", "end_user.removed"}
    assert "there is no user ada" in operator.refused("audit", "--user", "ada")


def test_a_moment_that_is_none_is_explained(operator: Operator) -> None:
    result = operator.run("audit", "--since", "yesterday")

    assert result.exit_code == 2
    assert "say 2h, 7d, 2026-11-22" in result.stderr


def test_a_person_reads_a_table_and_is_told_when_there_is_more(operator: Operator) -> None:
    _changed(operator)

    said = operator.run("audit", "--limit", "2").stdout

    assert said.splitlines()[0].split() == ["AT", "EVENT", "BY", "ACTOR", "ABOUT", "FROM"]
    assert "ask for more with --limit" in said


def test_a_server_records_what_its_file_declares_and_the_keys_that_it_makes(tmp_path: Path) -> None:
    with running_serve(tmp_path):
        records = Operator(tmp_path / "valetkey.toml").done("audit")

    by_server = {record["event"] for record in records if record["actor_kind"] == "server"}
    assert by_server >= {"client.put", "resource.put", "signing_key.added"}
