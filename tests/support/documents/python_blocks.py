"""Runs Python examples statement by statement, and compares what they say beside themselves.

`EXPRESSION  # -> TEXT` compares the value, `STATEMENT  # raises NAME` the class of the error. `await` may stand
anywhere. `...` in a text matches anything.
"""

from __future__ import annotations

import ast
import asyncio
import gc
import inspect
import io
import re
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Self

_VALUE: Final = re.compile(r"# -> (.*)$")
_RAISES: Final = re.compile(r"# raises (\w+)")


class ExampleFailed(Exception):
    """An example does not do what its page says."""


def matches(shown: str, got: str) -> bool:
    """Whether `got` is what is shown, where `...` stands for anything; blanks at the ends of lines do not count."""
    pattern = ".*".join(re.escape(part) for part in _trimmed(shown).split("..."))
    return re.fullmatch(pattern, _trimmed(got), re.DOTALL) is not None


def _trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines())


@dataclass(slots=True)
class PythonSession:
    """One namespace for all the Python of a page, and one event loop."""

    path: Path
    module: ModuleType = field(init=False)
    runner: asyncio.Runner = field(default_factory=asyncio.Runner)
    printed: str = ""

    def __post_init__(self) -> None:
        # A module of its own: dataclasses and annotations are looked up where a class says that it comes from.
        self.module = ModuleType("page_" + re.sub(r"\W", "_", self.path.stem))
        self.module.__file__ = str(self.path)

    def __enter__(self) -> Self:
        sys.modules[self.module.__name__] = self.module
        return self

    def __exit__(self, *_: object) -> None:
        del sys.modules[self.module.__name__]
        # What a page leaves open is seen now, and not by whichever page comes next.
        self.module.__dict__.clear()
        self.runner.close()
        gc.collect()

    def run(self, source: str, line: int) -> None:
        """Run one block whose first line stands on `line` of the page."""
        lines = source.splitlines()
        printed = io.StringIO()
        try:
            body = ast.parse(source).body
        except SyntaxError as error:
            raise ExampleFailed(f"{self.path}:{line + (error.lineno or 1) - 1}: {error.msg}") from error
        with redirect_stdout(printed):
            for statement in body:
                comment = lines[(statement.end_lineno or 1) - 1]
                ast.increment_lineno(statement, line - 1)
                self._statement(statement, comment)
        self.printed = printed.getvalue()

    def _statement(self, statement: ast.stmt, comment: str) -> None:
        where = f"{self.path}:{statement.lineno}"
        raises, value = _RAISES.search(comment), _VALUE.search(comment)
        try:
            result = self._result(statement)
        except Exception as error:
            if raises is not None and raises[1] in {cls.__name__ for cls in type(error).__mro__}:
                return
            raise ExampleFailed(f"{where}: {type(error).__name__}: {error}") from error
        if raises is not None:
            raise ExampleFailed(f"{where}: it does not raise {raises[1]}")
        if value is None:
            return
        if not isinstance(statement, ast.Expr):
            raise ExampleFailed(f"{where}: only the value of an expression can be shown by # ->")
        if not any(matches(value[1].strip(), got) for got in (repr(result), str(result))):
            raise ExampleFailed(f"{where}: shown is {value[1].strip()}, and it is {result!r}")

    def _result(self, statement: ast.stmt) -> Any:
        is_expression = isinstance(statement, ast.Expr)
        tree = ast.Expression(statement.value) if isinstance(statement, ast.Expr) else ast.Module([statement], [])
        code = compile(
            tree,
            str(self.path),
            "eval" if is_expression else "exec",
            flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
            dont_inherit=True,
        )
        result = eval(code, self.module.__dict__)  # noqa: S307 - examples are there to be run
        is_awaiting = bool(code.co_flags & inspect.CO_COROUTINE)
        return self.runner.run(result) if is_awaiting else result
