"""Paths and bodies, before anything is parsed."""

from collections.abc import MutableMapping
from typing import Any

import pytest

from valetkey.adapters.asgi.reading import decode_path, read_form
from valetkey.adapters.asgi.refusal import ClientGone, HttpRefusal

FORM = b"application/x-www-form-urlencoded"


class Body:
    """Hands out messages as a server would."""

    def __init__(self, *messages: MutableMapping[str, Any]) -> None:
        self.messages = list(messages)

    async def __call__(self) -> MutableMapping[str, Any]:
        return self.messages.pop(0)


def chunk(body: bytes, *, more: bool = False) -> MutableMapping[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


@pytest.mark.parametrize(
    ("raw", "expected"), [(b"/token", "/token"), (b"/%74oken", "/token"), (b"/t/%C3%A4", "/t/ä"), (b"//a", "//a")]
)
def test_a_path_is_decoded_once(raw: bytes, expected: str) -> None:
    assert decode_path(raw) == expected


def test_a_double_encoding_stays_encoded() -> None:
    assert decode_path(b"/%2574oken") == "/%74oken"


# covers: HTP-10
@pytest.mark.parametrize(
    "raw", [b"/%", b"/%z1", b"/%4", b"/a%2Fb", b"/a%2fb", b"/%ff", b"/%c0%af", b"/%00", b"/a%0d%0ab", b"/%7f"]
)
def test_a_path_that_two_readers_could_read_differently_is_refused(raw: bytes) -> None:
    with pytest.raises(HttpRefusal) as refusal:
        decode_path(raw)
    assert refusal.value.status == 400


# covers: HTP-06
@pytest.mark.parametrize(
    "content_type",
    [
        FORM,
        b"Application/X-WWW-Form-Urlencoded",
        FORM + b"; charset=UTF-8",
        FORM + b';charset="utf-8"',
        FORM + b";",
    ],
)
async def test_a_form_in_utf_8_is_read(content_type: bytes) -> None:
    assert await read_form([(b"content-type", content_type)], Body(chunk(b"a=1"))) == b"a=1"


# covers: HTP-04, HTP-06, HTP-13
@pytest.mark.parametrize(
    "headers",
    [
        [(b"content-type", b"application/json")],
        [(b"content-type", b"multipart/form-data; boundary=x")],
        [(b"content-type", b"text/plain")],
        [(b"content-type", b"")],
        [(b"content-type", FORM + b"; charset=utf-16")],
        [(b"content-type", FORM + b"; charset=iso-8859-1")],
        [(b"content-type", FORM + b"; junk=1")],
        [(b"content-type", FORM + b"x")],
        [(b"content-type", FORM), (b"content-type", FORM)],
        [(b"content-type", FORM), (b"content-encoding", b"gzip")],
        [],
    ],
)
async def test_any_other_content_is_415(headers: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(HttpRefusal) as refusal:
        await read_form(headers, Body(chunk(b"a=1")))
    assert refusal.value.status == 415


async def test_an_empty_body_needs_no_content_type() -> None:
    assert await read_form([], Body(chunk(b""))) == b""


# covers: HTP-04
@pytest.mark.parametrize("length", [b"65537", b"10000000", b"9" * 5000, b"-1", b"1e3", b""])
async def test_an_announced_length_over_the_cap_is_413_before_a_byte_is_read(length: bytes) -> None:
    with pytest.raises(HttpRefusal) as refusal:
        await read_form([(b"content-type", FORM), (b"content-length", length)], Body())
    assert refusal.value.status == 413


# covers: HTP-04
async def test_a_body_that_grows_over_the_cap_is_413_without_its_rest() -> None:
    body = Body(*[chunk(b"x" * 32_768, more=True) for _ in range(10)])
    with pytest.raises(HttpRefusal) as refusal:
        await read_form([(b"content-type", FORM)], body)
    assert refusal.value.status == 413
    assert len(body.messages) == 7


async def test_a_body_of_exactly_the_cap_is_read() -> None:
    chunks = Body(chunk(b"x" * 65_535, more=True), chunk(b"y"))
    assert len(await read_form([(b"content-type", FORM)], chunks)) == 65_536


async def test_a_peer_that_hangs_up_gets_no_answer() -> None:
    with pytest.raises(ClientGone):
        await read_form([(b"content-type", FORM)], Body(chunk(b"a", more=True), {"type": "http.disconnect"}))
