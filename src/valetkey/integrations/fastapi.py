"""The guard for FastAPI: dependencies that yield the AccessToken, and what OpenAPI says of them (RFC 6750)."""

from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache, partial
from typing import Any, Final, Unpack

from fastapi import FastAPI, Response, Security, WebSocket
from fastapi.openapi.models import OAuth2 as OAuth2Model
from fastapi.openapi.models import OAuthFlows, OpenIdConnect
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request

from valetkey.integrations.asgi import Application, Message, Receive, Scope, Send, adding, deny
from valetkey.integrations.guarding import GuardOptions, Headers, RuleOptions
from valetkey.integrations.starlette import Guard as StarletteGuard
from valetkey.integrations.starlette import denial
from valetkey.resource_server import AccessToken, Allow, AllowAnonymous, JudgingServer, Rule
from valetkey.resource_server import Deny as DenyOutcome

SCHEME: Final = "access token"
_SUCCESS_HEADERS: Final = "valetkey.response_headers"
_MEDIA_TYPE: Final = "application/json"
_PROBLEM: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {"error": {"type": "string"}, "error_description": {"type": "string"}},
    "required": ["error_description"],
}


def _response(description: str, *headers: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {_MEDIA_TYPE: {"schema": _PROBLEM}},
        "headers": {name: {"schema": {"type": "string"}} for name in headers},
    }


RESPONSES: Final[Mapping[int | str, dict[str, Any]]] = {
    401: _response("No access token that is accepted here.", "WWW-Authenticate"),
    403: _response("The access token does not open this operation.", "WWW-Authenticate"),
    429: _response("Too many requests.", "Retry-After", "RateLimit", "RateLimit-Policy"),
    503: _response("Whether the token is good cannot be said at the moment.", "Retry-After"),
}
"""What a guarded operation may answer in its place, for `responses=`; `Guard.install` adds them by itself."""


class Denied(HTTPException):
    """Ends the request with the answer of the guard; where it is not installed, FastAPI words the body."""

    def __init__(self, outcome: DenyOutcome) -> None:
        super().__init__(outcome.status, detail=outcome.document(), headers=dict(outcome.headers))  # type: ignore[arg-type]  # FastAPI takes any JSON
        self.outcome = outcome


class _Scheme(SecurityBase):
    """How OpenAPI is told of the guard; as a dependency it does nothing."""

    def __init__(self, issuer: str) -> None:
        self.scheme_name = SCHEME
        self.model = OpenIdConnect(openIdConnectUrl=f"{issuer}/.well-known/openid-configuration")

    async def __call__(self) -> None:
        # Were it a plain function, FastAPI would run it in a thread, for longer than the guard takes.
        return


class Guard(StarletteGuard):
    """Guards path operations: `token: AccessToken = Security(guard.token("albums.read"))`.

    `guard.install(app)` publishes the metadata, words every refusal exactly, and tells OpenAPI of it.
    """

    def __init__(self, issuer: str, resource: str, **options: Unpack[GuardOptions]) -> None:
        """Build the guard; raises ValueError or ConfigurationError for settings that cannot be safe."""
        super().__init__(issuer, resource, **options)
        self.scheme = _Scheme(self.resource_server.issuer)

    @classmethod
    def of(cls, resource_server: JudgingServer, **options: Any) -> "Guard":
        """Return the guard over a resource server that was built by hand."""
        guard = super().of(resource_server, **options)
        guard.scheme = _Scheme(resource_server.issuer)
        return guard

    def describe(self, flows: OAuthFlows) -> None:
        """Have OpenAPI show these flows instead of the issuer's discovery document, such as for its pages."""
        self.scheme.model = OAuth2Model(flows=flows)

    def token(self, *scope: str, **options: Unpack[RuleOptions]) -> Callable[..., Awaitable[AccessToken]]:
        """Return the dependency that yields the token, or ends the request with the challenge.

        The options are those of `requires`.
        """
        rule = self.rule(*scope, **options)

        async def dependency(
            connection: HTTPConnection,
            response: Response,
            _shown: None = Security(self.scheme, scopes=list(scope)),
        ) -> AccessToken:
            return _present(await self._passed(connection, response, rule))

        return dependency

    def optional_token(
        self, *scope: str, **options: Unpack[RuleOptions]
    ) -> Callable[..., Awaitable[AccessToken | None]]:
        """Return the dependency that yields the token, and None for a request without credentials."""
        rule = self.public_rule(*scope, **options)

        async def dependency(
            connection: HTTPConnection,
            response: Response,
            _shown: None = Security(self.scheme, scopes=list(scope)),
        ) -> AccessToken | None:
            return await self._passed(connection, response, rule)

        return dependency

    @property
    def by_scopes(self) -> Callable[..., Awaitable[AccessToken]]:
        """The dependency for `Security(guard.by_scopes, scopes=["albums.read"])`: routers may add scopes to it."""
        rule_for = lru_cache(maxsize=None)(self.rule)  # the scopes are those that the code names

        async def dependency(
            connection: HTTPConnection,
            response: Response,
            wanted: SecurityScopes,
            _shown: None = Security(self.scheme),
        ) -> AccessToken:
            return _present(await self._passed(connection, response, rule_for(*wanted.scopes)))

        return dependency

    def install(self, app: FastAPI) -> None:
        """Serve the metadata, answer refusals in the guard's words, and describe them in OpenAPI."""
        app.router.routes.extend(self.routes)
        app.add_exception_handler(Denied, _deny)  # type: ignore[arg-type]  # one that is for both kinds of connection
        app.add_middleware(_SuccessHeaders)
        app.openapi = partial(_described, app.openapi)  # type: ignore[method-assign]  # as FastAPI documents it

    async def _passed(self, connection: HTTPConnection, response: Response, rule: Rule) -> AccessToken | None:
        outcome = await self.decide(connection, rule)
        if not isinstance(outcome, Allow | AllowAnonymous):
            raise Denied(outcome)
        if outcome.headers:
            _add(connection.scope, response, outcome.headers)
        token = outcome.token if isinstance(outcome, Allow) else None
        connection.state.access_token = token
        return token


def _present(token: AccessToken | None) -> AccessToken:
    if token is None:
        raise AssertionError("a dependency that yields a token has no public rule")
    return token


def _add(scope: Scope, response: Response, headers: Headers) -> None:
    # A response that the operation builds itself has none of the dependency's headers: the middleware adds them.
    added = scope.get(_SUCCESS_HEADERS)
    if added is not None:
        added.extend(headers)
        return
    for name, value in headers:
        response.headers[name] = value


class _SuccessHeaders:
    def __init__(self, app: Application) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers: list[tuple[str, str]] = []

        async def adding_send(message: Message) -> None:
            await (adding(send, tuple(headers)) if headers else send)(message)

        await self._app({**scope, _SUCCESS_HEADERS: headers}, receive, adding_send)


async def _deny(connection: Request | WebSocket, error: Exception) -> Response | None:
    if not isinstance(error, Denied):
        raise error
    if isinstance(connection, WebSocket):
        await deny(connection.scope, connection.receive, connection.send, error.outcome)
        return None
    return denial(error.outcome)


def _described(written: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    document = written()
    operations = (
        operation
        for path in document.get("paths", {}).values()
        for operation in path.values()
        if isinstance(operation, dict) and any(SCHEME in one for one in operation.get("security", ()))
    )
    for operation in operations:
        for status, response in RESPONSES.items():
            operation["responses"].setdefault(str(status), response)
    return document
