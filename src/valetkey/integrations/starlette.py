"""The guard for Starlette: one object, one decorator, and the metadata route (RFC 6750, RFC 9728)."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, Unpack

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.websockets import WebSocket

from valetkey.integrations.asgi import adding, deny, view_of_scope
from valetkey.integrations.guarding import METADATA_HEADERS, ApiGuard, GuardOptions, RuleOptions, name_of
from valetkey.resource_server import Allow, AllowAnonymous

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import HTTPConnection, Request

    from valetkey.integrations.addresses import TrustedProxies
    from valetkey.oauth.access_token import AccessToken
    from valetkey.resource_server import Decision, Deny, RequestView, Rule

    Endpoint = Callable[[Any], Any]

__all__ = ["Guard", "GuardOptions", "RuleOptions", "access_token", "denial", "view_of"]


class Guard(ApiGuard):
    """Guards the routes of one resource: `@guard.requires("albums.read")`.

    The keys are read from `jwks_uri`, by default the issuer's `/jwks.json`; they are refreshed ahead, kept while
    the issuer is down, and never looked up by what a token says. A revoked token is refused within seconds: the
    status list that it names is followed, if it is the issuer's own.
    """

    async def decide(self, request: HTTPConnection, rule: Rule) -> Decision:
        """Judge one request, or the one that a WebSocket begins with."""
        return await self.decide_view(view_of(request, self.trusted_proxies), rule, request.scope)

    def requires(self, *scope: str, **options: Unpack[RuleOptions]) -> Callable[[Endpoint], Endpoint]:
        """Return the decorator that lets a request reach its endpoint only with a token that carries `scope`.

        With `acr` the token has to name one of these levels of authentication, with `max_age` (seconds) one that is
        no longer ago: else the client is told to have its end-user authenticated anew (RFC 9470). The other options
        are those of RuleOptions. The endpoint, `async def` or `def`, or one of a WebSocket, finds the token as
        `request.state.access_token`.
        """

        def decorate(endpoint: Endpoint) -> Endpoint:
            options.setdefault("name", name_of(endpoint))
            return self._guarded(endpoint, self.rule(*scope, **options))

        return decorate

    def optional(self, *scope: str, **options: Unpack[RuleOptions]) -> Callable[[Endpoint], Endpoint]:
        """Return the decorator that lets a request without credentials pass too: its `access_token` is None.

        One with credentials is judged as `requires` does: bad ones are refused.
        """

        def decorate(endpoint: Endpoint) -> Endpoint:
            options.setdefault("name", name_of(endpoint))
            return self._guarded(endpoint, self.public_rule(*scope, **options))

        return decorate

    @property
    def routes(self) -> list[Route]:
        """The route that serves the protected resource metadata."""

        async def metadata(_request: Request) -> Response:
            return Response(self.metadata_body(), headers=dict(METADATA_HEADERS))

        return [Route(self.metadata_path, metadata, methods=["GET"])]

    def _guarded(self, endpoint: Endpoint, rule: Rule) -> Callable[[Any], Awaitable[Any]]:
        is_async = inspect.iscoroutinefunction(endpoint)

        @functools.wraps(endpoint)
        async def guarded(request: Request | WebSocket) -> Response | None:
            outcome = await self.decide(request, rule)
            if isinstance(request, WebSocket):
                await _talk(request, outcome, endpoint)
                return None
            if not isinstance(outcome, Allow | AllowAnonymous):
                return denial(outcome)
            request.state.access_token = outcome.token if isinstance(outcome, Allow) else None
            answer = await endpoint(request) if is_async else await run_in_threadpool(endpoint, request)
            response = answer if isinstance(answer, Response) else JSONResponse(answer)
            for name, value in outcome.headers:
                response.headers[name] = value
            return response

        return guarded


async def _talk(socket: WebSocket, outcome: Decision, endpoint: Endpoint) -> None:
    if not isinstance(outcome, Allow | AllowAnonymous):
        await deny(socket.scope, socket.receive, socket.send, outcome)
        return
    socket.state.access_token = outcome.token if isinstance(outcome, Allow) else None
    if outcome.headers:
        socket = WebSocket(socket.scope, socket.receive, adding(socket.send, outcome.headers))
    await endpoint(socket)


def view_of(request: HTTPConnection, proxies: TrustedProxies | None = None) -> RequestView:
    """Return what a guard reads of a request; its address is the peer's, or what `proxies` say it is."""
    return view_of_scope(request.scope, proxies)


def denial(deny: Deny) -> Response:
    """Return the response that a denied request gets."""
    return JSONResponse(deny.document(), status_code=deny.status, headers=dict(deny.headers))


def access_token(request: HTTPConnection) -> AccessToken:
    """Return the token of a request that a guard let pass; raises RuntimeError on an unguarded route."""
    token = getattr(request.state, "access_token", None)
    if token is None:
        raise RuntimeError("this route is not guarded: put @guard.requires(...) on its endpoint")
    return token  # type: ignore[no-any-return]  # Starlette's state is untyped
