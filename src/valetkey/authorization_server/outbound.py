"""What is asked of addresses outside and what comes back: the values of the OutboundFetch port (DESIGN, 8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import Final

from valetkey.jose.records import dataclass
from valetkey.jose.remote import lifetime_of
from valetkey.oauth.types import SecretText

DEADLINE_SECONDS: Final = 5.0


class Lane(StrEnum):
    """Whose addresses are fetched: strangers' floods leave the lane of those whom an operator registered free."""

    REGISTERED = "registered"
    STRANGERS = "strangers"


@dataclass(frozen=True, slots=True)
class FetchRules:
    """What an answer may be; the deadline covers the whole exchange, from the name to the last octet.

    A media type such as "+json" accepts every type with that suffix.
    """

    media_types: tuple[str, ...]
    most_octets: int
    lane: Lane = Lane.REGISTERED
    deadline_seconds: float = DEADLINE_SECONDS
    etag: str | None = None
    """Sent as `If-None-Match`, where 304 is an answer too."""

    def accepts(self, media_type: str) -> bool:
        """Say whether a body of this type, in lower case and without parameters, is one that was asked for."""
        return any(
            media_type == named or (named.startswith("+") and "/" in media_type and media_type.endswith(named))
            for named in self.media_types
        )


@dataclass(frozen=True, slots=True)
class FetchedDocument:
    """An answer: names of `headers` are in lower case, `body` is empty unless its media type was asked for."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(default=b"", repr=False)

    @property
    def media_type(self) -> str:
        """The media type in lower case, without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def lifetime(self) -> int:
        """For how many seconds it may be kept, within 60 s and 24 h (RFC 9111, 4.2)."""
        return lifetime_of(self.headers)


@dataclass(frozen=True, slots=True)
class OutboundBody:
    """What is posted; it may hold secrets."""

    media_type: str
    octets: bytes = field(repr=False)
    authorization: SecretText | None = field(default=None, repr=False)
    """The value of an `Authorization` header that goes with it."""


class Unfetchable(Exception):
    """Nothing that may be used came from an address outside.

    `detail` is for the log alone: told to a browser, it would let strangers map an operator's network. `status` is
    that of the answer where there was one.
    """

    def __init__(self, detail: str, status: int | None = None) -> None:
        super().__init__("The address could not be fetched.")
        self.detail = detail
        self.status = status

    @property
    def is_outage(self) -> bool:
        """Whether the other side may simply be down, rather than have answered something that is refused."""
        return self.status is None or self.status in _OUTAGES


_OUTAGES: Final = frozenset({429, 500, 502, 503, 504})
