"""The demo API of the development server: two albums behind a guard of three lines, and two that want more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse
from starlette.routing import Route

from valetkey.authorization_server.acr_levels import MULTI_FACTOR
from valetkey.integrations.starlette import Guard

if TYPE_CHECKING:
    from starlette.requests import Request

    from valetkey.resource_server import FeedCredentials
    from valetkey.resource_server.keys import KeySource

FRESH_SECONDS: Final = 60
"""An order wants a sign-in that is no older."""
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

    @guard.requires("albums.write", max_age=FRESH_SECONDS)
    async def order_print(request: Request) -> JSONResponse:
        return JSONResponse({"ordered_by": request.state.access_token.subject}, status_code=201)

    @guard.requires("albums.write", acr=MULTI_FACTOR)
    async def empty_bin(request: Request) -> JSONResponse:
        return JSONResponse({"emptied_by": request.state.access_token.subject})

    routes = [
        Route("/albums", albums),
        Route("/albums", add_album, methods=["POST"]),
        Route("/prints", order_print, methods=["POST"]),
        Route("/bin", empty_bin, methods=["DELETE"]),
        *guard.routes,
    ]
    # Browsers may call this API from anywhere: it reads a bearer token, never a cookie.
    anywhere = Middleware(
        CORSMiddleware,
        allow_origins=["*"],
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=["authorization"],
        expose_headers=["www-authenticate"],
    )
    return Starlette(routes=routes, middleware=[anywhere])
