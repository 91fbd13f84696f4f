"""The live feed of revocations, for the resource servers that verify tokens by themselves (RFC 8936)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.client_authentication import parse_credentials
from valetkey.authorization_server.client_authentication.method import invalid_client
from valetkey.authorization_server.client_request import ClientRequest, judge_as_client
from valetkey.authorization_server.revocation.events import position_of
from valetkey.authorization_server.revocation.outbox import EventQuestion
from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.event_poll import EventPoll
from valetkey.oauth.http import NO_STORE, json_response
from valetkey.oauth.parameters import Parameters

if TYPE_CHECKING:
    from valetkey.authorization_server.decision import Changes
    from valetkey.authorization_server.model import Client
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.http import HttpRequest, HttpResponse

LONGEST_WAIT: Final = 25
"""Seconds: less than what proxies allow an answer to take."""
MAXIMUM_EVENTS: Final = 100
"""In one answer."""
_PREFERRED_WAIT: Final = re.compile(r"(?:^|[,;\s])wait=([0-9]{1,4})(?:$|[,;\s])")
_REPORTED: Final = 10


class NotAReader(OAuthError):
    """The client is who it says, but it speaks for no resource server."""

    @property
    def status(self) -> int:
        """403: no other credentials are asked for."""
        return 403


async def respond(request: HttpRequest, server: AuthorizationServer) -> HttpResponse:
    """Answer with what was revoked since the acknowledged position, as soon as there is something to tell.

    Where a reader stands is told by what it acknowledges, and the server keeps nothing of it: several processes
    may read with one credential, and one that acknowledges nothing hears everything of the last twenty minutes
    again. Raises OAuthError and Unavailable.
    """
    fresh = server.fresh()
    form = Parameters.of(())
    asked = ClientRequest(request, form, parse_credentials(request, form), fresh)
    client = await judge_as_client(asked, server, _as_confidential)
    poll = EventPoll.parse(request.body)
    audiences = await _audiences_of(client, server)
    if not audiences:
        reason = "The client speaks for no resource server."
        raise NotAReader(ErrorCode.UNAUTHORIZED_CLIENT, reason, "RFC6749-5.2/unauthorized-client")
    for token_id, error in tuple(poll.errors.items())[:_REPORTED]:
        server.log.write(
            "feed.event_refused",
            request_id=request.request_id,
            client_id=client.client_id,
            token_id=token_id,
            error=error.code,
            description=error.description,
        )
    maximum = MAXIMUM_EVENTS if poll.maximum is None else min(poll.maximum, MAXIMUM_EVENTS)
    if maximum == 0:
        return json_response(200, {"sets": {}}, NO_STORE)  # RFC8936-2.2/acknowledge-only
    answer = await server.event_feed.poll(
        EventQuestion(
            client.client_id,
            audiences,
            position_of((*poll.acknowledged, *poll.errors)),
            maximum,
            0.0 if poll.returns_immediately else _wait_of(request),  # RFC8936-2.2/return-immediately
        )
    )
    if answer.tokens and not await _may_still_read(client, audiences, server):
        # It waited for a while: who lost the right in between hears nothing of what came then.
        raise invalid_client(f"{client.client_id[:100]}, which may read no longer")
    return json_response(200, answer.document(), NO_STORE)


async def _may_still_read(client: Client, audiences: frozenset[str], server: AuthorizationServer) -> bool:
    current = await server.find_client(client.client_id)
    return current is not None and not current.disabled and audiences <= await _audiences_of(current, server)


async def _as_confidential(client: Client) -> tuple[Client, Changes]:
    if client.is_public:
        # Nothing was proven, so the answer is that to a wrong proof.
        raise invalid_client(f"public client {client.client_id[:100]}")
    return client, ()


async def _audiences_of(client: Client, server: AuthorizationServer) -> frozenset[str]:
    return frozenset(
        resource.identifier
        for resource in await server.stores.resources.list()
        if not resource.disabled and client.client_id in resource.introspection_client_ids
    )


def _wait_of(request: HttpRequest) -> float:
    preferred = _PREFERRED_WAIT.search(",".join(request.all_headers(b"prefer")))
    return float(min(int(preferred[1]), LONGEST_WAIT) if preferred else LONGEST_WAIT)
