"""Where everybody of the demonstration stands."""

from __future__ import annotations

from dataclasses import field
from typing import Final

from valetkey.jose.records import dataclass

PRINT_SHOP: Final = "print-shop"
"""client_id of the server-side application."""
ALBUM_WALL: Final = "album-wall"
"""client_id of the single-page application."""
READING_ROOM: Final = "reading-room"
"""client_id of the session layer behind the single-page application without tokens."""
CALLBACK_PATH: Final = "/callback"
SIGNED_OUT_PATH: Final = "/signed-out"
BACKCHANNEL_LOGOUT_PATH: Final = "/backchannel-logout"
FRONTCHANNEL_LOGOUT_PATH: Final = "/frontchannel-logout"
SCOPE: Final = "openid profile email albums.read albums.write"
"""What each asks for."""
CLAIMS: Final = '{"id_token":{"name":null,"email":null,"auth_time":{"essential":true}}}'
"""Whom both greet: claims of the ID Token itself, so that nobody need ask UserInfo (Core, 5.5)."""


@dataclass(frozen=True, slots=True)
class Parties:
    """The origins of the applications and what they talk to; the issuer and the API are URLs as registered."""

    issuer: str
    api: str
    print_shop: str
    album_wall: str
    reading_room: str
    secret: str = field(repr=False)
    """The client secret of the server-side application."""
    reading_room_secret: str = field(repr=False)
    reading_room_key: bytes = field(repr=False)
    """The key of its session layer."""

    @property
    def is_https(self) -> bool:
        """Whether all of them are served over TLS."""
        return self.print_shop.startswith("https:")
