"""Who may manage streams: a client with an access token for the Shared Signals API (SSF, 8; RFC 6750)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from valetkey.authorization_server import paths
from valetkey.authorization_server.presented_token import genuine_access_token, holder_of
from valetkey.authorization_server.signals.configuration import StreamRefused
from valetkey.authorization_server.signals.streams import StreamId
from valetkey.jose import JoseError
from valetkey.oauth.access_token import CredentialKind, PrincipalKind
from valetkey.oauth.challenge import Challenge
from valetkey.oauth.errors import ErrorCode
from valetkey.oauth.parameters import parse_form

if TYPE_CHECKING:
    from valetkey.authorization_server.model import Client
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.authorization_server.signals.streams import StoredStream
    from valetkey.oauth.access_token import AccessToken
    from valetkey.oauth.http import HttpRequest
    from valetkey.oauth.types import NumericDate

MANAGE: Final = "ssf.manage"
READ: Final = "ssf.read"
_BEARER: Final = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9\-._~+/]+=*)")
_LONGEST_ID: Final = 64


async def offered(server: AuthorizationServer) -> str:
    """Return the identifier of the Shared Signals API; raises StreamRefused 404 where the operator has none.

    It is offered where a resource server of that identifier is kept and not disabled.
    """
    identifier = server.issuer.endpoint(paths.SIGNALS)
    resource = await server.stores.resources.find(identifier)
    if resource is None or resource.disabled:
        raise StreamRefused(404, "This issuer shares no signals.", "OIDSSF-8/management")
    return identifier


async def receiver_of(request: HttpRequest, server: AuthorizationServer, now: NumericDate) -> Client:
    """Return the client whose access token may do what is asked; raises StreamRefused and Unavailable.

    A GET and a poll need `ssf.read`, everything else `ssf.manage`, which allows both. Clients for whom nobody
    vouches manage nothing.
    """
    identifier = await offered(server)
    token = await _verified(_presented(request), identifier, server, now)
    holder = await holder_of(token, server, now)
    if holder is None:
        raise _unauthorized("invalid_token")
    is_read = request.method == "GET" or request.path.startswith(paths.STREAM_EVENTS)
    if MANAGE not in token.scope and not (is_read and READ in token.scope):
        raise _insufficient(READ if is_read else MANAGE)
    if holder.client.is_unverified or holder.client.is_public:
        raise StreamRefused(
            403,
            "Only clients that an operator registered receive signals.",
            "OIDSSF-8/authorized",
            code=ErrorCode.UNAUTHORIZED_CLIENT,
        )
    return holder.client


async def own_stream(stream_id: object, client: Client, server: AuthorizationServer) -> StoredStream:
    """Return a stream of this receiver; raises StreamRefused: another's answers as one that never was."""
    found = None
    if isinstance(stream_id, str) and 0 < len(stream_id) <= _LONGEST_ID:
        found = await server.stores.streams.find(StreamId(stream_id))
    elif not stream_id:
        raise StreamRefused(400, "The stream_id is missing.", "OIDSSF-8.1.1.3/stream-id")
    if found is None or found.stream.client_id != client.client_id:
        # OIDSSF-8/own-streams
        raise StreamRefused(404, "There is no such stream of yours.", "OIDSSF-8.1.2.1/unknown")
    return found


def stream_id_of(request: HttpRequest) -> str | None:
    """Return the query parameter `stream_id`; raises OAuthError for one that is given twice."""
    return parse_form(request.query).get("stream_id") if request.query else None


def _presented(request: HttpRequest) -> str:
    found = request.all_headers(b"authorization")
    if request.query and "access_token" in parse_form(request.query):
        raise StreamRefused(400, "The access token stands in the header.", "RFC6750-2/one-method")
    if not found:
        raise _unauthorized(None)
    match = _BEARER.fullmatch(found[0])
    if match is None or len(found) != 1:
        raise _unauthorized("invalid_token")
    return match.group(1)


async def _verified(presented: str, identifier: str, server: AuthorizationServer, now: NumericDate) -> AccessToken:
    try:
        token = await genuine_access_token(presented, server, now)
    except JoseError:
        raise _unauthorized("invalid_token") from None
    is_clients_own = token.principal is PrincipalKind.CLIENT and token.credential is CredentialKind.ACCESS_TOKEN
    if identifier not in token.audience or not is_clients_own:
        # What somebody holds as an API key manages no streams: who administers keys would else be any receiver.
        raise _unauthorized("invalid_token")
    return token


def _unauthorized(error: str | None) -> StreamRefused:
    parameters = () if error is None else (("error", error),)
    challenge = Challenge("Bearer", (*parameters, ("scope", f"{READ} {MANAGE}")))
    return StreamRefused(
        401,
        "An access token for the Shared Signals API is needed.",
        "OIDSSF-8/authorization",
        code=ErrorCode.INVALID_TOKEN,
        headers=(("www-authenticate", str(challenge)),),
    )


def _insufficient(scope: str) -> StreamRefused:
    challenge = Challenge("Bearer", (("error", "insufficient_scope"), ("scope", scope)))
    return StreamRefused(
        403,
        f"This needs the scope {scope}.",
        "RFC6750-3.1/insufficient-scope",
        code=ErrorCode.INSUFFICIENT_SCOPE,
        headers=(("www-authenticate", str(challenge)),),
    )
