"""The configuration endpoint: a receiver creates, reads, changes and deletes its own streams (SSF, 8.1.1)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from valetkey.authorization_server.audit import by_client
from valetkey.authorization_server.fresh import Fresh
from valetkey.authorization_server.model import Client
from valetkey.authorization_server.service import AuthorizationServer
from valetkey.authorization_server.signals.access import own_stream, receiver_of, stream_id_of
from valetkey.authorization_server.signals.configuration import (
    StreamRefused,
    asked_delivery,
    compare,
    configuration,
    parse_stream_request,
    revised,
)
from valetkey.authorization_server.signals.streams import (
    MOST_STREAMS,
    Delivery,
    PutStream,
    RemoveStream,
    Stream,
    StreamId,
)
from valetkey.jose.records import dataclass
from valetkey.oauth.errors import ErrorCode, Unavailable
from valetkey.oauth.http import NO_STORE, HttpRequest, HttpResponse, json_response
from valetkey.oauth.outward_url import own_url_fault
from valetkey.oauth.shared_signals import DeliveryMethod
from valetkey.oauth.types import SecretText

if TYPE_CHECKING:
    from valetkey.authorization_server.signals.configuration import AskedDelivery
    from valetkey.authorization_server.signals.streams import StreamChange


@dataclass(frozen=True, slots=True)
class _Asking:
    """A request of a receiver that was let in."""

    request: HttpRequest
    client: Client
    server: AuthorizationServer
    fresh: Fresh

    async def commit(self, change: StreamChange) -> None:
        origin = by_client(self.request, self.client.client_id, self.fresh)
        if not await self.server.stores.commit([change], origin):
            raise Unavailable("the store")


async def respond(request: HttpRequest, server: AuthorizationServer) -> HttpResponse:
    """Answer with the configuration; raises StreamRefused, OAuthError and Unavailable."""
    fresh = server.fresh()
    client = await receiver_of(request, server, fresh.now)
    asking = _Asking(request, client, server, fresh)
    match request.method:
        case "GET":
            return await _read(asking)
        case "POST":
            return await _create(asking)
        case "DELETE":
            stored = await own_stream(stream_id_of(request), client, server)
            await asking.commit(RemoveStream(stored.stream.stream_id))
            return HttpResponse(204, NO_STORE)  # OIDSSF-8.1.1.5/deleted
        case _:
            return await _change(asking)


async def _read(asking: _Asking) -> HttpResponse:
    server, named = asking.server, stream_id_of(asking.request)
    if named is not None:
        stored = await own_stream(named, asking.client, server)
        return _told(200, stored.stream, server)
    found = await server.stores.streams.of(asking.client.client_id)
    # OIDSSF-8.1.1.2/list OIDSSF-8.1.1.2/empty-list
    documents = [configuration(stored.stream, server.issuer) for stored in found]
    return HttpResponse(200, (("content-type", "application/json"), *NO_STORE), msgspec.json.encode(documents))


async def _create(asking: _Asking) -> HttpResponse:
    server, client, fresh = asking.server, asking.client, asking.fresh
    asked = parse_stream_request(asking.request.body)
    wanted = asked_delivery(asked)
    if len(await server.stores.streams.of(client.client_id)) >= MOST_STREAMS:
        reason = f"A receiver has at most {MOST_STREAMS} streams."
        raise StreamRefused(409, reason, "OIDSSF-8.1.1.1/conflict", code=ErrorCode.INVALID_REQUEST)
    # OIDSSF-8.1.1.1/new-id OIDSSF-8.1.1.1/default-delivery
    bare = Stream(StreamId(fresh.identifier("stream")), client.client_id, Delivery(), (), fresh.now)
    stream = _with_delivery(revised(bare, asked), wanted, server)
    await asking.commit(PutStream(stream))
    return _told(201, stream, server)


async def _change(asking: _Asking) -> HttpResponse:
    server = asking.server
    asked = parse_stream_request(asking.request.body)
    is_whole = asking.request.method == "PUT"
    named = None if asked.stream_id is msgspec.UNSET else asked.stream_id
    held = (await own_stream(named, asking.client, server)).stream
    compare(held, asked, server.issuer)
    wanted = asked_delivery(asked)
    bare = replace(held, delivery=Delivery(), requested=(), description="")
    # OIDSSF-8.1.1.3/missing OIDSSF-8.1.1.4/missing
    said = revised(held, asked, whole=bare if is_whole else None)
    if is_whole and wanted is None:
        said = replace(said, delivery=Delivery())
    stream = _with_delivery(said, wanted, server, keeps_header=not is_whole)
    await asking.commit(PutStream(stream))
    return _told(200, stream, server)


def _with_delivery(
    stream: Stream, wanted: AskedDelivery | None, server: AuthorizationServer, *, keeps_header: bool = False
) -> Stream:
    if wanted is None:
        return stream
    delivery, before = wanted.delivery, stream.delivery
    if delivery.method is DeliveryMethod.PUSH and not _may_be_asked(delivery.endpoint_url, server):
        reason = "Events cannot be pushed to this endpoint_url."
        raise StreamRefused(400, reason, "OIDSSF-6.1.1/endpoint-url")
    if wanted.authorization_header is not None:
        sealed = server.sealed_stream_secrets.seal(stream.stream_id, SecretText(wanted.authorization_header))
        delivery = replace(delivery, sealed_authorization=sealed)
    elif keeps_header and delivery.endpoint_url == before.endpoint_url:
        # Only for the very same address: whoever may change a stream learns no secret of its receiver's by it.
        delivery = before
    return replace(stream, delivery=delivery)


def _may_be_asked(url: str, server: AuthorizationServer) -> bool:
    outbound = server.outbound
    if own_url_fault(url) is not None:
        # http is for a host of the operator's own network, such as a receiver on this machine.
        named = url.removeprefix("http://")
        is_opened = named != url and own_url_fault("https://" + named) is None
        if not is_opened or not outbound.is_opened((urlsplit(url).hostname or "").lower()):
            return False
    return not outbound.is_blocked(url)


def _told(status: int, stream: Stream, server: AuthorizationServer) -> HttpResponse:
    return json_response(status, configuration(stream, server.issuer), NO_STORE)
