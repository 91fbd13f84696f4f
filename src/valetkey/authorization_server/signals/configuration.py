"""The configuration of a stream as its receiver reads and writes it (Shared Signals Framework, 8.1.1)."""

from __future__ import annotations

import re
from dataclasses import field, replace
from typing import TYPE_CHECKING, Final

import msgspec

from valetkey.authorization_server import paths
from valetkey.authorization_server.signals.streams import Delivery, Stream
from valetkey.jose.records import dataclass
from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.shared_signals import SENT, DeliveryMethod

if TYPE_CHECKING:
    from valetkey.oauth.types import Issuer

MINIMUM_VERIFICATION_SECONDS: Final = 10
LONGEST_DESCRIPTION: Final = 255
_MOST_REQUESTED: Final = 100
_LONGEST_TYPE: Final = 512
_HEADER_VALUE: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,4094}[\x21-\x7e])?")


class StreamRefused(OAuthError):
    """A request about streams that is not granted, with the status that the table of its operation names."""

    def __init__(
        self,
        status: int,
        description: str,
        requirement: str,
        *,
        code: ErrorCode = ErrorCode.INVALID_REQUEST,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(code, description, requirement, headers=headers)
        self._status = status

    @property
    def status(self) -> int:
        """What the specification's table says."""
        return self._status


class _Delivery(msgspec.Struct, frozen=True):
    method: str
    endpoint_url: str | msgspec.UnsetType = msgspec.UNSET
    authorization_header: str | msgspec.UnsetType = msgspec.field(default=msgspec.UNSET)


class StreamRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a receiver says of a stream; UNSET where it says nothing."""

    stream_id: str | msgspec.UnsetType = msgspec.UNSET
    iss: str | msgspec.UnsetType = msgspec.UNSET
    aud: str | list[str] | msgspec.UnsetType = msgspec.UNSET
    events_supported: list[str] | msgspec.UnsetType = msgspec.UNSET
    events_requested: list[str] | msgspec.UnsetType = msgspec.UNSET
    events_delivered: list[str] | msgspec.UnsetType = msgspec.UNSET
    delivery: _Delivery | msgspec.UnsetType = msgspec.UNSET
    description: str | msgspec.UnsetType = msgspec.UNSET
    min_verification_interval: int | msgspec.UnsetType = msgspec.UNSET


@dataclass(frozen=True, slots=True)
class AskedDelivery:
    """How a receiver wants its events: the header is not sealed yet."""

    delivery: Delivery
    authorization_header: str | None = field(default=None, repr=False)


def parse_stream_request(body: bytes) -> StreamRequest:
    """Return what a JSON body says of a stream; raises StreamRefused. What is not known is passed over."""
    try:
        asked = msgspec.json.decode(body or b"{}", type=StreamRequest)
    except msgspec.MsgspecError:
        raise _malformed("The body is no stream configuration.") from None
    requested = asked.events_requested
    if isinstance(requested, list) and (
        len(requested) > _MOST_REQUESTED or any(not 0 < len(one) <= _LONGEST_TYPE for one in requested)
    ):
        raise _malformed("events_requested names too many events, or one too long.")
    return asked


def asked_delivery(asked: StreamRequest) -> AskedDelivery | None:
    """Return how events are wanted, None where nothing is said of it; raises StreamRefused.

    Whether the address of a push may be asked at all, the guarded fetcher says.
    """
    said = asked.delivery
    if said is msgspec.UNSET:
        return None
    header = None if said.authorization_header is msgspec.UNSET else said.authorization_header
    url = "" if said.endpoint_url is msgspec.UNSET else said.endpoint_url
    if said.method == DeliveryMethod.POLL:
        if header is not None:
            raise _malformed("Polled events need no authorization_header of yours.")
        return AskedDelivery(Delivery(DeliveryMethod.POLL))
    if said.method != DeliveryMethod.PUSH:
        raise _malformed("The delivery method is not one of those that are supported.")
    if not url:
        raise _malformed("A push needs an endpoint_url.")
    if header is not None and not _HEADER_VALUE.fullmatch(header):
        # OIDSSF-6.1.1/authorization-header: a line break in it would end the header, and begin another.
        raise _malformed("The authorization_header is no value of a header.")
    return AskedDelivery(Delivery(DeliveryMethod.PUSH, url), header)


def revised(held: Stream, asked: StreamRequest, *, whole: Stream | None = None) -> Stream:
    """Return `held` with what a PATCH says, or with `whole` in the place of what a PUT leaves out.

    Its delivery stays: it is judged apart. What belongs to the transmitter is only compared, by `compare`.
    """
    before = held if whole is None else whole
    requested, description = asked.events_requested, asked.description
    return replace(
        held,
        requested=before.requested if requested is msgspec.UNSET else tuple(dict.fromkeys(requested)),
        description=before.description if description is msgspec.UNSET else description[:LONGEST_DESCRIPTION],
    )


def compare(held: Stream, asked: StreamRequest, issuer: Issuer) -> None:
    """Raise StreamRefused where the request says of what is ours something that is not so."""
    # OIDSSF-8.1.1.3/transmitter-supplied OIDSSF-8.1.1.4/transmitter-supplied
    ours = configuration(held, issuer)
    said: dict[str, object] = {
        name: getattr(asked, name)
        for name in ("iss", "aud", "events_supported", "events_delivered", "min_verification_interval")
        if getattr(asked, name) is not msgspec.UNSET
    }
    for name, value in said.items():
        if _normal(value) != _normal(ours[name]):
            raise _malformed(f"{name} is not what the transmitter says.", "OIDSSF-8.1.1.3/transmitter-supplied")
    delivery = asked.delivery
    if delivery is not msgspec.UNSET and delivery.method == DeliveryMethod.POLL:
        url = delivery.endpoint_url
        if url is not msgspec.UNSET and url and url != poll_url(held, issuer):
            raise _malformed("The endpoint_url of polls is the transmitter's.", "OIDSSF-6.1.2/endpoint-url")


def configuration(stream: Stream, issuer: Issuer) -> dict[str, object]:
    """Return the JSON object that describes the stream; the authorization header is never told again."""
    document: dict[str, object] = {
        "stream_id": stream.stream_id,  # OIDSSF-8.1.1/stream-id
        "iss": issuer.url,  # OIDSSF-8.1.1/iss
        "aud": stream.client_id,
        "events_supported": list(SENT),
        "events_requested": list(stream.requested),
        "events_delivered": list(stream.delivered),
        "delivery": {
            "method": stream.delivery.method.value,
            "endpoint_url": stream.delivery.endpoint_url or poll_url(stream, issuer),
        },
        "min_verification_interval": MINIMUM_VERIFICATION_SECONDS,
    }
    return {**document, "description": stream.description} if stream.description else document


def poll_url(stream: Stream, issuer: Issuer) -> str:
    """Return where the events of a stream are polled: an address of its own (SSF, 6.1.2)."""
    return issuer.endpoint(f"{paths.STREAM_EVENTS}/{stream.stream_id}")  # OIDSSF-6.1.2/unique


def transmitter_configuration(issuer: Issuer) -> dict[str, object]:
    """Return the transmitter configuration metadata (Shared Signals Framework, 7.1)."""
    return {
        "spec_version": "1_0",
        "issuer": issuer.url,  # OIDSSF-7.1/issuer
        "jwks_uri": issuer.endpoint(paths.JWKS),  # OIDSSF-7.1/jwks-uri
        "delivery_methods_supported": [DeliveryMethod.PUSH.value, DeliveryMethod.POLL.value],
        "configuration_endpoint": issuer.endpoint(paths.STREAMS),
        "status_endpoint": issuer.endpoint(paths.STREAM_STATUS),
        "add_subject_endpoint": issuer.endpoint(paths.STREAM_SUBJECTS_ADD),
        "remove_subject_endpoint": issuer.endpoint(paths.STREAM_SUBJECTS_REMOVE),
        "verification_endpoint": issuer.endpoint(paths.STREAM_VERIFICATION),
        "authorization_schemes": [{"spec_urn": "urn:ietf:rfc:6749"}, {"spec_urn": "urn:ietf:rfc:6750"}],
        "default_subjects": "ALL",  # OIDSSF-7.1/default-subjects
    }


def _normal(value: object) -> object:
    if isinstance(value, list):
        return value[0] if len(value) == 1 else sorted(value)
    return value


def _malformed(description: str, requirement: str = "OIDSSF-8.1.1.1/malformed") -> StreamRefused:
    return StreamRefused(400, description, requirement)
