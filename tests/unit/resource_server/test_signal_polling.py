"""Polling a transmitter: what is acknowledged, what is reported, and when it is asked again (RFC 8936)."""

import asyncio
import gzip
from collections.abc import Callable
from typing import Any

import httpx2
import msgspec
import pytest

from support.signal_keys import AUDIENCE, FORGED, ISSUER, NOW, PublishedKeys, access_token, event_token
from valetkey.oauth.event_poll import SetError
from valetkey.resource_server.feed_following import Verdict
from valetkey.resource_server.signal_following import SignalPolling
from valetkey.resource_server.signal_polling import LONGEST_PAUSE, PollState, safe_endpoint
from valetkey.resource_server.signals import Signals, Transmitter

URL = "https://idp.example.com/poll"
Answer = Callable[[], httpx2.Response]


def json_answer(document: object) -> httpx2.Response:
    headers = {"content-type": "application/json"}
    return httpx2.Response(200, headers=headers, stream=httpx2.ByteStream(msgspec.json.encode(document)))


class Wire(httpx2.AsyncBaseTransport):
    """A transmitter that answers what tests put up, and then nothing for ever."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self.asked: list[dict[str, Any]] = []
        self.headers: list[httpx2.Headers] = []
        self.is_spent = asyncio.Event()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(msgspec.json.decode(await request.aread(), type=dict[str, Any]))
        self.headers.append(request.headers)
        if not self._answers:
            self.is_spent.set()
            await asyncio.Event().wait()
        return self._answers.pop(0)()


async def authorization() -> str:
    return "Bearer t"


async def followed(wire: Wire, signals: Signals) -> SignalPolling:
    """Follow the wire until it has nothing more to say, or the first failure."""
    polling = SignalPolling(URL, signals, authorization, transport=wire, clock=lambda: NOW)
    await polling.settle()
    async with asyncio.timeout(20):
        while not wire.is_spent.is_set() and polling.outage is None:  # noqa: ASYNC110 - what it waits for is two things
            await asyncio.sleep(0.001)
    return polling


@pytest.fixture
def signals() -> Signals:
    return Signals(Transmitter(ISSUER, AUDIENCE), PublishedKeys(), clock=lambda: NOW)


async def test_what_was_applied_is_acknowledged_and_what_was_not_taken_is_reported(signals: Signals) -> None:
    good, forged = event_token(jti="1"), event_token(jti="2", key=FORGED)
    wire = Wire(lambda: json_answer({"sets": {"1": good, "2": forged}, "moreAvailable": True}))
    polling = await followed(wire, signals)
    assert signals.judge(access_token()) is Verdict.REVOKED
    first, second = wire.asked
    assert first == {"maxEvents": 100, "returnImmediately": True}
    assert second["ack"] == ["1"]
    assert second["setErrs"] == {"2": {"err": "authentication_failed", "description": "signature_invalid."}}
    assert second["returnImmediately"] is True
    assert wire.headers[0]["authorization"] == "Bearer t"
    await polling.aclose()


async def test_once_nothing_waits_the_question_is_held_open(signals: Signals) -> None:
    wire = Wire(lambda: json_answer({"sets": {}}))
    polling = await followed(wire, signals)
    assert wire.asked[-1] == {"maxEvents": 100}
    assert polling.outage is None
    await polling.aclose()


FAILURES: dict[str, Answer] = {
    "500": lambda: httpx2.Response(500, stream=httpx2.ByteStream(b"")),
    "401": lambda: httpx2.Response(401, stream=httpx2.ByteStream(b"")),
    "redirect": lambda: httpx2.Response(
        302, headers={"location": "https://evil.example"}, stream=httpx2.ByteStream(b"")
    ),
    "no JSON": lambda: httpx2.Response(200, stream=httpx2.ByteStream(b"hello")),
    "nonsense": lambda: json_answer({"sets": [1]}),
    "compressed": lambda: httpx2.Response(
        200,
        headers={"content-type": "application/json", "content-encoding": "gzip"},
        stream=httpx2.ByteStream(gzip.compress(b'{"sets": {}}')),
    ),
    "endless": lambda: json_answer({"sets": {"x": "a" * (5 << 20)}}),
}


@pytest.mark.parametrize("name", FAILURES)
async def test_an_answer_that_makes_no_sense_is_an_outage_and_no_more(signals: Signals, name: str) -> None:
    polling = await followed(Wire(FAILURES[name]), signals)
    assert polling.outage
    assert polling.judge(access_token()) is Verdict.UNKNOWN
    await polling.aclose()


async def test_without_an_access_token_nothing_is_asked(signals: Signals) -> None:
    async def refused() -> str:
        raise RuntimeError("no token today")

    wire = Wire()
    polling = SignalPolling(URL, signals, refused, transport=wire, clock=lambda: NOW)
    await polling.settle()
    assert polling.outage == "no access token (RuntimeError)"
    assert wire.asked == []
    await polling.aclose()


def test_the_pause_doubles_up_to_a_minute_and_what_was_applied_is_said_again() -> None:
    state = PollState(("1",), {"2": SetError("invalid_key")}, is_behind=False)
    pauses = []
    for _ in range(9):
        state = state.failed("down", NOW)
        pauses.append(state.pause(NOW))
    assert pauses == [1, 2, 4, 8, 16, 32, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE]
    assert state.acknowledged == ("1",)
    assert state.pause(NOW - 10_000) == LONGEST_PAUSE


@pytest.mark.parametrize("url", ["http://idp.example.com/poll", "ftp://idp.example.com", "https:///x", "poll"])
def test_no_access_token_goes_to_an_address_that_is_not_safe(url: str) -> None:
    with pytest.raises(ValueError, match="https"):
        safe_endpoint(url)
