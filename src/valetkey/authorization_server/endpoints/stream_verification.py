"""The verification endpoint: a receiver asks for an event that proves its stream alive (SSF, 8.1.4)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import msgspec

from valetkey.authorization_server.signals.access import own_stream, receiver_of
from valetkey.authorization_server.signals.configuration import MINIMUM_VERIFICATION_SECONDS, StreamRefused
from valetkey.authorization_server.signals.streams import PutStream, QueueStreamEvent
from valetkey.oauth.errors import ErrorCode, Unavailable
from valetkey.oauth.http import NO_STORE, HttpResponse
from valetkey.oauth.shared_signals import VERIFICATION

if TYPE_CHECKING:
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.http import HttpRequest

LONGEST_STATE: Final = 1_024


class _Asked(msgspec.Struct, frozen=True):
    stream_id: str
    state: str | None = None


async def respond(request: HttpRequest, server: AuthorizationServer) -> HttpResponse:
    """Answer 204, and put the event into the stream; raises StreamRefused, OAuthError and Unavailable."""
    fresh = server.fresh()
    client = await receiver_of(request, server, fresh.now)
    try:
        asked = msgspec.json.decode(request.body, type=_Asked)
    except msgspec.MsgspecError:
        raise StreamRefused(400, "The body names no stream.", "OIDSSF-8.1.4.2/malformed") from None
    if asked.state is not None and len(asked.state) > LONGEST_STATE:
        raise StreamRefused(400, "The state is too long.", "OIDSSF-8.1.4.2/malformed")
    stream = (await own_stream(asked.stream_id, client, server)).stream
    wait = 0 if stream.verified_at is None else stream.verified_at + MINIMUM_VERIFICATION_SECONDS - fresh.now
    if wait > 0:
        raise StreamRefused(
            429,
            f"A stream is verified every {MINIMUM_VERIFICATION_SECONDS} seconds at most.",
            "OIDSSF-8.1.1/min-verification-interval",
            code=ErrorCode.SLOW_DOWN,
            headers=(("retry-after", str(wait)),),
        )
    detail = {} if asked.state is None else {"state": asked.state}  # OIDSSF-8.1.4.2/state
    queued = QueueStreamEvent(stream.stream_id, VERIFICATION, detail, fresh.now)
    if not await server.stores.commit([PutStream(replace(stream, verified_at=fresh.now)), queued]):
        raise Unavailable("the store")
    server.stream_waiting.ring()
    return HttpResponse(204, NO_STORE)
