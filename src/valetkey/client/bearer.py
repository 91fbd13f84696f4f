"""Where a bearer token goes, and when an API says that it is dead (RFC 6750, 2.1 and 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

from valetkey.client.flow import is_safe_url
from valetkey.oauth.challenge import parse_challenges

if TYPE_CHECKING:
    from collections.abc import Iterable

_UNAUTHORIZED: Final = 401
_PORTS: Final = {"https": 443, "http": 80}


class TokenSource(Protocol):
    """Has an access token for whoever asks; raises FlowError where it has none."""

    def access_token(self) -> str:
        """Return a token that is good for a while."""
        ...

    def renewed(self, refused: str) -> str:
        """Return another token than the one that an API refused."""
        ...


class AsyncTokenSource(Protocol):
    """As TokenSource, asynchronous."""

    async def access_token(self) -> str:
        """Return a token that is good for a while."""
        ...

    async def renewed(self, refused: str) -> str:
        """Return another token than the one that an API refused."""
        ...


def origin_of(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of an API; raises ValueError where no token may be sent to it."""
    if not is_safe_url(url):
        raise ValueError("an API that gets tokens has an https URL; http is for loopback only")
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or _PORTS[parts.scheme]


def is_token_dead(status: int, challenges: Iterable[str]) -> bool:
    """Say whether an answer with these `WWW-Authenticate` values refuses the token itself (RFC 6750, 3.1)."""
    return status == _UNAUTHORIZED and any(
        challenge.scheme.lower() == "bearer" and challenge.get("error") == "invalid_token"
        for value in challenges
        for challenge in parse_challenges(value)
    )
