"""The contracts with proxies, a file each: what they ask the decision service, and how they are answered."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from valetkey.gateway.contracts.caddy import CADDY
from valetkey.gateway.contracts.contract import HttpContract, Source, Sources
from valetkey.gateway.contracts.envoy_grpc import ENVOY_GRPC, EnvoyGrpcContract
from valetkey.gateway.contracts.envoy_http import ENVOY_HTTP
from valetkey.gateway.contracts.haproxy import HAPROXY
from valetkey.gateway.contracts.nginx import NGINX
from valetkey.gateway.contracts.traefik import TRAEFIK

if TYPE_CHECKING:
    from collections.abc import Mapping

CONTRACTS: Final[Mapping[str, HttpContract]] = MappingProxyType(
    {contract.name: contract for contract in (NGINX, CADDY, TRAEFIK, HAPROXY, ENVOY_HTTP)}
)
"""The contracts that are asked over HTTP, by the last part of their path: `/decide/NAME`."""

__all__ = [
    "CONTRACTS",
    "ENVOY_GRPC",
    "EnvoyGrpcContract",
    "HttpContract",
    "Source",
    "Sources",
]
