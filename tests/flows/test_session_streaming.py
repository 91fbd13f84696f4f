"""Calls through the session layer over real sockets: bodies stream, what breaks off is never taken for whole."""

import asyncio
import hashlib
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import httpx2
import pytest

from support.served_app import served_app
from support.session_stage import SETTINGS
from valetkey.adapters.storage.sqlite.gateway_sessions import SqliteSessionRecords
from valetkey.client import SignedIn, TokenResponse
from valetkey.gateway.session import Forward, build_session_app
from valetkey.gateway.session.sessions import Sessions
from valetkey.jose.clock import system_clock

LARGE = b"0123456789abcdef" * 65_536
CAP = 2 * len(LARGE)
TOKENS = TokenResponse("access-token", SETTINGS.scope, 3_600, "refresh-token", "id-token")
PATIENCE = 20


@dataclass
class Api:
    """An API that takes, gives, breaks off and never ends."""

    seen: list[tuple[str, str, int]] = field(default_factory=list)
    """Path, digest of the body, or `broken`, and its length."""
    over: threading.Event = field(default_factory=threading.Event)
    """A call has come to its end, whichever."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        path, digest, octets = scope["path"], hashlib.sha256(), 0
        assert (b"authorization", b"Bearer access-token") in scope["headers"]
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.seen.append((path, "broken", octets))
                self.over.set()
                return
            digest.update(message["body"])
            octets += len(message["body"])
            if not message.get("more_body"):
                break
        self.seen.append((path, digest.hexdigest(), octets))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        if path == "/endless":
            leaving = asyncio.ensure_future(receive())
            while not leaving.done():
                await send({"type": "http.response.body", "body": b"tick", "more_body": True})
                await asyncio.sleep(0.01)
            self.over.set()
            return
        for at in range(0, len(LARGE), 65_536):
            await send({"type": "http.response.body", "body": LARGE[at : at + 65_536], "more_body": True})
            if path == "/dies" and at:
                # Returning without an end makes the server cut the connection.
                return
        await send({"type": "http.response.body", "body": b""})

    async def _lifespan(self, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})


@dataclass
class Line:
    """A browser's connection to the layer, and the API behind it."""

    origin: str
    api: Api
    cookie: str

    def headers(self) -> dict[str, str]:
        return {"x-csrf": "1", "origin": self.origin, "cookie": f"vk_gateway_session={self.cookie}"}


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    path, api = str(tmp_path_factory.mktemp("sessions") / "sessions.db"), Api()
    with served_app(lambda _: api) as upstream:

        def layer(origin: str) -> Any:
            rows = (Forward("/api/", f"{upstream}/"), Forward("/down/", "http://127.0.0.1:9/"))
            settings = replace(SETTINGS, base_url=origin, forwards=rows, maximum_request=CAP)
            return build_session_app(settings, SqliteSessionRecords(path))

        with served_app(layer) as origin:
            yield Line(origin, api, asyncio.run(_signed_in(path)))


async def _signed_in(path: str) -> str:
    """Keep a session as another process of the layer would."""
    records = SqliteSessionRecords(path)
    handle = await Sessions(SETTINGS, records, system_clock).begin(SignedIn(TOKENS, {"sub": "alice"}), None)
    await records.close()
    return handle.reveal()


async def _pieces(octets: int) -> AsyncIterator[bytes]:
    for _ in range(octets // 65_536):
        yield LARGE[:65_536]


async def test_bodies_stream_both_ways_unchanged(line: Line) -> None:
    async with httpx2.AsyncClient(trust_env=False, timeout=PATIENCE) as http:
        reply = await http.post(f"{line.origin}/api/echo", content=_pieces(len(LARGE)), headers=line.headers())
    assert (reply.status_code, reply.content == LARGE) == (200, True)
    assert line.api.seen[-1] == ("/echo", hashlib.sha256(LARGE).hexdigest(), len(LARGE))


async def test_a_body_over_the_cap_never_arrives_as_a_whole_one(line: Line) -> None:
    line.api.over.clear()
    async with httpx2.AsyncClient(trust_env=False, timeout=PATIENCE) as http:
        reply = await http.post(f"{line.origin}/api/large", content=_pieces(CAP + 65_536), headers=line.headers())
    assert reply.status_code == 413
    assert await asyncio.to_thread(line.api.over.wait, PATIENCE)
    assert line.api.seen[-1][:2] == ("/large", "broken")


async def test_an_answer_that_dies_is_not_taken_for_a_whole_one(line: Line) -> None:
    async with httpx2.AsyncClient(trust_env=False, timeout=PATIENCE) as http:
        with pytest.raises(httpx2.RemoteProtocolError):
            await http.get(f"{line.origin}/api/dies", headers=line.headers())


async def test_a_browser_that_leaves_ends_the_call_at_the_api(line: Line) -> None:
    line.api.over.clear()
    async with (
        httpx2.AsyncClient(trust_env=False, timeout=PATIENCE) as http,
        http.stream("GET", f"{line.origin}/api/endless", headers=line.headers()) as reply,
    ):
        assert await anext(reply.aiter_raw())
    assert await asyncio.to_thread(line.api.over.wait, PATIENCE)


async def test_an_api_that_is_not_there_is_told_so(line: Line) -> None:
    async with httpx2.AsyncClient(trust_env=False, timeout=PATIENCE) as http:
        reply = await http.get(f"{line.origin}/down/x", headers=line.headers())
    assert (reply.status_code, reply.json()["error"]) == (503, "upstream_unavailable")
