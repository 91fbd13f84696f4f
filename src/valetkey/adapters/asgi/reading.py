"""A path and a body, capped and refused before anything is parsed (HARDENING 17)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from valetkey.adapters.asgi.refusal import (
    ClientGone,
    body_too_large,
    malformed_path,
    unsupported_media_type,
)
from valetkey.oauth.parameters import MAXIMUM_BODY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from valetkey.adapters.asgi.messages import Header, Receive

_FORM: Final = b"application/x-www-form-urlencoded"
_JSON: Final = b"application/json"
_TYPES: Final = {
    wanted: re.compile(
        re.escape(wanted) + rb'[ \t]*(?:;[ \t]*charset=(?:utf-8|"utf-8")[ \t]*)?;?[ \t]*', re.IGNORECASE
    )
    for wanted in (_FORM, _JSON)
}
_BAD_PERCENT: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_LONGEST_LENGTH: Final = 12
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


def decode_path(raw: bytes) -> str:
    """Return the percent-decoded path; raises HttpRefusal for bad percents, no UTF-8 and control characters.

    A decoded slash would turn one segment into two, so `%2F` is refused too.
    """
    if _BAD_PERCENT.search(raw) or b"%2f" in raw.lower():
        raise malformed_path()
    try:
        path = unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        raise malformed_path() from None
    if _CONTROL.search(path):
        raise malformed_path()
    return path


async def read_form(headers: Sequence[Header], receive: Receive) -> bytes:
    """Return the raw body of a form; raises HttpRefusal for any other content and ClientGone.

    An empty body needs no content type.
    """
    return await _read_as(_FORM, headers, receive)


async def read_json(headers: Sequence[Header], receive: Receive) -> bytes:
    """Return the raw body of a JSON document, likewise."""
    return await _read_as(_JSON, headers, receive)


async def _read_as(wanted: bytes, headers: Sequence[Header], receive: Receive) -> bytes:
    content_types = 0
    is_wanted = True
    for name, value in headers:
        if name == b"content-type":
            content_types += 1
            # The exact spelling is what nearly every client sends.
            is_wanted = value == wanted or _TYPES[wanted].fullmatch(value) is not None
        elif name == b"content-length":
            if not value.isdigit() or len(value) > _LONGEST_LENGTH or int(value) > MAXIMUM_BODY:
                raise body_too_large()
        elif name == b"content-encoding" and value.lower() != b"identity":
            raise unsupported_media_type(wanted.decode())
    if not is_wanted or content_types > 1:
        raise unsupported_media_type(wanted.decode())
    body = await _read_body(receive)
    if body and not content_types:
        raise unsupported_media_type(wanted.decode())
    return body


async def _read_body(receive: Receive) -> bytes:
    # The server that runs us ends a peer whose body is late (adapters/serving): a timer here costs each request.
    message = await receive()
    if message["type"] != "http.request":
        raise ClientGone
    body: bytes = message.get("body", b"")
    while message.get("more_body", False):
        if len(body) > MAXIMUM_BODY:
            raise body_too_large()
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGone
        body += message.get("body", b"")
    if len(body) > MAXIMUM_BODY:
        raise body_too_large()
    return body
