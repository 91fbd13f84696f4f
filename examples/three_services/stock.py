"""Stock: the last service. Tells what is there to a service, and puts it aside for an end-user."""

from __future__ import annotations

from typing import TYPE_CHECKING

import uvicorn
from addresses import ISSUER, STOCK, STOCK_URL, port_of
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from valetkey.integrations.starlette import Guard

if TYPE_CHECKING:
    from starlette.requests import Request

guard = Guard(ISSUER, STOCK)
left = {"tea": 100, "coffee": 0}


@guard.requires("stock:read")
async def level(request: Request) -> Response:
    """Tell any service that may read how much there is."""
    return JSONResponse({"left": left.get(request.path_params["item"], 0)})


@guard.requires("stock:reserve")
async def reserve(request: Request) -> Response:
    """Put one thing aside for the end-user; the token says through whose hands the order came."""
    token = request.state.access_token
    item = request.path_params["item"]
    if not left.get(item):
        return JSONResponse({"error": "nothing left"}, status_code=409)
    left[item] -= 1
    return JSONResponse({"left": left[item], "for": token.subject, "act": token.claims.get("act")})


app = Starlette(
    routes=[
        Route("/items/{item}", level),
        Route("/items/{item}/reservations", reserve, methods=["POST"]),
        *guard.routes,
    ]
)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=port_of(STOCK_URL))
