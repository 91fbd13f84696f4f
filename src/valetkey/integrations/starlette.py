"""The guard for Starlette: one object, one decorator, and the metadata route (RFC 6750, RFC 9728)."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, Self, TypedDict, Unpack

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from valetkey.jose import AsyncRemoteJwkSet
from valetkey.oauth.types import Issuer
from valetkey.resource_server import (
    Allow,
    AllowAnonymous,
    DecryptingKeys,
    RequestView,
    ResourceServer,
    RevocationFeed,
    RevocationSources,
    Rule,
    StatusFollower,
)
from valetkey.resource_server.metadata import metadata_path, resource_metadata
from valetkey.resource_server.trusted_issuer import ALGORITHMS, published_with

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Sequence

    from starlette.requests import Request

    from valetkey.jose.jwe import Decrypter
    from valetkey.oauth.access_token import AccessToken
    from valetkey.resource_server import Decision, Deny, FeedCredentials
    from valetkey.resource_server.introspection import Introspection
    from valetkey.resource_server.keys import KeySource


class GuardOptions(TypedDict, total=False):
    """What a guard may be told beside its issuer and its resource."""

    jwks_uri: str | None
    """Where the issuer's keys are, if not at its own `/jwks.json`."""
    keys: KeySource | None
    """The issuer's keys themselves, instead of `jwks_uri`."""
    algorithms: Collection[str]
    """The signature algorithms that tokens may have."""
    introspection: Introspection | None
    """Explains opaque tokens (`valetkey.resource_server.introspecting.RemoteIntrospection`)."""
    feed: FeedCredentials | None
    """As whom the issuer's live feed is followed: a revoked token is refused within a second."""
    decrypter: Decrypter | None
    """Opens tokens that are encrypted for this resource; one that is only signed is refused then."""


class Guard:
    """Guards the routes of one resource: `@guard.requires("albums.read")`.

    The keys are read from `jwks_uri`, by default the issuer's `/jwks.json`; they are refreshed ahead, kept while
    the issuer is down, and never looked up by what a token says. A revoked token is refused within seconds: the
    status list that it names is followed, if it is the issuer's own.
    """

    def __init__(self, issuer: str, resource: str, **options: Unpack[GuardOptions]) -> None:
        """Build the guard; raises ValueError or ConfigurationError for settings that cannot be safe."""
        unknown = sorted(options.keys() - GuardOptions.__annotations__.keys())
        if unknown:
            raise TypeError(f"a guard has no option {unknown[0]!r}")
        issuer = Issuer.parse(issuer).url
        source = options.get("keys") or AsyncRemoteJwkSet(options.get("jwks_uri") or f"{issuer}/jwks.json")
        algorithms = options.get("algorithms", ALGORITHMS)
        published = published_with(algorithms)
        credentials, decrypter = options.get("feed"), options.get("decrypter")
        self.feed = (
            None if credentials is None else RevocationFeed(issuer, credentials, source, algorithms=published)
        )
        """The feed that is followed; `outage` says why it cannot be believed at the moment."""
        self.resource_server = ResourceServer.of_issuer(
            issuer=issuer,
            resource=resource,
            keys=source if decrypter is None else DecryptingKeys(source, decrypter),
            algorithms=algorithms,
            introspection=options.get("introspection"),
            # What is published of revocation is signed, and encrypted for nobody.
            revocations=RevocationSources(StatusFollower(issuer, source, algorithms=published), self.feed),
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

    async def decide(self, request: Request, rule: Rule) -> Decision:
        """Judge one request."""
        return await self.resource_server.decide(view_of(request), rule)

    def requires(
        self,
        *scope: str,
        acr: str | Sequence[str] = (),
        max_age: int | None = None,
        insecure_stale_seconds: int = 0,
    ) -> Callable[[Callable[[Request], Any]], Callable[[Request], Awaitable[Response]]]:
        """Return the decorator that lets a request reach its endpoint only with a token that carries `scope`.

        With `acr` the token has to name one of these levels of authentication, with `max_age` (seconds) one that is
        no longer ago: else the client is told to have its end-user authenticated anew (RFC 9470).
        While neither the feed nor the status list can be had, tokens are refused, or accepted for
        `insecure_stale_seconds` after the feed was last current.
        The endpoint, `async def` or `def`, finds the token as `request.state.access_token`.
        """
        rule = Rule.requiring(*scope, acr=acr, max_age=max_age, insecure_stale_seconds=insecure_stale_seconds)
        self._scopes.update(scope)

        def decorate(endpoint: Callable[[Request], Any]) -> Callable[[Request], Awaitable[Response]]:
            is_async = inspect.iscoroutinefunction(endpoint)

            @functools.wraps(endpoint)
            async def guarded(request: Request) -> Response:
                outcome = await self.decide(request, rule)
                if not isinstance(outcome, Allow | AllowAnonymous):
                    return denial(outcome)
                request.state.access_token = outcome.token if isinstance(outcome, Allow) else None
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


def view_of(request: Request) -> RequestView:
    """Return what a guard reads of a request; its address is that of the peer."""
    scope = request.scope
    client = scope.get("client")
    return RequestView(scope["method"], "/", scope["headers"], "", "" if client is None else client[0])


def denial(deny: Deny) -> Response:
    """Return the response that a denied request gets."""
    return JSONResponse(deny.document(), status_code=deny.status, headers=dict(deny.headers))


def access_token(request: Request) -> AccessToken:
    """Return the token of a request that a guard let pass; raises RuntimeError on an unguarded route."""
    token = getattr(request.state, "access_token", None)
    if token is None:
        raise RuntimeError("this route is not guarded: put @guard.requires(...) on its endpoint")
    return token  # type: ignore[no-any-return]  # Starlette's state is untyped
