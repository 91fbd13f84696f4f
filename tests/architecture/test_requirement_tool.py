"""The requirement tool finds what does not agree: tables, code and tests are judged from small examples."""

from dataclasses import replace
from pathlib import Path

import pytest
from tools.requirements import Row, Table, cited_by_code, cited_by_tests, faults, page

ROW = Row("RFC6749-5.2", "MUST", "authorization-server", "It MUST answer.", "enforced", "")
TABLE = Table("RFC6749", "The Framework", "https://rfc.example/6749", "attackable", (ROW,))
CODE = {ROW.id: ("src/valetkey/oauth/errors.py",)}
TESTS = {ROW.id: ("tests/unit/test_errors.py::test_it_answers",)}


def test_a_row_with_code_and_test_is_in_order() -> None:
    assert list(faults([TABLE], CODE, TESTS)) == []


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (replace(ROW, id="RFC9068-1"), "not an id of RFC6749"),
        (replace(ROW, level="OUGHT"), "level"),
        (replace(ROW, role="somebody"), "role"),
        (replace(ROW, quote=""), "no quote"),
        (replace(ROW, how="somehow"), "none of enforced"),
        (replace(ROW, how="excepted"), "excepted without a reason"),
        (replace(ROW, how="by-construction"), "by-construction without a reason"),
    ],
)
def test_a_row_that_is_not_written_right_is_found(row: Row, fault: str) -> None:
    found = faults([replace(TABLE, rows=(row,))], {row.id: ("x",)}, {row.id: ("x",)})
    assert any(fault in line for line in found)


def test_a_must_without_code_or_without_test_is_found() -> None:
    assert list(faults([TABLE], {}, TESTS)) == ["RFC6749-5.2: no code names it"]
    assert list(faults([TABLE], CODE, {})) == ["RFC6749-5.2: no test names it"]


def test_a_should_and_an_exception_with_a_reason_want_no_proof() -> None:
    rows = (
        replace(ROW, level="SHOULD"),
        replace(ROW, id="RFC6749-6", how="excepted", reason="Not built."),
    )
    assert list(faults([replace(TABLE, rows=rows)], {}, {})) == []


def test_an_id_that_no_table_knows_is_found() -> None:
    stray = {"RFC6749-99": ("src/valetkey/oauth/errors.py",)}
    assert list(faults([TABLE], {**CODE, **stray}, TESTS)) == [
        "RFC6749-99: no table knows it (src/valetkey/oauth/errors.py)"
    ]


def test_a_row_that_stands_twice_is_found() -> None:
    assert "RFC6749-5.2: stands in the tables twice" in faults([replace(TABLE, rows=(ROW, ROW))], CODE, TESTS)


def test_an_unknown_scope_is_found() -> None:
    assert any("scope" in line for line in faults([replace(TABLE, scope="partly")], CODE, TESTS))


def test_code_cites_by_strings_and_comments_but_not_by_prose(tmp_path: Path) -> None:
    source = tmp_path / "src" / "valetkey" / "grant.py"
    source.parent.mkdir(parents=True)
    source.write_text(
        '"""See RFC6749-1.1 for the whole."""\n'
        'refusal = ("text", "RFC6749-4.1.3/client-binding")\n'
        "header = 1  # RFC6749-5.1/no-store, OIDCC-2.\n"
    )
    assert sorted(cited_by_code(tmp_path)) == ["OIDCC-2", "RFC6749-4.1.3/client-binding", "RFC6749-5.1/no-store"]


def test_tests_cite_by_marks(tmp_path: Path) -> None:
    source = tmp_path / "tests" / "test_grant.py"
    source.parent.mkdir(parents=True)
    source.write_text(
        '@requirement("RFC6749-5.2")\ndef test_one(): "RFC6749-9"\n'
        '@pytest.mark.requirement("RFC7636-4.6", "RFC6749-5.2")\nasync def test_two(): ...\n'
        'CASES = [pytest.param(1, marks=requirement("OIDCC-2/nonce"))]\n'
    )
    assert cited_by_tests(tmp_path) == {
        "RFC6749-5.2": ("tests/test_grant.py::test_one", "tests/test_grant.py::test_two"),
        "RFC7636-4.6": ("tests/test_grant.py::test_two",),
        "OIDCC-2/nonce": ("tests/test_grant.py",),
    }


def test_the_page_shows_each_row_with_its_code_and_its_test() -> None:
    line = "| RFC6749-5.2 | MUST | It MUST answer. | `oauth/errors.py` | `unit/test_errors.py::test_it_answers` |"
    assert line in page([TABLE], CODE, TESTS)
