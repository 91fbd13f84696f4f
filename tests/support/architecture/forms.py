"""The shape of what stands in a file: frozen values, a module docstring, no star import."""

import ast
from collections.abc import Iterable, Iterator

from support.architecture.modules import Module, imports_of


def loose_dataclasses(modules: Iterable[Module]) -> Iterator[str]:
    """Every dataclass that can be changed after it was made, or that carries a `__dict__`."""
    for module in modules:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef):
                for decorator in node.decorator_list:
                    missing = _missing(decorator)
                    if missing:
                        yield f"{module.name}:{node.lineno}: {node.name} wants {', '.join(missing)}"


def _missing(decorator: ast.expr) -> list[str]:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    if ast.unparse(called) not in {"dataclass", "dataclasses.dataclass"}:
        return []
    keywords = decorator.keywords if isinstance(decorator, ast.Call) else []
    given = {keyword.arg for keyword in keywords if ast.unparse(keyword.value) == "True"}
    return [f"{name}=True" for name in ("frozen", "slots") if name not in given]


def undescribed(modules: Iterable[Module]) -> Iterator[str]:
    """Every module that does not say what it is for."""
    return (f"{module.name}: no docstring" for module in modules if not ast.get_docstring(module.tree))


def star_imports(modules: Iterable[Module]) -> Iterator[str]:
    """Every `from x import *`: it hides where a name comes from."""
    for module in modules:
        for imported in imports_of(module):
            if "*" in imported.names:
                yield f"{module.name}:{imported.line}: from {imported.module} import *"
