"""Where a URL leads: parsed strictly, resolved once, every address judged, and pinned."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from valetkey.authorization_server.outbound import Unfetchable
from valetkey.authorization_server.outbound_guard import HOST_NAME, Address, address_of
from valetkey.jose.records import dataclass

if TYPE_CHECKING:
    from valetkey.adapters.outbound.resolving import Resolver
    from valetkey.authorization_server.outbound_guard import Openings

LONGEST_URL: Final = 2_048
MOST_ADDRESSES: Final = 32
_URL: Final = re.compile(r"[!$&-;=?-Z\[\]_a-z~%]+")
"""What a URL is written in (RFC 3986, 2), without a fragment."""
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Target:
    """A URL in the parts that a connection needs; `host` is in lower case and without brackets."""

    scheme: str
    host: str
    port: int
    rest: str
    """Path and query, beginning with a slash."""

    @property
    def authority(self) -> str:
        """What the `Host` header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Place:
    """One judged address: connections go here and nowhere else."""

    address: Address
    port: int

    @property
    def authority(self) -> str:
        """The address and the port as a URL has them."""
        return f"[{self.address}]:{self.port}" if self.address.version == 6 else f"{self.address}:{self.port}"  # noqa: PLR2004 - IPv6


def parse_target(url: str, openings: Openings) -> Target:
    """Return where `url` leads; raises Unfetchable unless it is an https URL of ordinary form.

    http is for a host that `openings` names: `places_of` then asks for loopback addresses.
    """
    if len(url) > LONGEST_URL or not _URL.fullmatch(url):
        raise Unfetchable("the URL holds characters that none has, or a fragment, or is too long")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise Unfetchable("the URL is malformed") from None
    if "@" in parts.netloc or parts.netloc.endswith(":") or port == 0:
        raise Unfetchable("the URL carries a user name, or a port that is none")
    address = address_of(host)
    if address is None and (not HOST_NAME.fullmatch(host) or "[" in parts.netloc):
        raise Unfetchable("the URL names no host")
    if parts.scheme != "https" and not (parts.scheme == "http" and openings.names(host)):
        raise Unfetchable("the URL is not https")
    rest = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port or _DEFAULT_PORTS[parts.scheme], rest)


async def places_of(target: Target, openings: Openings, resolver: Resolver) -> tuple[Place, ...]:
    """Return the addresses that `target` leads to; raises Unfetchable when any one of them is forbidden."""
    literal = address_of(target.host)
    if literal is not None:
        found = [Place(literal, target.port)]
    else:
        try:
            answers = await resolver.resolve(target.host, target.port)
            found = [Place(address, port) for text, port in answers if (address := address_of(text)) is not None]
        except (OSError, UnicodeError):
            raise Unfetchable("the name does not resolve") from None
        if len(found) < len(answers):
            raise Unfetchable("the name resolves to something that is no address")
    if not found or len(found) > MOST_ADDRESSES:
        raise Unfetchable("the name resolves to no address, or to very many")
    for place in found:
        # One forbidden address among public ones is an attack, not a mishap: no connection at all.
        # CIMD-6.5/special-use CIMD-6.5/further
        if not openings.permits(target.host, place.address):
            raise Unfetchable(f"the name resolves to {place.address}, which is not public")
        if target.scheme == "http" and not place.address.is_loopback:
            raise Unfetchable("http is for loopback alone")
    return tuple(found)
