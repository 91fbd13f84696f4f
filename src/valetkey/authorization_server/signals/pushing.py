"""Pushing one event to its receiver, and what the answer means (RFC 8935, 2)."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

import msgspec

from valetkey.authorization_server.outbound import FetchRules, Lane, OutboundBody
from valetkey.authorization_server.signals.signing import signed_event
from valetkey.oauth.types import NumericDate, Seconds

if TYPE_CHECKING:
    from valetkey.authorization_server.model import Client
    from valetkey.authorization_server.outbound import FetchedDocument
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.authorization_server.signals.streams import Stream, StreamEvent

MEDIA_TYPE: Final = "application/secevent+jwt"
PAUSES: Final = (Seconds(2), Seconds(10), Seconds(60), Seconds(300), Seconds(1_800), Seconds(3_600))
"""Seconds after each failure in a row; the last one for all that follow, as long as an event is held."""
REFUSALS: Final = 3
"""How often in a row a receiver may refuse an event before it is passed over: one token does not stop the rest."""
_MOST_OCTETS: Final = 16 * 1024
_TAKEN: Final = frozenset({200, 202, 204})
"""202 is what the specification asks for; the others cannot mean anything else."""
_REFUSED: Final = 400


class Answered(StrEnum):
    """What became of a push."""

    TAKEN = "taken"
    REFUSED = "refused"
    """The receiver says of this very event that it cannot take it."""
    FAILED = "failed"


class _SetError(msgspec.Struct, frozen=True):
    err: str
    description: str = ""


async def push(
    event: StreamEvent, stream: Stream, client: Client, server: AuthorizationServer
) -> tuple[Answered, str]:
    """Post the event to the stream's address; return what became of it, and why for the log.

    Raises Unfetchable where there was no answer, and Unavailable.
    """
    token = await signed_event(event, stream, client, server)
    header = server.sealed_stream_secrets.open(stream)
    # RFC8935-2.1/content-type OIDSSF-6.1.1/authorization-header
    body = OutboundBody(MEDIA_TYPE, token.encode(), header)
    # RFC8935-2.1/accept
    rules = FetchRules(("application/json",), _MOST_OCTETS, Lane.REGISTERED)
    return judged(await server.outbound.post(stream.delivery.endpoint_url, body, rules))


def judged(answer: FetchedDocument) -> tuple[Answered, str]:
    """Return what an answer to a push means (RFC 8935, 2.2 to 2.4)."""
    if answer.status in _TAKEN:
        return Answered.TAKEN, ""
    if answer.status != _REFUSED:
        return Answered.FAILED, f"answered {answer.status}"
    try:
        error = msgspec.json.decode(answer.body, type=_SetError)
    except msgspec.MsgspecError:
        return Answered.FAILED, "answered 400 without a reason"
    return Answered.REFUSED, f"{error.err[:64]}: {error.description[:160]}"


def next_try(now: NumericDate, tries: int) -> NumericDate:
    """Return when to try again after the failure of try number `tries`, counted from 1."""
    return NumericDate(now + PAUSES[min(max(tries, 1), len(PAUSES)) - 1])
