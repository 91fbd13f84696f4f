"""Does a page of our own origin call? The static header, Origin and Sec-Fetch-Site (RFC 10017, 6.1.3.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from valetkey.gateway.session.settings import SessionSettings
    from valetkey.oauth.http import HttpRequest

SAFE_METHODS: Final = frozenset({"GET", "HEAD"})
_OWN: Final = "same-origin"
_EMBEDDING: Final = frozenset({"iframe", "frame", "embed", "object", "image", "script", "style"})


@dataclass(frozen=True, slots=True)
class Forged:
    """A call that must change nothing: why, in words for who writes the application."""

    reason: str


@dataclass(frozen=True, slots=True)
class ForgeryDefence:
    """What a call of the application must carry: a header of this name and value, from a page of `origin`."""

    origin: str
    header: bytes
    value: str

    def judge(self, request: HttpRequest) -> Forged | None:
        """Return why the call is refused, None where it is the application's own."""
        # RFC10017-6.1.3.3/defence RFC10017-6.1.3.3.2/static-header
        if request.all_headers(self.header) != (self.value,):
            return Forged(f"The header {self.header.decode()} is missing or not {self.value}.")
        sites = request.all_headers(b"sec-fetch-site")
        if sites not in ((), (_OWN,)):
            return Forged("The call comes from another site.")
        origins = request.all_headers(b"origin")
        if origins not in ((), (self.origin,)):
            return Forged("The call comes from another origin.")
        if request.method not in SAFE_METHODS and not sites and not origins:
            # Every browser sends one of them with a call that may change something.
            return Forged("The call does not say where it comes from.")
        return None


def defence_of(settings: SessionSettings) -> ForgeryDefence:
    """Return what the settings ask of a call."""
    return ForgeryDefence(settings.base_url, settings.csrf_header.encode(), settings.csrf_value)


def is_navigation(request: HttpRequest) -> bool:
    """Say whether a browser goes to this address itself, as far as it tells (Fetch Metadata).

    A call of a script would follow the redirect to another origin, and a frame would hide it.
    """
    modes, purposes = request.all_headers(b"sec-fetch-mode"), request.all_headers(b"sec-fetch-dest")
    return modes in ((), ("navigate",)) and not _EMBEDDING.intersection(purposes)
