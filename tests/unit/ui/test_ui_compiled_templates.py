"""Templates are compiled once, and what was compiled from something else is never used."""

import sys
from pathlib import Path

import pytest
from jinja2 import DictLoader, Environment

from valetkey.ui.compiled_templates import CompiledBeside, compiled_templates


@pytest.fixture(autouse=True)
def keeping(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep compiled code, whatever the one who started the tests says of it."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", None)


def rendered(folder: Path, text: str) -> str:
    loader = DictLoader({"page.html": text})
    environment = Environment(loader=loader, autoescape=True, bytecode_cache=CompiledBeside(folder))
    return environment.get_template("page.html").render(name="Ada")


def kept(folder: Path) -> list[Path]:
    return sorted((folder / "__pycache__").iterdir())


def test_a_template_is_kept_once_and_readable_by_all(tmp_path: Path) -> None:
    for _ in range(2):
        assert rendered(tmp_path, "Hello {{ name }}") == "Hello Ada"
    (file,) = kept(tmp_path)
    assert sys.implementation.cache_tag in file.name
    assert file.stat().st_mode & 0o777 == 0o644


def test_what_is_kept_is_used(tmp_path: Path) -> None:
    rendered(tmp_path, "Hello {{ name }}")
    (first,) = kept(tmp_path)
    rendered(tmp_path / "other", "Hollo {{ name }}")
    (other,) = kept(tmp_path / "other")
    # The code of another text under the checksum of this one: only who reads it says Hollo.
    length = 64
    first.write_bytes(first.read_bytes()[:length] + other.read_bytes()[length:])
    assert rendered(tmp_path, "Hello {{ name }}") == "Hollo Ada"


@pytest.mark.parametrize("keep", [0, 10, 64, 100])
def test_what_is_cut_short_is_compiled_anew(tmp_path: Path, keep: int) -> None:
    rendered(tmp_path, "Hello {{ name }}")
    (file,) = kept(tmp_path)
    whole = file.read_bytes()
    file.write_bytes(whole[:keep])
    assert rendered(tmp_path, "Hello {{ name }}") == "Hello Ada"
    assert file.read_bytes() == whole


def test_an_edited_template_is_compiled_anew(tmp_path: Path) -> None:
    rendered(tmp_path, "Hello {{ name }}")
    assert rendered(tmp_path, "Good day {{ name }}") == "Good day Ada"
    assert len(kept(tmp_path)) == 1


def test_nothing_is_kept_where_python_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert rendered(tmp_path, "Hello {{ name }}") == "Hello Ada"
    assert list(tmp_path.iterdir()) == []


def test_compiled_code_stands_where_python_was_told_to_put_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path / "elsewhere"))
    rendered(tmp_path / "templates", "Hello {{ name }}")
    assert not (tmp_path / "templates").exists()
    assert [path.suffix for path in (tmp_path / "elsewhere").rglob("*") if path.is_file()] == [".jinja"]


def test_a_folder_that_nobody_may_write_to_costs_only_time(tmp_path: Path) -> None:
    folder = tmp_path / "file"
    folder.write_text("no folder")
    assert rendered(folder, "Hello {{ name }}") == "Hello Ada"


def test_all_renderers_of_a_process_share_the_templates() -> None:
    assert compiled_templates() is compiled_templates()
    assert "login.html" in compiled_templates()
