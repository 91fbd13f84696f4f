"""The single-page application without tokens: static files behind the session layer of the gateway (RFC 10017)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.routing import Route

from valetkey.cli.demo_apps.parties import READING_ROOM, SCOPE, Parties
from valetkey.cli.demo_apps.rendering import page, static_routes
from valetkey.gateway.session import (
    Forward,
    SessionApplication,
    SessionRecords,
    SessionSettings,
    build_session_app,
)
from valetkey.oauth.types import Scope, SecretText

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


@dataclass(frozen=True, slots=True)
class ReadingRoom:
    """The application at its own origin: the layer answers `/session` and `/api/`, the rest are its files."""

    parties: Parties
    records: SessionRecords

    def application(self) -> SessionApplication:
        """Return the ASGI application."""
        files = Starlette(routes=[Route("/", self.home), *static_routes("reading_room.js", "demo.css", "icon.svg")])
        return build_session_app(self.settings, self.records, otherwise=files)

    @property
    def settings(self) -> SessionSettings:
        """What a `[session]` table would say."""
        parties = self.parties
        return SessionSettings(
            issuer=parties.issuer,
            client_id=READING_ROOM,
            client_secret=SecretText(parties.reading_room_secret),
            base_url=parties.reading_room,
            key=parties.reading_room_key,
            scope=Scope.parse(SCOPE),
            resource=parties.api,
            forwards=(Forward("/api/", f"{parties.api}/", ("GET", "POST", "DELETE")),),
        )

    async def home(self, _request: Request) -> Response:
        """Show the application; who is signed in, its script asks the layer."""
        return page("reading_room.html", "frame-ancestors 'none'", parties=self.parties)
