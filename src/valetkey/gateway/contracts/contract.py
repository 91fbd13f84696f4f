"""What every contract with a proxy is made of: one source for each thing that is judged, and one way to answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from valetkey.gateway.contracts.headers import IDENTITY_HEADERS, JUDGED_HEADERS, is_visible
from valetkey.oauth.http import HttpResponse
from valetkey.resource_server.decision import Allow, AllowAnonymous, bad_request
from valetkey.resource_server.request import RequestView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from valetkey.oauth.http import HttpRequest
    from valetkey.resource_server.decision import BadRequest, Decision, Deny, Headers

PARTS: Final = ("method", "scheme", "host", "target", "address")
"""What is judged beside the credentials."""
LONGEST_SOURCE: Final = 16_384

_METHOD: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}", re.ASCII)  # RFC 9110, 5.6.2
# Nothing by which one server would read another host than the next one does.
_HOST: Final = re.compile(r"[0-9A-Za-z._~:\[\]-]{1,255}", re.ASCII)
_TARGET: Final = re.compile(r"[\x21-\x7e]+", re.ASCII)
_SCHEMES: Final = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
_JUDGED: Final = frozenset(name.encode("ascii") for name in JUDGED_HEADERS)
_NO_STORE: Final = ("cache-control", "no-store")

_ABSENT: Final = "The proxy does not say, or says twice, what it was asked."
_ODD: Final = "What the proxy was asked cannot be read."


@dataclass(frozen=True, slots=True)
class Source:
    """Where a contract reads one thing: a field of the decision request, and what the snippet fills it with."""

    field: str
    filled_with: str = ""
    """Nothing where the proxy itself says it."""


@dataclass(frozen=True, slots=True)
class Sources:
    """The one source of everything that is judged."""

    method: Source
    scheme: Source
    host: Source
    target: Source
    address: Source
    parts: Mapping[bytes, str] = field(init=False, repr=False, compare=False)
    """The part of the request that each field speaks of, by the field's name in lower case."""

    def __post_init__(self) -> None:
        fields = {getattr(self, part).field.lower().encode("ascii"): part for part in PARTS}
        object.__setattr__(self, "parts", fields)


@dataclass(frozen=True, slots=True)
class Said:
    """What a proxy said that it was asked, word by word."""

    method: str
    scheme: str
    host: str
    target: str
    address: str


class HttpContract(Protocol):
    """What the decision service and one proxy agree on over HTTP; pure."""

    @property
    def name(self) -> str:
        """The last part of the path that the proxy asks: `/decide/NAME`."""

    @property
    def sources(self) -> Sources:
        """Where it reads what."""

    @property
    def shortcomings(self) -> Sequence[str]:
        """What the proxy cannot carry, a sentence each."""

    def read(self, asked: HttpRequest) -> RequestView | BadRequest:
        """Return the request that the proxy asks about; one whose sources are absent or odd is refused."""

    def write(self, decision: Decision, identity: Headers) -> HttpResponse:
        """Return the answer that this proxy understands; `identity` are headers for the API behind it.

        Raises ValueError for a header that is not one of ours, or that no header can carry.
        """


def view_of(said: Said, headers: Sequence[tuple[bytes, bytes]]) -> RequestView | BadRequest:
    """Return the request that a proxy spoke of, with those of its headers that are judged."""
    scheme = _SCHEMES.get(said.scheme.lower())
    if (
        scheme is None
        or not _METHOD.fullmatch(said.method)
        or not _HOST.fullmatch(said.host)
        or not _TARGET.fullmatch(said.target)
        or len(said.target) > LONGEST_SOURCE
    ):
        return bad_request(_ODD)
    address = _address(said.address)
    if address is None:
        return bad_request(_ODD)
    judged = tuple(pair for pair in headers if pair[0] in _JUDGED)
    return RequestView(said.method, said.target, judged, said.host, address, scheme)


@lru_cache(maxsize=4_096)
def _address(text: str) -> str | None:
    try:
        return str(ip_address(text))
    except ValueError:
        return None


def not_said() -> BadRequest:
    """Return the answer to a proxy that leaves a source out, or names one twice."""
    return bad_request(_ABSENT)


def identity_pairs(decision: Decision, identity: Headers) -> Headers:
    """Return the headers for the API, which only an allowed request has; raises ValueError for others than ours."""
    if not isinstance(decision, Allow | AllowAnonymous):
        return ()
    if any(name not in IDENTITY_HEADERS or not is_visible(value) for name, value in identity):
        raise ValueError("an identity header has one of our names, and a value of visible ASCII")
    if len({name for name, _ in identity}) != len(identity):
        raise ValueError("an identity header is sent once")
    return identity


def document_of(denied: Deny) -> bytes:
    """Return the body of a refusal: JSON in ASCII, on one line."""
    return msgspec.json.encode(denied.document())


@dataclass(frozen=True, slots=True)
class ForwardingContract:
    """A contract with a proxy that hands a refusal to the client as it is: status, headers and body."""

    name: str
    sources: Sources
    shortcomings: tuple[str, ...] = ()

    def read(self, asked: HttpRequest) -> RequestView | BadRequest:
        """Return the request that the headers named by `sources` speak of."""
        return read_headers(asked, self.sources)

    def write(self, decision: Decision, identity: Headers) -> HttpResponse:
        """Return 200 with the headers for the API and for the client, or the refusal itself."""
        handed = identity_pairs(decision, identity)
        if isinstance(decision, Allow | AllowAnonymous):
            return HttpResponse(200, (*handed, *decision.headers, _NO_STORE))
        return HttpResponse(
            decision.status, (("content-type", "application/json"), *decision.headers), document_of(decision)
        )


def read_headers(asked: HttpRequest, sources: Sources) -> RequestView | BadRequest:
    """Return the request that exactly one header for each source speaks of."""
    wanted = sources.parts
    found: dict[bytes, str] = {}
    for name, value in asked.headers:
        if name in wanted:
            if name in found:
                return not_said()
            found[name] = value.decode("latin-1")
    if len(found) != len(wanted):
        return not_said()
    return view_of(Said(**{part: found[name] for name, part in wanted.items()}), asked.headers)
