"""The auth class for `requests`: a bearer token on each request to one API, another when refused (RFC 6750)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from valetkey.client.bearer import is_token_dead, origin_of

if TYPE_CHECKING:
    from valetkey.client.bearer import TokenSource


class RequestsBearerAuth:
    """For requests.Session: requests to the origin of `api` carry a token of `tokens`; all others carry none.

    A 401 that calls the token invalid is answered by one more try with another token; a body that is a stream is
    never sent twice. Raises FlowError where no token is to be had, ValueError for an API without https. It imports
    nothing of `requests`, and works with whatever hands over such a prepared request.
    """

    def __init__(self, tokens: TokenSource, api: str) -> None:
        self._tokens = tokens
        self._origin = origin_of(api)

    def __call__(self, request: Any) -> Any:
        """Put the token on a prepared request, and look at its response."""
        if self._is_meant(request):
            token = self._tokens.access_token()
            request.headers["Authorization"] = f"Bearer {token}"
            request.register_hook("response", _SecondTry(self, token))
        return request

    def _is_meant(self, request: Any) -> bool:
        try:
            return origin_of(str(request.url)) == self._origin
        except ValueError:
            return False

    def _renewed(self, response: Any, refused: str) -> str | None:
        """Return the token for one more try; None where there shall be none."""
        request = response.request
        is_replayable = request.body is None or isinstance(request.body, bytes | str)
        challenges = [response.headers.get("www-authenticate", "")]
        # A redirect may have led the response's request to another origin: no token goes there.
        if not is_replayable or not self._is_meant(request) or not is_token_dead(response.status_code, challenges):
            return None
        other = self._tokens.renewed(refused)
        return other if other != refused else None


class _SecondTry:
    """Answers one refused response by another try; what comes of that is what the caller gets."""

    def __init__(self, auth: RequestsBearerAuth, token: str) -> None:
        self._auth, self._token, self._is_spent = auth, token, False

    def __call__(self, response: Any, **options: Any) -> Any:
        """Return the response, or that of the second try."""
        if self._is_spent:
            return response
        other = self._auth._renewed(response, self._token)  # noqa: SLF001 - its own
        if other is None:
            return response
        self._is_spent = True
        # Read to its end, so that the connection serves the second try too.
        _ = response.content
        response.close()
        request = response.request.copy()
        request.headers["Authorization"] = f"Bearer {other}"
        again = response.connection.send(request, **options)
        again.history.append(response)
        again.request = request
        return again
