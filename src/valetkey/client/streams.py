"""Setting a stream of signals up at a transmitter, as its receiver (Shared Signals Framework 1.0, 7 and 8)."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import urlsplit

import msgspec

from valetkey.client.discovery import require_issuer
from valetkey.client.errors import ResponseRejected, ServerRefused, ServerUnreachable
from valetkey.client.exchange import client_credentials_form, redeem
from valetkey.client.flow import OutgoingRequest, is_loopback_url, is_safe_url, send
from valetkey.jose.records import dataclass
from valetkey.oauth.security_event import ACCOUNT_DISABLED, ACCOUNT_PURGED, CREDENTIAL_CHANGE, SESSION_REVOKED
from valetkey.oauth.shared_signals import DeliveryMethod
from valetkey.oauth.types import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from valetkey.client.exchange import Party
    from valetkey.client.flow import Flow

T = TypeVar("T")

EVENTS: Final = (SESSION_REVOKED, CREDENTIAL_CHANGE, ACCOUNT_DISABLED, ACCOUNT_PURGED)
"""What a guard acts on."""
SCOPE: Final = "ssf.manage"
_HTTP_OK: Final = 200
_CREATED: Final = 201
_NO_CONTENT: Final = 204
_SERVER_ERROR: Final = 500


@dataclass(frozen=True, slots=True)
class StreamWish:
    """The stream that a receiver wants; polled unless `push_url` says where events are pushed to."""

    transmitter: str
    """Its issuer."""
    push_url: str | None = None
    authorization_header: str | None = field(default=None, repr=False)
    """What each push shall carry."""
    events: tuple[str, ...] = EVENTS
    description: str = ""
    scope: str = SCOPE
    resource: str | None = None
    """The resource server that the access token is for, where the transmitter wants it named."""
    state: str | None = None
    """Asked back by a verification event; None asks for none."""


@dataclass(frozen=True, slots=True)
class ConnectedStream:
    """A stream as its transmitter keeps it: what a Transmitter and a SignalPolling are made of."""

    stream_id: str
    transmitter: str
    jwks_uri: str | None
    audience: tuple[str, ...]
    method: str
    endpoint_url: str
    events_delivered: tuple[str, ...]
    critical_members: tuple[str, ...] = ()


class _Metadata(msgspec.Struct, frozen=True):
    issuer: str
    configuration_endpoint: str
    jwks_uri: str | None = None
    verification_endpoint: str | None = None
    critical_subject_members: list[str] = msgspec.field(default_factory=list)


class _Delivery(msgspec.Struct, frozen=True):
    method: str
    endpoint_url: str = ""


class _Configuration(msgspec.Struct, frozen=True):
    stream_id: str
    iss: str
    aud: str | list[str]
    delivery: _Delivery
    events_delivered: list[str] = msgspec.field(default_factory=list)


def connect_stream(party: Party, wish: StreamWish) -> Flow[ConnectedStream]:
    """Create the stream, or bring the one that leads to the same address up to date, and ask for its verification.

    The client gets its access token by client credentials. Raises FlowError: ServerRefused where the transmitter
    says no, ResponseRejected where it says something of another issuer; ValueError for an issuer that is no URL.
    """
    metadata = yield from _metadata(wish.transmitter)
    tokens = yield from redeem(
        party, client_credentials_form(Scope.parse(wish.scope), wish.resource), Scope.parse(wish.scope)
    )
    bearer = (("authorization", f"Bearer {tokens.access_token}"), ("content-type", "application/json"))
    endpoint = metadata.configuration_endpoint
    found = yield from _asked(OutgoingRequest(endpoint, bearer, method="GET"), list[_Configuration])
    held = next((one for one in found if _leads_there(one, wish)), None)
    said = _said(wish)
    if held is None:
        created = OutgoingRequest(endpoint, bearer, msgspec.json.encode(said))
        configuration = yield from _asked(created, _Configuration)
    else:
        changed = msgspec.json.encode({**said, "stream_id": held.stream_id})
        configuration = yield from _asked(OutgoingRequest(endpoint, bearer, changed, "PATCH"), _Configuration)
    if configuration.iss != wish.transmitter:
        raise ResponseRejected("issuer_mismatch", "The stream is another issuer's than the one asked.")
    if wish.state is not None and metadata.verification_endpoint is not None:
        asked = msgspec.json.encode({"stream_id": configuration.stream_id, "state": wish.state})
        response = yield from send(OutgoingRequest(metadata.verification_endpoint, bearer, asked))
        _refuse(response.status, response.body)
    return _connected(configuration, metadata)


def configuration_url(transmitter: str) -> str:
    """Return where a transmitter publishes its configuration (Shared Signals Framework, 7.2)."""
    parts = urlsplit(transmitter)
    return f"{parts.scheme}://{parts.netloc}/.well-known/ssf-configuration{parts.path.rstrip('/')}"


def _metadata(transmitter: str) -> Flow[_Metadata]:
    require_issuer(transmitter)
    request = OutgoingRequest(configuration_url(transmitter), (("accept", "application/json"),), method="GET")
    metadata = yield from _asked(request, _Metadata)
    if metadata.issuer != transmitter:
        raise ResponseRejected("issuer_mismatch", "The metadata names another issuer than the one asked.")
    for url in (metadata.configuration_endpoint, metadata.verification_endpoint, metadata.jwks_uri):
        # A remote transmitter must not make this machine send a token to its own loopback services.
        is_inside = url is not None and is_loopback_url(url) and not is_loopback_url(transmitter)
        if url is not None and (not is_safe_url(url) or is_inside):
            raise ResponseRejected("invalid_metadata", "An endpoint of the metadata is no safe URL.")
    return metadata


def _asked(request: OutgoingRequest, kind: type[T]) -> Flow[T]:
    response = yield from send(request)
    _refuse(response.status, response.body)
    try:
        return msgspec.json.decode(response.body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise ResponseRejected("invalid_response", "The transmitter's answer is not what was asked for.") from None


def _refuse(status: int, body: bytes) -> None:
    if status in {_HTTP_OK, _CREATED, _NO_CONTENT}:
        return
    if status >= _SERVER_ERROR:
        raise ServerUnreachable(f"The transmitter answered {status}.")
    try:
        said = msgspec.json.decode(body, type=dict[str, object])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        said = {}
    code, description = said.get("error"), said.get("error_description")
    raise ServerRefused(
        str(code or "refused")[:64], str(description or f"The transmitter answered {status}.")[:255], status=status
    )


def _leads_there(found: _Configuration, wish: StreamWish) -> bool:
    if wish.push_url is None:
        return found.delivery.method == DeliveryMethod.POLL
    return found.delivery.method == DeliveryMethod.PUSH and found.delivery.endpoint_url == wish.push_url


def _said(wish: StreamWish) -> Mapping[str, object]:
    delivery = {"method": DeliveryMethod.POLL.value}
    if wish.push_url is not None:
        delivery = {"method": DeliveryMethod.PUSH.value, "endpoint_url": wish.push_url}
        if wish.authorization_header is not None:
            delivery["authorization_header"] = wish.authorization_header
    said: dict[str, object] = {"events_requested": list(wish.events), "delivery": delivery}
    return {**said, "description": wish.description} if wish.description else said


def _connected(found: _Configuration, metadata: _Metadata) -> ConnectedStream:
    return ConnectedStream(
        found.stream_id,
        metadata.issuer,
        metadata.jwks_uri,
        (found.aud,) if isinstance(found.aud, str) else tuple(found.aud),
        found.delivery.method,
        found.delivery.endpoint_url,
        tuple(found.events_delivered),
        tuple(metadata.critical_subject_members),
    )
