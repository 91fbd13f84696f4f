"""Who is asking: the peer, or what proxies that the operator named say about it (RFC 9700, 4.13)."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Final, Self

from valetkey.jose.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Network = IPv4Network | IPv6Network

_MAXIMUM_HOPS: Final = 16


@dataclass(frozen=True, slots=True)
class Proxies:
    """The networks whose `X-Forwarded-For` is believed; an empty set believes nobody.

    No other forwarding header is ever read: scheme, host and path come from the configured issuer.
    """

    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Self:
        """Return the proxies that addresses or CIDR networks name; raises ValueError for another text."""
        return cls(tuple(ip_network(text) for text in texts))

    def remote_address(self, peer: str, headers: Sequence[tuple[bytes, bytes]]) -> str:
        """Return the address that asked: the first, counted from us, that no trusted proxy has.

        Each hop must itself be trusted for the entry that it wrote to count; an entry that is no address ends
        the walk at the hop before it.
        """
        if not self.networks or not self._trusts(peer):
            return peer
        believed = peer
        hops = b",".join(value for name, value in headers if name == b"x-forwarded-for").split(b",")
        for hop in hops[: -_MAXIMUM_HOPS - 1 : -1]:
            text = hop.decode("latin-1").strip()
            if _address(text) is None:
                return believed
            believed = text
            if not self._trusts(text):
                return believed
        return believed

    def _trusts(self, text: str) -> bool:
        address = _address(text)
        return address is not None and any(
            address.version == network.version and address in network for network in self.networks
        )


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
