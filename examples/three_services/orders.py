"""Orders: calls `stock` as itself where no end-user matters, and on behalf of the end-user where one does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx2
import uvicorn
from addresses import ISSUER, ORDERS, ORDERS_URL, STATE, STOCK, STOCK_URL, port_of
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from unable import presented_token, unable

from valetkey.client import (
    AsyncBearerAuth,
    AsyncMachineTokens,
    AsyncNarrowedTokens,
    AsyncOAuthClient,
    FlowError,
    PrivateKeyJwt,
)
from valetkey.integrations.starlette import Guard
from valetkey.jose import Jwk

if TYPE_CHECKING:
    from starlette.requests import Request

guard = Guard(ISSUER, ORDERS)
key = Jwk.parse(json.loads((STATE / "orders.private.json").read_text()))
client = AsyncOAuthClient(ISSUER, "orders", PrivateKeyJwt(key))
ours = AsyncBearerAuth(AsyncMachineTokens(client, "stock:read", resource=STOCK), STOCK_URL)
narrowed = AsyncNarrowedTokens(client)
http = httpx2.AsyncClient(timeout=20)


@guard.requires("shop:buy", "stock:reserve")
async def order(request: Request) -> Response:
    """Look as ourselves whether there is any; put it aside for the end-user."""
    item = request.path_params["item"]
    found = (await http.get(f"{STOCK_URL}/items/{item}", auth=ours)).raise_for_status().json()
    if not found["left"]:
        return JSONResponse({"error": "sold out"}, status_code=409)
    theirs = narrowed.narrowed(presented_token(request), for_resource=STOCK, scope="stock:reserve")
    auth = AsyncBearerAuth(theirs, STOCK_URL)
    answer = (await http.post(f"{STOCK_URL}/items/{item}/reservations", auth=auth)).raise_for_status().json()
    return JSONResponse({"ordered": item, "stock_saw": answer})


app = Starlette(
    routes=[Route("/orders/{item}", order, methods=["POST"]), *guard.routes],
    exception_handlers={FlowError: unable, httpx2.HTTPError: unable},
)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=port_of(ORDERS_URL))
