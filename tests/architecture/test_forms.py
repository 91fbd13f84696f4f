"""Values are frozen, modules say what they are for, no name arrives by a star, no folder of tests is left out."""

import tomllib
from pathlib import Path

import pytest

from support.architecture.forms import loose_dataclasses, star_imports, undescribed
from support.architecture.modules import house, parsed

ROOT = Path(__file__).parents[2]


def test_every_dataclass_is_frozen_and_slotted() -> None:
    assert list(loose_dataclasses(house())) == []


def test_every_module_says_what_it_is_for() -> None:
    assert list(undescribed(house())) == []


def test_no_module_imports_a_star() -> None:
    assert list(star_imports(house())) == []


@pytest.mark.parametrize(
    "decorator",
    ["@dataclass", "@dataclass()", "@dataclass(frozen=True)", "@dataclasses.dataclass(slots=True, frozen=False)"],
)
def test_a_loose_dataclass_is_found(decorator: str) -> None:
    assert list(loose_dataclasses([parsed("valetkey.jose.jws", f"{decorator}\nclass Value:\n    x: int")]))


def test_a_frozen_slotted_dataclass_is_allowed() -> None:
    source = "@dataclass(frozen=True, slots=True, eq=False)\nclass Value:\n    x: int"
    assert list(loose_dataclasses([parsed("valetkey.jose.jws", source)])) == []


def test_a_module_without_docstring_is_found() -> None:
    assert list(undescribed([parsed("valetkey.jose.jws", "# only a comment\nx = 1")]))


def test_a_star_import_is_found() -> None:
    assert list(star_imports([parsed("valetkey.jose.jws", "from json import *")]))


def test_every_folder_of_tests_is_run() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    run = {Path(path) for path in project["tool"]["pytest"]["ini_options"]["testpaths"]}
    written = {path.relative_to(ROOT).parts[:2] for path in (ROOT / "tests").rglob("test_*.py")}

    assert {Path(*parts) for parts in written} == run
