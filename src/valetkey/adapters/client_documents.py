"""Documents in which clients introduce themselves, kept as long as their sites let them be (CIMD, 4.4)."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.cors import origin_of
from valetkey.authorization_server.introduction.document import (
    MEDIA_TYPES,
    MOST_OCTETS,
    UnfitDocument,
    client_id_url_fault,
    parse_document,
)
from valetkey.authorization_server.outbound import FetchRules, Lane, Unfetchable
from valetkey.jose.records import dataclass
from valetkey.oauth.client_metadata import ClientMetadata

if TYPE_CHECKING:
    from valetkey.authorization_server.ports import OutboundFetch
    from valetkey.oauth.types import NumericDate

MOST_DOCUMENTS: Final = 2_000
STALE_SECONDS: Final = 3_600
"""How long a document is still believed while its site is down."""
_RULES: Final = FetchRules(MEDIA_TYPES, MOST_OCTETS, Lane.STRANGERS)


@dataclass(frozen=True, slots=True)
class _Kept:
    metadata: ClientMetadata
    origins: frozenset[str]
    fresh_until: int


class FetchedDocuments:
    """The ClientDocuments of a process: a bounded number of sound documents; no failure is ever kept."""

    def __init__(self, outbound: OutboundFetch) -> None:
        self._outbound = outbound
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def is_possible(self, url: str) -> bool:
        """Say whether `url` has the form of a client id, and is not blocked."""
        return client_id_url_fault(url, self._outbound.is_opened) is None and not self._outbound.is_blocked(url)

    def is_fresh(self, url: str, now: NumericDate) -> bool:
        """Say whether the document is known, and need not be fetched."""
        kept = self._kept.get(url)
        return kept is not None and now < kept.fresh_until

    def known(self, url: str) -> ClientMetadata | None:
        """Return what was read last, however long ago, without fetching anything."""
        kept = self._kept.get(url)
        return None if kept is None else kept.metadata

    def name_origin(self, origin: str) -> bool:
        """Say whether a document that was read names a redirect URI of that origin."""
        return any(origin in kept.origins for kept in self._kept.values())

    def forget(self, url: str) -> None:
        """Keep nothing of a document that turned out to make no client."""
        self._kept.pop(url, None)

    async def find(self, url: str, now: NumericDate) -> ClientMetadata:
        """Return what the document says, fetched when it is not fresh; raises Unfetchable or UnfitDocument."""
        kept = self._kept.get(url)
        if kept is not None and now < kept.fresh_until:
            self._kept.move_to_end(url)
            return kept.metadata
        try:
            found = await self._outbound.get(url, _RULES)
            metadata = parse_document(url, found.body)
        except Unfetchable as failure:
            if kept is not None and failure.is_outage and now < kept.fresh_until + STALE_SECONDS:
                return kept.metadata
            self.forget(url)  # CIMD-4.4/no-errors
            raise
        except UnfitDocument:
            self.forget(url)  # CIMD-4.4/no-malformed
            raise
        origins = {origin for uri in metadata.redirect_uris if (origin := origin_of(uri)) is not None}
        self._kept[url] = _Kept(metadata, frozenset(origins), now + found.lifetime)  # CIMD-4.4/cache
        self._kept.move_to_end(url)
        if len(self._kept) > MOST_DOCUMENTS:
            self._kept.popitem(last=False)
        return metadata
