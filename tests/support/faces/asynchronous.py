"""The same five routes behind each face of an asynchronous framework."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import FastAPI, Security
from fastapi import Request as FastAPIRequest
from fastapi import WebSocket as FastAPIWebSocket
from fastapi.responses import JSONResponse as FastAPIJSONResponse
from litestar import Litestar, WebSocket, route, websocket
from litestar import Request as LitestarRequest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute

from support.faces.asking import AsgiApplication, AsgiFace
from support.faces.stage import OPEN, RULES, Stage, seen
from valetkey.integrations import asgi, fastapi, litestar, starlette
from valetkey.integrations.asgi import TOKEN
from valetkey.integrations.guarding import OneRule

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.websockets import WebSocket as StarletteWebSocket

    from valetkey.resource_server import AccessToken

METHODS = ["GET", "HEAD", "POST", "OPTIONS"]
SOCKET = "/socket"


def asgi_face() -> AsgiFace:
    """A plain application behind the middleware, one for each rule."""
    stage = Stage()
    guard = stage.guard(asgi.Guard)

    async def application(scope: Any, _receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.send", "text": json.dumps(seen(scope[TOKEN]))})
            await send({"type": "websocket.close", "code": 1000})
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        body = b"" if scope["method"] == "HEAD" else json.dumps(seen(scope[TOKEN])).encode()
        await send({"type": "http.response.body", "body": body})

    guarded: dict[str, AsgiApplication] = {
        path: asgi.GuardMiddleware(application, guard.for_all(*scope, **options))
        for path, (scope, options) in RULES.items()
    }
    guarded[OPEN] = asgi.GuardMiddleware(application, OneRule(guard, guard.public_rule()))
    guarded[SOCKET] = guarded["/limited"]

    async def chosen(scope: Any, receive: Any, send: Any) -> None:
        await guarded.get(scope["path"], guarded["/albums"])(scope, receive, send)

    return AsgiFace("asgi", stage, chosen)


def starlette_face() -> AsgiFace:
    """Starlette."""
    stage = Stage()
    guard = stage.guard(starlette.Guard)

    async def endpoint(request: Request) -> JSONResponse:
        return JSONResponse(seen(request.state.access_token))

    async def talk(socket: StarletteWebSocket) -> None:
        await socket.accept()
        await socket.send_json(seen(socket.state.access_token))
        await socket.close()

    routes = [
        Route(path, guard.requires(*scope, **options)(endpoint), methods=METHODS)
        for path, (scope, options) in RULES.items()
    ]
    open_to_all = Route(OPEN, guard.optional()(endpoint), methods=METHODS)
    scope, options = RULES["/limited"]
    socket = WebSocketRoute(SOCKET, guard.requires(*scope, **options)(talk))
    return AsgiFace("starlette", stage, Starlette(routes=[*routes, open_to_all, socket, *guard.routes]))


def fastapi_face() -> AsgiFace:
    """FastAPI, whose operations answer both with values and with responses of their own."""
    stage = Stage()
    guard = stage.guard(fastapi.Guard)
    app = FastAPI()

    def add(path: str, dependency: Any) -> None:
        async def operation(
            request: FastAPIRequest, token: Annotated[AccessToken | None, Security(dependency)]
        ) -> Any:
            answer = seen(token)
            return FastAPIJSONResponse(answer) if request.method == "POST" else answer

        operation.__annotations__["token"] = Annotated[Any, Security(dependency)]
        operation.__annotations__["request"] = FastAPIRequest
        app.add_api_route(path, operation, methods=METHODS, operation_id=path[1:])

    for path, (scope, options) in RULES.items():
        add(path, guard.token(*scope, **options))
    add(OPEN, guard.optional_token())
    scope, options = RULES["/limited"]
    dependency = guard.token(*scope, **options)

    async def talk(socket: FastAPIWebSocket, token: Any) -> None:
        await socket.accept()
        await socket.send_json(seen(token))
        await socket.close()

    talk.__annotations__.update(socket=FastAPIWebSocket, token=Annotated[Any, Security(dependency)])
    app.add_api_websocket_route(SOCKET, talk)
    guard.install(app)
    return AsgiFace("fastapi", stage, app)


def litestar_face() -> AsgiFace:
    """Litestar."""
    stage = Stage()
    guard = stage.guard(litestar.Guard)

    async def answer(request: LitestarRequest[Any, Any, Any]) -> dict[str, str]:
        return seen(request.auth)

    async def empty(request: LitestarRequest[Any, Any, Any]) -> None:
        assert request.auth is not None

    async def talk(socket: WebSocket[Any, Any, Any]) -> None:
        await socket.accept()
        await socket.send_json(seen(socket.auth))
        await socket.close()

    handlers: list[Any] = []
    for path, (scope, options) in RULES.items():
        guards = [guard.requires(*scope, **options)]
        handlers += [
            route(path, http_method=["GET", "POST", "OPTIONS"], guards=guards, status_code=200)(answer),
            route(path, http_method="HEAD", guards=guards, status_code=200)(empty),
        ]
    handlers.append(route(OPEN, http_method=["GET"], guards=[guard.optional()], status_code=200)(answer))
    scope, options = RULES["/limited"]
    handlers.append(websocket(SOCKET, guards=[guard.requires(*scope, **options)])(talk))
    return AsgiFace("litestar", stage, Litestar(handlers, plugins=[guard], logging_config=None))
