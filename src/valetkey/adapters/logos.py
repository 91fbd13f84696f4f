"""Logos of clients, fetched through the guarded way out and kept for a while (HARDENING CON-08)."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.logo import MEDIA_TYPES, MOST_OCTETS, Logo, UnfitLogo, parse_logo
from valetkey.authorization_server.outbound import FetchRules, Unfetchable
from valetkey.jose.records import dataclass

if TYPE_CHECKING:
    from valetkey.authorization_server.outbound import Lane
    from valetkey.authorization_server.ports import EventLog, OutboundFetch
    from valetkey.oauth.types import NumericDate

MOST_LOGOS: Final = 200
"""12.5 MB at most."""
KEPT_SECONDS: Final = 86_400
PATIENCE_SECONDS: Final = 2.0
"""How long a page waits for one at most."""
FAILED_SECONDS: Final = 600
"""How long nobody asks again for what could not be had."""


@dataclass(frozen=True, slots=True)
class _Kept:
    logo: Logo | None
    until: int


class FetchedLogos:
    """The Logos of a process: a bounded number of sound images, and which addresses have none."""

    def __init__(self, outbound: OutboundFetch, log: EventLog) -> None:
        self._outbound = outbound
        self._log = log
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def is_known(self, uri: str, now: NumericDate) -> bool:
        """Say whether `find` need not fetch."""
        kept = self._kept.get(uri)
        return kept is not None and now < kept.until

    async def find(self, uri: str, lane: Lane, now: NumericDate) -> Logo | None:
        """Return the image at an address; None where there is none that may be shown."""
        kept = self._kept.get(uri)
        if kept is None or now >= kept.until:
            logo = await self._fetched(uri, lane)
            kept = _Kept(logo, now + (FAILED_SECONDS if logo is None else KEPT_SECONDS))
            self._kept[uri] = kept
            if len(self._kept) > MOST_LOGOS:
                self._kept.popitem(last=False)
        self._kept.move_to_end(uri)
        return kept.logo

    async def _fetched(self, uri: str, lane: Lane) -> Logo | None:
        try:
            found = await self._outbound.get(uri, FetchRules(MEDIA_TYPES, MOST_OCTETS, lane, PATIENCE_SECONDS))
            return parse_logo(found.body)
        except (Unfetchable, UnfitLogo) as failure:
            self._log.write("client.logo_refused", logo_uri=uri.partition("?")[0], why=failure.detail)
            return None
