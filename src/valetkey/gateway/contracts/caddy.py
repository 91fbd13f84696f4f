"""The contract with Caddy: `forward_auth`, which hands a refusal to the client as it is."""

from __future__ import annotations

from typing import Final

from valetkey.gateway.contracts.contract import ForwardingContract, Source, Sources

CADDY: Final = ForwardingContract(
    "caddy",
    Sources(
        method=Source("X-Valetkey-Method", "{http.request.method}"),
        scheme=Source("X-Valetkey-Scheme", "{http.request.scheme}"),
        host=Source("X-Valetkey-Host", "{http.request.hostport}"),
        target=Source("X-Valetkey-Target", "{http.request.uri}"),
        address=Source("X-Valetkey-Address", "{client_ip}"),
    ),
    ("A decision service that is down is a 502, one that is slow a 504: the client gets no Retry-After.",),
)
