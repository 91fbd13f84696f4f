"""The configuration of proxies that ask the decision service, ready to run; only addresses are filled in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

_HERE: Final = Path(__file__).parent
_DROPPED: Final = "@dropped"
_ADDRESS: Final = re.compile(r"(?P<host>[0-9A-Za-z.-]+|\[[0-9A-Fa-f:.]+\]):(?P<port>[0-9]{1,5})", re.ASCII)
_HIGHEST_PORT: Final = 65_535

SNIPPETS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "nginx": "nginx.conf",
        "caddy": "Caddyfile",
        "traefik": "traefik-valetkey.yaml",
        "haproxy": "haproxy.cfg",
        "haproxy-lua": "valetkey.lua",
        "envoy-http": "envoy-http.yaml",
        "envoy-grpc": "envoy-grpc.yaml",
    }
)
"""The file that each snippet is usually kept in, by the snippet's name."""


class Credentials(StrEnum):
    """What becomes of `Authorization`, `X-API-Key` and `DPoP` on the way to the API."""

    DROPPED = "dropped"
    """The API sees the signed assertion only."""
    FORWARDED = "forwarded"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a part listens: a host name, an IPv4 address or an IPv6 address in brackets, and a port."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the address that HOST:PORT names; raises ValueError for another text."""
        found = _ADDRESS.fullmatch(text)
        if found is None or not 0 < int(found["port"]) <= _HIGHEST_PORT:
            raise ValueError("an address is written HOST:PORT, an IPv6 host in brackets")
        return cls(found["host"], int(found["port"]))

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Addresses:
    """The three addresses of a snippet."""

    upstream: Address = Address("127.0.0.1", 8080)
    """Of the API that is guarded."""
    decision: Address = Address("127.0.0.1", 4180)
    """Of the decision service; for envoy-grpc, of its gRPC listener."""
    listen: Address = Address("127.0.0.1", 8000)
    """On which the proxy is reached."""


def snippet(name: str, addresses: Addresses, credentials: Credentials = Credentials.DROPPED) -> str:
    """Return the configuration called `name`; raises KeyError for one that SNIPPETS does not list."""
    lines = (_HERE / SNIPPETS[name]).read_text(encoding="utf-8").splitlines()
    kept = (
        line.removeprefix(_DROPPED)
        for line in lines
        if credentials is Credentials.DROPPED or not line.startswith(_DROPPED)
    )
    text = "\n".join(kept) + "\n"
    for part, address in (
        ("UPSTREAM", addresses.upstream),
        ("DECISION", addresses.decision),
        ("LISTEN", addresses.listen),
    ):
        # Envoy wants an IPv6 address without its brackets.
        text = text.replace(f"@{part}_HOST@", address.host.strip("[]")).replace(f"@{part}_PORT@", str(address.port))
        text = text.replace(f"@{part}@", str(address))
    return text
