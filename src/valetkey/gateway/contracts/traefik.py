"""The contract with Traefik: `forwardAuth`, which names what it was asked in headers that it chooses itself."""

from __future__ import annotations

from typing import Final

from valetkey.gateway.contracts.contract import ForwardingContract, Source, Sources

TRAEFIK: Final = ForwardingContract(
    "traefik",
    Sources(
        method=Source("X-Forwarded-Method", "the method; a client's is replaced"),
        scheme=Source("X-Forwarded-Proto", "the scheme; a client's is replaced"),
        host=Source("X-Forwarded-Host", "the host; a client's is replaced"),
        target=Source("X-Forwarded-Uri", "path and query; a client's is replaced"),
        address=Source("X-Forwarded-For", "the address of the peer; a client's is replaced"),
    ),
    (
        "RateLimit fields reach the client with a refusal only: Traefik adds nothing to an answer of the API.",
        "trustForwardHeader stays false: with it, clients name the method and the path that are judged.",
    ),
)
