"""A client's logo: what may be shown of it, and from where (OpenID Connect Registration, 2; HARDENING CON-08).

A page of ours never asks another host for anything: the server fetches the image, judges it, and serves it itself.
"""

from __future__ import annotations

import hashlib
from dataclasses import field
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from valetkey.authorization_server import paths
from valetkey.authorization_server.outbound import Lane
from valetkey.authorization_server.policy import Policy, UnverifiedPagesRule
from valetkey.jose.records import dataclass

if TYPE_CHECKING:
    from valetkey.authorization_server.model import Client

MOST_OCTETS: Final = 64 * 1024
MOST_PIXELS: Final = 2_048
"""Of its width and of its height: a small file may be a huge picture."""
MEDIA_TYPES: Final = ("image/png", "image/jpeg", "image/webp")
"""No SVG: it is a document, with scripts and links."""

_PNG: Final = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
_FRAMES: Final = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
"""The markers of a JPEG's frame header, which tells its size (ITU-T T.81, B.2.2)."""
_ALONE: Final = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers without a segment."""


class UnfitLogo(Exception):
    """The octets are no image that is shown; `detail` says why, for the log alone."""

    def __init__(self, detail: str) -> None:
        super().__init__("The logo cannot be shown.")
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Logo:
    """An image that may be served: its type is what its octets are, whatever its host called it."""

    media_type: str
    octets: bytes = field(repr=False)


def logo_uri_of(client: Client, policy: Policy) -> str | None:
    """Return where the logo stands that pages may show: a stranger's only where the profile says so."""
    # A picture is believed before the words beside it: strangers could be anybody with it.
    if client.is_unverified and policy.unverified_pages is not UnverifiedPagesRule.LINKS:
        return None
    described = {} if client.registration is None else client.registration.described
    uri = client.openid.pages.get("logo_uri", described.get("logo_uri"))
    return uri if isinstance(uri, str) and uri.startswith("https://") else None


def lane_of(client: Client) -> Lane:
    """Return in which lane the address of a client's logo is fetched."""
    return Lane.STRANGERS if client.is_unverified else Lane.REGISTERED


def logo_path(client: Client, uri: str) -> str:
    """Return the path on our own origin, relative to the issuer, at which a client's logo is served."""
    # OIDCR-2/logo
    version = hashlib.sha256(uri.encode()).hexdigest()[:16]
    return f"{paths.LOGOS}/{quote(client.client_id, safe='')}?v={version}"


def parse_logo(octets: bytes) -> Logo:
    """Return the image that the octets are, by their first ones; raises UnfitLogo."""
    if len(octets) > MOST_OCTETS:
        raise UnfitLogo(f"more than {MOST_OCTETS} octets")
    if octets.startswith(_PNG):
        media_type, size, moves = "image/png", _png_size(octets), b"acTL" in octets
    elif octets.startswith(b"\xff\xd8\xff"):
        media_type, size, moves = "image/jpeg", _jpeg_size(octets), False
    elif octets.startswith(b"RIFF") and octets[8:12] == b"WEBP":
        media_type, size, moves = "image/webp", _webp_size(octets), b"ANIM" in octets
    else:
        raise UnfitLogo("neither PNG nor JPEG nor WebP")
    if size is None or not all(0 < length <= MOST_PIXELS for length in size):
        raise UnfitLogo(f"not of 1 to {MOST_PIXELS} pixels in width and height")
    if moves:
        raise UnfitLogo("a moving picture")
    return Logo(media_type, octets)


def _png_size(octets: bytes) -> tuple[int, int] | None:
    found = octets[16:24]
    return (int.from_bytes(found[:4]), int.from_bytes(found[4:])) if len(found) == 8 else None  # noqa: PLR2004 - two of four octets


def _jpeg_size(octets: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(octets) and octets[at] == 0xFF:  # noqa: PLR2004 - begins every marker
        marker = octets[at + 1]
        if marker in _FRAMES:
            return int.from_bytes(octets[at + 7 : at + 9]), int.from_bytes(octets[at + 5 : at + 7])
        length = 0 if marker in _ALONE else int.from_bytes(octets[at + 2 : at + 4])
        at += 1 if marker == 0xFF else 2 + length  # noqa: PLR2004 - a fill byte
    return None


def _webp_size(octets: bytes) -> tuple[int, int] | None:
    chunk, body = octets[12:16], octets[20:30]
    if len(body) < 10:  # noqa: PLR2004 - the longest of the three headers
        return None
    match chunk:
        case b"VP8 " if body[3:6] == b"\x9d\x01\x2a":
            width, height = int.from_bytes(body[6:8], "little"), int.from_bytes(body[8:10], "little")
            return width & 0x3FFF, height & 0x3FFF
        case b"VP8L" if body[0] == 0x2F:  # noqa: PLR2004 - its signature
            bits = int.from_bytes(body[1:5], "little")
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8X":
            return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
        case _:
            return None
