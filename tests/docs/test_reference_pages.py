"""Every generated page is the one that its tables write, and each table is told whole."""

import ast
import sys
from dataclasses import replace
from pathlib import Path

import click
import pytest
from tools import reference, reference_cli, reference_endpoints, reference_events, reference_profiles

from valetkey.administration.routes import CALLS
from valetkey.authorization_server import policy
from valetkey.authorization_server.grants import GRANTS
from valetkey.authorization_server.routes import ROUTES
from valetkey.cli import COMMANDS
from valetkey.oauth.types import Seconds

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", reference.PAGES)
def test_a_reference_page_is_the_one_that_its_tables_write(name: str) -> None:
    page = (ROOT / reference.FOLDER / name).read_text("utf-8")
    assert page == reference.PAGES[name](), f"{name} is not up to date: run make docs"


def test_a_page_that_is_missing_or_was_edited_by_hand_is_found(tmp_path: Path) -> None:
    folder = tmp_path / reference.FOLDER
    folder.mkdir(parents=True)
    for name, page in reference.PAGES.items():
        (folder / name).write_text(page(), "utf-8")
    assert reference.outdated(tmp_path) == []
    (folder / "cli.md").unlink()
    with (folder / "events.md").open("a") as events:
        events.write("a hand-written line\n")
    assert reference.outdated(tmp_path) == ["cli.md", "events.md"]


def test_the_page_of_the_endpoints_has_a_row_for_each_route_and_each_grant() -> None:
    page = reference_endpoints.page()
    for route in (*ROUTES, *CALLS):
        assert f"| `{route.path}` | `{'`, `'.join(sorted(route.methods))}` |" in page
    for grant_type in GRANTS:
        assert f"| `{grant_type}` |" in page


def test_the_page_of_the_command_line_has_each_command_with_its_options() -> None:
    page = reference_cli.page()
    for name in COMMANDS:
        assert f"## `valetkey {name}`\n" in page
    assert "### `valetkey client add`\n" in page
    assert "| `--disable`, `--enable` |" in page


def test_a_command_without_an_example_is_found() -> None:
    silent = click.Command("silent", help="Says nothing of how it is called.")
    with pytest.raises(ValueError, match="shows no example"):
        reference_cli._command(silent, click.Context(silent, info_name="silent"))


def test_a_profile_and_a_rule_that_differ_are_seen_on_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    before = reference_profiles.page()
    strange = replace(policy.OAUTH_2_1, name="STRANGE", code_lifetime=Seconds(90))
    monkeypatch.setitem(policy.PROFILES, "STRANGE", strange)
    after = reference_profiles.page()
    assert "`STRANGE`" not in before
    assert "| 1 minute | 1 minute | 1 minute | 90 seconds |" in after


def test_every_event_of_the_code_has_its_sentence_and_no_sentence_is_left_over() -> None:
    assert set(reference_events.written(reference_events.SOURCES)) == set(reference_events.MEANINGS)


def test_an_event_that_nobody_explained_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "endpoint.py").write_text('def respond(server):\n    server.log.write("teapot.refused", tea=0)\n')
    monkeypatch.setattr(reference_events, "SOURCES", tmp_path)
    with pytest.raises(ValueError, match=r"teapot\.refused"):
        reference_events.page()


def test_an_event_that_a_function_hands_on_has_the_fields_of_the_call_that_writes_it() -> None:
    source = (
        'def respond(server):\n    _log(server, "tea.poured" if server.hot else "tea.refused")\n\n\n'
        "def _log(server, event):\n    server.log.write(event, request_id=1, kind=2)\n"
    )
    fields = ("request_id", "kind")
    assert dict(reference_events.events_of(ast.parse(source))) == {"tea.poured": fields, "tea.refused": fields}


def test_the_tool_tells_which_page_is_out_of_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reference, "ROOT", tmp_path)
    assert reference.main(["--check"]) == 1
    assert "cli.md is not up to date: run make docs" in capsys.readouterr().err
    assert reference.main([]) == 0
    assert reference.main(["--check"]) == 0
    assert str(ROOT) in sys.path
