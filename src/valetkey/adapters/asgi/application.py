"""The whole server as one ASGI application: scope to HttpRequest, row, endpoint, HttpResponse."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import field
from itertools import count
from typing import TYPE_CHECKING, Final, Protocol

from valetkey.adapters.asgi.faults import answer, record
from valetkey.adapters.asgi.gate import Gate
from valetkey.adapters.asgi.proxies import Proxies
from valetkey.adapters.asgi.reading import read_form, read_json
from valetkey.adapters.asgi.refusal import (
    ClientGone,
    method_not_allowed,
    misdirected,
    not_found,
    query_too_large,
)
from valetkey.adapters.asgi.sending import send_response
from valetkey.adapters.asgi.table import Place, RouteTable
from valetkey.authorization_server.model import Tenant
from valetkey.authorization_server.ports import EventLog
from valetkey.authorization_server.routes import Accepts, Cache, Cors, Csrf, Face, Route
from valetkey.jose.records import dataclass
from valetkey.oauth.errors import OAuthError
from valetkey.oauth.http import HttpRequest, HttpResponse
from valetkey.oauth.parameters import MAXIMUM_QUERY, parse_form
from valetkey.oauth.types import DEFAULT_TENANT, Issuer

if TYPE_CHECKING:
    from valetkey.adapters.asgi.messages import Header, Receive, Scope, Send
    from valetkey.authorization_server.pages import Page
    from valetkey.authorization_server.service import AuthorizationServer


class Servers(Protocol):
    """Finds the server of a tenant; None for a tenant that is unknown or disabled."""

    async def find(self, tenant: str) -> AuthorizationServer | None:
        """Return the server of `tenant`; raises Unavailable when the store cannot say."""
        ...


class Renderer(Protocol):
    """Makes a response of a page."""

    def render(
        self,
        page: Page,
        *,
        tenant: Tenant,
        issuer: Issuer,
        accept_language: str | None,
        ui_locales: str | None = None,
        request_id: str,
    ) -> HttpResponse:
        """Return the page in the language that the request prefers."""
        ...


class Preflight(Protocol):
    """Answers an OPTIONS request of a script on another origin (Fetch, CORS preflight)."""

    async def __call__(self, request: HttpRequest, server: AuthorizationServer, route: Route) -> HttpResponse:
        """Return what the browser is told about `route`, whose CORS rule is not NONE."""
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What the application is made of."""

    issuer: Issuer
    """Of the default tenant: the others stand under its path."""
    routes: RouteTable
    servers: Servers
    renderer: Renderer
    preflight: Preflight
    log: EventLog
    proxies: Proxies = field(default_factory=Proxies)
    gate: Gate | None = None
    """How often one address may ask; None lets everybody."""
    system: Mapping[bytes, Callable[[], Awaitable[HttpResponse]]] = field(default_factory=dict)
    """Raw paths at the root that belong to no tenant and answer without the store: `/healthz`, `/readyz`."""
    hosts: frozenset[bytes] | None = None
    """The only `Host` values that are answered (the local server's); None leaves that to the proxy in front."""


_WITH_DOCUMENT: Final = frozenset({"PATCH", "POST", "PUT"})
_SYSTEM_METHODS: Final = frozenset({"GET", "HEAD"})


async def _nothing(request: HttpRequest, server: AuthorizationServer) -> HttpResponse:
    del request, server
    raise not_found()


_NOWHERE: Final = Route(
    frozenset(), "(none)", _nothing, Cache.NO_STORE, Cors.NONE, Csrf.SAFE, Face.MACHINE, Accepts.NOTHING
)


