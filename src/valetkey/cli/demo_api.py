"""The demo API of the development server: two albums behind a guard of three lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse
from starlette.routing import Route

from valetkey.integrations.starlette import Guard

if TYPE_CHECKING:
    from starlette.requests import Request

    from valetkey.resource_server import FeedCredentials
    from valetkey.resource_server.keys import KeySource

ALBUMS = [{"title": "Summer by the lake"}, {"title": "First snow"}]


def application(
    issuer: str, resource: str, *, keys: KeySource | None = None, feed: FeedCredentials | None = None
) -> Starlette:
    """Return the API that `resource` names, guarded by tokens of `issuer`, whose revocations it hears by `feed`."""
    guard = Guard(issuer, resource, keys=keys, feed=feed)

    @guard.requires("albums.read")
    async def albums(request: Request) -> JSONResponse:
        return JSONResponse({"albums": ALBUMS, "asked_by": request.state.access_token.subject})

    @guard.requires("albums.write")
    async def add_album(request: Request) -> JSONResponse:
        return JSONResponse({"added_by": request.state.access_token.subject}, status_code=201)

    routes = [Route("/albums", albums), Route("/albums", add_album, methods=["POST"]), *guard.routes]
    # Browsers may call this API from anywhere: it reads a bearer token, never a cookie.
    anywhere = Middleware(CORSMiddleware, allow_origins=["*"], allow_headers=["authorization"])
    return Starlette(routes=routes, middleware=[anywhere])
