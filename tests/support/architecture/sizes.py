"""How large a file, a function, a class and a list of parameters may grow before it wants a wall."""

import ast
from collections.abc import Iterable, Iterator

from support.architecture.modules import Module

FILE_LINES = 400
FUNCTION_LINES = 50
CLASS_METHODS = 12
PORT_METHODS = 6
PARAMETERS = 6

_Function = ast.FunctionDef | ast.AsyncFunctionDef


def oversized(modules: Iterable[Module]) -> Iterator[str]:
    """Everything that has outgrown its limit."""
    for module in modules:
        lines = len(module.source.splitlines())
        if lines > FILE_LINES:
            yield f"{module.name}: {lines} lines, {FILE_LINES} at most"
        for node in ast.walk(module.tree):
            yield from (f"{module.name}:{fault}" for fault in _faults(node))


def _faults(node: ast.AST) -> Iterator[str]:
    if isinstance(node, _Function):
        lines = (node.end_lineno or node.lineno) - node.lineno + 1
        if lines > FUNCTION_LINES:
            yield f"{node.lineno}: {node.name} has {lines} lines, {FUNCTION_LINES} at most"
        count = len(_parameters(node))
        if count > PARAMETERS:
            yield f"{node.lineno}: {node.name} has {count} parameters, {PARAMETERS} at most"
    if isinstance(node, ast.ClassDef):
        methods = sum(isinstance(member, _Function) and not _is_property(member) for member in node.body)
        limit = PORT_METHODS if _is_protocol(node) else CLASS_METHODS
        if methods > limit:
            yield f"{node.lineno}: {node.name} has {methods} methods, {limit} at most"


def _parameters(function: _Function) -> list[str]:
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    named += [extra for extra in (arguments.vararg, arguments.kwarg) if extra]
    return [argument.arg for argument in named if argument.arg not in {"self", "cls"}]


def _is_protocol(node: ast.ClassDef) -> bool:
    return any(ast.unparse(parent).partition("[")[0] in {"Protocol", "typing.Protocol"} for parent in node.bases)


def _is_property(function: _Function) -> bool:
    return any(ast.unparse(decorator) == "property" for decorator in function.decorator_list)
