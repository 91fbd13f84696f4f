"""Where outbound requests may lead: public addresses (RFC 6890), what an operator opens, not what they block."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import field
from typing import TYPE_CHECKING, Final, TypeAlias

from valetkey.jose.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

HOST_NAME: Final = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*"
)


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(map(ipaddress.ip_network, texts))


_GLOBAL_6: Final = ipaddress.IPv6Network("2000::/3")
"""The only block from which public addresses are assigned: all else is private, mapped, translated or reserved."""

_FORBIDDEN: Final = _networks(
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",  # carrier-grade NAT, and a cloud's metadata at 100.100.100.200
    "127.0.0.0/8",
    "168.63.129.16/32",  # a cloud's platform address, public by its number alone
    "169.254.0.0/16",  # link-local, and the metadata of most clouds
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",  # 6to4 relays
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "2001::/23",  # Teredo, ORCHID and other protocol assignments
    "2001:db8::/32",
    "2002::/16",  # 6to4 carries any IPv4 address
    "3fff::/20",
)
_PRIVATE: Final = _networks(
    "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7"
)
"""What naming a host opens for it; link-local, multicast and the like are opened by their network alone."""


def is_public(address: Address) -> bool:
    """Say whether everybody on the Internet means the same machine by `address`."""
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_6:
        return False
    return not _is_in(address, _FORBIDDEN)


@dataclass(frozen=True, slots=True)
class Openings:
    """What an operator opened beyond public addresses: hosts by name, and networks."""

    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, entries: Iterable[str]) -> Openings:
        """Return what a list of host names, addresses and networks opens; raises ValueError for anything else."""
        hosts, networks = set[str](), list[Network]()
        for entry in entries:
            try:
                networks.append(ipaddress.ip_network(entry))
            except ValueError:
                if not HOST_NAME.fullmatch(entry.lower()):
                    raise ValueError(f"{entry!r} is no host name, address or network") from None
                hosts.add(entry.lower())
        return cls(frozenset(hosts), tuple(networks))

    def names(self, host: str) -> bool:
        """Say whether `host`, a name or the text of an address, stands in the list."""
        address = address_of(host)
        return host in self.hosts if address is None else _is_in(address, self.networks)

    def permits(self, host: str, address: Address) -> bool:
        """Say whether a connection to `address`, which `host` resolved to, may be made."""
        if is_public(address) or _is_in(address, self.networks):
            return True
        return host in self.hosts and _is_in(address, _PRIVATE)


@dataclass(frozen=True, slots=True)
class Blocks:
    """What an operator forbids: hosts with everything beneath them, and single URLs."""

    hosts: frozenset[str] = frozenset()
    urls: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, entries: Iterable[str]) -> Blocks:
        """Return what a list of host names and URLs forbids; raises ValueError for anything else."""
        hosts, urls = set[str](), set[str]()
        for entry in entries:
            if "://" in entry:
                urls.add(entry)
            elif HOST_NAME.fullmatch(entry.lower()) or address_of(entry) is not None:
                hosts.add(entry.lower())
            else:
                raise ValueError(f"{entry!r} is no host name, address or URL")
        return cls(frozenset(hosts), frozenset(urls))

    def forbids(self, url: str, host: str) -> bool:
        """Say whether `url`, whose host is `host`, must not be asked for."""
        labels = host.split(".")
        parents = {".".join(labels[start:]) for start in range(len(labels))}
        return url in self.urls or not self.hosts.isdisjoint({host, *parents})


@dataclass(frozen=True, slots=True)
class Guard:
    """What an operator opens and blocks, and whose certificates are believed beside the system's."""

    openings: Openings = field(default_factory=Openings)
    blocks: Blocks = field(default_factory=Blocks)
    ca_file: str | None = None
    """The path of a PEM file."""


def address_of(text: str) -> Address | None:
    """Return the address that `text` spells, None where it is a name."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _is_in(address: Address, networks: Iterable[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)
