"""Every MUST in scope has its code and its test, every hardening row its test, and the pages say so."""

from tools import hardening, requirements


def test_requirement_tables_code_and_tests_agree() -> None:
    known = requirements.tables(requirements.ROOT / "requirements")
    code, tests = requirements.cited_by_code(requirements.ROOT), requirements.cited_by_tests(requirements.ROOT)
    assert list(requirements.faults(known, code, tests)) == []
    assert (requirements.ROOT / requirements.PAGE).read_text(encoding="utf-8") == requirements.page(
        known, code, tests
    )


def test_every_hardening_row_has_a_test_or_names_what_brings_it() -> None:
    known, cited = hardening.rows(hardening.ROOT / hardening.TABLE), hardening.covered(hardening.ROOT)
    assert list(hardening.faults(known, cited)) == []
    assert (hardening.ROOT / hardening.PAGE).read_text(encoding="utf-8") == hardening.page(known, cited)
