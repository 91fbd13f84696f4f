import http.client
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlencode, urlsplit

import pytest

from valetkey.client import CodeFlow, FlowError, OAuthClient, Server, StartedCodeFlow, TimedOut, sign_in
from valetkey.client.loopback import LoopbackListener
from valetkey.oauth.types import Scope

SERVER = Server("https://as.example", "https://as.example/authorize", "https://as.example/token", sends_issuer=True)
PATIENCE = 20


@pytest.fixture
def listener() -> Iterator[LoopbackListener]:
    with LoopbackListener() as listening:
        yield listening


def started(listener: LoopbackListener) -> StartedCodeFlow:
    flow = CodeFlow(SERVER, "native", listener.redirect_uri, Scope({"openid"})).start(bytes(range(32)))
    listener.expect(flow)
    return flow


def get(listener: LoopbackListener, target: str, host: str | None = None) -> http.client.HTTPResponse:
    address = urlsplit(listener.redirect_uri)
    connection = http.client.HTTPConnection("127.0.0.1", address.port or 0, timeout=PATIENCE)
    connection.request("GET", target, headers={"Host": host or address.netloc, "Connection": "close"})
    return connection.getresponse()


def answered(flow: StartedCodeFlow, **changes: str) -> str:
    return urlencode({"code": "vk_ac_x", "state": flow.state, "iss": SERVER.issuer} | changes)


def test_the_answer_to_the_flow_ends_the_waiting_and_shows_a_page(listener: LoopbackListener) -> None:
    flow = started(listener)
    query = answered(flow)
    response = get(listener, f"/callback?{query}")
    assert (response.status, b"You can close this page" in response.read()) == (200, True)
    assert listener.wait(PATIENCE) == query
    headers = {name.lower(): value for name, value in response.getheaders()}
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.parametrize(
    ("target", "host", "status"),
    [
        ("/callback?state=guessed&code=x", None, 400),
        ("/callback", None, 400),
        ("/other?state=guessed", None, 404),
        ("/callback/../callback", None, 404),
        ("/callback?{answer}", "evil.example", 404),
        ("/callback?{answer}&state=again", None, 400),
    ],
)
def test_what_is_not_the_answer_gets_an_error_page_and_the_waiting_goes_on(
    listener: LoopbackListener, target: str, host: str | None, status: int
) -> None:
    flow = started(listener)
    assert get(listener, target.replace("{answer}", answered(flow)), host).status == status
    with pytest.raises(TimedOut):
        listener.wait(0.05)
    get(listener, f"/callback?{answered(flow)}")
    assert listener.wait(PATIENCE) == answered(flow)


def test_a_refusal_is_shown_without_markup_of_whoever_sent_it(listener: LoopbackListener) -> None:
    flow = started(listener)
    query = urlencode({"error": "<script>alert(1)</script>", "state": flow.state})
    page = get(listener, f"/callback?{query}").read()
    assert b"Not signed in" in page
    assert b"&lt;script&gt;" in page
    assert b"<script" not in page
    assert listener.wait(PATIENCE) == query


def test_it_listens_on_this_machine_alone(listener: LoopbackListener) -> None:
    address = urlsplit(listener.redirect_uri)
    assert address.hostname == "127.0.0.1"
    for family, other in ((socket.AF_INET, "127.0.0.2"), (socket.AF_INET6, "::1")):
        with socket.socket(family) as probe:
            assert probe.connect_ex((other, address.port)) != 0


def test_a_silent_connection_is_in_nobodys_way(listener: LoopbackListener) -> None:
    flow = started(listener)
    with socket.create_connection(("127.0.0.1", urlsplit(listener.redirect_uri).port or 0)):
        waiting = threading.Thread(target=get, args=(listener, f"/callback?{answered(flow)}"))
        waiting.start()
        assert listener.wait(PATIENCE) == answered(flow)
        waiting.join(PATIENCE)


def test_without_a_browser_nobody_waits_for_one() -> None:
    class Known(OAuthClient):
        def start_code(self, redirect_uri: str, scope: str, **_: object) -> StartedCodeFlow:
            return CodeFlow(SERVER, "native", redirect_uri, Scope.parse(scope)).start(bytes(32))

    with Known(SERVER.issuer, "native") as client, pytest.raises(FlowError) as caught:
        sign_in(client, "openid", show=lambda _: False)
    assert caught.value.code == "no_browser"
