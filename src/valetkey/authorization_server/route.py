"""What a row of the matrix says: an endpoint, and what its requests and responses may do."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from valetkey.jose.records import dataclass

if TYPE_CHECKING:
    from valetkey.authorization_server.pages import Page
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.http import HttpRequest, HttpResponse


class Cache(StrEnum):
    """What a cache may keep."""

    NO_STORE = "no-store"
    PUBLIC_SHORT = "public, max-age=300"
    PUBLIC_MOMENT = "public, max-age=5"
    IMMUTABLE = "public, max-age=31536000, immutable"


class Cors(StrEnum):
    """Which other origins may read the response (HARDENING HTP-07)."""

    NONE = "none"
    ANY = "any"
    """`*`: public documents."""
    CLIENT = "client"
    """The exact origin of a redirect URI of the client; a preflight answers for any of the tenant."""


class Csrf(StrEnum):
    """What a state-changing request must prove."""

    NOT_NEEDED = "not_needed"
    """It reads no cookie."""
    FORM_TOKEN = "form_token"  # noqa: S105 - a rule's name
    """Its endpoint verifies the token of the form."""
    SAFE = "safe"
    """GET, or changes nothing but stored requests."""


class Accepts(StrEnum):
    """Which request body an endpoint reads."""

    NOTHING = "nothing"
    FORM = "form"
    """Of a POST."""
    JSON = "json"
    """Of a POST, a PUT or a PATCH."""


class Pace(StrEnum):
    """As what the requests of one address are counted (HARDENING RAT-01)."""

    ENDPOINT = "endpoint"
    """Programs ask it: what an endpoint is counted as unless its row says otherwise."""
    PAGE = "page"
    """A person looks at it."""
    ATTEMPT = "attempt"
    """A form that guesses could be sent to: its POST is counted as one, its GET as a page."""
    REGISTRATION = "registration"
    """It adds something that stays."""
    FREE = "free"
    """A public document, which caches keep and which costs nothing to answer: never refused."""


class Endpoint(Protocol):
    """One endpoint; raises OAuthError and Unavailable, which the adapter turns into responses."""

    async def __call__(self, request: HttpRequest, server: AuthorizationServer) -> HttpResponse | Page:
        """Answer a request to the tenant's server."""
        ...


class Face(StrEnum):
    """How errors of an endpoint speak."""

    MACHINE = "machine"
    """JSON."""
    PERSON = "person"
    """An error page."""
    ADMINISTRATOR = "administrator"
    """Problem details (RFC 9457)."""


@dataclass(frozen=True, slots=True)
class Route:
    """One row: `path` is relative to the issuer; a `path_inserted` one also stands at the root (RFC 8414, 3.1).

    A path whose last segment, or the one before it, is `{name}` stands for every path with one segment there.
    """

    methods: frozenset[str]
    path: str
    endpoint: Endpoint
    cache: Cache
    cors: Cors
    csrf: Csrf
    face: Face
    accepts: Accepts = Accepts.NOTHING
    path_inserted: bool = False
    pace: Pace = Pace.ENDPOINT
