"""The guard as WSGI middleware: in front of any synchronous application (PEP 3333; RFC 6750; RFC 9728)."""

from __future__ import annotations

import re
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote_from_bytes, unquote_to_bytes

from valetkey.integrations.background import LOOP
from valetkey.integrations.guarding import (
    DENIAL_TYPE,
    METADATA_HEADERS,
    PATH_CHARACTERS,
    ApiGuard,
    Headers,
    RequestJudge,
    denial_body,
)
from valetkey.resource_server import Allow, AllowAnonymous, RequestView

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from valetkey.integrations.addresses import TrustedProxies

Guard = ApiGuard
"""A guard whose rules are handed to a GuardMiddleware: `guard.for_all("orders:read")`."""

TOKEN: Final = "valetkey.access_token"  # noqa: S105 - the name of a place
"""Where the AccessToken stands in the environ of a request that passed; None for one without credentials."""
_READING: Final = frozenset({"GET", "HEAD"})
_AS_SENT: Final = ("REQUEST_URI", "RAW_URI")
_SCHEME_AND_MORE: Final = re.compile(r",\s*(?=[A-Za-z][A-Za-z0-9-]* +[^\s,=])")
_KEYS: Final = re.compile(r",\s*")
# A server joins what was sent twice (PEP 3333): here it is told apart again, so that it is refused as elsewhere.
_JOINED: Final = {b"authorization": _SCHEME_AND_MORE, b"x-api-key": _KEYS}


class GuardMiddleware:
    """An application behind a guard: what `judge` does not allow never reaches it.

    The token of a request that passed stands in its environ as `valetkey.access_token`. Requests are judged on one
    event loop of the process, which a forked worker begins anew.
    """

    def __init__(self, app: WSGIApplication, judge: RequestJudge) -> None:
        """Put `judge` (`guard.for_all(...)`, or `read_policy(...)`) in front of `app`."""
        self._app = app
        self._judge = judge
        self._metadata_path = judge.metadata_path

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Judge one request."""
        judge = self._judge
        if environ["REQUEST_METHOD"] in _READING and path_of(environ) == self._metadata_path:
            return _respond(environ, start_response, 200, METADATA_HEADERS, judge.metadata_body())
        outcome = LOOP.decide(judge.decide(view_of_environ(environ, judge.trusted_proxies), environ))
        if not isinstance(outcome, Allow | AllowAnonymous):
            headers = (DENIAL_TYPE, *outcome.headers)
            return _respond(environ, start_response, outcome.status, headers, denial_body(outcome))
        environ[TOKEN] = outcome.token if isinstance(outcome, Allow) else None
        return self._app(environ, _adding(start_response, outcome.headers) if outcome.headers else start_response)


def view_of_environ(environ: Mapping[str, Any], proxies: TrustedProxies | None = None) -> RequestView:
    """Return what a guard reads of a WSGI request; its address is the peer's, or what `proxies` say it is."""
    headers: list[tuple[bytes, bytes]] = []
    for name, value in environ.items():
        if name.startswith("HTTP_"):
            header = _header_of(name)
            joined = _JOINED.get(header)
            if joined is None or "," not in value:
                headers.append((header, value.encode("latin-1")))
            else:
                headers.extend((header, one.encode("latin-1")) for one in joined.split(value))
    address = environ.get("REMOTE_ADDR", "")
    if proxies is not None:
        address = proxies.address_of(address, headers)
    return RequestView(
        environ["REQUEST_METHOD"],
        _target(environ),
        headers,
        environ.get("HTTP_HOST", ""),
        address,
        environ.get("wsgi.url_scheme", ""),
    )


@lru_cache(maxsize=256)
def _header_of(name: str) -> bytes:
    return name[5:].lower().replace("_", "-").encode("latin-1")


def path_of(environ: Mapping[str, Any]) -> str:
    """Return the decoded path of a request as its server hands it over, octet for character."""
    return str(environ.get("SCRIPT_NAME", "")) + str(environ.get("PATH_INFO", ""))


def _target(environ: Mapping[str, Any]) -> str:
    octets = path_of(environ).encode("latin-1")
    for name in _AS_SENT:
        sent = environ.get(name)
        if sent is not None:
            raw = str(sent).partition("?")[0]
            # What rewrote one of the two would have the guard judge another path than the application serves: such
            # a target is no path, and no policy has a route for it.
            if unquote_to_bytes(raw) != octets:
                raw = ""
            break
    else:
        raw = quote_from_bytes(octets, safe=PATH_CHARACTERS)
    query = environ.get("QUERY_STRING", "")
    return f"{raw}?{query}" if query else raw


def _adding(start_response: StartResponse, headers: Headers) -> StartResponse:
    def adding_start(status: str, given: list[tuple[str, str]], *error: Any) -> Callable[[bytes], object]:
        return start_response(status, [*given, *headers], *error)

    return adding_start


def _respond(
    environ: WSGIEnvironment, start_response: StartResponse, status: int, headers: Headers, body: bytes
) -> list[bytes]:
    start_response(f"{status} {HTTPStatus(status).phrase}", [*headers, ("content-length", str(len(body)))])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]
