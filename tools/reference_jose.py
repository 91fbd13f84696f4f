"""docs/reference/jose.md, from the docstrings of valetkey.jose and the tables that it reads itself."""

from __future__ import annotations

import ast
import inspect
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Final, TypeAlias

from tools.markdown import code, codes, table

from valetkey.jose import errors, token_kinds
from valetkey.jose.algorithms import CONTENT_ENCRYPTIONS, KEY_MANAGEMENT_ALGORITHMS, SIGNATURE_ALGORITHMS
from valetkey.jose.lints import LINTS, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeGuard

    from valetkey.jose.algorithms import KeyManagementAlgorithm, SignatureAlgorithm

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
Definition: TypeAlias = ast.ClassDef | Function

HEAD: Final = """\
# JWT toolkit

<!-- Written by tools/reference_jose.py from the docstrings: change them there. -->

`valetkey.jose` stands alone: it imports nothing of the server. What most programs need is in the package itself,
the rest in the modules named here. Every failure is a `JoseError` with a stable `code`.

```python
from valetkey.jose import AsyncRemoteJwkSet, Decrypter, Jwk, JwkSet, SyncRemoteJwkSet, Verifier, jwe, jws, jwt
```
"""

SECTIONS: Final = {
    "JWT": ("jwt", "verified_tokens", "dpop_proof"),
    "Keys": ("jwk", "jwk_set", "key_files", "certificates"),
    "Keys of a URL": ("fetching", "remote"),
    "JWS": ("jws", "jws_json"),
    "JWE": ("jwe", "jwe_json"),
    "Looking without believing": ("lints", "dissection"),
}
"""The modules that are told, by heading."""

KINDS: Final = """\
`None` stands for a header without `typ`. A kind has further rules about its claims; a token with a claim that marks
another kind is refused.

"""
ML_DSA: Final = (
    "ML-DSA needs a `cryptography` that has it, or `AlgorithmUnavailable` is raised. `none` cannot be said."
)
RSA1_5: Final = """\
`RSA1_5` only decrypts, and only where it is allowed as `insecure_RSA1_5`. A key for direct encryption names `dir`,
or the one `enc` that it is the key of."""
WIDEST: Final = 100

SHARED: Final = frozenset({
    "jwt.opened_jwt", "verified_tokens.require_size",
    "jwk.signer_of", "jwk.encryption_of", "jwk.refuse_private", "jwk_set.UnboundJwk",
    "jws.ProtectedHeader", "jws.CompactJws", "jws.parse_header", "jws.sound_header", "jws.normal_typ",
    "jws.parse_compact", "jws.split_compact", "jws.may_be_shared", "jws.verify_with", "jws.own_header",
    "jws.payload_of", "jws.require_limits",
    "jwe.SealedContent", "jwe.deflated", "jwe.content_encryption", "jwe.wrapped_for", "jwe.recipient_header",
    "remote.Need", "remote.FetchRequest", "remote.FetchAnswer",
})  # fmt: skip
"""What modules of the toolkit share with each other, and no page promises."""

INTERNAL: Final = frozenset({
    "akp", "algorithms", "claim_lints", "clock", "content_encryption", "encoding", "entropy", "errors",
    "key_agreement", "key_management", "key_material", "key_parsing", "key_types", "lint_texts", "records",
    "signatures", "token_kinds", "weak_keys",
})  # fmt: skip
"""Modules that have no section of their own."""

LIMITS: Final = (
    *(
        "jwt",
        "verified_tokens",
        "jws",
        "jws_json",
        "jwk",
        "jwk_set",
        "remote",
        "certificates",
        "encoding",
        "key_management",
    ),
    "key_types",
)
_LIMIT_WORDS: Final = ("MAXIMUM", "MINIMUM", "LONGEST", "SHORTEST", "DEADLINE", "STALE", "UNKNOWN_KID")


def page() -> str:
    """Return the page."""
    parts = [HEAD]
    for title, modules in SECTIONS.items():
        parts.append(f"## {title}\n")
        for module in modules:
            parts.extend(_module(module))
    parts += ["## Errors\n", _errors(), "## Kinds of tokens\n", _kinds(), "## Algorithms\n", _algorithms()]
    parts += ["## Limits\n", _limits(), "## Lints\n", _lints()]
    return "\n".join(parts)


# --- docstrings --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Told:
    """A public function or class as its source says it."""

    name: str
    signature: str
    doc: str
    methods: tuple[Told, ...] = ()


def _module(name: str) -> Iterator[str]:
    for told in public_names(name):
        if f"{name}.{told.name}" not in SHARED:
            yield from section(name, told)


def section(name: str, told: Told) -> Iterator[str]:
    """Write what a module called `name` tells of one of its names."""
    yield f"### {code(f'{name}.{told.name}')}\n\n```pyi\n{wrapped(told.signature)}\n```\n\n{told.doc}\n"
    if told.methods:
        rows = [(code(method.signature), method.doc) for method in told.methods]
        yield table(("method", "promise"), rows)


def wrapped(signature: str) -> str:
    """Return a signature with a parameter a line, where it is too long for one."""
    start, end = signature.find("("), signature.rfind(")")
    if len(signature) <= WIDEST or start < 0:
        return signature
    parameters, depth, place = [], 0, start + 1
    for position in range(start + 1, end):
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(signature[position], 0)
        if depth == 0 and signature.startswith(", ", position):
            parameters.append(signature[place:position])
            place = position + 2
    parameters.append(signature[place:end])
    return signature[: start + 1] + "".join(f"\n    {one}," for one in parameters) + "\n" + signature[end:]


