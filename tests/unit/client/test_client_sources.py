"""Sources of tokens over a real connection, with a clock that tests move."""

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from support.scripted import START
from valetkey.client import AsyncMachineTokens, AsyncOAuthClient, MachineTokens, OAuthClient, ServerUnreachable
from valetkey.client.renewal import RETRY_SECONDS

PATIENCE = 20


@dataclass
class Issuing:
    """A server that issues token-1, token-2 ... for 300 seconds; may be away, or wait for a sign to answer."""

    now: int = START
    count: int = 0
    is_away: bool = False
    asked: threading.Event = field(default_factory=threading.Event)
    may_answer: threading.Event = field(default_factory=threading.Event)
    issuer: str = ""

    def clock(self) -> int:
        return self.now


@pytest.fixture
def server() -> Iterator[Issuing]:
    found = Issuing()
    found.may_answer.set()

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(200, {"issuer": found.issuer, "token_endpoint": f"{found.issuer}/token"})

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            found.asked.set()
            found.may_answer.wait(PATIENCE)
            if found.is_away:
                self.answer(503, {})
                return
            found.count += 1
            self.answer(200, {"access_token": f"token-{found.count}", "token_type": "Bearer", "expires_in": 300})

        def answer(self, status: int, document: dict[str, object]) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

        def log_message(self, *_: object) -> None:
            return

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    found.issuer = f"http://127.0.0.1:{listening.server_address[1]}"
    thread = threading.Thread(target=listening.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield found
    listening.shutdown()
    listening.server_close()
    thread.join()


def test_a_machines_token_is_kept_until_shortly_before_its_end(server: Issuing) -> None:
    with OAuthClient(server.issuer, "machine", clock=server.clock) as client:
        tokens = MachineTokens(client, clock=server.clock)
        assert [tokens.access_token(), tokens.access_token()] == ["token-1", "token-1"]
        server.now += 239
        assert tokens.access_token() == "token-1"
        server.now += 32
        assert tokens.access_token() == "token-2"
        assert tokens.renewed("token-1") == "token-2"
        assert tokens.renewed("token-2") == "token-3"


def test_a_living_token_serves_while_the_server_is_away_and_a_dead_one_does_not(server: Issuing) -> None:
    with OAuthClient(server.issuer, "machine", clock=server.clock) as client:
        tokens = MachineTokens(client, clock=server.clock)
        tokens.access_token()
        server.is_away = True
        server.now += 290
        assert tokens.access_token() == "token-1"
        server.asked.clear()
        server.now += RETRY_SECONDS - 1
        assert tokens.access_token() == "token-1"
        assert not server.asked.is_set()
        with pytest.raises(ServerUnreachable):
            tokens.renewed("token-1")
        server.now += 6
        with pytest.raises(ServerUnreachable):
            tokens.access_token()
        server.is_away = False
        assert tokens.access_token() == "token-2"


def test_nobody_waits_for_the_next_token_while_the_present_one_lives(server: Issuing) -> None:
    with OAuthClient(server.issuer, "machine", clock=server.clock) as client:
        tokens = MachineTokens(client, clock=server.clock)
        tokens.access_token()
        server.now += 290
        server.asked.clear()
        server.may_answer.clear()
        fetched: list[str] = []
        fetching = threading.Thread(target=lambda: fetched.append(tokens.access_token()))
        fetching.start()
        assert server.asked.wait(PATIENCE)
        assert tokens.access_token() == "token-1"
        server.may_answer.set()
        fetching.join(PATIENCE)
        assert fetched == ["token-2"]


async def test_the_same_in_an_event_loop(server: Issuing) -> None:
    async with AsyncOAuthClient(server.issuer, "machine", clock=server.clock) as client:
        tokens = AsyncMachineTokens(client, clock=server.clock)
        assert {await tokens.access_token() for _ in range(3)} == {"token-1"}
        server.now += 290
        server.asked.clear()
        server.may_answer.clear()
        first = asyncio.create_task(tokens.access_token())
        assert await asyncio.to_thread(server.asked.wait, PATIENCE)
        assert await tokens.access_token() == "token-1"
        refused = asyncio.create_task(tokens.renewed("token-1"))
        await asyncio.sleep(0)
        first.cancel()
        server.may_answer.set()
        assert await refused == "token-2"
        assert first.cancelled()


async def test_in_an_event_loop_too_a_living_token_serves_while_the_server_is_away(server: Issuing) -> None:
    async with AsyncOAuthClient(server.issuer, "machine", clock=server.clock) as client:
        tokens = AsyncMachineTokens(client, clock=server.clock)
        await tokens.access_token()
        server.is_away = True
        server.now += 290
        assert await tokens.access_token() == "token-1"
        with pytest.raises(ServerUnreachable):
            await tokens.renewed("token-1")
        server.now += 10
        with pytest.raises(ServerUnreachable):
            await tokens.access_token()
