"""Shop: what the world calls. It calls `orders` on behalf of its caller, with a token that only `orders` takes."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import httpx2
import uvicorn
from addresses import ISSUER, ORDERS, ORDERS_URL, SHOP, SHOP_URL, STATE, port_of
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from unable import presented_token, unable

from valetkey.client import AsyncBearerAuth, AsyncNarrowedTokens, AsyncOAuthClient, ClientSecretBasic, FlowError
from valetkey.integrations.starlette import Guard

if TYPE_CHECKING:
    from starlette.requests import Request

guard = Guard(ISSUER, SHOP)
client = AsyncOAuthClient(ISSUER, "shop", ClientSecretBasic((STATE / "shop.secret").read_text()))
narrowed = AsyncNarrowedTokens(client)
http = httpx2.AsyncClient(timeout=20)


@guard.requires("shop:buy", "stock:reserve")
async def buy(request: Request) -> Response:
    """Order it for the caller."""
    item = request.path_params["item"]
    theirs = narrowed.narrowed(presented_token(request), for_resource=ORDERS, scope="shop:buy stock:reserve")
    answer = await http.post(f"{ORDERS_URL}/orders/{item}", auth=AsyncBearerAuth(theirs, ORDERS_URL))
    if answer.status_code == HTTPStatus.CONFLICT:
        return JSONResponse({"error": "sold out"}, status_code=409)
    return JSONResponse({"bought": item, "orders_said": answer.raise_for_status().json()})


app = Starlette(
    routes=[Route("/buy/{item}", buy, methods=["POST"]), *guard.routes],
    exception_handlers={FlowError: unable, httpx2.HTTPError: unable},
)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=port_of(SHOP_URL))
