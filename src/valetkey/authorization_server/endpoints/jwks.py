"""The JWK Set document (RFC 7517, 5): the public keys that verify what this issuer signed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from valetkey.oauth.http import HttpResponse, json_response

if TYPE_CHECKING:
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.http import HttpRequest


async def respond(request: HttpRequest, server: AuthorizationServer) -> HttpResponse:
    """Answer with every key that a verifier may still meet; private members never get that far."""
    del request
    keys = await server.signer.public_keys()
    response = json_response(200, keys.as_dict())  # OIDCD-3/no-private-keys
    return HttpResponse(200, (("content-type", "application/jwk-set+json"),), response.body)
