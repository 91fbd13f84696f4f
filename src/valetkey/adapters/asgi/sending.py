"""A response as ASGI messages, with the headers that its row names and a validator for public documents."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from valetkey.adapters.asgi.messages import Header, Send
    from valetkey.adapters.asgi.table import Row
    from valetkey.oauth.http import HttpResponse

NO_STORE: Final = ((b"cache-control", b"no-store"), (b"pragma", b"no-cache"))
_OF_ROW: Final = frozenset({"x-content-type-options", "strict-transport-security"})
"""What every row already carries: a page may say it too, but a response says it once."""
_FIRST_ERROR: Final = 400
_OK: Final = 200


async def send_response(
    send: Send, response: HttpResponse, row: Row, sent: Sequence[Header], request_id: str = ""
) -> None:
    """Send `response` under the rules of its row; `sent` are the request's headers, for If-None-Match.

    A response that no cache may keep names its request, as the log does.
    """
    body = response.body
    status = response.status
    headers: list[Header] = [(b"content-length", b"%d" % len(body)), *row.always]
    if request_id and not row.is_public:
        headers.append((b"x-request-id", request_id.encode()))
    said = _encode(response, headers)
    if b"cache-control" not in said:
        headers.extend(NO_STORE if status >= _FIRST_ERROR else row.cache)
    if row.is_public and status == _OK and b"etag" not in said:
        etag = _etag(body)
        headers.append((b"etag", etag))
        if _is_known(etag, sent):
            # A 304 repeats what a cache stores, but says nothing of a body (RFC 9110, 15.4.5).
            status, body = 304, b""
            headers = [header for header in headers if header[0] not in _OF_BODY]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _encode(response: HttpResponse, headers: list[Header]) -> set[bytes]:
    said: set[bytes] = set()
    for name, value in response.headers:
        if name not in _OF_ROW:
            encoded = name.encode("ascii")
            said.add(encoded)
            headers.append((encoded, value.encode("latin-1")))
    return said


_OF_BODY: Final = (b"content-length", b"content-type")


def _etag(body: bytes) -> bytes:
    return b'"' + urlsafe_b64encode(hashlib.sha256(body).digest()[:18]) + b'"'


def _is_known(etag: bytes, sent: Sequence[Header]) -> bool:
    for name, value in sent:
        if name == b"if-none-match":
            known = {part.strip().removeprefix(b"W/") for part in value.split(b",")}
            if etag in known or b"*" in known:
                return True
    return False
