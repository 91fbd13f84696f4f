"""Where signals are pushed to: what is answered, and what is never looked at (RFC 8935)."""

from collections.abc import MutableMapping
from typing import Any

import httpx2
import msgspec
import pytest

from support.signal_keys import AUDIENCE, FORGED, ISSUER, NOW, PublishedKeys, access_token, event_token
from valetkey.oauth.http import HttpRequest, HttpResponse
from valetkey.resource_server.feed_following import Verdict
from valetkey.resource_server.signal_endpoint import MOST_OCTETS, SignalEndpoint
from valetkey.resource_server.signals import Signals, Transmitter

HEADER = "Bearer " + "s" * 43


@pytest.fixture
def keys() -> PublishedKeys:
    return PublishedKeys()


@pytest.fixture
def signals(keys: PublishedKeys) -> Signals:
    return Signals(Transmitter(ISSUER, AUDIENCE), keys, clock=lambda: NOW)


@pytest.fixture
def endpoint(signals: Signals) -> SignalEndpoint:
    return SignalEndpoint(signals, HEADER)


async def push(
    endpoint: SignalEndpoint,
    token: str | bytes,
    *,
    authorization: str | None = HEADER,
    media_type: str = "application/secevent+jwt",
    method: str = "POST",
) -> HttpResponse:
    headers = [(b"content-type", media_type.encode())]
    if authorization is not None:
        headers.append((b"authorization", authorization.encode()))
    body = token if isinstance(token, bytes) else token.encode()
    return await endpoint.receive(HttpRequest(method, "/events", headers=headers, body=body))


def error_of(response: HttpResponse) -> str:
    found: dict[str, str] = msgspec.json.decode(response.body, type=dict[str, str])
    assert response.header("content-type") == "application/json"
    assert found["description"]
    return found["err"]


@pytest.mark.requirement("RFC8935-2.2/accepted")
@pytest.mark.requirement("RFC8935-2.2/empty")
async def test_what_was_taken_is_answered_with_nothing_and_holds_at_once(
    endpoint: SignalEndpoint, signals: Signals
) -> None:
    response = await push(endpoint, event_token())
    assert (response.status, response.body) == (202, b"")
    assert signals.judge(access_token()) is Verdict.REVOKED
    assert (await push(endpoint, event_token())).status == 202


@pytest.mark.requirement("RFC8935-2.3/error")
@pytest.mark.requirement("RFC8935-2.3/json")
@pytest.mark.requirement("RFC8935-2.1/content-type-expected")
async def test_what_is_not_taken_is_answered_with_its_reason(endpoint: SignalEndpoint, signals: Signals) -> None:
    refused: dict[str, tuple[HttpResponse, str]] = {
        "forged": (await push(endpoint, event_token(key=FORGED)), "authentication_failed"),
        "audience": (await push(endpoint, event_token(aud="https://rival.example")), "invalid_audience"),
        "issuer": (await push(endpoint, event_token(iss="https://evil.example")), "invalid_issuer"),
        "key": (await push(endpoint, event_token(header={"kid": "2"})), "invalid_key"),
        "text": (await push(endpoint, "hello"), "invalid_request"),
        "no text": (await push(endpoint, b"\xff\xfe"), "invalid_request"),
        "media type": (await push(endpoint, event_token(), media_type="application/jwt"), "invalid_request"),
    }
    for name, (response, code) in refused.items():
        assert (response.status, error_of(response)) == (400, code), name
    assert signals.judge(access_token()) is Verdict.UNKNOWN


@pytest.mark.parametrize("authorization", [None, "", "Bearer " + "s" * 42, HEADER.lower(), HEADER + " "])
async def test_who_cannot_show_the_header_of_the_stream_is_not_heard(
    endpoint: SignalEndpoint, signals: Signals, authorization: str | None
) -> None:
    response = await push(endpoint, event_token(), authorization=authorization)
    assert (response.status, error_of(response)) == (401, "authentication_failed")
    assert signals.judge(access_token()) is Verdict.UNKNOWN


def test_a_header_that_could_be_guessed_is_refused_at_once(signals: Signals) -> None:
    with pytest.raises(ValueError, match="32"):
        SignalEndpoint(signals, "Bearer secret")


async def test_a_token_that_is_much_too_long_is_refused_unread(endpoint: SignalEndpoint) -> None:
    response = await push(endpoint, "a" * (1 << 20))
    assert (response.status, error_of(response)) == (400, "invalid_request")


async def test_while_the_keys_cannot_be_had_the_transmitter_has_to_come_again(
    endpoint: SignalEndpoint, keys: PublishedKeys, signals: Signals
) -> None:
    keys.is_down = True
    response = await push(endpoint, event_token())
    assert (response.status, response.header("retry-after")) == (503, "5")
    keys.is_down = False
    assert (await push(endpoint, event_token())).status == 202
    assert signals.judge(access_token()) is Verdict.REVOKED


async def test_only_a_post_is_a_push(endpoint: SignalEndpoint) -> None:
    response = await push(endpoint, event_token(), method="GET")
    assert (response.status, response.header("allow")) == (405, "POST")


async def test_it_can_be_mounted_as_an_asgi_application(endpoint: SignalEndpoint, signals: Signals) -> None:
    headers = {"authorization": HEADER, "content-type": "application/secevent+jwt"}
    transport = httpx2.ASGITransport(endpoint)
    async with httpx2.AsyncClient(transport=transport, base_url="https://sp.example") as client:
        refused = await client.post("/events", content=b"x" * (MOST_OCTETS + 1), headers=headers)
        taken = await client.post("/events", content=event_token(), headers=headers)
    assert (refused.status_code, refused.json()["err"]) == (400, "invalid_request")
    assert (taken.status_code, taken.content) == (202, b"")
    assert signals.judge(access_token()) is Verdict.REVOKED


async def test_a_body_that_trickles_in_is_not_read_for_ever(endpoint: SignalEndpoint) -> None:
    given = 0
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        nonlocal given
        given += 1
        return {"type": "http.request", "body": b"a", "more_body": True}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    headers = [(b"authorization", HEADER.encode()), (b"content-type", b"application/secevent+jwt")]
    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": "/", "headers": headers}
    await endpoint(scope, receive, send)
    assert given < MOST_OCTETS
    assert sent[0]["status"] == 400
