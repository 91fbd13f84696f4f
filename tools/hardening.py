"""Joins the hardening table with the tests that say `# covers: ID`.

`python tools/hardening.py` writes docs/hardening.md; `--check` writes nothing and exits with 1 where a row has
neither a test nor a later capability that brings it, a test covers an unknown row, or the page is out of date.
"""

import argparse
import ast
import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TABLE = Path("requirements/hardening.toml")
PAGE = Path("docs/hardening.md")

ID = re.compile(r"\b[A-Z]{3}-\d\d\b")
_COVERS = re.compile(r"(?:#|//) covers: (?P<ids>[A-Z]{3}-\d\d(?:, [A-Z]{3}-\d\d)*)")

Covered = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Row:
    """One family of hostile input; `later` names the capability that brings it, "" where it is due now."""

    id: str
    area: str
    rule: str
    later: str


def rows(path: Path) -> tuple[Row, ...]:
    """Return the rows of the table in their order."""
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    return tuple(
        Row(id=row["id"], area=area["name"], rule=row["rule"], later=row.get("later", ""))
        for area in table["area"]
        for row in area["row"]
    )


def covered(root: Path) -> Covered:
    """Return, for each id, the tests under `root`/tests that cover it."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted((root / "tests").rglob("*")):
        if path.suffix in {".py", ".mjs", ".js"} and "node_modules" not in path.parts:
            file = path.relative_to(root).as_posix()
            for row, test in citations(path.read_text(encoding="utf-8"), python=path.suffix == ".py"):
                found[row].add(f"{file}::{test}" if test else file)
    return {row: tuple(sorted(places)) for row, places in found.items()}


def citations(source: str, *, python: bool) -> Iterator[tuple[str, str]]:
    """Every id that a comment of `source` cites, with the test it stands in or above ("" for the whole file)."""
    tests = list(_tests(ast.parse(source))) if python else []
    for number, line in enumerate(source.splitlines(), start=1):
        match = _COVERS.search(line)
        if match:
            owner = next((name for last, name in tests if number <= last), "")
            yield from ((row, owner) for row in match["ids"].split(", "))


def _tests(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Each test's last line and name, in the order of the file."""
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    for node in sorted(functions, key=lambda node: node.lineno):
        if node.name.startswith("test_"):
            yield node.end_lineno or node.lineno, node.name


def faults(known: Iterable[Row], cited: Covered) -> Iterator[str]:
    """Every reason for which the table and the tests do not agree."""
    seen: set[str] = set()
    for row in known:
        if not ID.fullmatch(row.id):
            yield f"{row.id}: not an id"
        if row.id in seen:
            yield f"{row.id}: stands in the table twice"
        seen.add(row.id)
        if row.id not in cited and not row.later:
            yield f"{row.id}: no test covers it ({row.rule})"
    for row_id, places in sorted(cited.items()):
        if row_id not in seen:
            yield f"{row_id}: the table does not know it ({places[0]})"


def page(known: Iterable[Row], cited: Covered) -> str:
    """Return docs/hardening.md: each row with the tests that show it or the capability that brings it."""
    known = tuple(known)
    shown = sum(row.id in cited for row in known)
    lines = [
        "# Hardening",
        "",
        "What is tried against Valetkey on purpose, and what must come of it. Written by `make docs` from",
        "`requirements/hardening.toml` and the tests that say `# covers:`; do not edit.",
        "",
        f"{shown} of {len(known)} rows are shown by a test; the others name the capability that brings them.",
    ]
    area = ""
    for row in known:
        if row.area != area:
            area = row.area
            lines += [
                "",
                f"## {area}",
                "",
                "| id | what is tried, what comes of it | shown by |",
                "| --- | --- | --- |",
            ]
        tests = "<br>".join(f"`{test.removeprefix('tests/')}`" for test in cited.get(row.id, ()))
        rest = f"comes with: {row.later}" if row.later else ""
        rule = row.rule.replace("|", "\\|").replace("<", "&lt;")
        lines.append(f"| {row.id} | {rule} | {'<br>'.join(filter(None, (tests, rest)))} |")
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    """Write the page, or say what is wrong; the exit code."""
    parser = argparse.ArgumentParser(description="Joins the hardening table with the tests.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 on any fault")
    parser.add_argument("--report", action="store_true", help="write nothing; list the faults")
    options = parser.parse_args(arguments)
    known, cited = rows(ROOT / TABLE), covered(ROOT)
    wrong = list(faults(known, cited))
    text = page(known, cited)
    written = ROOT / PAGE
    if not options.check and not options.report:
        written.parent.mkdir(exist_ok=True)
        written.write_text(text, encoding="utf-8")
    elif not written.exists() or written.read_text(encoding="utf-8") != text:
        wrong.append(f"{PAGE.as_posix()} is out of date: run `make docs`")
    print("\n".join(wrong) if wrong else "Every hardening row has a test or names what brings it.")
    return 1 if options.check and wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
