"""HTTP as values: a request and a response that no framework made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Final

import msgspec

from valetkey.jose.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

NO_STORE: Final = (("cache-control", "no-store"), ("pragma", "no-cache"))


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request, read whole: `path` is percent-decoded and relative to the issuer's path.

    `headers` are pairs of lower-case name and value, in the order received; `query` and `body` are raw;
    `remote_address` is the peer's, or what a configured proxy said it is.
    """

    method: str
    path: str
    query: bytes = b""
    headers: Sequence[tuple[bytes, bytes]] = ()
    body: bytes = field(default=b"", repr=False)
    remote_address: str = ""
    request_id: str = ""

    def header(self, name: bytes) -> str | None:
        """Return the value of the one header called `name` (lower case); None when absent or repeated."""
        found = [value for key, value in self.headers if key == name]
        return found[0].decode("latin-1") if len(found) == 1 else None

    def all_headers(self, name: bytes) -> tuple[str, ...]:
        """Return every value of the header called `name` (lower case), in order."""
        return tuple(value.decode("latin-1") for key, value in self.headers if key == name)

    def cookies(self, name: str) -> tuple[str, ...]:
        """Return every value that the `Cookie` headers give for `name`: more than one is suspicious."""
        found: list[str] = []
        for line in self.all_headers(b"cookie"):
            for part in line.split(";"):
                key, separator, value = part.strip().partition("=")
                if separator and key == name:
                    found.append(value)
        return tuple(found)


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """One response: header names are lower case."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = field(default=b"", repr=False)

    def with_headers(self, *headers: tuple[str, str]) -> HttpResponse:
        """Return this response with further headers."""
        return HttpResponse(self.status, (*self.headers, *headers), self.body)

    def header(self, name: str) -> str | None:
        """Return the first value of `name` (lower case)."""
        return next((value for key, value in self.headers if key == name), None)


def json_response(
    status: int, document: Mapping[str, object], headers: tuple[tuple[str, str], ...] = ()
) -> HttpResponse:
    """Return `document` as application/json."""
    return HttpResponse(status, (("content-type", "application/json"), *headers), msgspec.json.encode(document))


def see_other(location: str, headers: tuple[tuple[str, str], ...] = ()) -> HttpResponse:
    """Return a 303, which never repeats a POST (RFC 9700, 4.12)."""
    return HttpResponse(303, (("location", location), *NO_STORE, *headers))  # RFC9700-4.12/no-307
