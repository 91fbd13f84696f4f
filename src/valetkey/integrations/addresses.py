"""Whose request it is: the peer, or what proxies that the operator named say of it (RFC 9700, 4.13)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import field
from typing import TYPE_CHECKING

from valetkey.jose.records import dataclass
from valetkey.oauth.forwarded import MOST_HOPS, Networks, forwarded_address

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """The networks of the proxies in front, and how many of them every request passes: no other peer is believed.

    Only the last `hops` entries of `X-Forwarded-For` are read, each only where the one behind it is in `networks`.
    No other forwarding header is ever read. Raises ValueError for what is no network, or for hops out of range.
    """

    networks: Collection[str]
    hops: int = 1
    _trusted: Networks = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse what would trust nobody, or everybody by mistake."""
        if isinstance(self.networks, str) or not self.networks:
            raise ValueError('networks is a list of addresses or CIDR networks, such as ["10.0.0.0/8"]')
        if not 1 <= self.hops <= MOST_HOPS:
            raise ValueError(f"hops is the number of proxies that a request passes, 1 to {MOST_HOPS}")
        object.__setattr__(self, "_trusted", Networks.parse(self.networks))

    def address_of(self, peer: str, headers: Sequence[tuple[bytes, bytes]]) -> str:
        """Return the address that asked; where the proxies do not say it, that of the last hop that is known."""
        return forwarded_address(peer, headers, self._trusted, self.hops)
