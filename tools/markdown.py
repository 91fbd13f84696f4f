"""Markdown as the generated pages write it."""

from __future__ import annotations

import ast
import inspect
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; a `|` in a cell does not end it, and a line break becomes a space."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(text) for text in line) + " |" for line in lines) + "\n"


def code(text: str) -> str:
    """Return `text` as code."""
    return f"`{text}`"


def codes(texts: Iterable[str]) -> str:
    """Return each of `texts` as code, separated by commas."""
    return ", ".join(code(text) for text in texts)


def first_clause(doc: str | None) -> str:
    """Return what a docstring's first sentence says before its colon, without the full stop."""
    sentence = " ".join((doc or "").split("\n\n")[0].split())
    return sentence.partition(": ")[0].removesuffix(".")


def member_docs(kind: type) -> dict[str, str]:
    """Return the sentence that stands under each member of a class, by the member's name; "" where none does."""
    body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    docs: dict[str, str] = {}
    latest = ""
    for node in body.body if isinstance(body, ast.ClassDef) else ():
        match node:
            case ast.Assign(targets=[ast.Name(latest)]) | ast.AnnAssign(target=ast.Name(latest)):
                docs[latest] = ""
            case ast.Expr(ast.Constant(str(sentence))) if latest:
                docs[latest] = " ".join(sentence.split())
    return docs


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
