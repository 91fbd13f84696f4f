"""What a service in the middle reads of its caller, and says when it cannot go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response

from valetkey.client import ExchangeRefused

if TYPE_CHECKING:
    from starlette.requests import Request


def presented_token(request: Request) -> str:
    """Return the token that the guard let pass: to be exchanged, never to be sent on."""
    return request.headers["authorization"].partition(" ")[2]


async def unable(_request: Request, error: Exception) -> Response:
    """Say 401 where the caller's token is to blame, 502 where the caller can do nothing about it."""
    print(type(error).__name__, error, flush=True)
    if isinstance(error, ExchangeRefused) and error.is_callers_token:
        challenge = 'Bearer error="invalid_token", error_description="The token is not good any more."'
        return JSONResponse({"error": "invalid_token"}, 401, headers={"www-authenticate": challenge})
    return JSONResponse({"error": "a service behind this one does not answer as it should"}, 502)
