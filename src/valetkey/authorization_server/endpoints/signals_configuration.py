"""Transmitter configuration metadata: what outside receivers of signals have to know (SSF, 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from valetkey.authorization_server.signals.access import offered
from valetkey.authorization_server.signals.configuration import transmitter_configuration
from valetkey.oauth.http import json_response

if TYPE_CHECKING:
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.http import HttpRequest, HttpResponse


async def respond(request: HttpRequest, server: AuthorizationServer) -> HttpResponse:
    """Answer with the metadata; raises StreamRefused 404 where the issuer shares no signals."""
    del request
    await offered(server)
    return json_response(200, transmitter_configuration(server.issuer))  # OIDSSF-7.2/location OIDSSF-7.2.3/response
