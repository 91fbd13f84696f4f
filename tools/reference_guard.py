"""docs/reference/guard-file.md, from the tables that read the file of a guard or a gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args, get_type_hints

import msgspec

from valetkey.gateway.hearing import SignalRow
from valetkey.gateway.settings import AssertionRow, GatewayRow, ServingRow
from valetkey.resource_server.policy_tables import ClientRow, FailedRow, IssuerRow, LimitRow, PolicyTables, RouteRow

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAD = """\
# The file of a guard or a gateway

<!-- Written by tools/reference_guard.py from the tables that read the file: change it there. -->

A TOML file with the rules of one API, read by the middlewares, by `valetkey guard` and by `valetkey gateway`. Paths
in it are relative to the file. An unknown key, a wrong value or a rule that could never let anything pass stops the
start: every fault is said at once, with its place and the nearest known name. How to write one:
[Write the rules of an API in a file](../how-to/write-the-rules-of-an-api.md).
"""
_TABLES: tuple[type[msgspec.Struct], ...] = (
    IssuerRow,
    RouteRow,
    LimitRow,
    FailedRow,
    ClientRow,
    GatewayRow,
    AssertionRow,
    SignalRow,
    ServingRow,
)
_NAMED_APART = {
    PolicyTables: frozenset({"issuer", "client", "limit", "failed_authentication", "route"}),
    GatewayRow: frozenset({"assertion"}),
}


def page() -> str:
    """Return the reference page."""
    parts = [HEAD, "## At the top\n", *_rows(PolicyTables)]
    for kind in _TABLES:
        doc = " ".join((kind.__doc__ or "").split())
        name, _, said = doc.partition(": ")
        parts.append(f"\n## {name}\n\n{said[0].upper()}{said[1:]}\n")
        parts.extend(_rows(kind))
    parts.append("\n" + _SESSION)
    return "\n".join(parts)


_SESSION = """\
## `[session]`

The session layer for browsers, of `valetkey gateway` alone; `listen` is its host and port, `127.0.0.1:4190` by
default. Its keys:
[A single-page application without tokens in the browser][spa].

[spa]: ../how-to/a-single-page-application-without-tokens-in-the-browser.md
"""


def _rows(kind: type[msgspec.Struct]) -> Iterator[str]:
    hints = get_type_hints(kind, include_extras=True)
    yield "| key | meaning | expects | default |\n| --- | --- | --- | --- |"
    for field in msgspec.structs.fields(kind):
        if field.name in _NAMED_APART.get(kind, ()):
            continue
        inner, *metas = get_args(hints[field.name])
        meaning = next(meta.description for meta in metas if isinstance(meta, msgspec.Meta) and meta.description)
        bounds = [meta for meta in (*metas, *_inner_metas(inner)) if isinstance(meta, msgspec.Meta)]
        yield f"| `{field.name}` | {meaning} | {_expected(inner, bounds)} | {_default(field)} |"


def _inner_metas(inner: object) -> tuple[object, ...]:
    return tuple(meta for part in get_args(inner) for meta in getattr(part, "__metadata__", ()))


def _expected(inner: object, bounds: list[msgspec.Meta]) -> str:
    text = _words(inner)
    lowest = next((meta.ge for meta in bounds if meta.ge is not None), None)
    highest = next((meta.le for meta in bounds if meta.le is not None), None)
    if lowest is not None and highest is not None:
        return f"{text} from {lowest} to {highest}"
    return text if lowest is None else f"{text} of at least {lowest}"


def _words(inner: object) -> str:
    if inner is str:
        return "a text"
    if inner is bool:
        return "true or false"
    if inner is int:
        return "a number"
    arguments = get_args(inner)
    if arguments and all(isinstance(each, str) for each in arguments):
        return ", ".join(f"`{each}`" for each in arguments)
    if getattr(inner, "__origin__", None) is list:
        return f"a list of {_words(arguments[0]).removeprefix('a ') if arguments[0] is not str else 'texts'}"
    if getattr(inner, "__origin__", None) is dict:
        return "a table of lists of values"
    if hasattr(inner, "__metadata__"):
        return _words(arguments[0])
    return _words(next(each for each in arguments if each is not type(None)))


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "required"
    value = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
    if value in (None, "", [], {}):
        return "-"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
