"""Who is asking: the peer, or what proxies that the operator named say about it (RFC 9700, 4.13)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from valetkey.jose.records import dataclass
from valetkey.oauth.forwarded import Networks, forwarded_address

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True)
class Proxies:
    """The networks whose `X-Forwarded-For` is believed; an empty set believes nobody.

    No other forwarding header is ever read: scheme, host and path come from the configured issuer.
    """

    trusted: Networks = Networks()

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Self:
        """Return the proxies that addresses or CIDR networks name; raises ValueError for another text."""
        return cls(Networks.parse(texts))

    def remote_address(self, peer: str, headers: Sequence[tuple[bytes, bytes]]) -> str:
        """Return the address that asked (`valetkey.oauth.forwarded.forwarded_address`)."""
        return forwarded_address(peer, headers, self.trusted)
