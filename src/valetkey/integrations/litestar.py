"""The guard for Litestar: a plugin, and guards of routes, controllers and routers (RFC 6750; RFC 9728)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Unpack

from litestar import Response, get
from litestar.exceptions import HTTPException, WebSocketException
from litestar.openapi.spec import Components, SecurityScheme
from litestar.plugins import InitPlugin

from valetkey.integrations.asgi import view_of_scope
from valetkey.integrations.guarding import METADATA_HEADERS, ApiGuard, RuleOptions, denial_body
from valetkey.resource_server import Allow, AllowAnonymous

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from litestar import Request
    from litestar.config.app import AppConfig
    from litestar.connection import ASGIConnection
    from litestar.handlers import BaseRouteHandler
    from litestar.types import Message, Scope

    from valetkey.resource_server import Deny, Rule

    RouteGuard = Callable[[ASGIConnection[Any, Any, Any, Any], BaseRouteHandler], Awaitable[None]]

SCHEME: Final = "access token"
_SUCCESS_HEADERS: Final = "valetkey.response_headers"
_STARTS: Final = frozenset({"http.response.start", "websocket.accept"})
_POLICY_VIOLATION: Final = 1008


class Denied(HTTPException):
    """Ends the request with the answer of the guard; where it is no plugin, Litestar words the body."""

    def __init__(self, outcome: Deny) -> None:
        description = outcome.document()["error_description"]
        super().__init__(detail=description, status_code=outcome.status, headers=dict(outcome.headers))
        self.outcome = outcome


class Guard(ApiGuard, InitPlugin):
    """Guards the routes of one resource: `@get("/albums", guards=[guard.requires("albums.read")])`.

    As a plugin, `Litestar([...], plugins=[guard])`, it publishes the metadata, words every refusal exactly, and
    tells OpenAPI of its scheme: name it at a route as `security=guard.security("albums.read")`.
    """

    def requires(self, *scope: str, **options: Unpack[RuleOptions]) -> RouteGuard:
        """Return the guard that lets a connection pass only with a token that carries `scope`.

        The options are those of RuleOptions. The handler finds the token as `request.auth`.
        """
        return self._guard(self.rule(*scope, **options))

    def optional(self, *scope: str, **options: Unpack[RuleOptions]) -> RouteGuard:
        """Return the guard that lets a connection without credentials pass too: its `auth` is None."""
        return self._guard(self.public_rule(*scope, **options))

    def security(self, *scope: str) -> list[dict[str, list[str]]]:
        """Return what OpenAPI says of a route that `requires(*scope)` guards."""
        return [{SCHEME: list(scope)}]

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        """Add the metadata route, the words of refusals, and the scheme of OpenAPI to an application."""

        @get(self.metadata_path, include_in_schema=False, sync_to_thread=False)
        def metadata() -> Response[bytes]:
            headers = dict(METADATA_HEADERS)
            return Response(self.metadata_body(), media_type=headers.pop("content-type"), headers=headers)

        app_config.route_handlers.append(metadata)
        app_config.exception_handlers = {**app_config.exception_handlers, Denied: _denial}
        app_config.before_send.append(_add_headers)
        if app_config.openapi_config is not None:
            self._describe(app_config)
        return app_config

    def _describe(self, app_config: AppConfig) -> None:
        url = f"{self.resource_server.issuer}/.well-known/openid-configuration"
        scheme = Components(
            security_schemes={SCHEME: SecurityScheme(type="openIdConnect", open_id_connect_url=url)}
        )
        config = app_config.openapi_config
        if config is not None:
            known = config.components if isinstance(config.components, list) else [config.components]
            config.components = [*known, scheme]

    def _guard(self, rule: Rule) -> RouteGuard:
        async def guard(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
            scope: Any = connection.scope
            outcome = await self.decide_view(view_of_scope(scope, self.trusted_proxies), rule, scope)
            if not isinstance(outcome, Allow | AllowAnonymous):
                if scope["type"] == "websocket":
                    raise WebSocketException(detail="", code=_POLICY_VIOLATION)
                raise Denied(outcome)
            token = outcome.token if isinstance(outcome, Allow) else None
            scope["auth"], scope["user"] = token, None if token is None else token.subject
            scope[_SUCCESS_HEADERS] = (*scope.get(_SUCCESS_HEADERS, ()), *outcome.headers)

        return guard


def _denial(_: Request[Any, Any, Any], error: Denied) -> Response[bytes]:
    outcome = error.outcome
    return Response(
        denial_body(outcome),
        status_code=outcome.status,
        media_type="application/json",
        headers=dict(outcome.headers),
    )


async def _add_headers(message: Message, scope: Scope) -> None:
    headers: Any = scope.get(_SUCCESS_HEADERS)
    if headers and message["type"] in _STARTS:
        started: Any = message
        added = [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers]
        started["headers"] = [*started.get("headers", ()), *added]