class Application:
    """One ASGI application for all tenants; it can also be mounted in someone else's."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._prefix = os.urandom(5).hex()
        self._numbers = count(1)
        is_https = parts.issuer.url.startswith("https:")
        nowhere = RouteTable((_NOWHERE,), Issuer("https://nowhere" if is_https else "http://localhost"))
        place = nowhere.find(_NOWHERE.path.encode())
        assert place is not None  # noqa: S101 - the one row of its table
        self._nowhere = place.row

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection scope (ASGI 3.0)."""
        if scope["type"] == "http":
            await self._serve(scope, receive, send)
        else:
            # A server that offers a lifespan goes on without one: what we stand on is opened before we are made.
            raise NotImplementedError(f"no {scope['type']} here")

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        parts = self._parts
        headers: Sequence[Header] = scope["headers"]
        raw_path = scope.get("raw_path") or scope["path"].encode()
        system = parts.system.get(raw_path)
        if system is not None and scope["method"] in _SYSTEM_METHODS:
            await send_response(send, await system(), self._nowhere, headers)
            return
        request_id = f"{self._prefix}-{next(self._numbers):x}"
        place: Place | None = None
        server: AuthorizationServer | None = None
        try:
            place = self._find(raw_path, scope)
            if parts.gate is not None:
                await parts.gate.admit(place.row.route, scope["method"], self._address(scope))
            server = await parts.servers.find(place.tenant)
            if server is None:
                raise not_found()  # noqa: TRY301 - told like every other refusal
            outcome = await self._respond(scope, place, server, receive, request_id)
        except ClientGone:
            return
        except Exception as fault:  # noqa: BLE001 - whatever it is, the caller gets an answer and no traceback
            request = self._request(scope, place.path if place else "", b"", request_id)
            record(parts.log, fault, request, place.path if place else "(unknown)")
            outcome = answer(fault, place.row.route.face if place else _face_of(request))
        if not isinstance(outcome, HttpResponse):
            request = self._request(scope, place.path if place else "", b"", request_id)
            outcome = self._render(outcome, request, server)
        await send_response(send, outcome, place.row if place else self._nowhere, headers, request_id)

    def _find(self, raw_path: bytes, scope: Scope) -> Place:
        hosts = self._parts.hosts
        if hosts is not None and not any(
            name == b"host" and value.lower() in hosts for name, value in scope["headers"]
        ):
            raise misdirected()
        if len(scope["query_string"]) > MAXIMUM_QUERY:
            raise query_too_large()
        place = self._parts.routes.find(raw_path)
        if place is None:
            raise not_found()
        if scope["method"] == "HEAD" and not place.row.takes_head:
            raise method_not_allowed(place.row.allow)
        return place

    async def _respond(
        self, scope: Scope, place: Place, server: AuthorizationServer, receive: Receive, request_id: str
    ) -> HttpResponse | Page:
        route = place.row.route
        method = scope["method"]
        if method not in route.methods and method != "HEAD":
            if method == "OPTIONS" and route.cors is not Cors.NONE:
                request = self._request(scope, place.path, b"", request_id)
                return await self._parts.preflight(request, server, route)
            raise method_not_allowed(place.row.allow)
        body = b""
        if route.accepts is Accepts.FORM and method == "POST":
            body = await read_form(scope["headers"], receive)
        elif route.accepts is Accepts.JSON and method in _WITH_DOCUMENT:
            body = await read_json(scope["headers"], receive)
        return await route.endpoint(self._request(scope, place.path, body, request_id), server)

    def _request(self, scope: Scope, path: str, body: bytes, request_id: str) -> HttpRequest:
        headers = scope["headers"]
        method = scope["method"]
        return HttpRequest(
            "GET" if method == "HEAD" else method,
            path,
            scope["query_string"],
            headers,
            body,
            self._address(scope),
            request_id,
        )

    def _address(self, scope: Scope) -> str:
        client = scope.get("client")
        return self._parts.proxies.remote_address(client[0], scope["headers"]) if client else ""

    def _render(self, page: Page, request: HttpRequest, server: AuthorizationServer | None) -> HttpResponse:
        parts = self._parts
        tenant = server.tenant if server else Tenant(DEFAULT_TENANT, "", "")
        issuer = server.issuer if server else parts.issuer
        return parts.renderer.render(
            page,
            tenant=tenant,
            issuer=issuer,
            accept_language=request.header(b"accept-language"),
            ui_locales=_ui_locales(request),
            request_id=request.request_id,
        )


def _ui_locales(request: HttpRequest) -> str | None:
    if b"ui_locales=" not in request.query:
        return None
    try:
        return parse_form(request.query).get("ui_locales")
    except OAuthError:
        return None


def _face_of(request: HttpRequest) -> Face:
    accept = request.header(b"accept") or ""
    return Face.PERSON if "text/html" in accept else Face.MACHINE
