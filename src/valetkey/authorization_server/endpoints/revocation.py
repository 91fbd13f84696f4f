"""The revocation endpoint (RFC 7009): a client gives a token back, and what hangs off a refresh token with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from valetkey.authorization_server.api_key import RevokeApiKey, is_api_key
from valetkey.authorization_server.client_request import judge_as_client, parse_client_request
from valetkey.authorization_server.cors import allow_origin, readable
from valetkey.authorization_server.decision import Changes, RevokeAccessToken, RevokeAuthorization
from valetkey.authorization_server.presented_token import genuine_access_token, token_id_digest
from valetkey.authorization_server.revocation.publication import status_revocation
from valetkey.jose import InvalidToken
from valetkey.jose.records import dataclass
from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.http import NO_STORE, HttpResponse
from valetkey.oauth.types import AuthorizationId, ClientId, OpaqueToken

if TYPE_CHECKING:
    from valetkey.authorization_server.model import Client
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.http import HttpRequest
    from valetkey.oauth.types import NumericDate


@dataclass(frozen=True, slots=True)
class _Found:
    """A token of ours: its client, what it hangs off, and what revoking it changes."""

    kind: str
    client_id: ClientId
    authorization_id: AuthorizationId | None
    changes: Changes


async def respond(request: HttpRequest, server: AuthorizationServer) -> HttpResponse:
    """Answer 200 once the token is dead, whether or not it ever lived; raises OAuthError and Unavailable."""
    asked = parse_client_request(request, server, "RFC7009-2.1/form")
    presented = asked.form.require("token", "RFC7009-2.1/token")
    # `token_type_hint` is never read: every kind is looked for, so a wrong one cannot mislead: RFC7009-2.1/hint

    async def judge(client: Client) -> tuple[tuple[_Found | None, HttpResponse | OAuthError], Changes]:
        headers = allow_origin(request, client)
        found = await _find(presented, server, asked.fresh.now)
        if found is not None and found.client_id != client.client_id:
            return (None, readable(_foreign(), headers)), ()
        changes = () if found is None else found.changes  # RFC7009-2.2/invalid-token
        return (found, HttpResponse(200, (*NO_STORE, *headers))), changes

    # RFC7009-2.1/authenticate; where the store fails, what it raises is the answer: RFC7009-2.2.1/unavailable
    found, outcome = await judge_as_client(asked, server, judge)
    if isinstance(outcome, OAuthError):
        raise outcome
    if found is not None and found.changes:
        server.log.write(
            "token.revoked",
            request_id=request.request_id,
            client_id=found.client_id,
            kind=found.kind,
            authorization_id=found.authorization_id,
        )
    return outcome


async def _find(presented: str, server: AuthorizationServer, now: NumericDate) -> _Found | None:
    if is_api_key(presented):
        return await _find_api_key(presented, server, now)
    refresh = await server.stores.refresh_tokens.find(OpaqueToken.presented(presented).digest())
    if refresh is not None:
        authorization = refresh.stored.authorization
        is_dead = authorization.revoked_at is not None
        # Also by a superseded link: whoever gives a chain back wants none of it to live.
        # RFC7009-2/refresh-tokens RFC7009-2.1/access-tokens
        revocation = RevokeAuthorization(authorization.authorization_id, now)
        changes: Changes = () if is_dead else (revocation,)
        return _Found("refresh_token", refresh.token.client_id, authorization.authorization_id, changes)
    try:
        token = await genuine_access_token(presented, server, now)
    except InvalidToken:
        return None
    is_dead = await server.stores.access_tokens.is_revoked(token_id_digest(token))
    # RFC7009-2.1/immediately
    revoked = RevokeAccessToken(token_id_digest(token), token.expires_at, token.audience)
    changes = () if is_dead else (revoked, *status_revocation(token))
    return _Found("access_token", token.client_id, token.authorization_id, changes)


async def _find_api_key(presented: str, server: AuthorizationServer, now: NumericDate) -> _Found | None:
    """Find a key by any of its secrets: whoever gives one back wants none to live. An end-user's is no client's."""
    found = await server.stores.api_keys.find_by_secret(OpaqueToken.presented(presented).digest())
    if found is None:
        return None
    is_dead = found.stored.authorization.revoked_at is not None
    changes: Changes = () if is_dead else (RevokeApiKey(found.key.key_id, now),)
    return _Found("api_key", found.key.client_id, found.key.authorization_id, changes)


def _foreign() -> OAuthError:
    return OAuthError(
        ErrorCode.INVALID_GRANT, "The token was not issued to this client.", "RFC7009-2.1/other-client"
    )
