"""Discovery: which endpoints an issuer has, wherever it says so (RFC 8414, 3; OpenID Connect Discovery, 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import msgspec

from valetkey.client.errors import ResponseRejected, ServerUnreachable
from valetkey.client.flow import OutgoingRequest, is_loopback_url, is_safe_url, send
from valetkey.jose.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from valetkey.client.flow import Flow

_HTTP_OK: Final = 200
_HTTP_TOO_MANY: Final = 429
_HTTP_SERVER_ERROR: Final = 500
_ACCEPT: Final = (("accept", "application/json"),)


@dataclass(frozen=True, slots=True)
class Server:
    """The endpoints of an authorization server that its metadata named; None for one that it does not have."""

    issuer: str
    authorization_endpoint: str | None
    token_endpoint: str
    sends_issuer: bool
    """`authorization_response_iss_parameter_supported` (RFC 9207): then a response without `iss` is refused."""
    jwks_uri: str | None = None
    device_authorization_endpoint: str | None = None
    revocation_endpoint: str | None = None
    introspection_endpoint: str | None = None
    end_session_endpoint: str | None = None

    @classmethod
    def parse(cls, document: bytes, issuer: str) -> Server:
        """Read a metadata document; raises ResponseRejected unless it is that of `issuer` (RFC 8414, 3.3)."""
        members = _members(document)
        if members is None:
            raise ResponseRejected("invalid_metadata", "The metadata is not a JSON object.")
        if members.get("issuer") != issuer:  # RFC8414-3.3/issuer
            raise ResponseRejected("issuer_mismatch", "The metadata names another issuer than the one asked.")
        token_endpoint = _endpoint(members, "token_endpoint", issuer)
        if token_endpoint is None:
            raise ResponseRejected("invalid_metadata", "The metadata names no token_endpoint.")
        return cls(
            issuer,
            _endpoint(members, "authorization_endpoint", issuer),
            token_endpoint,
            members.get("authorization_response_iss_parameter_supported") is True,
            _endpoint(members, "jwks_uri", issuer),
            _endpoint(members, "device_authorization_endpoint", issuer),
            _endpoint(members, "revocation_endpoint", issuer),
            _endpoint(members, "introspection_endpoint", issuer),
            _endpoint(members, "end_session_endpoint", issuer),
        )

    def require(self, name: str) -> str:
        """Return the endpoint of that name; raises ResponseRejected where the metadata names none."""
        found: str | None = getattr(self, name)
        if found is None:
            raise ResponseRejected("unsupported", f"The server's metadata names no {name}.")
        return found


def metadata_url(issuer: str) -> str:
    """Return where RFC 8414, 3.1 puts the metadata of `issuer`."""
    return metadata_urls(issuer)[0]


def metadata_urls(issuer: str) -> tuple[str, ...]:
    """Return every place where `issuer` may publish its metadata: RFC 8414 first, then OpenID's two."""
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")  # RFC8414-3.1/terminating-slash
    root = f"{parts.scheme}://{parts.netloc}"
    places = (
        f"{root}/.well-known/oauth-authorization-server{path}",
        f"{root}{path}/.well-known/openid-configuration",
        f"{root}/.well-known/openid-configuration{path}",
    )
    return tuple(dict.fromkeys(places))


def discover(issuer: str) -> Flow[Server]:
    """Return the endpoints of `issuer`, from the first place that has metadata.

    Raises ResponseRejected for metadata of another issuer (the search ends there) or where there is none,
    ServerUnreachable where that cannot be known; ValueError for an issuer that is no https URL.
    """
    require_issuer(issuer)
    busy: ServerUnreachable | None = None
    for url in metadata_urls(issuer):
        response = yield from send(OutgoingRequest(url, _ACCEPT, method="GET"))
        if response.status == _HTTP_OK and _members(response.body) is not None:
            return Server.parse(response.body, issuer)
        if response.status >= _HTTP_SERVER_ERROR or response.status == _HTTP_TOO_MANY:
            busy = ServerUnreachable(f"The server answered {response.status} when asked for its metadata.")
    raise busy or ResponseRejected("no_metadata", "The issuer publishes no metadata.")


def require_issuer(issuer: str) -> None:
    """Return, or raise ValueError where `issuer` cannot be one (RFC 8414, 2)."""
    if not is_safe_url(issuer) or "?" in issuer or "#" in issuer:
        raise ValueError("an issuer is an https URL without query and fragment; http is for loopback only")


def _endpoint(members: Mapping[str, object], name: str, issuer: str) -> str | None:
    url = members.get(name)
    if url is None:
        return None
    # A remote server must not make this machine send secrets to its own loopback services.
    if not isinstance(url, str) or not is_safe_url(url) or (is_loopback_url(url) and not is_loopback_url(issuer)):
        raise ResponseRejected("invalid_metadata", f"The {name} of the metadata is no safe URL.")
    return url


def _members(document: bytes) -> Mapping[str, object] | None:
    try:
        return msgspec.json.decode(document, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
