"""The bytes that leave a connection: one write where a response is whole, and never a header inside a value."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import pytest

from valetkey.adapters.serving.protocol import (
    BODY_SECONDS,
    HEADER_SECONDS,
    UPLOAD_SECONDS,
    ForwardingProtocol,
    LimitedProtocol,
    LimitedState,
)
from valetkey.adapters.serving.server import configure

Header = tuple[bytes, bytes]
SIZED = ((b"content-length", b"5"), (b"content-type", b"text/plain"))


class Wire(asyncio.Transport):
    """A transport that remembers each write."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.closed = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        del name
        return default

    def write(self, data: Any) -> None:
        self.writes.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def pause_reading(self) -> None:
        return

    def resume_reading(self) -> None:
        return


Application = Callable[[Any, Any, Callable[[MutableMapping[str, Any]], Awaitable[None]]], Awaitable[None]]


def answering(status: int, headers: tuple[Header, ...], *bodies: bytes) -> Application:
    async def application(_scope: Any, _receive: Any, send: Callable[..., Awaitable[None]]) -> None:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        for position, body in enumerate(bodies):
            more = position + 1 < len(bodies)
            await send({"type": "http.response.body", "body": body, "more_body": more})

    return application


async def wire_of(application: Application, request: bytes, *, draining: bool = False) -> Wire:
    config = configure(application)
    config.load()
    state = LimitedState()
    state.default_headers = [(b"date", b"today")]
    state.draining = draining
    protocol = LimitedProtocol(config, state, {}, asyncio.get_running_loop())
    wire = Wire()
    protocol.connection_made(wire)
    protocol.data_received(request)
    await asyncio.gather(*state.tasks)
    if protocol.timeout_keep_alive_task is not None:
        protocol.timeout_keep_alive_task.cancel()
    return wire


def request(method: str = "GET", *lines: str) -> bytes:
    return "\r\n".join([f"{method} / HTTP/1.1", "host: localhost", *lines, "", ""]).encode()


async def test_a_whole_response_leaves_in_one_write() -> None:
    wire = await wire_of(answering(200, SIZED, b"hello"), request())
    assert wire.writes == [
        b"HTTP/1.1 200 OK\r\ndate: today\r\ncontent-length: 5\r\ncontent-type: text/plain\r\n\r\nhello"
    ]
    assert not wire.closed


async def test_head_is_answered_without_the_body() -> None:
    wire = await wire_of(answering(200, SIZED, b"hello"), request("HEAD"))
    assert b"".join(wire.writes).endswith(b"content-type: text/plain\r\n\r\n")


async def test_a_response_without_a_length_is_left_to_uvicorn() -> None:
    wire = await wire_of(answering(200, ((b"x", b"1"),), b"hello"), request())
    assert b"transfer-encoding: chunked" in b"".join(wire.writes)
    assert b"5\r\nhello\r\n0\r\n\r\n" in b"".join(wire.writes)


async def test_a_not_modified_response_has_neither_length_nor_chunks() -> None:
    wire = await wire_of(answering(304, ((b"etag", b'"x"'),), b""), request())
    assert b"".join(wire.writes) == b'HTTP/1.1 304 Not Modified\r\ndate: today\r\netag: "x"\r\n\r\n'


async def test_a_body_in_parts_arrives_whole() -> None:
    wire = await wire_of(answering(200, SIZED, b"hel", b"lo"), request())
    assert b"".join(wire.writes).endswith(b"\r\n\r\nhello")


@pytest.mark.parametrize("lines", [("connection: close",), ()])
async def test_a_connection_closes_when_its_peer_or_the_drain_asks(lines: tuple[str, ...]) -> None:
    wire = await wire_of(answering(200, SIZED, b"hello"), request("GET", *lines), draining=not lines)
    assert b"connection: close\r\n" in b"".join(wire.writes)
    assert wire.closed


async def test_an_application_that_closes_is_obeyed() -> None:
    wire = await wire_of(answering(413, (*SIZED, (b"connection", b"close")), b"hello"), request())
    assert b"".join(wire.writes).count(b"connection: close") == 1
    assert wire.closed


@pytest.mark.parametrize("value", [b"a\r\nset-cookie: evil=1", b"a\nb: c", b"a\rb", b"a\0"])
async def test_a_line_inside_a_header_value_never_reaches_the_wire(value: bytes) -> None:
    wire = await wire_of(answering(200, (*SIZED, (b"location", value)), b"hello"), request())
    sent = b"".join(wire.writes)
    assert value not in sent
    assert b"500 Internal Server Error" in sent or sent == b""


async def test_an_application_that_fails_between_start_and_body_is_a_500() -> None:
    async def failing(_scope: Any, _receive: Any, send: Callable[..., Awaitable[None]]) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": SIZED})
        raise RuntimeError("a bug")

    wire = await wire_of(failing, request())
    assert b"".join(wire.writes).startswith(b"HTTP/1.1 500")
    assert b"a bug" not in b"".join(wire.writes)


async def test_a_wrong_length_is_never_sent_as_a_whole_response() -> None:
    wire = await wire_of(answering(200, ((b"content-length", b"4"),), b"hello"), request())
    assert b"hello" not in b"".join(wire.writes)


# covers: FLT-10
async def test_a_peer_that_keeps_us_waiting_for_its_headers_is_ended() -> None:
    config = configure(answering(200, SIZED, b"hello"))
    config.load()
    loop = asyncio.get_running_loop()
    protocol = LimitedProtocol(config, LimitedState(), {}, loop)
    wire = Wire()
    protocol.connection_made(wire)
    protocol.data_received(b"GET / HTTP/1.1\r\nhost: ")
    protocol.expire(loop.time() + HEADER_SECONDS - 1)
    assert not wire.closed
    protocol.expire(loop.time() + HEADER_SECONDS + 1)
    assert wire.closed


# covers: FLT-10
async def test_a_peer_between_two_requests_is_not_ended_by_the_deadline_for_headers() -> None:
    config = configure(answering(200, SIZED, b"hello"))
    config.load()
    loop, state, wire = asyncio.get_running_loop(), LimitedState(), Wire()
    protocol = LimitedProtocol(config, state, {}, loop)
    protocol.connection_made(wire)
    protocol.data_received(request())
    await asyncio.gather(*state.tasks)
    protocol.expire(loop.time() + HEADER_SECONDS + 1)
    assert not wire.closed
    protocol.data_received(b"GET")
    protocol.expire(loop.time() + HEADER_SECONDS + 1)
    assert wire.closed


# covers: FLT-10
@pytest.mark.parametrize(
    ("kind", "seconds"), [(LimitedProtocol, BODY_SECONDS), (ForwardingProtocol, UPLOAD_SECONDS)]
)
async def test_a_body_that_does_not_come_is_not_waited_for(kind: type[LimitedProtocol], seconds: float) -> None:
    config = configure(answering(200, SIZED, b"hello"), protocol=kind)
    config.load()
    loop, state, wire = asyncio.get_running_loop(), LimitedState(), Wire()
    protocol = kind(config, state, {}, loop)
    protocol.connection_made(wire)
    protocol.data_received(request("POST", "content-length: 5"))
    protocol.expire(loop.time() + seconds - 1)
    before = wire.closed
    protocol.expire(loop.time() + seconds + 1)
    assert (before, wire.closed) == (False, True)
    await asyncio.gather(*state.tasks)
