"""Routes as anchored templates: which one a request means, found by its path first and by its method then."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from valetkey.resource_server.path import MOST_SEGMENTS
from valetkey.resource_server.rules import Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from valetkey.resource_server.path import Target

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_NAME: Final = re.compile(r"[a-z_][a-z0-9_]*", re.ASCII)
_LITERAL: Final = re.compile(r"[^{}*?#%;\\\s]+")


class BadTemplate(ValueError):
    """A template of a route cannot be used; the text says what to write."""


@dataclass(frozen=True, slots=True)
class Template:
    """`/orders/{id}`: literal segments, `{name}` for one of any text, and `{name*}` at the end for one or more."""

    text: str
    parts: tuple[str | None, ...] = field(repr=False)
    """A literal, or None for any one segment."""
    has_rest: bool = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Template:
        """Return the template; raises BadTemplate for what could match something else than it shows."""
        if not text.startswith("/"):
            raise BadTemplate(f"{text!r} does not begin with a slash")
        segments = text[1:].split("/")
        if len(segments) > MOST_SEGMENTS:
            raise BadTemplate(f"{text!r} has more than {MOST_SEGMENTS} segments")
        has_rest = segments[-1].endswith("*}")
        if has_rest:
            segments[-1] = segments[-1][:-2] + "}"
        parts = tuple(_part(segment, text, is_last=i == len(segments) - 1) for i, segment in enumerate(segments))
        if has_rest and parts[-1] is not None:
            raise BadTemplate(f"{text!r}: only {{name*}} stands for the rest of a path")
        return cls(text, parts, has_rest)


def _part(segment: str, text: str, *, is_last: bool) -> str | None:
    if segment.startswith("{") and segment.endswith("}"):
        if not _NAME.fullmatch(segment[1:-1]):
            raise BadTemplate(f"{text!r}: {segment!r} is no variable; write {{name}}, or {{name*}} at the end")
        return None
    if segment == "" and is_last:
        return segment  # "/" itself, or a path that ends with a slash
    if not _LITERAL.fullmatch(segment) or segment.endswith("."):
        raise BadTemplate(
            f"{text!r}: {segment!r} is no literal segment; it is written decoded, without '{{', '}}', '*', '?', "
            f"'#', '%', ';', '\\' and blanks, does not end with a dot, and is not empty"
        )
    return segment


@dataclass(frozen=True, slots=True)
class Route:
    """A template, the methods that it opens, and the rule for them; HEAD is opened with GET."""

    template: Template
    methods: frozenset[str]
    rule: Rule


class _Node:
    """A place in the tree of templates; it grows while a table is built, and never after that."""

    __slots__ = ("here", "literals", "rest", "variable")

    def __init__(self) -> None:
        self.literals: dict[str, _Node] = {}
        self.variable: _Node | None = None
        self.here: dict[str, Route] = {}
        self.rest: dict[str, Route] = {}


@dataclass(frozen=True, slots=True)
class NoRoute:
    """No template matches the path."""


@dataclass(frozen=True, slots=True)
class OtherMethods:
    """The template that the path means opens other methods only."""

    template: str
    methods: tuple[str, ...]


class RouteTable:
    """Finds the route of a request: the most specific template decides, segment by segment from the left.

    A literal stands before a variable, a variable before a rest. When the most specific template does not open the
    method, no other template is asked: what is said of a path cannot be undone by a wider one. Nor can a slash at
    its end, which many servers overlook: where `/orders` has a template and `/orders/` none, that has no route.
    """

    __slots__ = ("_root", "routes")

    def __init__(self, routes: Sequence[Route]) -> None:
        """Build it; raises BadTemplate where two routes open the same method of the same paths."""
        self.routes = tuple(routes)
        self._root = _Node()
        for route in routes:
            self._add(route)

    def find(self, method: str, target: Target) -> Route | NoRoute | OtherMethods:
        """Return the route that a request means."""
        segments = target.segments
        found = _descend(self._root, segments, 0)
        if not found:
            return NoRoute()
        route = found.get(method)
        if route is not None:
            return route
        first = next(iter(found.values()))
        return OtherMethods(first.template.text, tuple(sorted(found)))

    def candidates(self, target: Target) -> Iterable[Route]:
        """Return every route whose template matches the path, whether it decides or not, for an explanation."""
        return (route for route in self.routes if _matches(route.template, target.segments))

    def _add(self, route: Route) -> None:
        node = self._root
        parts = route.template.parts[:-1] if route.template.has_rest else route.template.parts
        for part in parts:
            if part is None:
                node.variable = node.variable or _Node()
                node = node.variable
            else:
                node = node.literals.setdefault(part, _Node())
        table = node.rest if route.template.has_rest else node.here
        for method in sorted(_opened(route.methods)):
            if method in table:
                raise BadTemplate(
                    f"{route.template.text!r} and {table[method].template.text!r} open {method} of the same paths"
                )
            table[method] = route


def _opened(methods: frozenset[str]) -> frozenset[str]:
    return methods | {"HEAD"} if "GET" in methods else methods


_OTHER_SLASH: Final[Mapping[str, Route]] = MappingProxyType({})


def _descend(node: _Node, segments: Sequence[str], depth: int) -> Mapping[str, Route] | None:
    # Every node of the tree is visited at most once, because its depth says which segment it is held against.
    literals = node.literals
    if depth == len(segments):
        return node.here or (_OTHER_SLASH if "" in literals else None)
    segment = segments[depth]
    literal = literals.get(segment)
    if literal is not None:
        found = _descend(literal, segments, depth + 1)
        if found is not None:
            return found
    if node.variable is not None and segment:
        found = _descend(node.variable, segments, depth + 1)
        if found is not None:
            return found
    if not segment and node.here:
        return _OTHER_SLASH
    return node.rest if node.rest and segment else None


def _matches(template: Template, segments: Sequence[str]) -> bool:
    parts = template.parts
    if template.has_rest:
        if len(segments) < len(parts) or not segments[len(parts) - 1]:
            return False
    elif len(segments) != len(parts):
        return False
    fixed = parts[:-1] if template.has_rest else parts
    return all(bool(given) if part is None else part == given for part, given in zip(fixed, segments, strict=False))
