"""The single-page application: a public client whose tokens live in one tab (Front-Channel Logout, 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from valetkey.cli.demo_apps.parties import (
    ALBUM_WALL,
    CALLBACK_PATH,
    CLAIMS,
    FRONTCHANNEL_LOGOUT_PATH,
    SCOPE,
    Parties,
)
from valetkey.cli.demo_apps.rendering import page, static_routes
from valetkey.jose.records import dataclass

if TYPE_CHECKING:
    from starlette.requests import Request


@dataclass(frozen=True, slots=True)
class AlbumWall:
    """The application at its own origin: static files, and where its parties are."""

    parties: Parties

    def application(self) -> Starlette:
        """Return the ASGI application."""
        rows = [
            Route("/", self.home),
            Route(CALLBACK_PATH, self.callback),
            Route(FRONTCHANNEL_LOGOUT_PATH, self.frontchannel_logout),
            Route("/parties.json", self.found_parties),
            *static_routes(
                "album_wall.js", "sign_in.js", "callback.js", "frontchannel_logout.js", "demo.css", "icon.svg"
            ),
        ]
        return Starlette(routes=rows)

    async def home(self, _request: Request) -> Response:
        """Show the application; all that it knows it asks for itself."""
        parties = self.parties
        talks = f"connect-src 'self' {parties.issuer} {parties.api}; frame-src 'self' {parties.issuer}"
        return page("album_wall.html", f"{talks}; frame-ancestors 'none'", parties=parties)

    async def callback(self, _request: Request) -> Response:
        """Take an answer of the authorization server, in the window or in a silent frame of the application's."""
        return page("callback.html", "frame-ancestors 'self'")

    async def frontchannel_logout(self, _request: Request) -> Response:
        """Stand in a frame of the signed-out page, and tell the tabs of this application which session ended."""
        return page("frontchannel_logout.html", f"frame-ancestors {self.parties.issuer}")

    async def found_parties(self, _request: Request) -> Response:
        """Name the issuer, the API and the client."""
        parties = self.parties
        return JSONResponse(
            {
                "issuer": parties.issuer,
                "api": parties.api,
                "client_id": ALBUM_WALL,
                "redirect_uri": parties.album_wall + CALLBACK_PATH,
                "post_logout_redirect_uri": parties.album_wall + "/",
                "scope": SCOPE,
                "claims": CLAIMS,
            },
            headers={"cache-control": "no-store"},
        )
