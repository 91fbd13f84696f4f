"""Which call goes to which API, with which headers, there and back (RFC 10017, 6.1.3.6; RFC 9110, 7.6.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from valetkey.gateway.session.settings import Forward

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Headers = tuple[tuple[bytes, bytes], ...]

# One reading for every server: no encoded slash, dot, backslash, percent, semicolon or control character, no
# parameter of a segment, no empty segment, nothing beyond ASCII.
_PATH: Final = re.compile(rb"(?:/(?:[A-Za-z0-9\-._~!$&'()*+,=:@]|%[0-9A-Fa-f]{2})+)*/?")
_AMBIGUOUS: Final = re.compile(rb"%(?:2[EF35B]|3[BF]|5C|[01][0-9A-F]|7F)", re.IGNORECASE)
_QUERY: Final = re.compile(rb"[\x21\x22\x24-\x5b\x5d-\x7e]*")

_HOP_BY_HOP: Final = frozenset({
    b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"proxy-connection",
    b"http2-settings",
})  # fmt: skip
_OF_THE_BROWSER: Final = frozenset({
    # Its credentials; the token takes their place.
    b"cookie", b"cookie2", b"authorization", b"dpop", b"signature", b"signature-input",
    # What speaks of the connection to us, or of the origin that we are.
    b"host", b"origin", b"referer", b"expect", b"forwarded", b"via", b"x-real-ip", b"x-client-ip",
    b"true-client-ip", b"client-ip", b"cf-connecting-ip",
    # What some servers take for the method, the path or the caller.
    b"x-http-method", b"x-http-method-override", b"x-method-override", b"x-original-url", b"x-original-uri",
    b"x-rewrite-url", b"x-remote-user", b"remote-user", b"x-user", b"x-subject", b"x-api-key",
    b"x-client-cert", b"client-cert", b"client-cert-chain",
})  # fmt: skip
_PREFIXES_OF_THE_BROWSER: Final = (
    b"proxy-", b"sec-", b"x-forwarded-", b"x-valetkey-", b"valetkey-", b"x-auth-", b"x-authenticated-", b"x-ssl-",
    b"access-control-",
)  # fmt: skip
_OF_THE_API: Final = frozenset({
    b"set-cookie", b"set-cookie2", b"www-authenticate", b"authentication-info", b"location", b"refresh",
    b"clear-site-data", b"service-worker-allowed", b"strict-transport-security", b"public-key-pins", b"alt-svc",
    b"dpop-nonce", b"content-security-policy", b"content-security-policy-report-only", b"nel", b"report-to",
    b"reporting-endpoints", b"sourcemap", b"x-sourcemap", b"x-frame-options", b"x-content-type-options",
    b"speculation-rules", b"set-login", b"use-as-dictionary", b"no-vary-search", b"accept-ch", b"critical-ch",
    # What a proxy or a cache before us obeys: which file to send instead, and what to keep for others.
    b"x-sendfile", b"x-lighttpd-send-file", b"x-reproxy-url", b"surrogate-control", b"edge-control",
    # Framing by who received it: the server that answers the browser says it anew.
    b"date", b"server",
})  # fmt: skip
_PREFIXES_OF_THE_API: Final = (b"access-control-", b"proxy-", b"x-accel-")
_TARGETED_CACHE_CONTROL: Final = b"-cache-control"
"""By RFC 9213 a cache obeys a header with such a name, as CDN-Cache-Control, and not Cache-Control."""


@dataclass(frozen=True, slots=True)
class Found:
    """Where a call goes: `path` is what stands behind the prefix, as it was sent."""

    forward: Forward
    path: bytes

    def url(self, query: bytes) -> str:
        """Return the address at the API."""
        return self.forward.upstream + self.path.decode("ascii") + (f"?{query.decode('ascii')}" if query else "")


@dataclass(frozen=True, slots=True)
class WrongPath:
    """A path or query that two servers could read in two ways: it goes nowhere."""


@dataclass(frozen=True, slots=True)
class WrongMethod:
    """A method that the row does not allow; `allowed` are those that it does."""

    allowed: tuple[str, ...]


def match(forwards: Sequence[Forward], path: bytes) -> Forward | None:
    """Return the row whose prefix `path` begins with, the longest first: it alone says where the call may go."""
    # RFC10017-6.1.3.6/allowlist RFC10017-6.1.3.6/permitted-hosts
    meant = [forward for forward in forwards if path.startswith(forward.prefix.encode())]
    return max(meant, key=lambda forward: len(forward.prefix), default=None)


def find(forward: Forward, method: str, path: bytes, query: bytes) -> Found | WrongPath | WrongMethod:
    """Return where a call of that row goes, or why nowhere; `path` and `query` are as the browser sent them."""
    # RFC10017-6.1.3.6/validation
    if not _PATH.fullmatch(path) or _AMBIGUOUS.search(path) or {b".", b".."}.intersection(path.split(b"/")):
        return WrongPath()
    if not _QUERY.fullmatch(query):
        return WrongPath()
    # HEAD asks for what GET would answer.
    wanted = "GET" if method == "HEAD" and "HEAD" not in forward.methods else method
    if wanted not in forward.methods:
        return WrongMethod(forward.methods)
    return Found(forward, path[len(forward.prefix) :])


def request_headers(headers: Iterable[tuple[bytes, bytes]], own_header: bytes, access_token: str) -> Headers:
    """Return what goes to the API: nothing by which the browser or its user is known but our token."""
    pairs = tuple(headers)
    dropped = _HOP_BY_HOP | _OF_THE_BROWSER | _named_by_connection(pairs) | {own_header}
    kept = [
        (name, value)
        for name, value in pairs
        # Some servers take an underscore for a dash: then a spelling of a dropped name would pass.
        if name not in dropped and not name.startswith(_PREFIXES_OF_THE_BROWSER) and b"_" not in name
    ]
    return (*kept, (b"authorization", b"Bearer " + access_token.encode("ascii")))


def response_headers(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Return what goes to the browser: no cookie, no challenge, no word on what our origin may do."""
    pairs = tuple((name.lower(), value) for name, value in headers)
    dropped = _HOP_BY_HOP | _OF_THE_API | _named_by_connection(pairs)
    kept = [
        (name, value)
        for name, value in pairs
        if name not in dropped
        and not name.startswith(_PREFIXES_OF_THE_API)
        and not name.endswith(_TARGETED_CACHE_CONTROL)
    ]
    caching = b",".join(value.lower() for name, value in kept if name == b"cache-control")
    said = {directive.strip() for directive in caching.split(b",")}
    # `private="a-field"` keeps one field from a shared cache, not the answer.
    if said.isdisjoint({b"no-store", b"private"}) or b"public" in said:
        # What was asked for by a cookie belongs to one person: no cache on the way keeps it for the next.
        kept = [(name, value) for name, value in kept if name not in {b"cache-control", b"expires", b"pragma"}]
        kept.append((b"cache-control", b"no-store"))
    return (
        *kept,
        (b"x-content-type-options", b"nosniff"),
        # An API's document that a browser opens as a page must not act as one of ours.
        (b"content-security-policy", b"sandbox; default-src 'none'; frame-ancestors 'none'"),
    )


def _named_by_connection(headers: Headers) -> frozenset[bytes]:
    named = (part.strip().lower() for name, value in headers if name == b"connection" for part in value.split(b","))
    # Framing is ours to say, whatever the list names.
    return frozenset(named) - {b"content-length", b"content-type"}
