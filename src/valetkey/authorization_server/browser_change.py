"""Changes to browsers and to the authorization requests that wait in them."""

from __future__ import annotations

from valetkey.authorization_server.model import Browser, Interaction
from valetkey.jose.records import dataclass
from valetkey.oauth.types import NumericDate, TokenDigest


@dataclass(frozen=True, slots=True)
class AdvanceInteraction:
    """Replaces the stored interaction; wins while it has `interaction.version - 1` and is unfinished."""

    interaction: Interaction


@dataclass(frozen=True, slots=True)
class FinishInteraction:
    """Ends an interaction; wins once."""

    digest: TokenDigest
    now: NumericDate


@dataclass(frozen=True, slots=True)
class RotateBrowserHandle:
    """Gives a browser a new cookie handle (at each sign-in); wins while it still has `old_digest`."""

    old_digest: TokenDigest
    new_digest: TokenDigest
    expires_at: NumericDate | None = None
    """Until when the browser is remembered from now on; None leaves that as it is."""


@dataclass(frozen=True, slots=True)
class OpenBrowser:
    """Stores a browser that got its first cookie."""

    browser: Browser


@dataclass(frozen=True, slots=True)
class OpenInteraction:
    """Stores a new interaction."""

    interaction: Interaction


BrowserChange = AdvanceInteraction | FinishInteraction | RotateBrowserHandle | OpenBrowser | OpenInteraction
