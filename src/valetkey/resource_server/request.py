"""RequestView: all that a decision reads of a request, whichever framework or proxy received it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence


# Made for every request of a guarded API, where a dataclass would cost twice as much.
class RequestView(msgspec.Struct, frozen=True):
    """One request as its face saw it; nothing here is believed further than the face that filled it in.

    `target` is the path with its query, percent-encoded as it was sent. `headers` are pairs of lower-case name and
    value, in order. `address` is the peer's, or what a configured proxy said it is; "" where nobody says. `scheme`
    is "http" or "https" where the face knows it.
    """

    method: str = "GET"
    target: str = "/"
    headers: Sequence[tuple[bytes, bytes]] = ()
    host: str = ""
    address: str = ""
    scheme: str = ""

    def all_headers(self, name: bytes) -> list[str]:
        """Return every value of the header called `name` (lower case), in order."""
        return [value.decode("latin-1") for key, value in self.headers if key == name]

    def __repr__(self) -> str:
        # Headers and query may hold credentials.
        return f"RequestView(method={self.method!r}, path={self.target.partition('?')[0]!r})"
