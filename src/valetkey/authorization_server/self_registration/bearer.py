"""The bearer token of a request's header: an access token, or one that lets a client register (RFC 6750, 2.1)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.types import OpaqueToken

if TYPE_CHECKING:
    from valetkey.oauth.http import HttpRequest

_BEARER: Final = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9\-._~+/]+=*)")


def presented_bearer(request: HttpRequest) -> OpaqueToken | None:
    """Return the token of the `Authorization` header, None without one; raises OAuthError for anything else."""
    if request.query:
        raise _malformed("A registration request has no query.")
    return bearer_of(request)


def bearer_of(request: HttpRequest) -> OpaqueToken | None:
    """Return the token of the `Authorization` header, None without one; raises OAuthError for anything else."""
    found = request.all_headers(b"authorization")
    if not found:
        return None
    match = _BEARER.fullmatch(found[0])
    if match is None or len(found) > 1:
        raise _malformed("The Authorization header carries no bearer token.")
    return OpaqueToken.presented(match[1])


def _malformed(description: str) -> OAuthError:
    return OAuthError(ErrorCode.INVALID_REQUEST, description, "RFC6750-2.1/syntax")
