"""A form that a client posts to an endpoint of its own: parse, authenticate, judge and commit (RFC 6749, 2.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from valetkey.authorization_server.audit import by_client
from valetkey.authorization_server.client_authentication import authenticate, count_failure, parse_credentials
from valetkey.authorization_server.client_authentication.method import Credentials
from valetkey.authorization_server.fresh import Fresh
from valetkey.authorization_server.service import commit_in_rounds
from valetkey.jose.records import dataclass
from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.http import HttpRequest
from valetkey.oauth.parameters import Parameters, parse_form

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from valetkey.authorization_server.decision import Changes
    from valetkey.authorization_server.model import Client
    from valetkey.authorization_server.service import AuthorizationServer

Outcome = TypeVar("Outcome")


@dataclass(frozen=True, slots=True)
class ClientRequest:
    """What was posted, who it says it is, and the moment; nothing of it is believed yet."""

    request: HttpRequest
    form: Parameters
    credentials: Credentials
    fresh: Fresh


def parse_client_request(request: HttpRequest, server: AuthorizationServer, requirement: str) -> ClientRequest:
    """Return the parsed request; raises OAuthError, with `requirement` for parameters outside of the body."""
    if request.query:
        raise OAuthError(ErrorCode.INVALID_REQUEST, "The parameters stand in the body.", requirement)
    form = parse_form(request.body)
    return ClientRequest(request, form, parse_credentials(request, form), server.fresh())


async def judge_as_client(
    asked: ClientRequest,
    server: AuthorizationServer,
    judge: Callable[[Client], Awaitable[tuple[Outcome, Changes]]],
) -> Outcome:
    """Return what `judge` makes of the authenticated client, once its changes are committed.

    Raises OAuthError `invalid_client`, counting the failure, and Unavailable. A refusal is an outcome: what
    `judge` raises undoes the use of an assertion.
    """

    async def attempt() -> tuple[Outcome, Changes]:
        proven = await authenticate(asked.credentials, server, asked.fresh.now)
        outcome, changes = await judge(proven.client)
        return outcome, (*proven.changes, *changes)

    origin = by_client(asked.request, asked.credentials.client_id, asked.fresh)
    try:
        return await commit_in_rounds(server, attempt, origin)
    except OAuthError as error:
        if error.code is ErrorCode.INVALID_CLIENT:
            await count_failure(asked.credentials, asked.request, server, asked.fresh.now)
        raise
