"""The contract with Envoy over gRPC: `envoy.service.auth.v3.Authorization/Check`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from valetkey.gateway.contracts.contract import (
    Said,
    Source,
    Sources,
    document_of,
    identity_pairs,
    not_said,
    view_of,
)
from valetkey.gateway.contracts.protobuf import (
    MalformedMessage,
    delimited,
    fields,
    number_field,
    only,
    singles,
    text,
)
from valetkey.resource_server.decision import Allow, AllowAnonymous

if TYPE_CHECKING:
    from valetkey.resource_server.decision import BadRequest, Decision, Headers
    from valetkey.resource_server.request import RequestView

METHOD: Final = "/envoy.service.auth.v3.Authorization/Check"

_ATTRIBUTES: Final = 1
_SOURCE, _REQUEST = 1, 4
_PEER_ADDRESS: Final = (1, 1, 2)  # address.socket_address.address
_HTTP: Final = 2
_HTTP_FIELDS: Final = (2, 6, 5, 4, 13)  # method, scheme, host, path, header_map
_KEY, _VALUE, _RAW_VALUE = 1, 2, 3

_STATUS, _DENIED, _OK = 1, 2, 3
_OK_HEADERS, _OK_RESPONSE_HEADERS = 2, 6
_DENIED_STATUS, _DENIED_HEADERS, _DENIED_BODY = 1, 2, 3
_OVERWRITE_OR_ADD: Final = number_field(3, 2)
_CODE_OK, _PERMISSION_DENIED = 0, 7


@dataclass(frozen=True, slots=True)
class EnvoyGrpcContract:
    """Reads CheckRequest and writes CheckResponse, the octets of their messages; pure."""

    name: str
    sources: Sources
    shortcomings: tuple[str, ...]

    def read(self, asked: bytes) -> RequestView | BadRequest:
        """Return the request that a CheckRequest speaks of; one that is malformed or says too little is refused.

        Its headers are read from `header_map` only, where a repeated one is seen: `encode_raw_headers` is on.
        """
        try:
            return _view(asked)
        except (MalformedMessage, UnicodeDecodeError):
            return not_said()

    def write(self, decision: Decision, identity: Headers) -> bytes:
        """Return the CheckResponse: headers for the API and the client, or the refusal with its own status.

        Raises ValueError for a header that is not one of ours, or that no header can carry.
        """
        handed = identity_pairs(decision, identity)
        if isinstance(decision, Allow | AllowAnonymous):
            allowed = _headers(_OK_HEADERS, handed) + _headers(_OK_RESPONSE_HEADERS, decision.headers)
            return _status(_CODE_OK) + delimited(_OK, allowed)
        denied = (
            delimited(_DENIED_STATUS, number_field(1, decision.status))
            + _headers(_DENIED_HEADERS, (("content-type", "application/json"), *decision.headers))
            + delimited(_DENIED_BODY, document_of(decision))
        )
        return _status(_PERMISSION_DENIED) + delimited(_DENIED, denied)


def _view(asked: bytes) -> RequestView | BadRequest:
    source, request = singles(only(asked, _ATTRIBUTES), (_SOURCE, _REQUEST))
    address, http = only(source or b"", *_PEER_ADDRESS), only(request or b"", _HTTP)
    method, scheme, host, path, headers = singles(http, _HTTP_FIELDS)
    if not (method and scheme and host and path and address) or headers is None:
        return not_said()
    said = Said(method.decode(), scheme.decode(), host.decode(), path.decode(), address.decode())
    return view_of(said, [_header(each) for _, each in fields(headers)])


def _header(octets: bytes) -> tuple[bytes, bytes]:
    key, value, raw = singles(octets, (_KEY, _VALUE, _RAW_VALUE))
    return (key or b"").lower(), raw or value or b""


def _headers(number: int, pairs: Headers) -> bytes:
    return b"".join(
        delimited(number, delimited(1, text(_KEY, name) + text(_VALUE, value)) + _OVERWRITE_OR_ADD)
        for name, value in pairs
    )


def _status(code: int) -> bytes:
    return delimited(_STATUS, number_field(1, code) if code else b"")


ENVOY_GRPC: Final = EnvoyGrpcContract(
    "envoy-grpc",
    Sources(
        method=Source("attributes.request.http.method"),
        scheme=Source("attributes.request.http.scheme"),
        host=Source("attributes.request.http.host"),
        target=Source("attributes.request.http.path"),
        address=Source("attributes.source.address"),
    ),
    ("encode_raw_headers has to be true: without it Envoy joins repeated headers, and every request is refused.",),
)
