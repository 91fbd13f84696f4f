"""The status endpoint: a receiver reads whether its stream is enabled, and pauses or disables it (SSF, 8.1.2)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import msgspec

from valetkey.authorization_server.audit import by_client
from valetkey.authorization_server.signals.access import own_stream, receiver_of, stream_id_of
from valetkey.authorization_server.signals.configuration import StreamRefused
from valetkey.authorization_server.signals.streams import ForgetStreamEvents, PutStream
from valetkey.oauth.errors import Unavailable
from valetkey.oauth.http import NO_STORE, json_response
from valetkey.oauth.shared_signals import StreamStatus

if TYPE_CHECKING:
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.authorization_server.signals.streams import Stream, StreamChange
    from valetkey.oauth.http import HttpRequest, HttpResponse

LONGEST_REASON: Final = 255


class _Asked(msgspec.Struct, frozen=True):
    stream_id: str
    status: StreamStatus
    reason: str = ""


async def respond(request: HttpRequest, server: AuthorizationServer) -> HttpResponse:
    """Answer with the status, as it is or as it was changed; raises StreamRefused, OAuthError and Unavailable."""
    fresh = server.fresh()
    client = await receiver_of(request, server, fresh.now)
    if request.method == "GET":
        stored = await own_stream(stream_id_of(request), client, server)
        return _told(stored.stream)
    try:
        asked = msgspec.json.decode(request.body, type=_Asked)
    except msgspec.MsgspecError:
        # OIDSSF-8.1.2.2/malformed
        raise StreamRefused(400, "The body says no status of a stream.", "OIDSSF-8.1.2.2/malformed") from None
    stored = await own_stream(asked.stream_id, client, server)
    stream = replace(stored.stream, status=asked.status, reason=asked.reason[:LONGEST_REASON])
    changes: list[StreamChange] = [PutStream(stream)]
    if stream.status is StreamStatus.DISABLED:
        changes.append(ForgetStreamEvents(stream.stream_id))  # OIDSSF-8.1.2/disabled
    if not await server.stores.commit(changes, by_client(request, client.client_id, fresh)):
        raise Unavailable("the store")
    server.stream_waiting.ring()
    return _told(stream)


def _told(stream: Stream) -> HttpResponse:
    # OIDSSF-8.1.2.1/status
    document: dict[str, object] = {"stream_id": stream.stream_id, "status": stream.status.value}
    if stream.reason:
        document["reason"] = stream.reason
    return json_response(200, document, NO_STORE)
