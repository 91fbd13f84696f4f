"""The demo API as the server-side application calls it: an answer, or which better sign-in it wants (RFC 9470)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from valetkey.oauth.challenge import parse_challenges

if TYPE_CHECKING:
    import httpx2

_STEP_UP: Final = "insufficient_user_authentication"
_ASKED: Final = ("acr_values", "max_age")
_PATIENCE: Final = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API did; `document` is its JSON."""

    status: HTTPStatus
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Better:
    """The API wants a better or fresher sign-in: parameters for the next authorization request."""

    parameters: Mapping[str, str]


class AlbumApi:
    """The API at `url`; connections are opened when first needed."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._http: httpx2.AsyncClient | None = None

    async def call(self, method: str, path: str, access_token: str) -> Answer | Better | None:
        """Send a request with the token of an end-user; None where the API cannot be reached."""
        import httpx2  # noqa: PLC0415 - dear to import: only who calls pays

        if self._http is None:
            self._http = httpx2.AsyncClient(timeout=_PATIENCE, trust_env=False, verify=_trusted())
        try:
            headers = {"authorization": f"Bearer {access_token}"}
            response = await self._http.request(method, self._url + path, headers=headers)
            answer = Answer(HTTPStatus(response.status_code), response.json() if response.content else {})
        except (httpx2.HTTPError, ValueError):
            return None
        return better_for(response.headers.get("www-authenticate", "")) or answer

    async def close(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.aclose()


def better_for(header: str) -> Better | None:
    """Return what a challenge asks of the next sign-in; None where that is not its matter."""
    for challenge in parse_challenges(header):
        if challenge.get("error") == _STEP_UP:
            asked = ((name, challenge.get(name)) for name in _ASKED)
            return Better({name: value for name, value in asked if value is not None})
    return None


def _trusted() -> Any:
    import ssl  # noqa: PLC0415 - as above

    # The throw-away authority of a local server over TLS is named by SSL_CERT_FILE.
    return ssl.create_default_context()
