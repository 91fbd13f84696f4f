"""Words that say nothing, and words for which the field has a better one, name nothing in this house."""

import ast
import re
from collections.abc import Iterable, Iterator
from types import MappingProxyType

from support.architecture.modules import Module

BANNED = frozenset({
    "handle", "handles", "handler", "handlers", "process", "processes", "processor", "validate", "validator",
    "validation", "manager", "managers", "helper", "helpers", "util", "utils", "utility", "utilities",
    "common", "misc", "base", "abstract", "mixin", "data", "info", "ctx", "fingerprint", "idp", "keystore",
    "uid",
})  # fmt: skip
# UserInfo is OpenID Connect's word, and what a browser's cookie holds is a handle: the noun, never the verb.
EXEMPT_WORDS = re.compile(r"user_?info|UserInfo|(?<=[a-z])_handle\b|(?<=[a-z])Handle\b", re.ASCII)

# Names that a specification, a framework or the design chose, with whose word it is.
CHOSEN = MappingProxyType({
    ("valetkey.adapters.serving.protocol", "data_received"): "asyncio.Protocol calls it",
    ("valetkey.adapters.serving.server", "handle_exit"): "uvicorn.Server calls it",
    ("valetkey.cli.demo_refresh", "handle_request"): "httpx2.Client calls it",
})  # fmt: skip

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+")


def banned_names(modules: Iterable[Module]) -> Iterator[str]:
    """Every module, class or public function whose name holds a banned word."""
    for module in modules:
        last = module.name.rpartition(".")[2]
        for name, line, is_question in [(last, 1, False), *_named(module.tree)]:
            if (module.name, name) in CHOSEN:
                continue
            found = _words(name) & BANNED
            if "check" in _words(name) and not is_question:
                found |= {"check"}
            yield from (f"{module.name}:{line}: {name} holds the word {word!r}" for word in sorted(found))


def _named(tree: ast.Module) -> Iterator[tuple[str, int, bool]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield node.name, node.lineno, False
        elif isinstance(node, _Function) and not node.name.startswith("_"):
            returns = ast.unparse(node.returns) if node.returns else ""
            yield node.name, node.lineno, returns == "bool" or returns.startswith(("TypeGuard", "TypeIs"))


def _words(name: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(EXEMPT_WORDS.sub("", name))}
