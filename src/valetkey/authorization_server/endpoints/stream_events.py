"""Polling the events of one stream (RFC 8936, 2; Shared Signals Framework, 6.1.2)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.signals.access import own_stream, receiver_of
from valetkey.authorization_server.signals.configuration import StreamRefused
from valetkey.authorization_server.signals.signing import signed_event
from valetkey.authorization_server.signals.streams import AcknowledgeStreamEvents
from valetkey.authorization_server.signals.telling import numbers_of, token_id
from valetkey.oauth.errors import Unavailable
from valetkey.oauth.event_poll import EventAnswer, EventPoll
from valetkey.oauth.http import NO_STORE, json_response
from valetkey.oauth.shared_signals import DeliveryMethod

if TYPE_CHECKING:
    from collections.abc import Sequence

    from valetkey.authorization_server.model import Client
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.authorization_server.signals.streams import Stream, StreamEvent
    from valetkey.oauth.http import HttpRequest, HttpResponse

LONGEST_WAIT: Final = 25
"""Seconds: less than what proxies allow an answer to take."""
MOST_EVENTS: Final = 100
"""In one answer."""
_PREFERRED_WAIT: Final = re.compile(r"(?:^|[,;\s])wait=([0-9]{1,4})(?:$|[,;\s])")
_REPORTED: Final = 10


async def respond(request: HttpRequest, server: AuthorizationServer) -> HttpResponse:
    """Answer with what waits in the stream, oldest first, once what was acknowledged is forgotten.

    Where nothing waits the answer takes up to 25 seconds, unless the receiver wants it at once. Raises
    StreamRefused, OAuthError and Unavailable.
    """
    client = await receiver_of(request, server, server.fresh().now)
    stream = (await own_stream(request.path.rpartition("/")[2], client, server)).stream
    if stream.delivery.method is not DeliveryMethod.POLL:
        raise StreamRefused(404, "The events of this stream are pushed.", "OIDSSF-8.1.2.1/unknown")
    poll = EventPoll.parse(request.body)
    await _forget(poll, stream, client, server)
    most = MOST_EVENTS if poll.maximum is None else min(poll.maximum, MOST_EVENTS)
    if most == 0:
        return json_response(200, {"sets": {}}, NO_STORE)  # RFC8936-2.2/acknowledge-only
    wait = 0.0 if poll.returns_immediately else _wait_of(request)  # RFC8936-2.2/return-immediately
    waiting = await _waiting(stream, most + 1, server)
    if not waiting and wait and await server.stream_waiting.comes(stream, wait):
        # It waited for a while: who lost the right in between hears nothing of what came then.
        client = await receiver_of(request, server, server.fresh().now)
        stream = (await own_stream(stream.stream_id, client, server)).stream
        waiting = await _waiting(stream, most + 1, server)
    tokens = {
        token_id(stream, event): await signed_event(event, stream, client, server) for event in waiting[:most]
    }
    # RFC8936-2.2/maximum RFC8936-2.3/sets
    return json_response(200, EventAnswer(tokens, len(waiting) > most).document(), NO_STORE)


async def _forget(poll: EventPoll, stream: Stream, client: Client, server: AuthorizationServer) -> None:
    # RFC8936-2.2/ack: what a receiver cannot take is not told again either, but to our log.
    numbers = numbers_of(stream, (*poll.acknowledged, *poll.errors))
    if numbers and not await server.stores.commit([AcknowledgeStreamEvents(stream.stream_id, numbers)]):
        raise Unavailable("the store")
    for named, error in tuple(poll.errors.items())[:_REPORTED]:
        server.log.write(
            "stream.event_refused",
            stream_id=stream.stream_id,
            client_id=client.client_id,
            token_id=named,
            error=error.code,
            description=error.description,
        )


async def _waiting(stream: Stream, limit: int, server: AuthorizationServer) -> Sequence[StreamEvent]:
    return await server.stores.streams.events(stream.stream_id, limit, stream.status)  # OIDSSF-8.1.2/paused


def _wait_of(request: HttpRequest) -> float:
    preferred = _PREFERRED_WAIT.search(",".join(request.all_headers(b"prefer")))
    return float(min(int(preferred[1]), LONGEST_WAIT) if preferred else LONGEST_WAIT)
