"""Joins the requirement tables with the code and the tests that name their rows.

`python tools/requirements.py` writes docs/conformance.md; `--check` writes nothing and exits with 1 where a MUST
in scope has no code or no test, an id stands in no table, an exception has no reason, or the page is out of date;
`--report` only lists what `--check` would complain of.
"""

import argparse
import ast
import io
import re
import sys
import tokenize
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = Path("docs/conformance.md")

LEVELS = ("MUST", "MUST NOT", "REQUIRED", "SHALL", "SHALL NOT", "SHOULD", "SHOULD NOT", "RECOMMENDED", "MAY")
BINDING = frozenset(LEVELS[:5])
ROLES = frozenset({"authorization-server", "resource-server", "client", "jose"})
WAYS = {"enforced": False, "by-construction": True, "not-applicable": True, "excepted": True}
"""How a row is met, and whether that wants a reason instead of code and a test."""
SCOPES = {
    "attackable": "the MUSTs that a remote party can observe",
    "complete": "every normative sentence",
}

_SPEC = (
    r"(?:RFC\d{4,5}|OIDC[A-Z]*|OAUTH(?:21|MRT|FP)|PAR|JARM|JAR|DPOP|RAR|CIBA|FAPI2-[SM][PS]-FINAL|FAPI1-ADV"
    r"|OIDSSF|OIDCAEP|TSL|CIMD)"
)
ID = re.compile(rf"\b{_SPEC}-[0-9A-Z]+(?:\.[0-9A-Za-z]+)*(?:/[a-z0-9-]+)?(?![\w/-])")

Citations = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Row:
    """One normative sentence."""

    id: str
    level: str
    role: str
    quote: str
    how: str
    reason: str

    @property
    def wants_proof(self) -> bool:
        """Whether code and a test must name it."""
        return self.level in BINDING and self.how == "enforced"


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of one specification."""

    spec: str
    title: str
    url: str
    scope: str
    rows: tuple[Row, ...]


def tables(folder: Path) -> tuple[Table, ...]:
    """Return the tables of `folder`; a file without `spec` is not a requirement table."""
    files = (tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.toml")))
    return tuple(_table(file) for file in files if "spec" in file)


def _table(file: dict[str, object]) -> Table:
    rows = file.get("requirement", [])
    assert isinstance(rows, list)  # noqa: S101 - a table of the repository, written by hand
    return Table(
        spec=str(file["spec"]),
        title=str(file.get("title", "")),
        url=str(file.get("url", "")),
        scope=str(file.get("scope", "")),
        rows=tuple(
            Row(
                id=str(row["id"]),
                level=str(row.get("level", "MUST")),
                role=str(row.get("role", "")),
                quote=" ".join(str(row.get("quote", "")).split()),
                how=str(row.get("how", "enforced")),
                reason=str(row.get("reason", "")),
            )
            for row in rows
        ),
    )


def cited_by_code(root: Path) -> Citations:
    """Return, for each id, the files under `root`/src that name it in a string or a comment."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted((root / "src").rglob("*.py")):
        for requirement in _ids_in_code(path.read_text(encoding="utf-8")):
            found[requirement].add(path.relative_to(root).as_posix())
    return _sorted(found)


def _ids_in_code(source: str) -> Iterator[str]:
    # Most files name none, and walking their trees is what takes long.
    if not ID.search(source):
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and ID.fullmatch(node.value):
            yield node.value
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield from ID.findall(token.string)


