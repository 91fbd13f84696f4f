"""The token endpoint (OAuth 2.1, 3.2 and 4): what all grants share; load, decide, mint, one commit, answer."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec

from valetkey.authorization_server.audit import by_client
from valetkey.authorization_server.client_authentication import authenticate, count_failure, parse_credentials
from valetkey.authorization_server.client_authentication.method import Credentials
from valetkey.authorization_server.cors import allow_origin, readable
from valetkey.authorization_server.decision import (
    ApiKeyIssue,
    Changes,
    ClientIssue,
    EndUserIssue,
    ExchangeIssue,
    Issue,
    Refuse,
    Replay,
    RevokeAuthorization,
    RotateRefreshToken,
)
from valetkey.authorization_server.fresh import Fresh
from valetkey.authorization_server.grant_table import GrantTable
from valetkey.authorization_server.id_token import Beside, mint_id_token
from valetkey.authorization_server.mint import mint_access_token
from valetkey.authorization_server.model import Client
from valetkey.authorization_server.rights import OPENID
from valetkey.authorization_server.sealing import seal
from valetkey.authorization_server.service import commit_in_rounds
from valetkey.authorization_server.token_form import form_for
from valetkey.jose.records import dataclass
from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.http import HttpRequest, HttpResponse
from valetkey.oauth.parameters import REPEATABLE, Parameters, parse_form, parse_front_channel
from valetkey.oauth.types import GrantType

if TYPE_CHECKING:
    from valetkey.authorization_server.decision import Change, Decision
    from valetkey.authorization_server.grants.grant import Grant
    from valetkey.authorization_server.model import Resource
    from valetkey.authorization_server.policy import Policy
    from valetkey.authorization_server.service import AuthorizationServer

_JSON: Final = ("content-type", "application/json")


@dataclass(frozen=True, slots=True)
class _Exchange:
    request: HttpRequest
    form: Parameters
    grant_type: GrantType
    credentials: Credentials
    fresh: Fresh


@dataclass(frozen=True, slots=True)
class _Answered:
    response: HttpResponse
    is_told_by_log: bool = False


@dataclass(frozen=True, slots=True)
class _Refused:
    error: OAuthError
    client: Client
    changes: Changes


class TokenResponse(msgspec.Struct, omit_defaults=True):
    """The body of a success (RFC 6749, 5.1): `scope` is always told, also where it is what was asked for."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str
    issued_token_type: str | None = None
    refresh_token: str | None = None
    id_token: str | None = None


_encode: Final = msgspec.json.Encoder().encode


async def respond(request: HttpRequest, server: AuthorizationServer) -> HttpResponse:
    """Answer a token request; raises OAuthError, and Unavailable after three lost races."""
    if request.query:
        raise _invalid_request("Parameters of a token request stand in its body.", "RFC6749-3.2/body")
    form = _parsed(request.body, server)
    credentials = parse_credentials(request, form)
    grant_type = GrantType(form.require("grant_type", "RFC6749-5.2/grant-type"))
    exchange = _Exchange(request, form, grant_type, credentials, server.fresh())
    origin = by_client(request, credentials.client_id, exchange.fresh)
    try:
        outcome = await commit_in_rounds(server, partial(_attempt, exchange, server), origin)
    except OAuthError as error:
        if error.code is ErrorCode.INVALID_CLIENT:
            await count_failure(credentials, request, server, exchange.fresh.now)
        raise
    if isinstance(outcome, _Refused):
        _log(outcome, request, server)
        raise outcome.error
    if outcome.is_told_by_log:
        # No record of the audit trail tells of it: the log does, and under a flood only a part of it.
        server.log.write(
            "token.issued", request_id=request.request_id, client_id=credentials.client_id, grant_type=grant_type
        )
    return outcome.response


def _parsed(body: bytes, server: AuthorizationServer) -> Parameters:
    """Return the form; what the grant that it names lets come more than once, may."""
    form, repeated = parse_front_channel(body)  # RFC6749-3.2/repeated
    if repeated is None:
        return form
    grant = GrantTable(server.further_grants).find(GrantType(form.get("grant_type") or ""))
    return parse_form(body, REPEATABLE if grant is None else grant.repeatable)


