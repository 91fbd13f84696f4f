"""The contract with Traefik: `forwardAuth`, which names what it was asked in headers that it chooses itself."""

from __future__ import annotations

from typing import Final

from valetkey.gateway.contracts.contract import ForwardingContract, Source, Sources

TRAEFIK: Final = ForwardingContract(
    "traefik",
    Sources(
        method=Source("X-Forwarded-Method"),
        scheme=Source("X-Forwarded-Proto"),
        host=Source("X-Forwarded-Host"),
        target=Source("X-Forwarded-Uri"),
        address=Source("X-Forwarded-For"),
    ),
    (
        "RateLimit fields reach the client with a refusal only: Traefik adds nothing to an answer of the API.",
        "Traefik itself names the headers, and replaces what a client sends under these names.",
        "A decision service that is silent holds a request for 30 seconds, then it is a 500; that cannot be set.",
        "trustForwardHeader stays false: with it, clients name the method and the path that are judged.",
    ),
)
