"""The source as the architecture rules see it: parsed modules and what each imports."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
HOUSE = "valetkey"


def room_of(name: str) -> str:
    """Return the first name below the package: "jose", "settings", ...; "" for the package itself."""
    return name.removeprefix(HOUSE).removeprefix(".").partition(".")[0]


@dataclass(frozen=True, slots=True)
class Module:
    """One file: its dotted name, whether it is a package's `__init__`, its text and its syntax tree."""

    name: str
    is_package: bool
    source: str
    tree: ast.Module

    @property
    def room(self) -> str:
        """The room that the module stands in."""
        return room_of(self.name)


@dataclass(frozen=True, slots=True)
class Import:
    """`module` as far as it can be told to be a module; `names` are what is taken from it."""

    module: str
    names: tuple[str, ...]
    line: int


def parsed(name: str, source: str, *, package: bool = False) -> Module:
    """Return a module from its text, for the rules' own tests too."""
    return Module(name, package, source, ast.parse(source, filename=name))


def modules_of(folder: Path, prefix: str = "") -> tuple[Module, ...]:
    """Return every Python file under `folder`, named from it."""
    return tuple(_read(path, folder, prefix) for path in sorted(folder.rglob("*.py")))


@cache
def house() -> tuple[Module, ...]:
    """Return every module of the package itself, parsed once."""
    return modules_of(ROOT / "src")


def _read(path: Path, folder: Path, prefix: str) -> Module:
    parts = path.relative_to(folder).with_suffix("").parts
    package = parts[-1] == "__init__"
    name = prefix + ".".join(parts[:-1] if package else parts)
    return parsed(name, path.read_text(encoding="utf-8"), package=package)


def imports_of(module: Module) -> Iterator[Import]:
    """Every import statement, wherever it stands: lazy and type-only ones bind a room just as well."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, (), node.lineno)
        elif isinstance(node, ast.ImportFrom):
            yield Import(_origin(module, node), tuple(alias.name for alias in node.names), node.lineno)


def _origin(module: Module, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    parts = module.name.split(".")
    depth = node.level - 1 if module.is_package else node.level
    return ".".join([*parts[: len(parts) - depth], *([node.module] if node.module else [])])


def targets_of(module: Module, known: frozenset[str]) -> Iterator[tuple[str, int]]:
    """Every module of the house that `module` imports, with the line; `from a import b` may name module `a.b`."""
    for imported in imports_of(module):
        if imported.module != HOUSE and not imported.module.startswith(HOUSE + "."):
            continue
        submodules = [
            f"{imported.module}.{name}" for name in imported.names if f"{imported.module}.{name}" in known
        ]
        for target in submodules:
            yield target, imported.line
        if len(submodules) < len(imported.names) or not imported.names:
            yield imported.module, imported.line
