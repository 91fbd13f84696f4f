"""What HTTP itself refuses, before an endpoint is asked (RFC 9110, 15.5)."""

from __future__ import annotations

from valetkey.authorization_server.pages import ErrorKind


class HttpRefusal(Exception):
    """A refusal that names its status; `description` is fixed text, `headers` belong to the status."""

    def __init__(
        self, status: int, kind: ErrorKind, description: str, headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        super().__init__(description)
        self.status = status
        self.kind = kind
        self.description = description
        self.headers = headers


class ClientGone(Exception):
    """The peer hung up before its request was whole: there is nobody to answer."""


def malformed_path() -> HttpRefusal:
    """Return the refusal of a path that is no UTF-8 text in valid percent-encoding."""
    return HttpRefusal(400, ErrorKind.BAD_REQUEST, "The path cannot be read.")


def not_found() -> HttpRefusal:
    """Return the refusal of a path that names nothing here."""
    return HttpRefusal(404, ErrorKind.NOT_FOUND, "There is nothing at this address.")


def method_not_allowed(allowed: str) -> HttpRefusal:
    """Return the refusal of a method, naming those that are `allowed` (RFC 9110, 15.5.6)."""
    return HttpRefusal(405, ErrorKind.METHOD_NOT_ALLOWED, "The method is not allowed here.", (("allow", allowed),))


def body_too_large() -> HttpRefusal:
    """Return the refusal of a body over the cap; the connection closes, so that the rest is never read."""
    return HttpRefusal(
        413, ErrorKind.TOO_LARGE, "The request body is larger than 64 kB.", (("connection", "close"),)
    )


def query_too_large() -> HttpRefusal:
    """Return the refusal of a query over the cap."""
    return HttpRefusal(414, ErrorKind.TOO_LARGE, "The query is larger than 8 kB.")


def unsupported_media_type(wanted: str) -> HttpRefusal:
    """Return the refusal of a body that is not plain UTF-8 of the `wanted` type."""
    return HttpRefusal(
        415,
        ErrorKind.UNSUPPORTED_MEDIA_TYPE,
        f"The body must be {wanted} in UTF-8, without content encoding.",
        (("accept", wanted),),
    )


def too_many_requests(headers: tuple[tuple[str, str], ...]) -> HttpRefusal:
    """Return the refusal of an address that asks too often; `headers` say when to come again (RFC 6585, 4)."""
    return HttpRefusal(
        429,
        ErrorKind.TOO_MANY_REQUESTS,
        "Too many requests from this address: wait as long as Retry-After says.",
        headers,
    )


def misdirected() -> HttpRefusal:
    """Return the refusal of a request whose `Host` is not ours: a name was rebound to our address."""
    return HttpRefusal(421, ErrorKind.NOT_FOUND, "This server does not answer under that name.")
