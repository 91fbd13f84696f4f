"""Answers to the preflights of browsers (Fetch, 3.2.2), which name no client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.cors import VARY, allowed, is_registered_origin
from valetkey.authorization_server.routes import Cors, Route
from valetkey.oauth.http import HttpResponse

if TYPE_CHECKING:
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.http import HttpRequest

_MAXIMUM_AGE: Final = ("access-control-max-age", "600")
_HEADERS: Final = ("access-control-allow-headers", "Authorization, Content-Type, DPoP")


async def preflight(request: HttpRequest, server: AuthorizationServer, route: Route) -> HttpResponse:
    """Answer for `route`: public documents open to everybody, the rest to any origin that a client has."""
    methods = ("access-control-allow-methods", ", ".join(sorted(route.methods)))
    match route.cors:
        case Cors.ANY:
            # `access-control-allow-origin` is on every response of such a row.
            return HttpResponse(204, (methods, _HEADERS, _MAXIMUM_AGE))
        case Cors.CLIENT:
            origin = request.header(b"origin")
            if origin is not None and await is_registered_origin(origin, server):
                return HttpResponse(204, (*allowed(origin), methods, _HEADERS, _MAXIMUM_AGE))
            return HttpResponse(204, (VARY,))
        case Cors.NONE:
            return HttpResponse(204)