def public_names(name: str, package: str = "valetkey.jose") -> list[Told]:
    """Return what a module of the toolkit, or of another package, defines and does not keep to itself."""
    tree = ast.parse(inspect.getsource(import_module(f"{package}.{name}")))
    return [_told(node) for node in tree.body if _is_definition(node) and not node.name.startswith("_")]


def _is_definition(node: ast.stmt) -> TypeGuard[Definition]:
    return isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)


def _told(node: Definition) -> Told:
    doc = " ".join((ast.get_docstring(node) or "").split())
    if not doc:
        raise ValueError(f"{node.name} says nothing")
    if not isinstance(node, ast.ClassDef):
        return Told(node.name, _call(node.name, node), doc)
    methods = tuple(
        Told(member.name, _method(member), " ".join((ast.get_docstring(member) or "").split()))
        for member in node.body
        if isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef) and not member.name.startswith("_")
    )
    return Told(node.name, f"class {node.name}{_fields(node)}", doc, methods)


def _call(name: str, node: Function) -> str:
    arguments = node.args
    first = [*arguments.posonlyargs, *arguments.args][:1]
    if first and first[0].arg in {"self", "cls"}:
        arguments = ast.parse(f"def f({ast.unparse(node.args)}): ...").body[0].args  # type: ignore[attr-defined]
        arguments.args = arguments.args[1:]
    returns = f" -> {ast.unparse(node.returns)}" if node.returns is not None else ""
    prefix = "async " if isinstance(node, ast.AsyncFunctionDef) else ""
    return f"{prefix}{name}({ast.unparse(arguments)}){returns}"


def _method(node: Function) -> str:
    marks = {ast.unparse(mark) for mark in node.decorator_list}
    return f"{node.name}" if "property" in marks else _call(node.name, node)


def _fields(node: ast.ClassDef) -> str:
    for member in node.body:
        if isinstance(member, ast.FunctionDef) and member.name == "__init__":
            return _call("", member).removesuffix(" -> None")
    fields = [
        ast.unparse(member)
        for member in node.body
        if isinstance(member, ast.AnnAssign)
        and not ast.unparse(member.target).startswith("_")
        and "ClassVar" not in ast.unparse(member.annotation)
    ]
    is_by_name = any("kw_only=True" in ast.unparse(mark) for mark in (*node.decorator_list, *node.keywords))
    return f"({', '.join((['*'] if is_by_name and fields else []) + fields)})" if fields else ""


# --- tables ------------------------------------------------------------------------------------------------------


def _errors() -> str:
    return table(("error", "code", "when"), list(_error_rows(errors.JoseError, 0)))


def _error_rows(cls: type[errors.JoseError], depth: int) -> Iterator[tuple[str, str, str]]:
    yield "&emsp;" * depth + code(cls.__name__), code(cls.code), " ".join((cls.__doc__ or "").split())
    for inner in sorted(cls.__subclasses__(), key=lambda one: one.__name__):
        if inner.__module__ == errors.__name__:
            yield from _error_rows(inner, depth + 1)


def _kinds() -> str:
    kinds = [kind for kind in vars(token_kinds).values() if isinstance(kind, token_kinds.TokenKind)]
    rows = [
        (kind.name, code(kind.typ), codes(sorted(str(typ) for typ in kind.accepted)), codes(sorted(kind.required)))
        for kind in kinds
    ]
    heads = ("kind", "`typ` written", "`typ` believed", "claims it must bear")
    return KINDS + table(heads, rows)


def _algorithms() -> str:
    signing = [(code(row.name), _key(row)) for row in SIGNATURE_ALGORITHMS.values()]
    named: dict[str, list[str]] = {}
    for row in KEY_MANAGEMENT_ALGORITHMS.values():
        if row.encryption is None:
            named.setdefault(row.name, []).append(_key(row))
    managing = [(code(name), "; ".join(keys)) for name, keys in named.items()]
    encryptions = [(code(row.name), f"{row.key_octets} octets") for row in CONTENT_ENCRYPTIONS.values()]
    tables = (
        (table(("`alg` of a JWS", "key"), signing), ML_DSA),
        (table(("`alg` of a JWE", "key"), managing), RSA1_5),
        (table(("`enc` of a JWE", "key"), encryptions), ""),
    )
    return "\n".join(f"{rows}\n{words}".rstrip() + "\n" for rows, words in tables)


def _key(row: SignatureAlgorithm | KeyManagementAlgorithm) -> str:
    return f"{row.kty} on {', '.join(row.curves)}" if row.curves else row.kty


def _limits() -> str:
    rows: list[tuple[str, str]] = []
    for name in LIMITS:
        module = import_module(f"valetkey.jose.{name}")
        tree = ast.parse(inspect.getsource(module))
        own = [
            node.target.id
            for node in tree.body
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
        ]
        rows += [
            (code(f"{name}.{limit}"), f"{vars(module)[limit]:,}")
            for limit in own
            if limit.startswith(_LIMIT_WORDS) and isinstance(vars(module)[limit], int)
        ]
    return "A `Verifier` takes `maximum_octets`, a `Decrypter` takes `limits`. The others are fixed.\n\n" + table(
        ("name", "value"), rows
    )


def _lints() -> str:
    order = list(Severity)
    rows = [
        (code(row.code), row.severity.value, row.sentence)
        for row in sorted(LINTS.values(), key=lambda row: order.index(row.severity))
    ]
    found = table(("code", "", "what it means"), rows)
    return f"What `lint_token`, `lint_key` and `valetkey jwt inspect` find.\n\n{found}"
