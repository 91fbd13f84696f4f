"""CONTRIBUTING names real files and real tests, and no step that it asks for can be forgotten in silence."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import get_args

from support.sample_pages import SAMPLES
from valetkey.authorization_server.grants import GRANTS
from valetkey.authorization_server.pages import SessionFramePage
from valetkey.authorization_server.policy import IMPLICIT, PROFILES
from valetkey.settings import table
from valetkey.settings.setting import Setting
from valetkey.ui.views import AnyView

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
ROOTED = re.compile(r"`((?:src|tests|tools|docs|requirements)/[\w./-]+)`")
TEST = re.compile(r"`(test_\w+)`")
SECTION = "## How to add a grant"


def defined_tests() -> set[str]:
    """The name of every test function."""
    trees = (ast.parse(path.read_text("utf-8")) for path in (ROOT / "tests").rglob("test_*.py"))
    nodes = (node for tree in trees for node in ast.walk(tree))
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_file_that_it_names_exists() -> None:
    named = set(ROOTED.findall(TEXT))
    assert len(named) > 20
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_every_test_that_it_promises_exists() -> None:
    promised = set(TEST.findall(TEXT)) - {"test_a_replayed_code_revokes_its_authorization", "test_NAME_grant"}
    assert len(promised) > 10
    assert sorted(promised - defined_tests()) == []


def test_every_target_that_it_names_is_one_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    assert set(re.findall(r"`make ([a-z]+)[ `]", TEXT)) <= targets


def untested_grants(grants: Iterable[str], folder: Path) -> Iterator[str]:
    """Every grant without a file of tests; a grant that is a URN is known by what follows its last colon."""
    for grant_type in grants:
        name = grant_type.rpartition(":")[2].replace("-", "_")
        if not (folder / f"test_{name}_grant.py").is_file():
            yield grant_type


def test_every_grant_has_a_test_of_its_rules() -> None:
    folder = ROOT / "tests/unit/authorization_server/grants"
    assert list(untested_grants(GRANTS, folder)) == []
    assert list(untested_grants(("urn:example:grant-type:seance",), folder)) == ["urn:example:grant-type:seance"]


def test_every_grant_is_allowed_by_a_profile_and_every_profile_allows_only_grants_that_exist() -> None:
    assert set().union(*(policy.grant_types for policy in PROFILES.values())) == {*GRANTS, IMPLICIT}


def test_every_view_has_a_sample_that_the_tests_look_at() -> None:
    # A script in a hidden frame, which nobody looks at: tests/browser/test_logout.py sees what it does.
    seen = set(get_args(AnyView)) - {SessionFramePage}
    assert seen - {type(page.view) for page in SAMPLES.values()} == set()


def test_every_setting_stands_in_the_table() -> None:
    defined = {value.path for value in vars(table).values() if isinstance(value, Setting)}
    assert defined == {row.path for row in table.SETTINGS}
