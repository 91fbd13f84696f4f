"""Auth classes for httpx2: a bearer token on each request to one API, another when it is refused (RFC 6750)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2

from valetkey.client.bearer import is_token_dead, origin_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from valetkey.client.bearer import AsyncTokenSource, TokenSource


class _Bearer(httpx2.Auth):
    def __init__(self, api: str) -> None:
        self._origin = origin_of(api)

    def _is_meant(self, request: httpx2.Request) -> bool:
        try:
            return origin_of(str(request.url)) == self._origin
        except ValueError:
            return False


class BearerAuth(_Bearer):
    """For httpx2.Client: requests to the origin of `api` carry a token of `tokens`; all others carry none.

    A 401 that calls the token invalid is answered by one more try with another token; a body that was a stream is
    never sent twice. Raises FlowError where no token is to be had, ValueError for an API without https.
    """

    def __init__(self, tokens: TokenSource, api: str) -> None:
        super().__init__(api)
        self._tokens = tokens

    def sync_auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Send the request, at most twice."""
        if not self._is_meant(request):
            yield request
            return
        is_replayable = isinstance(request.stream, httpx2.ByteStream)
        token = self._tokens.access_token()
        response = yield _with(request, token)
        if is_replayable and _is_refused(response):
            other = self._tokens.renewed(token)
            if other != token:
                yield _with(request, other)


class AsyncBearerAuth(_Bearer):
    """For httpx2.AsyncClient: requests to the origin of `api` carry a token of `tokens`; all others carry none.

    A 401 that calls the token invalid is answered by one more try with another token; a body that was a stream is
    never sent twice. Raises FlowError where no token is to be had, ValueError for an API without https.
    """

    def __init__(self, tokens: AsyncTokenSource, api: str) -> None:
        super().__init__(api)
        self._tokens = tokens

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Send the request, at most twice."""
        if not self._is_meant(request):
            yield request
            return
        is_replayable = isinstance(request.stream, httpx2.ByteStream)
        token = await self._tokens.access_token()
        response = yield _with(request, token)
        if is_replayable and _is_refused(response):
            other = await self._tokens.renewed(token)
            if other != token:
                yield _with(request, other)


def _with(request: httpx2.Request, token: str) -> httpx2.Request:
    request.headers["authorization"] = f"Bearer {token}"
    return request


def _is_refused(response: httpx2.Response) -> bool:
    return is_token_dead(response.status_code, response.headers.get_list("www-authenticate"))
