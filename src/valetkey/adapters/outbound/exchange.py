"""One HTTP exchange with a judged address, over httpx2: nothing is followed, decoded, kept or sent unasked."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.outbound import FetchedDocument, Unfetchable

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx2

    from valetkey.adapters.outbound.target import Place, Target
    from valetkey.authorization_server.outbound import FetchRules, OutboundBody

MOST_HEADERS: Final = 100
MOST_HEADER_OCTETS: Final = 32 * 1024
CONNECT_SECONDS: Final = 2.0
"""For one address of several: a dead one leaves time for the next."""
_PLACES_TRIED: Final = 4
_ELSEWHERE: Final = (1, 3)
"""Hundreds of the statuses that lead to another protocol or address."""
_NOT_MODIFIED: Final = 304


def trust(ca_file: str | None) -> ssl.SSLContext:
    """Return whose certificates are believed: the system's authorities, and those of `ca_file`.

    Slow: it reads hundreds of certificates. Raises OSError where the file cannot be used.
    """
    import httpx2  # noqa: PLC0415 - dear to import: only who fetches pays

    context = httpx2.create_ssl_context(trust_env=False)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context


class Exchange:
    """A request that is ready to be sent to each of the addresses that its URL leads to, until one connects."""

    def __init__(self, method: str, target: Target, rules: FetchRules, body: OutboundBody | None) -> None:
        self._method = method
        self._target = target
        self._rules = rules
        self._body = body

    async def run(self, places: tuple[Place, ...], context: ssl.SSLContext) -> FetchedDocument:
        """Return the answer, whatever its status, except one that leads elsewhere; raises Unfetchable."""
        import httpx2  # noqa: PLC0415 - as in `trust`

        for position, place in enumerate(places[:_PLACES_TRIED], start=1):
            try:
                return await self._with(place, context)
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                if position == min(len(places), _PLACES_TRIED):
                    raise Unfetchable(f"no connection ({_text(error)})") from None
            except (httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL, OSError) as error:
                raise Unfetchable(f"the exchange broke off ({_text(error)})") from None
        raise Unfetchable("no address")

    async def _with(self, place: Place, context: ssl.SSLContext) -> FetchedDocument:
        import httpx2  # noqa: PLC0415 - as in `trust`

        # A transport of its own: a connection that was verified for one name is never used for another name of the
        # same address. Without a client there are no redirects, cookies, proxies, .netrc or further headers.
        async with httpx2.AsyncHTTPTransport(verify=context, trust_env=False, http2=False) as transport:
            response = await transport.handle_async_request(self._request(place))
            try:
                return await self._read(response)
            finally:
                await response.aclose()

    def _request(self, place: Place) -> httpx2.Request:
        import httpx2  # noqa: PLC0415 - as in `trust`

        target, rules = self._target, self._rules
        headers = {
            "host": target.authority,
            "accept": ", ".join(named for named in rules.media_types if not named.startswith("+")) or "*/*",
            "accept-encoding": "identity",
            "connection": "close",
            "user-agent": "Valetkey",
        }
        if self._body is not None:
            headers["content-type"] = self._body.media_type
            if self._body.authorization is not None:
                headers["authorization"] = self._body.authorization.reveal()
        if rules.etag is not None:
            headers["if-none-match"] = rules.etag
        limits = {"connect": CONNECT_SECONDS, "read": rules.deadline_seconds, "write": rules.deadline_seconds}
        return httpx2.Request(
            self._method,
            f"{target.scheme}://{place.authority}{target.rest}",
            headers=headers,
            content=None if self._body is None else self._body.octets,
            # The address is dialled; the name is what the certificate must be for.
            extensions={"sni_hostname": target.host, "timeout": limits},
        )

    async def _read(self, response: httpx2.Response) -> FetchedDocument:
        raw = response.headers.raw
        if len(raw) > MOST_HEADERS or sum(len(name) + len(value) for name, value in raw) > MOST_HEADER_OCTETS:
            raise Unfetchable("the answer has too many headers", response.status_code)
        headers = {name.lower(): value for name, value in response.headers.items()}
        found = FetchedDocument(response.status_code, headers)
        if response.status_code // 100 in _ELSEWHERE and response.status_code != _NOT_MODIFIED:
            # CIMD-4/no-redirect
            raise Unfetchable(f"answered {response.status_code}, which is not followed", response.status_code)
        if not self._rules.accepts(found.media_type):
            return found
        return FetchedDocument(response.status_code, headers, await self._body_of(response, headers))

    async def _body_of(self, response: httpx2.Response, headers: Mapping[str, str]) -> bytes:
        status, most = response.status_code, self._rules.most_octets
        if headers.get("content-encoding", "identity").lower() != "identity":
            # Never inflated: a few octets could become gigabytes.
            raise Unfetchable("the answer is compressed, unasked", status)
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > most:
                raise Unfetchable(f"the answer is longer than {most} octets", status)
        return bytes(body)


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
