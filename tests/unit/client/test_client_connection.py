"""What a server may answer, over real connections: no redirect is followed, nothing endless is read."""

import gzip
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2
import pytest

from valetkey.client import (
    AsyncOAuthClient,
    BearerAuth,
    FlowError,
    OAuthClient,
    ResponseRejected,
    ServerRefused,
    ServerUnreachable,
)
from valetkey.oauth.errors import OAuthError


class Hostile:
    """A server on loopback whose token endpoint answers as a test says, and that counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.status, self.headers, self.body = 200, {"content-type": "application/json"}, b"{}"
        outer = self

        class Answering(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                metadata = {"issuer": outer.issuer, "token_endpoint": f"{outer.issuer}/token"}
                self.answer(200, {"content-type": "application/json"}, json.dumps(metadata).encode())

            def do_POST(self) -> None:
                outer.asked.append(self.path)
                self.rfile.read(int(self.headers.get("content-length", 0)))
                self.answer(outer.status, outer.headers, outer.body)

            def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                # Who stops reading closes the connection.
                try:
                    self.wfile.write(body)
                except OSError:
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self.server.daemon_threads = True
        self.issuer = f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    found = Hostile()
    thread = threading.Thread(target=found.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield found
    found.server.shutdown()
    found.server.server_close()
    thread.join()


async def errors_of(hostile: Hostile) -> list[FlowError]:
    """Return how both faces end a token request."""
    found: list[FlowError] = []
    with OAuthClient(hostile.issuer, "native") as client, pytest.raises(FlowError) as caught:
        client.client_credentials()
    found.append(caught.value)
    async with AsyncOAuthClient(hostile.issuer, "native") as other:
        with pytest.raises(FlowError) as caught:
            await other.client_credentials()
    return [*found, caught.value]


async def test_a_redirect_is_not_followed(hostile: Hostile) -> None:
    hostile.status, hostile.headers = 307, {"location": f"{hostile.issuer}/elsewhere"}
    assert {type(error) for error in await errors_of(hostile)} == {ResponseRejected}
    assert "/elsewhere" not in hostile.asked


async def test_an_answer_without_end_is_not_read_to_its_end(hostile: Hostile) -> None:
    hostile.body = b'{"access_token": "' + b"x" * 10_000_000
    for error in await errors_of(hostile):
        assert isinstance(error, ServerUnreachable)
        assert "too large" in error.description


async def test_an_answer_that_was_compressed_unasked_is_not_inflated(hostile: Hostile) -> None:
    hostile.headers = {"content-encoding": "gzip"}
    hostile.body = gzip.compress(b" " * 10_000_000)
    for error in await errors_of(hostile):
        assert isinstance(error, ServerUnreachable)
        assert "compressed" in error.description


async def test_a_refusal_comes_through(hostile: Hostile) -> None:
    hostile.status, hostile.body = 400, b'{"error": "unauthorized_client"}'
    for error in await errors_of(hostile):
        assert isinstance(error, ServerRefused)
        assert error.code == "unauthorized_client"


async def test_where_nobody_listens_nothing_was_decided() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        issuer = f"http://127.0.0.1:{closed.getsockname()[1]}"
    with OAuthClient(issuer, "native") as client, pytest.raises(ServerUnreachable):
        client.party()
    async with AsyncOAuthClient(issuer, "native") as other:
        with pytest.raises(ServerUnreachable):
            await other.party()


def test_metadata_is_asked_for_once_and_again_where_it_failed(hostile: Hostile) -> None:
    with OAuthClient(hostile.issuer, "native") as client:
        first = client.party()
        assert client.party() is first
    assert len(hostile.asked) == 1


@pytest.mark.parametrize("issuer", ["http://as.example", "as.example", "", "https://as.example?x=1"])
def test_an_issuer_without_tls_is_refused_at_once(issuer: str) -> None:
    for face in (OAuthClient, AsyncOAuthClient):
        with pytest.raises(ValueError, match="issuer"):
            face(issuer, "native")


def test_a_malformed_scope_is_told_before_anything_is_sent(hostile: Hostile) -> None:
    with OAuthClient(hostile.issuer, "native") as client, pytest.raises(OAuthError):
        client.client_credentials("two  spaces")
    assert hostile.asked == []


# --- auth classes ------------------------------------------------------------------------------------------------


class Numbered:
    """A source that counts: token-1 is refused, token-2 is the next."""

    def __init__(self) -> None:
        self.count = 1

    def access_token(self) -> str:
        return f"token-{self.count}"

    def renewed(self, refused: str) -> str:
        if refused == self.access_token():
            self.count += 1
        return self.access_token()


DEAD = {"www-authenticate": 'Bearer realm="x", error="invalid_token"'}


def calls(tokens: Numbered, url: str, *answers: httpx2.Response, **request: object) -> list[str | None]:
    """Return the Authorization header of each request that one call made."""
    seen: list[str | None] = []

    def answer(sent: httpx2.Request) -> httpx2.Response:
        seen.append(sent.headers.get("authorization"))
        return answers[min(len(seen), len(answers)) - 1]

    auth = BearerAuth(tokens, "https://api.example/v1")
    with httpx2.Client(auth=auth, transport=httpx2.MockTransport(answer)) as http:
        http.post(url, **request)  # type: ignore[arg-type]
    return seen


def test_a_dead_token_is_replaced_once_and_no_more() -> None:
    dead = httpx2.Response(401, headers=DEAD)
    assert calls(Numbered(), "https://api.example/v2", dead, httpx2.Response(200), content=b"x") == [
        "Bearer token-1",
        "Bearer token-2",
    ]
    assert len(calls(Numbered(), "https://api.example/v2", dead, dead, dead)) == 2


@pytest.mark.parametrize(
    ("status", "challenge"),
    [
        (401, 'Bearer error="insufficient_scope"'),
        (401, "Bearer"),
        (401, 'Basic realm="invalid_token"'),
        (403, 'Bearer error="invalid_token"'),
        (200, 'Bearer error="invalid_token"'),
    ],
)
def test_any_other_answer_stands(status: int, challenge: str) -> None:
    response = httpx2.Response(status, headers={"www-authenticate": challenge})
    assert calls(Numbered(), "https://api.example/", response) == ["Bearer token-1"]


@pytest.mark.parametrize(
    "url",
    ["https://evil.example/", "http://api.example/", "https://api.example:8443/", "https://api.example.evil/"],
)
def test_no_other_origin_gets_the_token(url: str) -> None:
    assert calls(Numbered(), url, httpx2.Response(401, headers=DEAD)) == [None]


def test_a_body_that_was_streamed_is_not_sent_twice() -> None:
    dead = httpx2.Response(401, headers=DEAD)
    assert len(calls(Numbered(), "https://api.example/", dead, content=iter([b"once"]))) == 1


def test_an_api_without_tls_gets_no_tokens() -> None:
    with pytest.raises(ValueError, match="https"):
        BearerAuth(Numbered(), "http://api.example")
