"""The JWK Set document (RFC 7517, 5): the public keys that verify what this issuer signed."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from valetkey.oauth.http import HttpResponse, json_response

if TYPE_CHECKING:
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.http import HttpRequest


async def respond(request: HttpRequest, server: AuthorizationServer) -> HttpResponse:
    """Answer with every key that a verifier may still meet, or 304; private members never get that far.

    Who keeps the answer for as long as it says knows every key before it signs.
    """
    body = json_response(200, (await server.signer.public_keys()).as_dict()).body  # OIDCD-3/no-private-keys
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = (
        ("cache-control", f"public, max-age={server.key_schedule.jwks_lifetime}"),  # OIDCC-10.2.1/max-age
        ("etag", etag),
    )
    if _has_it(request, etag):
        return HttpResponse(304, headers)
    return HttpResponse(200, (("content-type", "application/jwk-set+json"), *headers), body)


def _has_it(request: HttpRequest, etag: str) -> bool:
    named = (request.header(b"if-none-match") or "").split(",")
    # Compared weakly, as RFC 9110, 13.1.2 asks: a cache on the way may have marked it so.
    return any(each.strip().removeprefix("W/") in {etag, "*"} for each in named)
