"""The hardening tool finds rows that nothing shows, and tests that name rows which do not exist."""

from dataclasses import replace
from pathlib import Path

from tools.hardening import Row, citations, covered, faults, page

ROW = Row("RDR-04", "Redirects", "dot segments: a page", "")
COVERED = {"RDR-04": ("tests/attacks/test_redirects.py::test_dots",)}


def test_a_covered_row_and_a_later_row_are_in_order() -> None:
    later = replace(ROW, id="PAR-01", later="pushed authorization requests")
    assert list(faults([ROW, later], COVERED)) == []


def test_a_row_without_test_or_later_is_found() -> None:
    assert list(faults([ROW], {})) == ["RDR-04: no test covers it (dot segments: a page)"]


def test_a_test_that_covers_an_unknown_row_is_found() -> None:
    stray = {"RDR-99": ("tests/attacks/test_redirects.py",)}
    assert list(faults([ROW], {**COVERED, **stray})) == [
        "RDR-99: the table does not know it (tests/attacks/test_redirects.py)"
    ]


def test_a_row_that_stands_twice_is_found() -> None:
    assert "RDR-04: stands in the table twice" in faults([ROW, ROW], COVERED)


def test_a_comment_belongs_to_the_test_that_it_stands_in_or_above() -> None:
    source = (
        "# covers: RDR-01\n@mark\ndef test_one():\n    pass\n\n\n"
        "def test_two():\n    x = 1  # covers: RDR-04, AUT-06\n"
    )
    assert list(citations(source, python=True)) == [
        ("RDR-01", "test_one"),
        ("RDR-04", "test_two"),
        ("AUT-06", "test_two"),
    ]


def test_tests_in_other_languages_are_read_too(tmp_path: Path) -> None:
    (tmp_path / "tests" / "node_modules").mkdir(parents=True)
    (tmp_path / "tests" / "client.mjs").write_text("// covers: AUT-06\n")
    (tmp_path / "tests" / "node_modules" / "theirs.mjs").write_text("// covers: AUT-07\n")
    assert covered(tmp_path) == {"AUT-06": ("tests/client.mjs",)}


def test_the_page_says_what_shows_a_row_or_brings_it() -> None:
    text = page([ROW, replace(ROW, id="PAR-01", later="pushed requests")], COVERED)
    assert "| RDR-04 | dot segments: a page | `attacks/test_redirects.py::test_dots` |" in text
    assert "| PAR-01 | dot segments: a page | comes with: pushed requests |" in text
