"""`valetkey doctor`: what is wrong with a configuration, with an exit code that a script can use."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from support.operator import Operator
from support.serve import running_serve

if TYPE_CHECKING:
    from pathlib import Path

MACHINE = ("--grant-type", "client_credentials", "--scope", "a.read")


def _rules(operator: Operator, *arguments: str) -> tuple[int, dict[str, str]]:
    result = operator.run("doctor", "--json", *arguments)
    assert "Traceback" not in result.output, result.output
    found = json.loads(result.stdout)
    assert found["sound"] is (result.exit_code == 0)
    return result.exit_code, {finding["rule"]: finding["severity"] for finding in found["findings"]}


def _sound(operator: Operator) -> None:
    operator.done("resource", "add", "https://api.example.com", "--scope", "a.read=Read your a")


def test_a_fresh_configuration_has_no_fault(operator: Operator) -> None:
    code, rules = _rules(operator)

    assert code == 0
    assert "fault" not in rules.values()


def test_a_client_that_names_an_unknown_resource_is_a_fault_and_the_exit_code_says_so(operator: Operator) -> None:
    _sound(operator)
    operator.done("client", "add", "robot", *MACHINE, "--resource", "https://gone.example.com")

    code, rules = _rules(operator)

    assert code == 1
    assert rules["client-resource-unknown"] == "fault"


def test_another_profile_can_be_judged_against(operator: Operator) -> None:
    _sound(operator)
    operator.done("tenant", "add", "acme", "--profile", "OPENID")

    own, against_stricter = _rules(operator), _rules(operator, "--profile", "OAUTH_2_1")

    assert own[0] == 0
    assert against_stricter[0] == 1
    assert against_stricter[1]["pkce-optional"] == "fault"


def test_warnings_fail_only_where_that_is_asked_for(operator: Operator) -> None:
    _sound(operator)
    operator.done("client", "add", "robot", *MACHINE[:2], "--scope", "a.read a.fly")

    lenient, strict = _rules(operator), _rules(operator, "--strict")

    assert lenient == (0, strict[1])
    assert strict[0] == 1
    assert strict[1]["client-scope-undefined"] == "warning"


def test_before_the_first_start_what_is_declared_is_judged(tmp_path: Path) -> None:
    operator = Operator(tmp_path / "valetkey.toml")
    operator.bare("init", "--output", str(operator.config))
    declared = '\n[[resources]]\nidentifier = "https://api.example.com"\naccess_token_format = "opaque"\n'
    operator.config.write_text(operator.config.read_text() + declared)

    code, rules = _rules(operator)

    assert (code, rules["resource-unreadable"]) == (1, "fault")
    assert not (tmp_path / "valetkey.db").exists()


def test_a_person_reads_what_to_do_and_by_which_law(operator: Operator) -> None:
    operator.done("client", "add", "robot", *MACHINE, "--resource", "https://gone.example.com")

    result = operator.run("doctor")

    assert "client robot: resource https://gone.example.com is unknown or disabled" in result.stdout
    assert "client-resource-unknown; RFC 8707, 2" in result.stdout
    assert "judged default against OAUTH_2_1" in result.stdout


def test_a_configuration_that_cannot_be_read_ends_with_its_own_code(operator: Operator) -> None:
    operator.config.write_text("isuer = 1\n")

    assert operator.run("doctor").exit_code == 78


def test_the_documents_of_a_running_server_are_found_sound_and_those_of_a_stopped_one_missed(
    tmp_path: Path,
) -> None:
    operator = Operator(tmp_path / "valetkey.toml")
    with running_serve(tmp_path):
        _, running = _rules(operator, "--online")
    _, stopped = _rules(operator, "--online")

    assert "fault" not in running.values()
    assert running["issuer-without-tls"] == "warning"
    assert stopped["metadata-unreachable"] == "fault"
