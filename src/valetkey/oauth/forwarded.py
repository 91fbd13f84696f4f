"""Whose word on an address is taken: that of proxies in networks which an operator named (RFC 9700, 4.13)."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Final, Self

from valetkey.jose.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Network = IPv4Network | IPv6Network

MOST_HOPS: Final = 16
_FORWARDED_FOR: Final = b"x-forwarded-for"


@dataclass(frozen=True, slots=True)
class Networks:
    """Networks by which addresses are known; an empty set knows nobody."""

    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Self:
        """Return those that addresses or CIDR networks name; raises ValueError for another text."""
        return cls(tuple(map(_network, texts)))

    @property
    def is_everybody(self) -> bool:
        """Whether one of them holds every address."""
        return any(network.prefixlen == 0 for network in self.networks)

    def __contains__(self, text: str) -> bool:
        """Say whether `text` is an address of one of them; an IPv4 address written as IPv6 is that IPv4 address."""
        address = address_of(text)
        return address is not None and any(
            address.version == network.version and address in network for network in self.networks
        )


def forwarded_address(
    peer: str, headers: Sequence[tuple[bytes, bytes]], trusted: Networks, hops: int = MOST_HOPS
) -> str:
    """Return the address that asked: the first, counted from us, that no trusted proxy has; at most `hops` back.

    Each hop must itself be trusted for the entry of `X-Forwarded-For` that it wrote to count; an entry that is no
    address ends the walk at the hop before it. No other forwarding header is ever read.
    """
    if peer not in trusted:
        return peer
    believed = peer
    entries = b",".join(value for name, value in headers if name == _FORWARDED_FOR).split(b",")
    for entry in entries[: -hops - 1 : -1]:
        text = entry.decode("latin-1").strip()
        if address_of(text) is None:
            return believed
        believed = text
        if text not in trusted:
            return believed
    return believed


def address_of(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address that `text` is, an IPv4 address in IPv6 as that IPv4 address; None for no address."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError:
        raise ValueError(f"{text!r} is no address and no network such as 10.0.0.0/8") from None
