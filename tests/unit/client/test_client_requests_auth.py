"""The auth class for `requests`, in real sessions against a real server."""

import io
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from valetkey.client import RequestsBearerAuth

DEAD = 'Bearer error="invalid_token"'


@dataclass
class Numbered:
    """A source of token-1, token-2 ...: another one for each that is refused, up to `most`."""

    most: int = 9
    number: int = 1

    def access_token(self) -> str:
        return f"token-{self.number}"

    def renewed(self, refused: str) -> str:
        assert refused == self.access_token()
        self.number = min(self.number + 1, self.most)
        return self.access_token()


@dataclass
class Api:
    """Takes the tokens it is told to take, and notes what it saw."""

    good: set[str] = field(default_factory=set)
    challenge: str = DEAD
    seen: list[tuple[str | None, bytes]] = field(default_factory=list)
    moved_to: str = ""
    url: str = ""


@pytest.fixture
def two_apis() -> Iterator[tuple[Api, Api]]:
    apis, servers = (Api(), Api()), []
    for api in apis:
        listening = ThreadingHTTPServer(("127.0.0.1", 0), answering(api))
        api.url = f"http://127.0.0.1:{listening.server_address[1]}"
        threading.Thread(target=listening.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(listening)
    yield apis
    for listening in servers:
        listening.shutdown()
        listening.server_close()


def answering(api: Api) -> type[BaseHTTPRequestHandler]:
    class Answering(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"] or 0))
            presented = self.headers["authorization"]
            api.seen.append((presented, body))
            is_good = presented is not None and presented.removeprefix("Bearer ") in api.good
            self.send_response(307 if api.moved_to else 200 if is_good else 401)
            if api.moved_to:
                self.send_header("location", api.moved_to)
            elif not is_good:
                self.send_header("www-authenticate", api.challenge)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    return Answering


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as found:
        found.trust_env = False
        yield found


def test_a_refused_token_costs_one_more_try_with_the_same_body(
    two_apis: tuple[Api, Api], session: requests.Session
) -> None:
    api, _ = two_apis
    api.good = {"token-2"}
    session.auth = RequestsBearerAuth(Numbered(), api.url)
    answer = session.post(f"{api.url}/a", data=b"body")
    assert answer.status_code == 200
    assert api.seen == [("Bearer token-1", b"body"), ("Bearer token-2", b"body")]
    assert [before.status_code for before in answer.history] == [401]
    assert session.post(f"{api.url}/a").status_code == 200
    assert len(api.seen) == 3


def test_no_request_is_tried_a_third_time(two_apis: tuple[Api, Api], session: requests.Session) -> None:
    api, _ = two_apis
    session.auth = RequestsBearerAuth(Numbered(), api.url)
    assert session.post(f"{api.url}/a").status_code == 401
    assert [token for token, _ in api.seen] == ["Bearer token-1", "Bearer token-2"]


@pytest.mark.parametrize(("most", "challenge"), [(1, DEAD), (9, 'Bearer error="insufficient_scope"'), (9, "Basic")])
def test_without_another_token_or_a_word_against_this_one_there_is_no_second_try(
    two_apis: tuple[Api, Api], session: requests.Session, most: int, challenge: str
) -> None:
    api, _ = two_apis
    api.challenge = challenge
    session.auth = RequestsBearerAuth(Numbered(most), api.url)
    assert session.post(f"{api.url}/a").status_code == 401
    assert len(api.seen) == 1


def test_a_stream_is_not_sent_twice(two_apis: tuple[Api, Api], session: requests.Session) -> None:
    api, _ = two_apis

    session.auth = RequestsBearerAuth(Numbered(), api.url)
    answer = session.post(f"{api.url}/a", data=io.BytesIO(b"body"))
    assert answer.status_code == 401
    assert len(api.seen) == 1


def test_no_other_origin_sees_a_token(two_apis: tuple[Api, Api], session: requests.Session) -> None:
    api, other = two_apis
    auth = RequestsBearerAuth(Numbered(), api.url)
    session.auth = auth
    session.post(f"{other.url}/a")
    api.moved_to = f"{other.url}/elsewhere"
    assert session.post(f"{api.url}/a").status_code == 401
    assert other.seen == [(None, b""), (None, b"")]
    assert [token for token, _ in api.seen] == ["Bearer token-1"]
    with pytest.raises(ValueError, match="https"):
        RequestsBearerAuth(Numbered(), "http://api.example")
