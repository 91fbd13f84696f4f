"""Sends a call on to an API and streams its answer back: no redirect, no cookie, no retry of its own."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from valetkey.gateway.session.messages import BodyTooLarge, BrowserLeft, chunks_of, declared_length, has_body

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx2

    from valetkey.gateway.session.forwarding import Headers
    from valetkey.gateway.session.messages import Receive, Send
    from valetkey.gateway.session.settings import SessionSettings
    from valetkey.oauth.http import HttpRequest

_CONNECT_SECONDS: Final = 5
_CONNECTIONS: Final = 200


class UpstreamDown(Exception):
    """The API cannot be reached: nothing was asked."""


class UpstreamBroken(Exception):
    """The API was asked and did not answer as it must: nobody knows what it did."""


class Upstreams:
    """Connections to the APIs, opened when first needed and kept; for one event loop."""

    def __init__(self, settings: SessionSettings, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self._settings = settings
        self._transport = transport

    async def ask(self, request: HttpRequest, url: str, headers: Headers, receive: Receive) -> httpx2.Response:
        """Send the call and return the answer's head; its body is to be pumped, or closed.

        Raises UpstreamDown, UpstreamBroken; BodyTooLarge and BrowserLeft, which are the browser's.
        """
        import httpx2  # noqa: PLC0415 - dear to import: only who forwards pays

        settings = self._settings
        if (declared_length(request) or 0) > settings.maximum_request:
            raise BodyTooLarge
        body = _Body(receive, settings.maximum_request) if has_body(request) else None
        patience = settings.upstream_timeout
        timeouts = {
            "connect": min(_CONNECT_SECONDS, patience),
            "read": patience,
            "write": patience,
            "pool": patience,
        }
        try:
            asked = httpx2.Request(
                request.method,
                url,
                headers=list(headers),
                content=None if body is None else body.chunks(),
                extensions={"timeout": timeouts},
            )
            response = await (await self._opened()).handle_async_request(asked)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            raise UpstreamDown from error
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            if body is not None and body.fault is not None:
                raise body.fault from error
            raise UpstreamBroken from error
        length = response.headers.get("content-length", "0")
        if not length.isdigit() or int(length) > settings.maximum_response:
            await response.aclose()
            raise UpstreamBroken
        return response

    async def pump(self, response: httpx2.Response, headers: Headers, receive: Receive, send: Send) -> None:
        """Send the answer to the browser as it comes; it is broken off where it breaks, or nobody waits."""
        await send({"type": "http.response.start", "status": response.status_code, "headers": list(headers)})
        sending = asyncio.ensure_future(self._sent(response, send))
        leaving = asyncio.ensure_future(_left(receive))
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                raise BrowserLeft
            await sending
        finally:
            for task in (sending, leaving):
                task.cancel()
                with suppress(asyncio.CancelledError, Exception):
                    await task
            await response.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        if self._transport is not None:
            await self._transport.aclose()

    async def _sent(self, response: httpx2.Response, send: Send) -> None:
        import httpx2  # noqa: PLC0415 - dear to import: only who asks pays

        octets = 0
        try:
            # As it comes over the wire: what is compressed for the browser stays so.
            async for chunk in response.aiter_raw():
                octets += len(chunk)
                if octets > self._settings.maximum_response:
                    # The head is sent: only a broken connection says that the answer is not whole.
                    raise UpstreamBroken
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        except (httpx2.HTTPError, OSError) as error:
            raise UpstreamBroken from error
        await send({"type": "http.response.body", "body": b""})

    async def _opened(self) -> httpx2.AsyncBaseTransport:
        if self._transport is None:
            import httpx2  # noqa: PLC0415 - dear to import: only who asks pays

            # Reading the trusted certificates takes long: the loop must not stand still.
            trusted = await asyncio.to_thread(ssl.create_default_context)
            limits = httpx2.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS)
            if self._transport is None:
                self._transport = httpx2.AsyncHTTPTransport(verify=trusted, limits=limits, trust_env=False)
        return self._transport


class _Body:
    """A body on its way; `fault` is what was wrong with it on the browser's side."""

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive, self._most = receive, most
        self.fault: BodyTooLarge | BrowserLeft | None = None

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in chunks_of(self._receive, self._most):
                yield chunk
        except (BodyTooLarge, BrowserLeft) as fault:
            self.fault = fault
            # To the connection it is a body that broke off: never one that ended.
            raise OSError("the body broke off") from fault


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
