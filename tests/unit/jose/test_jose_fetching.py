"""The faces that fetch: one flight, one deadline, and no answer that turns an outage into a bad token."""

import asyncio
import gzip
import json
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx2
import pytest

from support.jose import NOW, key_for, token_by, verifier_for
from valetkey.jose import (
    AlgorithmNotAllowed,
    AsyncRemoteJwkSet,
    InvalidToken,
    JwkSet,
    KeySourceUnavailable,
    MalformedToken,
    SyncRemoteJwkSet,
    TypMismatch,
    UnknownKey,
)
from valetkey.jose.fetching import fetch_over
from valetkey.jose.remote import FetchAnswer, FetchRequest, RemoteJwkSet

URL = "https://as.example/jwks.json"
KEY = key_for("ES256")
VERIFIER = verifier_for()


def _published(*numbers: int) -> bytes:
    return json.dumps(JwkSet(tuple(key_for("ES256", number) for number in numbers)).as_dict()).encode()


class Source:
    """A key source in memory: answers, counts and can be taken down."""

    def __init__(self, *numbers: int) -> None:
        self.numbers = numbers or (0,)
        self.asked: list[FetchRequest] = []
        self.error: Exception | None = None
        self.now = NOW

    async def fetch(self, request: FetchRequest) -> FetchAnswer:
        self.asked.append(request)
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        return FetchAnswer(200, {"content-type": "application/jwk-set+json"}, _published(*self.numbers))

    def clock(self) -> int:
        return self.now

    def asynchronous(self) -> AsyncRemoteJwkSet:
        return AsyncRemoteJwkSet(URL, fetch=self.fetch, clock=self.clock)

    def synchronous(self) -> SyncRemoteJwkSet:
        return SyncRemoteJwkSet(URL, fetch=self.fetch, clock=self.clock)


async def test_a_hundred_callers_wait_for_one_fetch() -> None:
    source = Source()
    keys = source.asynchronous()
    verified = await asyncio.gather(*(keys.verify(VERIFIER, token_by(KEY)) for _ in range(100)))
    assert len({id(one.key) for one in verified}) == 1
    assert len(source.asked) == 1


def test_a_hundred_threads_wait_for_one_fetch() -> None:
    source = Source()
    keys = source.synchronous()
    with ThreadPoolExecutor(20) as pool:
        verified = list(pool.map(lambda _: keys.verify(VERIFIER, token_by(KEY)), range(100)))
    assert len(verified) == 100
    assert len(source.asked) == 1


async def test_a_known_key_is_used_without_giving_way_to_the_event_loop() -> None:
    keys = Source().asynchronous()
    await keys.verify(VERIFIER, token_by(KEY))
    call = keys.verify(VERIFIER, token_by(KEY))
    with pytest.raises(StopIteration) as finished:
        call.send(None)
    assert finished.value.value.claims["sub"] == "alice"


async def test_a_caller_who_gives_up_does_not_take_the_fetch_from_the_others() -> None:
    source = Source()
    keys = source.asynchronous()
    first = asyncio.ensure_future(keys.find(token_by(KEY)))
    second = asyncio.ensure_future(keys.find(token_by(KEY)))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).keys
    assert len(source.asked) == 1


async def test_a_refresh_ahead_keeps_nobody_waiting() -> None:
    source = Source()
    keys = source.asynchronous()
    await keys.find(token_by(KEY))
    source.now, source.numbers = NOW + 250, (0, 1)
    assert len((await keys.find(token_by(KEY))).keys) == 1
    await asyncio.sleep(0.01)
    assert len((await keys.find(token_by(KEY))).keys) == 2
    assert len(source.asked) == 2


async def test_a_rotated_key_is_fetched_when_its_kid_turns_up() -> None:
    source = Source()
    keys = source.asynchronous()
    await keys.find(token_by(KEY))
    source.numbers = (0, 1)
    rotated = token_by(key_for("ES256", 1))
    with pytest.raises(UnknownKey):
        await keys.verify(VERIFIER, rotated)
    source.now = NOW + 10
    assert (await keys.verify(VERIFIER, rotated)).key.kid == "ES256-1"


@pytest.mark.parametrize(
    "error", [OSError("x"), TimeoutError(), KeySourceUnavailable("x"), RuntimeError("x"), ValueError()]
)
async def test_an_outage_is_never_an_invalid_token(error: Exception) -> None:
    # covers: JWK-11
    source = Source()
    source.error = error
    with pytest.raises(KeySourceUnavailable) as caught:
        await source.asynchronous().verify(VERIFIER, token_by(KEY))
    assert not isinstance(caught.value, InvalidToken)
    with pytest.raises(KeySourceUnavailable):
        source.synchronous().verify(VERIFIER, token_by(KEY))


