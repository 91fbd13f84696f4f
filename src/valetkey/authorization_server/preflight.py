"""Answers to the preflights of browsers (Fetch, 3.2.2), which name no client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.cors import VARY, allowed, origins_of
from valetkey.authorization_server.model import RegistrationMode
from valetkey.authorization_server.policy import ClientUrlRule
from valetkey.authorization_server.routes import Cors, Route
from valetkey.authorization_server.self_registration.admission import mode_of
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
            if origin is not None and await _is_registered(origin, server):
                return HttpResponse(204, (*allowed(origin), methods, _HEADERS, _MAXIMUM_AGE))
            return HttpResponse(204, (VARY,))
        case Cors.NONE:
            return HttpResponse(204)


async def _is_registered(origin: str, server: AuthorizationServer) -> bool:
    if mode_of(server.tenant, server.policy) is RegistrationMode.OPEN:
        # Anybody could make their origin a client's: looking through all strangers for it would protect nobody, and
        # cost much. What the answer itself lets be read stays the origin of the client that asked.
        return True
    clients = await server.stores.clients.list()
    if any(origin in origins_of(client) for client in clients if not client.disabled):
        return True
    return server.policy.client_urls is ClientUrlRule.READ and server.client_documents.name_origin(origin)