def cited_by_tests(root: Path) -> Citations:
    """Return, for each id, the tests under `root`/tests that bear it as a mark."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted((root / "tests").rglob("*.py")):
        file = path.relative_to(root).as_posix()
        source = path.read_text(encoding="utf-8")
        # Most files bear none, and walking their trees is what takes long.
        for requirement, test in _marks(ast.parse(source)) if "requirement(" in source else ():
            found[requirement].add(f"{file}::{test}" if test else file)
    return _sorted(found)


def _marks(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Every id in a call of `requirement(...)`, with the test that bears the mark ("" for a whole file)."""
    owners: dict[ast.AST, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for decorator in node.decorator_list:
                owners.update(dict.fromkeys(ast.walk(decorator), node.name))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "requirement":
            for argument in node.args:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield argument.value, owners.get(node, "")


def _sorted(found: Mapping[str, set[str]]) -> Citations:
    return {requirement: tuple(sorted(places)) for requirement, places in found.items()}


def faults(known: Iterable[Table], code: Citations, tests: Citations) -> Iterator[str]:
    """Every reason for which the tables, the code and the tests do not agree."""
    seen: set[str] = set()
    for table in known:
        if table.scope not in SCOPES:
            yield f"{table.spec}: scope {table.scope!r} is none of {', '.join(SCOPES)}"
        for row in table.rows:
            yield from _row_faults(table, row)
            if row.id in seen:
                yield f"{row.id}: stands in the tables twice"
            seen.add(row.id)
            if row.wants_proof and row.id not in code:
                yield f"{row.id}: no code names it"
            if row.wants_proof and row.id not in tests:
                yield f"{row.id}: no test names it"
    for requirement, places in sorted([*code.items(), *tests.items()]):
        if requirement not in seen:
            yield f"{requirement}: no table knows it ({places[0]})"


def _row_faults(table: Table, row: Row) -> Iterator[str]:
    if not row.id.startswith(f"{table.spec}-") or not ID.fullmatch(row.id):
        yield f"{row.id}: not an id of {table.spec}"
    if row.level not in LEVELS:
        yield f"{row.id}: level {row.level!r} is none of RFC 2119's"
    if row.role not in ROLES:
        yield f"{row.id}: role {row.role!r} is none of {', '.join(sorted(ROLES))}"
    if not row.quote:
        yield f"{row.id}: no quote"
    if row.how not in WAYS:
        yield f"{row.id}: how = {row.how!r} is none of {', '.join(WAYS)}"
    elif WAYS[row.how] and not row.reason:
        yield f"{row.id}: {row.how} without a reason"


def page(known: Iterable[Table], code: Citations, tests: Citations) -> str:
    """Return docs/conformance.md: each row with the files that enforce it and the tests that show it."""
    known = tuple(known)
    lines = [
        "# Conformance",
        "",
        "Written by `make docs` from `requirements/`, the code and the tests; do not edit.",
        "",
        "| specification | scope | rows | enforced and tested |",
        "| --- | --- | ---: | ---: |",
    ]
    for table in known:
        shown = sum(row.id in code and row.id in tests for row in table.rows)
        scope = SCOPES.get(table.scope, table.scope)
        lines.append(f"| [{table.title}](#{table.spec.lower()}) | {scope} | {len(table.rows)} | {shown} |")
    for table in known:
        lines += ["", f"## {table.spec}", "", f"[{table.title}]({table.url})", ""]
        lines += ["| id | level | what it asks | how | tests |", "| --- | --- | --- | --- | --- |"]
        lines += [_line(row, code.get(row.id, ()), tests.get(row.id, ())) for row in table.rows]
    return "\n".join(lines) + "\n"


def _line(row: Row, code: tuple[str, ...], tests: tuple[str, ...]) -> str:
    how = "<br>".join(f"`{file.removeprefix('src/valetkey/')}`" for file in code)
    if row.how != "enforced":
        how = f"{row.how}: {row.reason}"
    shown = "<br>".join(f"`{test.removeprefix('tests/')}`" for test in tests)
    quote = row.quote.replace("|", "\\|").replace("<", "&lt;")
    return f"| {row.id} | {row.level} | {quote} | {how} | {shown} |"


def main(arguments: list[str]) -> int:
    """Write the page, or say what is wrong; the exit code."""
    parser = argparse.ArgumentParser(description="Joins requirement tables, code and tests.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 on any fault")
    parser.add_argument("--report", action="store_true", help="write nothing; list the faults")
    options = parser.parse_args(arguments)
    known, code, tests = tables(ROOT / "requirements"), cited_by_code(ROOT), cited_by_tests(ROOT)
    wrong = list(faults(known, code, tests))
    text = page(known, code, tests)
    written = ROOT / PAGE
    if not options.check and not options.report:
        written.parent.mkdir(exist_ok=True)
        written.write_text(text, encoding="utf-8")
    elif not written.exists() or written.read_text(encoding="utf-8") != text:
        wrong.append(f"{PAGE.as_posix()} is out of date: run `make docs`")
    print("\n".join(wrong) if wrong else "Every requirement in scope has its code and its test.")
    return 1 if options.check and wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
