"""Whose request it is: the peer, or what proxies that the operator named say of it (RFC 9700, 4.13)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Final

from valetkey.jose.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

_FORWARDED_FOR: Final = b"x-forwarded-for"
_MOST_HOPS: Final = 16


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """The networks of the proxies in front, and how many of them every request passes: no other peer is believed.

    Only the last `hops` entries of `X-Forwarded-For` are read, each only where the one behind it is in `networks`.
    No other forwarding header is ever read. Raises ValueError for what is no network, or for hops out of range.
    """

    networks: Collection[str]
    hops: int = 1
    _parsed: tuple[IPv4Network | IPv6Network, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse what would trust nobody, or everybody by mistake."""
        if isinstance(self.networks, str) or not self.networks:
            raise ValueError('networks is a list of addresses or CIDR networks, such as ["10.0.0.0/8"]')
        if not 1 <= self.hops <= _MOST_HOPS:
            raise ValueError(f"hops is the number of proxies that a request passes, 1 to {_MOST_HOPS}")
        object.__setattr__(self, "_parsed", tuple(ip_network(text) for text in self.networks))

    def address_of(self, peer: str, headers: Sequence[tuple[bytes, bytes]]) -> str:
        """Return the address that asked; where the proxies do not say it, that of the last hop that is known."""
        if not self._trusts(peer):
            return peer
        entries = b",".join(value for name, value in headers if name == _FORWARDED_FOR).split(b",")
        believed = peer
        for entry in entries[: -self.hops - 1 : -1]:
            text = entry.decode("latin-1").strip()
            if _address(text) is None:
                return believed
            believed = text
            if not self._trusts(text):
                return believed
        return believed

    def _trusts(self, text: str) -> bool:
        address = _address(text)
        return address is not None and any(
            address.version == network.version and address in network for network in self._parsed
        )


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