async def _attempt(
    exchange: _Exchange, server: AuthorizationServer
) -> tuple[_Answered | _Refused, tuple[Change, ...]]:
    """One round: who asks, what is decided, what is minted. What the proof used up is used up by a refusal too."""
    # RFC6749-3.2.1/authenticate RFC6749-4.1.3/client-authentication
    proven = await authenticate(exchange.credentials, server, exchange.fresh.now)
    client = proven.client
    headers = (_JSON, *allow_origin(exchange.request, client))
    try:
        decision = await _decide(exchange, client, server)
    except OAuthError as refusal:
        decision = Refuse(refusal)
    match decision:
        case Refuse(error, changes):
            refused = _Refused(readable(error, headers[1:]), client, changes)
            return refused, (*proven.changes, *changes)
        case Replay(body, changes):
            return _Answered(HttpResponse(200, headers, body)), (*proven.changes, *changes)
        case EndUserIssue() | ClientIssue() | ExchangeIssue() | ApiKeyIssue():
            body, added = await _mint(decision, client, server, exchange.fresh)
            changes = _with_kept_reply(decision, body, exchange.fresh)
            response = HttpResponse(200, headers, body)
            # What an end-user granted is on record. A client's own token is nowhere, also where an opaque one is
            # stored, and an exchange grants nothing that was new.
            is_told_by_log = not isinstance(decision, EndUserIssue)
            return _Answered(response, is_told_by_log), (*proven.changes, *changes, *added)


async def _decide(exchange: _Exchange, client: Client, server: AuthorizationServer) -> Decision:
    policy = server.policy_for(client)
    grant = _grant_for(exchange.grant_type, client, policy, server)
    asked = grant.parse(exchange.form)
    facts = await grant.load(asked, client, server, exchange.fresh, exchange.request.remote_address)
    decision = grant.decide(asked, facts, client, policy, exchange.fresh)
    if isinstance(decision, Issue) and len(decision.resources) > 1:
        # Whatever the grant: what cannot be written as one token is refused before anything is used up.
        form_for(await _resources(decision.resources, server), client)
    return decision


def _grant_for(
    grant_type: GrantType, client: Client, policy: Policy, server: AuthorizationServer
) -> Grant[object, object]:
    grant = GrantTable(server.further_grants).allowed(grant_type, policy)
    if grant is None:
        raise OAuthError(
            ErrorCode.UNSUPPORTED_GRANT_TYPE, "The grant_type is not supported.", "RFC6749-5.2/unsupported-grant"
        )
    if grant_type not in client.grant_types:
        raise OAuthError(
            ErrorCode.UNAUTHORIZED_CLIENT,
            "The client is not registered for this grant_type.",
            "RFC6749-5.2/unauthorized-client",
        )
    return grant


async def _mint(issue: Issue, client: Client, server: AuthorizationServer, fresh: Fresh) -> tuple[bytes, Changes]:
    resources = await _resources(issue.resources, server)
    minted = await mint_access_token(issue, client, resources, server, fresh)
    scope = str(issue.scope)
    response = TokenResponse(minted.value, "Bearer", minted.expires_in, scope)  # OIDCC-3.1.3.3/token-type
    if isinstance(issue, ExchangeIssue | ApiKeyIssue):
        response.issued_token_type = issue.token_type.value  # RFC8693-2.2.1/issued-token-type
    if isinstance(issue, EndUserIssue):
        if issue.refresh_token is not None:
            response.refresh_token = issue.refresh_token.reveal()
        if OPENID in issue.scope:  # OIDCC-3.1.3.3/id-token
            response.id_token = await mint_id_token(issue, client, server, Beside(minted.value), fresh.now)
    return _encode(response), minted.changes


async def _resources(identifiers: tuple[str, ...], server: AuthorizationServer) -> tuple[Resource, ...]:
    found = [await server.stores.resources.find(identifier) for identifier in identifiers]
    return tuple(resource for resource in found if resource is not None)


def _with_kept_reply(issue: Issue, body: bytes, fresh: Fresh) -> Changes:
    """Complete the rotation by the reply that a retry gets again, sealed under the token that was presented."""
    if not isinstance(issue, EndUserIssue) or issue.keep_reply_under is None:
        return issue.changes
    sealed = seal(body, issue.keep_reply_under, fresh)
    return tuple(
        replace(change, kept_reply=replace(change.kept_reply, sealed=sealed))
        if isinstance(change, RotateRefreshToken) and change.kept_reply is not None
        else change
        for change in issue.changes
    )


def _log(refused: _Refused, request: HttpRequest, server: AuthorizationServer) -> None:
    for change in refused.changes:
        if isinstance(change, RevokeAuthorization):
            server.log.write(
                "authorization.revoked",
                request_id=request.request_id,
                client_id=refused.client.client_id,
                authorization_id=change.authorization_id,
                requirement=refused.error.requirement,
            )


def _invalid_request(description: str, requirement: str) -> OAuthError:
    return OAuthError(ErrorCode.INVALID_REQUEST, description, requirement)
