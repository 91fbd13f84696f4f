"""Below the adapters' floor nothing reads the clock, draws a random value, or touches the world."""

import ast
import sys
from collections.abc import Iterable, Iterator
from types import MappingProxyType

from support.architecture.arrows import FLOORS
from support.architecture.modules import HOUSE, Import, Module, imports_of

# An allow-list: a module that is not named here has to argue for its purity first.
PURE = frozenset({
    "__future__", "abc", "base64", "binascii", "bisect", "collections", "collections.abc", "contextlib", "copy",
    "dataclasses", "decimal", "difflib", "enum", "fractions", "functools", "hashlib", "heapq", "hmac", "html",
    "ipaddress", "itertools", "json", "keyword", "math", "numbers", "operator", "re", "string", "struct",
    "textwrap", "types", "typing", "unicodedata", "urllib.parse", "weakref", "zlib",
    "cryptography", "msgspec",
})  # fmt: skip
PURE_NAMES = frozenset({("http", "HTTPStatus")})
WORLDLY_BUILTINS = frozenset({"open", "print", "input", "eval", "exec", "compile", "__import__", "breakpoint"})

# The thin shells and doors that people use without our server; each row is the whole of what it may touch.
SHELLS = MappingProxyType(
    {
        "valetkey.jose.entropy": frozenset({"os", "secrets"}),
        "valetkey.jose.clock": frozenset({"time"}),
        # Finds the module of a class by its name.
        "valetkey.jose.records": frozenset({"sys"}),
        # Turns the seconds that it is given into what the library of certificates wants; reads no clock.
        "valetkey.jose.certificates": frozenset({"datetime"}),
        "valetkey.resource_server.feed_following": frozenset({"asyncio", "httpx2"}),
        "valetkey.resource_server.signal_following": frozenset({"asyncio", "httpx2"}),
        "valetkey.resource_server.introspecting": frozenset({"asyncio", "httpx2"}),
        "valetkey.resource_server.status_following": frozenset({"asyncio"}),
        # A transport may be handed through; none is made.
        "valetkey.resource_server.building": frozenset({"httpx2"}),
        "valetkey.resource_server.used_tokens": frozenset({"threading"}),
        "valetkey.resource_server.memory_limiter": frozenset({"threading"}),
        "valetkey.jose.fetching": frozenset({"asyncio", "httpx2", "threading"}),
        # Load their rooms when they are first asked for.
        "valetkey.client": frozenset({"importlib"}),
        "valetkey.jose": frozenset({"importlib"}),
        "valetkey.resource_server": frozenset({"importlib"}),
        "valetkey.client.connection": frozenset({"httpx2", "ssl", "threading", "time"}),
        "valetkey.client.async_connection": frozenset({"asyncio", "httpx2", "ssl"}),
        "valetkey.client.shared_tokens": frozenset({"concurrent", "threading"}),
        "valetkey.client.async_shared_tokens": frozenset({"asyncio"}),
        "valetkey.client.async_sources": frozenset({"asyncio"}),
        "valetkey.client.httpx_auth": frozenset({"httpx2"}),
        "valetkey.client.memory_store": frozenset({"threading"}),
        "valetkey.client.file_store": frozenset({"fcntl", "os", "pathlib"}),
        "valetkey.client.async_loopback": frozenset({"asyncio", "webbrowser"}),
        "valetkey.client.loopback": frozenset({"http", "queue", "threading", "webbrowser"}),
    }
)

# Compiles methods from the names of a class's own fields, as `dataclasses` does; nothing else runs text as code.
COMPILING = MappingProxyType({"valetkey.jose.records": frozenset({"exec"})})


def worldly_imports(modules: Iterable[Module]) -> Iterator[str]:
    """Every import below the adapters' floor that is neither pure nor a named shell's own."""
    for module in _below(modules):
        allowed = SHELLS.get(module.name, frozenset())
        for imported in imports_of(module):
            for name in _outside(imported):
                if name.split(".")[0] not in allowed:
                    yield f"{module.name}:{imported.line}: imports {name}, which is not pure"


def worldly_calls(modules: Iterable[Module]) -> Iterator[str]:
    """Every use, below the adapters' floor, of a builtin that reads or writes the world or runs text as code."""
    for module in _below(modules):
        forbidden = WORLDLY_BUILTINS - COMPILING.get(module.name, frozenset())
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Name) and node.id in forbidden:
                yield f"{module.name}:{node.lineno}: uses {node.id}()"


def _below(modules: Iterable[Module]) -> Iterator[Module]:
    return (module for module in modules if FLOORS.get(module.room, 0) < FLOORS["adapters"])


def _outside(imported: Import) -> Iterator[str]:
    """The names of what is imported from outside the house and not known to be pure."""
    module = imported.module
    if module.split(".")[0] == HOUSE or _is_pure(module):
        return
    for name in imported.names or ("",):
        if (module, name) not in PURE_NAMES and not _is_pure(f"{module}.{name}"):
            yield f"{module}.{name}" if name else module


def _is_pure(name: str) -> bool:
    if name in PURE:
        return True
    top = name.partition(".")[0]
    return top in PURE and top not in sys.stdlib_module_names
