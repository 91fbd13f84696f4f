"""Which store an operator's command works on, and what it says when there is none."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from valetkey.adapters.storage.sqlite.migrate import upgrade

if TYPE_CHECKING:
    from pathlib import Path

    from support.operator import Operator


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_state_folder_of_a_local_server_is_a_store_too(operator: Operator, folder: Path) -> None:
    (folder / "state").mkdir()
    upgrade(str(folder / "state/valetkey.db"))

    result = operator.bare("tenant", "add", "acme", "--state", "state")

    assert (result.exit_code, result.stdout) == (0, "tenant acme was added\n")
    assert operator.done("tenant", "list") == []


def test_the_only_configuration_of_the_folder_is_meant(operator: Operator, folder: Path) -> None:
    assert operator.config.parent == folder
    assert operator.bare("client", "list").exit_code == 0


def test_a_variable_names_the_configuration(operator: Operator, folder: Path) -> None:
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    os.chdir(elsewhere)

    assert operator.bare("client", "list").exit_code == 2
    assert operator.bare("client", "list", environ={"VALETKEY_CONFIG": str(operator.config)}).exit_code == 0


def test_two_stores_in_one_folder_have_to_be_told_apart(operator: Operator, folder: Path) -> None:
    (folder / ".valetkey-dev").mkdir()

    result = operator.bare("client", "list")

    assert result.exit_code == 2
    assert "name --config FILE (valetkey.toml) or --state DIR (.valetkey-dev): both are here" in result.stderr


def test_one_store_is_named_not_two(operator: Operator) -> None:
    result = operator.run("client", "list", "--state", "state")

    assert result.exit_code == 2
    assert "name --config or --state, not both" in result.stderr


def test_a_database_that_is_not_there_is_not_made_by_looking_for_it(operator: Operator, folder: Path) -> None:
    result = operator.bare("client", "list", "--state", "state")

    assert result.exit_code == 1
    assert result.stderr == ("valetkey: there is no database state/valetkey.db yet: run `valetkey dev` first\n")
    assert not (folder / "state").exists()


# covers: FLT-16
def test_a_database_without_the_schema_is_refused(operator: Operator, folder: Path) -> None:
    (folder / "valetkey.db").unlink()
    (folder / "valetkey.db").touch()

    result = operator.run("client", "list")

    assert result.exit_code == 69
    assert "run 'valetkey db upgrade'" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_file_that_is_no_database_is_refused(operator: Operator, folder: Path) -> None:
    for name in ("valetkey.db-wal", "valetkey.db-shm"):
        (folder / name).unlink(missing_ok=True)
    (folder / "valetkey.db").write_bytes(b"no database at all, but long enough to look like one" * 100)

    for command in (("client", "list"), ("db", "status"), ("db", "upgrade")):
        result = operator.run(*command)
        assert result.exit_code == 69
        assert "file is not a database" in result.stderr
        assert len(result.stderr.splitlines()) == 1


def test_a_wrong_configuration_ends_every_command_with_its_lines(operator: Operator) -> None:
    operator.config.write_text(operator.config.read_text() + '\n[[clients]]\nclient_id = "shop"\n')

    for command in (("client", "list"), ("user", "list"), ("db", "upgrade"), ("tenant", "list")):
        result = operator.run(*command)
        assert result.exit_code == 78
        assert result.stderr == (
            f"{operator.config}: clients[shop].scope: missing; expected scope names separated by single spaces\n"
        )


def test_the_schema_is_looked_at_and_brought_up_to_date(operator: Operator, folder: Path) -> None:
    (folder / "valetkey.db").unlink()

    before = operator.run("db", "status")
    applied = operator.done("db", "upgrade")
    after = operator.done("db", "status")

    assert (before.exit_code, before.stdout.splitlines()[0]) == (1, "missing  0001_first")
    assert applied["applied"] == after["applied"]
    assert after["missing"] == []
    assert operator.done("db", "upgrade")["applied"] == []
