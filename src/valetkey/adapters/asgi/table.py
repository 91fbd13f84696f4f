"""The joined matrix as one look-up: a raw path to its tenant and its row."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from valetkey.adapters.asgi.messages import Header
from valetkey.adapters.asgi.reading import decode_path
from valetkey.authorization_server.routes import Accepts, Cache, Cors, Route
from valetkey.jose.records import dataclass
from valetkey.oauth.types import DEFAULT_TENANT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from valetkey.oauth.types import Issuer

_TENANT_NAME: Final = r"[a-z0-9][a-z0-9-]{0,62}"
_NAME: Final = re.compile(r"/\{[^/{}]+\}")
_HSTS: Final = (b"strict-transport-security", b"max-age=31536000")


@dataclass(frozen=True, slots=True)
class Row:
    """A route with what its responses always carry, encoded once."""

    route: Route
    allow: str
    """The methods as an `Allow` header lists them."""
    always: tuple[Header, ...]
    cache: tuple[Header, ...]
    """Sent unless the response says its own cache-control."""
    is_public: bool
    """Caches may keep it, so it carries an ETag."""
    takes_head: bool
    """HEAD is a free look at what GET shows: an endpoint that may change something gives none."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a path names: a row of a tenant; `path` is relative to the tenant's issuer."""

    tenant: str
    path: str
    row: Row


class RouteTable:
    """Finds the row of a path; the default tenant's paths cost one look-up in a dictionary.

    Raises ValueError when two rows claim one path.
    """

    def __init__(self, routes: Iterable[Route], issuer: Issuer) -> None:
        self._rows: dict[str, Row] = {}
        self._inserted: dict[str, Row] = {}
        self._fast: dict[bytes, Place] = {}
        self._folders: dict[str, Row] = {}
        self._prefix = issuer.path
        is_https = issuer.url.startswith("https:")
        for route in routes:
            if route.path in self._rows:
                raise ValueError(f"two rows claim the path {route.path}")
            row = _row(route, is_https=is_https)
            self._rows[route.path] = row
            if "/{" in route.path:
                self._folders[_NAME.sub("/{}", route.path)] = row
                continue
            place = Place(DEFAULT_TENANT, route.path, row)
            self._fast[(issuer.path + route.path).encode()] = place
            if route.path_inserted:
                self._inserted[route.path] = row
                self._fast[(route.path + issuer.path).encode()] = place
        self._tenant_path = re.compile(
            rf"{re.escape(issuer.path)}/t/(?P<tenant>{_TENANT_NAME})(?P<path>/.*)", re.DOTALL
        )
        self._inserted_path = re.compile(
            rf"(?P<path>/\.well-known/[^/]+){re.escape(issuer.path)}/t/(?P<tenant>{_TENANT_NAME})"
        )

    def find(self, raw_path: bytes) -> Place | None:
        """Return what `raw_path` (percent-encoded, without query) names; raises HttpRefusal if malformed."""
        place = self._fast.get(raw_path)
        if place is not None:
            return place
        path = decode_path(raw_path)
        return self._fast.get(path.encode()) or self._of_tenant(path) or self._in_folder(path)

    def _in_folder(self, path: str) -> Place | None:
        if not path.startswith(self._prefix + "/"):
            return None
        relative = path[len(self._prefix) :]
        row = self._folder_of(relative)
        return None if row is None else Place(DEFAULT_TENANT, relative, row)

    def _folder_of(self, path: str) -> Row | None:
        folder, _, last = path.rpartition("/")
        outer, _, name = folder.rpartition("/")
        if not last:
            return None
        row = self._folders.get(folder + "/{}")
        return row if row is not None or not name else self._folders.get(f"{outer}/{{}}/{last}")

    def _of_tenant(self, path: str) -> Place | None:
        for pattern, rows in ((self._tenant_path, self._rows), (self._inserted_path, self._inserted)):
            match = pattern.fullmatch(path)
            row = rows.get(match["path"]) or self._folder_of(match["path"]) if match else None
            # The default tenant has one address: the root.
            if match and row and match["tenant"] != DEFAULT_TENANT:
                return Place(match["tenant"], match["path"], row)
        return None


def _row(route: Route, *, is_https: bool) -> Row:
    takes_head = "GET" in route.methods and route.accepts is Accepts.NOTHING
    methods = route.methods | {"HEAD"} if takes_head else route.methods
    allow = ", ".join(sorted(methods | {"OPTIONS"} if route.cors is not Cors.NONE else methods))
    always: list[Header] = [(b"x-content-type-options", b"nosniff")]
    if is_https:
        always.append(_HSTS)
    if route.cors is Cors.ANY:
        always.append((b"access-control-allow-origin", b"*"))
    cache = [(b"cache-control", route.cache.value.encode())]
    if route.cache is Cache.NO_STORE:
        cache.append((b"pragma", b"no-cache"))
    is_public = route.cache is not Cache.NO_STORE
    return Row(route, allow, tuple(always), tuple(cache), is_public=is_public, takes_head=takes_head)
