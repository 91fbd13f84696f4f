"""Sector identifier documents: that a host lets a client share its sector, which its pairwise subjects depend on.

OpenID Connect Registration, 5; Core, 8.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from valetkey.authorization_server.outbound import FetchRules, Lane, Unfetchable

if TYPE_CHECKING:
    from valetkey.authorization_server.model import Client
    from valetkey.authorization_server.ports import OutboundFetch

MOST_OCTETS: Final = 64 * 1024
MEDIA_TYPES: Final = ("application/json", "+json")


class UnprovenSector(Exception):
    """The document does not say that the client belongs to the sector.

    `text` may be told to whoever asked; `detail` is for the log and for operators alone.
    """

    def __init__(self, text: str, detail: str) -> None:
        super().__init__(text)
        self.text = text
        self.detail = detail


async def prove_sector(client: Client, outbound: OutboundFetch) -> None:
    """Read the document of `sector_identifier_uri`, where there is one; raises UnprovenSector.

    Each redirect URI of the client stands in it, character by character: else anybody could join a sector, and
    learn the subjects of another's end-users.
    """
    uri = client.openid.sector_identifier_uri
    if uri is None:
        return
    lane = Lane.STRANGERS if client.is_unverified else Lane.REGISTERED
    try:
        document = await outbound.get(uri, FetchRules(MEDIA_TYPES, MOST_OCTETS, lane))
    except Unfetchable as failure:
        raise UnprovenSector("the document cannot be fetched", failure.detail) from None
    listed = parse_sector_document(document.body)
    missing = [each for each in client.redirect_uris if each not in listed]
    if missing:
        # OIDCR-5/redirect-uris-included
        raise UnprovenSector("the document lacks a redirect URI of the client", f"it lacks {missing[0][:200]}")


def parse_sector_document(octets: bytes) -> frozenset[str]:
    """Return the redirect URIs of a sector, a JSON array of strings; raises UnprovenSector."""
    try:
        return frozenset(msgspec.json.decode(octets, type=list[str]))
    except (msgspec.DecodeError, UnicodeDecodeError):
        text = "the document is no JSON array of strings"
        raise UnprovenSector(text, text) from None
