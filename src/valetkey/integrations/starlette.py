"""The guard for Starlette: one object, one decorator, and the metadata route (RFC 6750, RFC 9728)."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, Self

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from valetkey.jose import AsyncRemoteJwkSet
from valetkey.resource_server import Allow, DecryptingKeys, ResourceServer, RevocationFeed, Rule
from valetkey.resource_server.enforce import ALGORITHMS, published_with
from valetkey.resource_server.metadata import metadata_path, resource_metadata

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from starlette.requests import Request

    from valetkey.jose.jwe import Decrypter
    from valetkey.oauth.access_token import AccessToken
    from valetkey.resource_server import Deny, FeedCredentials
    from valetkey.resource_server.introspection import Introspection
    from valetkey.resource_server.keys import KeySource


class Guard:
    """Guards the routes of one resource: `@guard.requires("albums.read")`.

    The keys are read from `jwks_uri`, by default the issuer's `/jwks.json`; they are refreshed ahead, kept while
    the issuer is down, and never looked up by what a token says. A revoked token is refused within seconds: the
    status list that it names is followed, if it is the issuer's own.
    """

    def __init__(
        self,
        issuer: str,
        resource: str,
        *,
        jwks_uri: str | None = None,
        keys: KeySource | None = None,
        algorithms: Collection[str] = ALGORITHMS,
        introspection: Introspection | None = None,
        feed: FeedCredentials | None = None,
        decrypter: Decrypter | None = None,
    ) -> None:
        """Build the guard; raises ValueError or ConfigurationError for settings that cannot be safe.

        Opaque tokens are accepted with `introspection`, such as a
        `valetkey.resource_server.introspecting.RemoteIntrospection`. With the credentials of `feed` a revoked token
        is refused within a second: the issuer's live feed is followed. With `decrypter` the tokens are encrypted
        for this resource, and one that is only signed is refused.
        """
        source = keys or AsyncRemoteJwkSet(jwks_uri or f"{issuer}/jwks.json")
        self.feed: RevocationFeed | None = None
        """The feed that is followed: whether it is current, and if not, why."""
        if feed is not None:
            self.feed = RevocationFeed(issuer, feed, source, algorithms=published_with(algorithms))
        self.resource_server = ResourceServer(
            issuer=issuer,
            resource=resource,
            keys=source if decrypter is None else DecryptingKeys(source, decrypter),
            algorithms=algorithms,
            introspection=introspection,
            feed=self.feed,
        )
        self._scopes: set[str] = set()

    @classmethod
    def of(cls, resource_server: ResourceServer) -> Self:
        """Return the guard over a resource server that was built by hand, such as one with its own `statuses`."""
        guard = cls.__new__(cls)
        guard.resource_server = resource_server
        guard.feed = None
        guard._scopes = set()  # noqa: SLF001 - its own
        return guard

    async def decide(self, request: Request, rule: Rule) -> Allow | Deny:
        """Judge one request."""
        return await self.resource_server.decide(request.headers.getlist("authorization"), rule)

    def requires(
        self, *scope: str, insecure_stale_seconds: int = 0
    ) -> Callable[[Callable[[Request], Any]], Callable[[Request], Awaitable[Response]]]:
        """Return the decorator that lets a request reach its endpoint only with a token that carries `scope`.

        While neither the feed nor the status list can be had, tokens are refused, or accepted for
        `insecure_stale_seconds` after the feed was last current.
        The endpoint, `async def` or `def`, finds the token as `request.state.access_token`.
        """
        rule = Rule.requiring(*scope, insecure_stale_seconds=insecure_stale_seconds)
        self._scopes.update(scope)

        def decorate(endpoint: Callable[[Request], Any]) -> Callable[[Request], Awaitable[Response]]:
            is_async = inspect.iscoroutinefunction(endpoint)

            @functools.wraps(endpoint)
            async def guarded(request: Request) -> Response:
                outcome = await self.decide(request, rule)
                if not isinstance(outcome, Allow):
                    return denial(outcome)
                request.state.access_token = outcome.token
                answer = await endpoint(request) if is_async else await run_in_threadpool(endpoint, request)
                return answer if isinstance(answer, Response) else JSONResponse(answer)

            return guarded

        return decorate

    @property
    def routes(self) -> list[Route]:
        """The route that serves the protected resource metadata."""
        server = self.resource_server

        async def metadata(_request: Request) -> Response:
            # RFC9728-3/well-known RFC9728-3.2/response
            document = resource_metadata(server.resource, [server.issuer], sorted(self._scopes), None)
            return JSONResponse(
                document, headers={"access-control-allow-origin": "*", "cache-control": "public, max-age=300"}
            )

        return [Route(metadata_path(server.resource), metadata, methods=["GET"])]


def denial(deny: Deny) -> Response:
    """Return the response that a denied request gets."""
    return JSONResponse(deny.document(), status_code=deny.status, headers=dict(deny.headers))


def access_token(request: Request) -> AccessToken:
    """Return the token of a request that a guard let pass; raises RuntimeError on an unguarded route."""
    token = getattr(request.state, "access_token", None)
    if token is None:
        raise RuntimeError("this route is not guarded: put @guard.requires(...) on its endpoint")
    return token  # type: ignore[no-any-return]  # Starlette's state is untyped