async def test_keys_once_known_survive_the_outage_of_their_source() -> None:
    # covers: JWK-11
    source = Source()
    keys, threaded = source.asynchronous(), source.synchronous()
    await keys.verify(VERIFIER, token_by(KEY))
    threaded.verify(VERIFIER, token_by(KEY))
    source.error, source.now = OSError("down"), NOW + 300 + 86_399
    await keys.verify(VERIFIER, token_by(KEY))
    threaded.verify(VERIFIER, token_by(KEY))
    source.now += 1
    with pytest.raises(KeySourceUnavailable):
        await keys.verify(VERIFIER, token_by(KEY))


async def test_a_token_that_no_key_could_save_costs_its_source_nothing() -> None:
    source = Source()
    keys = source.asynchronous()
    for token, error in (
        ("garbage", MalformedToken),
        (token_by(key_for("Ed25519")), AlgorithmNotAllowed),
        (token_by(KEY), TypMismatch),
    ):
        with pytest.raises(error):
            await keys.verify(verifier_for(typ="at+jwt"), token)
    assert source.asked == []


async def test_every_fetch_is_reported() -> None:
    told: list[RemoteJwkSet] = []
    source = Source()
    keys = AsyncRemoteJwkSet(URL, fetch=source.fetch, clock=source.clock, report=told.append)
    await keys.find(token_by(KEY))
    source.error, source.now = OSError(), NOW + 300
    await keys.find(token_by(KEY))
    assert [state.failures for state in told] == [0, 1]
    assert told[1].failure == "the source cannot be reached (OSError)"


def _over(answer: Callable[[httpx2.Request], httpx2.Response]) -> AsyncRemoteJwkSet:
    return AsyncRemoteJwkSet(URL, fetch=fetch_over(httpx2.MockTransport(answer)), clock=lambda: NOW)


async def test_keys_are_fetched_over_the_network() -> None:
    asked: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return httpx2.Response(200, content=_published(0), headers={"content-type": "application/json"})

    assert (await _over(answer).find(token_by(KEY))).keys[0].kid == KEY.kid
    assert asked[0].headers["accept-encoding"] == "identity"


async def test_a_redirect_is_not_followed() -> None:
    # covers: JWK-08
    asked: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(str(request.url))
        return httpx2.Response(302, headers={"location": "http://127.0.0.1/jwks"})

    with pytest.raises(KeySourceUnavailable):
        await _over(answer).find(token_by(KEY))
    assert asked == [URL]


async def test_an_endless_or_compressed_answer_is_not_read() -> None:
    # covers: JWK-06
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 65_536
            yield b" " * 65_536

    headers = {"content-type": "application/json"}
    with pytest.raises(KeySourceUnavailable, match="large"):
        await _over(lambda _: httpx2.Response(200, content=endless(), headers=headers)).find(token_by(KEY))
    assert read <= 6 * 65_536
    bomb = gzip.compress(b" " * 10_000_000)
    headers["content-encoding"] = "gzip"
    with pytest.raises(KeySourceUnavailable):
        await _over(lambda _: httpx2.Response(200, stream=_Octets(bomb), headers=headers)).find(token_by(KEY))


class _Octets(httpx2.AsyncByteStream):
    def __init__(self, octets: bytes) -> None:
        self.octets = octets

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self.octets


async def test_a_source_that_sends_an_octet_now_and_then_ends_at_the_deadline() -> None:
    # covers: JWK-07
    came, left = asyncio.Event(), asyncio.Event()

    async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.set()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n")
        with suppress(ConnectionError):
            while not writer.is_closing():
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.02)
        writer.close()
        left.set()

    async with await asyncio.start_server(drip, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/jwks"
        keys = AsyncRemoteJwkSet(url, clock=lambda: NOW, deadline_seconds=1)
        with pytest.raises(KeySourceUnavailable, match="time"):
            await keys.find(token_by(KEY))
        # On a slow machine the deadline can pass before the connection is made.
        if came.is_set():
            await left.wait()


def test_a_thread_that_waits_is_let_go_at_the_deadline() -> None:
    # covers: JWK-07
    gate = threading.Event()

    async def never(_request: FetchRequest) -> FetchAnswer:
        gate.set()
        await asyncio.Event().wait()
        raise AssertionError

    keys = SyncRemoteJwkSet(URL, fetch=never, clock=lambda: NOW, deadline_seconds=0.1)
    with pytest.raises(KeySourceUnavailable, match="time"):
        keys.find(token_by(KEY))
    assert gate.is_set()
