"""The contract with Envoy over HTTP: the `ext_authz` filter with an `http_service`."""

from __future__ import annotations

from typing import Final

from valetkey.gateway.contracts.contract import ForwardingContract, Source, Sources

ENVOY_HTTP: Final = ForwardingContract(
    "envoy-http",
    Sources(
        method=Source("X-Valetkey-Method", "%REQ(:METHOD)%"),
        scheme=Source("X-Valetkey-Scheme", "%REQ(:SCHEME)%"),
        host=Source("X-Valetkey-Host", "%REQ(:AUTHORITY)%"),
        target=Source("X-Valetkey-Target", "%REQ(:PATH)%"),
        address=Source("X-Valetkey-Address", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"),
    ),
    (
        "Envoy asks with the client's own method and path behind `/decide/envoy-http`, and neither is read there.",
        "Envoy itself refuses methods that it does not know, with 400.",
    ),
)
