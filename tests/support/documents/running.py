"""Runs a page from top to bottom: its Python in one namespace, its console in one shell, in one new folder."""

from __future__ import annotations

import json
import textwrap
import tomllib
from contextlib import ExitStack, chdir
from pathlib import Path
from typing import TYPE_CHECKING, Final

from support.documents.console_blocks import Shell, run_block
from support.documents.markdown import Block, Cell, Page
from support.documents.python_blocks import ExampleFailed, PythonSession, matches
from support.documents.stages import STAGES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.documents.stages import Stage

ROOT: Final = Path(__file__).parents[3]
RUN: Final = frozenset({"python", "console"})
READ: Final = {"json": json.loads, "toml": tomllib.loads}
SHOWN: Final = frozenset(
    {"text", "mermaid", "nginx", "ini", "html", "http", "yaml", "sh", "diff", "javascript", "sql", "pyi"}
)
"""Languages that are only looked at. Everything else is no language that the runner knows."""


def faults_of(page: Page, folder: Path) -> Iterator[str]:
    """What a page shows and does not do; ends with the first example that fails, because others build on it."""
    yield from (f"{page.path}: {fault}" for fault in page.faults)
    unknown = [block for block in page.blocks if block.language not in RUN | set(READ) | SHOWN]
    yield from (f"{page.path}:{block.line}: unknown language {block.language!r}" for block in unknown)
    try:
        run_page(page, folder)
    except ExampleFailed as failure:
        yield str(failure)


def run_page(page: Page, folder: Path) -> None:
    """Run the examples of a page in `folder`; raises ExampleFailed for the first that does not do what it shows."""
    work, tools = folder / "work", folder / "tools"
    work.mkdir(parents=True)
    with ExitStack() as stack:
        stack.enter_context(chdir(work))
        stages = [_stage(stack, page, name, work) for name in page.stages]
        python = stack.enter_context(PythonSession(page.path))
        environment: dict[str, str] = {}
        for stage in stages:
            python.module.__dict__.update(stage.names)
            environment |= stage.environment
        surroundings = _Surroundings(page, work, tools, python, environment, stack)
        for part in page.parts:
            surroundings.run(part, {old: new for stage in stages for old, new in stage.substitutions.items()})


def _stage(stack: ExitStack, page: Page, name: str, work: Path) -> Stage:
    if name not in STAGES:
        raise ExampleFailed(f"{page.path}: there is no stage {name!r}")
    return stack.enter_context(STAGES[name](work))


class _Surroundings:
    def __init__(  # noqa: PLR0917 - what one page runs in
        self,
        page: Page,
        work: Path,
        tools: Path,
        python: PythonSession,
        environment: dict[str, str],
        stack: ExitStack,
    ) -> None:
        self._page, self._work, self._tools, self._python = page, work, tools, python
        self._environment, self._stack = environment, stack
        self._shell: Shell | None = None

    def run(self, part: Block | Cell, substitutions: dict[str, str]) -> None:
        where = f"{self._page.path}:{part.line}"
        source = part.source
        for old, new in substitutions.items():
            source = source.replace(old, new)
        if isinstance(part, Cell):
            self._python.run(source, part.line)
            return
        quoted, name = part.directive("lines of"), part.directive("file")
        if quoted is not None:
            require_lines_of(ROOT / quoted, part.source, where)
        elif name is not None:
            (self._work / name).parent.mkdir(parents=True, exist_ok=True)
            (self._work / name).write_text(source, "utf-8")
        elif part.directive("output") is not None:
            if not matches(source, self._python.printed):
                raise ExampleFailed(f"{where}: shown:\n{source}\nprinted:\n{self._python.printed}")
        elif part.directive("not run") is None:
            self._run(part.language, source, part.line)

    def _run(self, language: str, source: str, line: int) -> None:
        if language == "python":
            self._python.run(source, line)
        elif language == "console":
            if self._shell is None:
                self._shell = Shell(self._work, self._tools, self._environment)
                self._stack.callback(self._shell.close)
            run_block(self._shell, self._page.path, source, line)
        elif language in READ:
            try:
                READ[language](source)
            except ValueError as error:
                raise ExampleFailed(f"{self._page.path}:{line}: no {language}: {error}") from error


def require_lines_of(file: Path, source: str, where: str) -> None:
    """Return, or raise ExampleFailed for the first paragraph of `source` that does not stand in `file`."""
    if not file.is_file():
        raise ExampleFailed(f"{where}: there is no file {file.name}")
    lines = file.read_text("utf-8").splitlines()
    for paragraph in source.strip("\n").split("\n\n"):
        wanted = textwrap.dedent(paragraph).strip("\n").splitlines()
        starts = range(len(lines) - len(wanted) + 1)
        if not any(_dedented(lines[start : start + len(wanted)]) == wanted for start in starts):
            raise ExampleFailed(f"{where}: these are no lines of {file.name}:\n{paragraph}")


def _dedented(lines: list[str]) -> list[str]:
    return textwrap.dedent("\n".join(lines)).splitlines()


def broken_links(page: Page, anchors: dict[Path, frozenset[str]]) -> Iterator[str]:
    """The links of a page that lead nowhere in the repository; `anchors` holds those of every page."""
    for target, line in page.links:
        if "://" in target or target.startswith("mailto:"):
            continue
        name, _, fragment = target.partition("#")
        file = (page.path.parent / name).resolve() if name else page.path
        if not file.exists():
            yield f"{page.path}:{line}: {target} leads nowhere"
        elif fragment and file in anchors and fragment not in anchors[file]:
            yield f"{page.path}:{line}: {file.name} has no heading #{fragment}"
