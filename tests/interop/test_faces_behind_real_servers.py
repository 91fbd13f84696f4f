"""What real servers make of a request, octet for octet as it was sent, and what a face makes of that."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
import uvicorn
from werkzeug.serving import WSGIRequestHandler as WerkzeugHandler
from werkzeug.serving import make_server as make_werkzeug

from support.faces.stage import Stage, bearer
from valetkey.integrations import asgi, wsgi

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping

    from valetkey.integrations.guarding import OneRule
    from valetkey.resource_server import Decision, RequestView

pytestmark = pytest.mark.interop

GOOD = f"Authorization: {bearer()[1]}"


class Remembering:
    """A judge that remembers what it was shown."""

    def __init__(self, judge: OneRule) -> None:
        self._judge = judge
        self.trusted_proxies = None
        self.metadata_path = judge.metadata_path
        self.seen: list[RequestView] = []

    def metadata_body(self) -> bytes:
        return self._judge.metadata_body()

    async def decide(self, request: RequestView, kept: MutableMapping[str, Any]) -> Decision:
        self.seen.append(request)
        return await self._judge.decide(request, kept)


class _Silent(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


class _SilentWerkzeug(WerkzeugHandler):
    def log(self, *_: object) -> None:
        pass


def _wsgi(judge: Remembering) -> Any:
    def served(_environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Length", "6")])
        return [b"served"]

    return wsgi.GuardMiddleware(served, judge)


def _asgi(judge: Remembering) -> Any:
    async def served(scope: Any, _receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"6")]})
        await send({"type": "http.response.body", "body": b"served"})

    return asgi.GuardMiddleware(served, judge)


@contextmanager
def _wsgiref(judge: Remembering) -> Iterator[int]:
    with make_server("127.0.0.1", 0, _wsgi(judge), handler_class=_Silent) as server:
        yield from _serving(server, server.server_port)


@contextmanager
def _werkzeug(judge: Remembering) -> Iterator[int]:
    server = make_werkzeug("127.0.0.1", 0, _wsgi(judge), threaded=True, request_handler=_SilentWerkzeug)
    try:
        yield from _serving(server, server.server_port)
    finally:
        server.server_close()


def _serving(server: Any, port: int) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield port
    finally:
        server.shutdown()
        thread.join(10)


@contextmanager
def _uvicorn(judge: Remembering) -> Iterator[int]:
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(_asgi(judge), lifespan="off", log_level="critical")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(10)
        listening.close()


SERVERS: dict[str, Any] = {"wsgiref": _wsgiref, "werkzeug": _werkzeug, "uvicorn": _uvicorn}


@pytest.fixture(scope="module", params=SERVERS)
def served(request: pytest.FixtureRequest) -> Iterator[tuple[int, Remembering, str]]:
    judge = Remembering(Stage().guard(wsgi.Guard).for_all("albums.read"))
    with SERVERS[request.param](judge) as port:
        yield port, judge, request.param


def ask(port: int, first: str, *headers: str) -> tuple[int, str]:
    """Send one request octet for octet; return the status and all that came back."""
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        lines = [f"{first} HTTP/1.1", "Host: api.example", "Connection: close", *headers, "", ""]
        connection.sendall("\r\n".join(lines).encode("latin-1"))
        answer = b""
        while octets := connection.recv(65_536):
            answer += octets
    text = answer.decode("latin-1")
    return int(text.split(" ", 2)[1]), text


# covers: GTW-01
def test_a_request_as_it_was_sent_is_judged(served: tuple[int, Remembering, str]) -> None:
    port, judge, name = served
    assert ask(port, "GET /albums", GOOD)[0] == 200
    assert ask(port, "GET /albums", GOOD, GOOD)[0] == 400
    assert ask(port, "GET /albums", "Authorization: Basic dTpw", GOOD)[0] == 400
    assert ask(port, "GET /albums", "X-API-Key: vk_ak_good", "X-Api-Key: vk_ak_good")[0] == 400
    assert ask(port, "GET /albums", "X-API-Key: vk_ak_good")[0] == 200
    assert ask(port, "GET /a%20b/%C3%A9?c=%2F", GOOD)[0] == 200
    assert judge.seen[-1].target == "/a%20b/%C3%A9?c=%2F"
    assert (judge.seen[-1].host, judge.seen[-1].scheme, judge.seen[-1].address) == (
        "api.example", "http", "127.0.0.1",
    )  # fmt: skip
    ask(port, "GET /a%2Fb", GOOD)
    # Where the server tells the decoded path only, that is what the application behind the guard sees too.
    assert judge.seen[-1].target == ("/a/b" if name == "wsgiref" else "/a%2Fb")


# covers: GTW-06
def test_a_head_is_challenged_without_a_body(served: tuple[int, Remembering, str]) -> None:
    status, text = ask(served[0], "HEAD /albums")
    assert status == 401
    assert text.endswith("\r\n\r\n")
    assert "www-authenticate: bearer resource_metadata=" in text.lower()


# covers: GTW-06
@pytest.mark.parametrize("served", ["uvicorn"], indirect=True)
def test_a_websocket_is_refused_with_the_challenge_before_it_is_opened(
    served: tuple[int, Remembering, str],
) -> None:
    port = served[0]
    upgrade = (
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    )
    status, text = ask(port, "GET /socket", *upgrade)
    assert (status, "www-authenticate: Bearer " in text) == (401, True)
    assert ask(port, "GET /socket", *upgrade, GOOD)[0] == 101
