"""The demo API as the server-side application calls it: an answer, or which better sign-in it wants (RFC 9470)."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from valetkey.client import StepUp, step_up_of
from valetkey.jose.records import dataclass

if TYPE_CHECKING:
    import httpx2

_PATIENCE: Final = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API did; `document` is its JSON."""

    status: HTTPStatus
    document: Mapping[str, Any]


class AlbumApi:
    """The API at `url`; connections are opened when first needed."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._http: httpx2.AsyncClient | None = None

    async def call(self, method: str, path: str, access_token: str) -> Answer | StepUp | None:
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
        return step_up_of(response.headers.get_list("www-authenticate")) or answer

    async def close(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.aclose()


def _trusted() -> Any:
    import ssl  # noqa: PLC0415 - dear to import: only who calls pays

    # The throw-away authority of a local server over TLS is named by SSL_CERT_FILE.
    return ssl.create_default_context()
