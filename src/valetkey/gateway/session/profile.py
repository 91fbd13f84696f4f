"""Who is signed in, as the application in the browser may know it: claims of the ID Token, and no token."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a session's row keeps of its user beside the tokens; `signed_in_at` is seconds since the epoch."""

    claims: dict[str, object]
    signed_in_at: int

    @classmethod
    def of(cls, claims: Mapping[str, object], shown: Collection[str], now: int) -> Profile:
        """Return the claims that the settings allow to be shown."""
        return cls({name: value for name, value in claims.items() if name in shown}, now)

    @classmethod
    def read(cls, document: bytes) -> Profile:
        """Read what `written` wrote; raises msgspec.DecodeError."""
        return msgspec.json.decode(document, type=cls)

    def written(self) -> bytes:
        """Write it for the row."""
        return msgspec.json.encode(self)
