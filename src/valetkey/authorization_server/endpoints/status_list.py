"""A status list (Token Status List, 8): which of its tokens are revoked, signed, for whoever verifies locally."""

from __future__ import annotations

from typing import TYPE_CHECKING

from valetkey.authorization_server.revocation.statuses import StatusListId
from valetkey.oauth.http import HttpResponse, json_response
from valetkey.oauth.status_list import MEDIA_TYPE

if TYPE_CHECKING:
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.http import HttpRequest


async def respond(request: HttpRequest, server: AuthorizationServer) -> HttpResponse:
    """Answer with the list that the last segment of the path names; raises Unavailable."""
    list_id = StatusListId(request.path.rpartition("/")[2])
    token = await server.published_statuses.find(list_id, server.fresh().now)
    if token is None:
        return json_response(404, {"error": "not_found"})
    return HttpResponse(200, (("content-type", MEDIA_TYPE),), token.encode())  # TSL-8.2/content-type
