"""The logo of a client, from our own origin: no page of ours asks another host for it (HARDENING CON-08)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from valetkey.authorization_server.budgets import Budget, counted, network_of, wait_for
from valetkey.authorization_server.logo import lane_of, logo_uri_of
from valetkey.oauth.http import HttpResponse, json_response
from valetkey.oauth.types import ClientId

if TYPE_CHECKING:
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.http import HttpRequest
    from valetkey.oauth.types import NumericDate

# What came from another host is an image and nothing else, also for who opens it by itself.
_GUARDS: Final = (
    ("cross-origin-resource-policy", "same-origin"),
    ("content-security-policy", "default-src 'none'; sandbox"),
)


async def respond(request: HttpRequest, server: AuthorizationServer) -> HttpResponse:
    """Answer with the image of the client that the last segment of the path names, or 404; raises Unavailable."""
    now = server.fresh().now
    client = await server.find_client(ClientId(unquote(request.path.rpartition("/")[2])))
    uri = None if client is None or client.disabled else logo_uri_of(client, server.policy_for(client))
    if client is None or uri is None or not (server.logos.is_known(uri, now) or await _may(request, server, now)):
        return _nothing()
    logo = await server.logos.find(uri, lane_of(client), now)
    if logo is None:
        return _nothing()
    return HttpResponse(200, (("content-type", logo.media_type), *_GUARDS), logo.octets)


async def _may(request: HttpRequest, server: AuthorizationServer, now: NumericDate) -> bool:
    """Count one fetch; False where one network had so many that it has to wait."""
    budgets = (Budget(f"logo {network_of(request.remote_address)}", 6, 20),)
    return not await wait_for(budgets, server.stores, now) and await server.stores.commit(counted(budgets, now))


def _nothing() -> HttpResponse:
    return json_response(404, {"error": "not_found"})
