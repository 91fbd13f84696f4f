"""The client configuration endpoint (RFC 7592, 2): a client reads, replaces and removes its own registration."""

from __future__ import annotations

import hmac
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from valetkey.authorization_server.audit import by_client
from valetkey.authorization_server.budgets import Budget, counted, wait_for
from valetkey.authorization_server.client_algorithms import SecretUse
from valetkey.authorization_server.client_secrets import draw_secret, live_secrets
from valetkey.authorization_server.decision import (
    Changes,
    ForgetConsents,
    RemoveClient,
    ReplaceRegisteredClient,
)
from valetkey.authorization_server.endpoints.registration import TooManyRegistrations, judge_keys, judge_sector
from valetkey.authorization_server.model import Client, SelfRegistration
from valetkey.authorization_server.self_registration.admission import invalid_token, not_admitted
from valetkey.authorization_server.self_registration.answer import client_information
from valetkey.authorization_server.self_registration.bearer import presented_bearer
from valetkey.authorization_server.self_registration.judging import described_client, secret_use_in
from valetkey.authorization_server.service import commit_in_rounds
from valetkey.jose.records import dataclass
from valetkey.oauth.client_metadata import (
    invalid_metadata,
    parse_client_metadata,
    parse_client_metadata_document,
)
from valetkey.oauth.errors import ErrorCode
from valetkey.oauth.http import HttpResponse, json_response
from valetkey.oauth.types import ClientId, OpaqueToken, SecretText

if TYPE_CHECKING:
    from collections.abc import Mapping

    from valetkey.authorization_server.fresh import Fresh
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.http import HttpRequest
    from valetkey.oauth.types import NumericDate

OURS: Final = (
    "registration_access_token",
    "registration_client_uri",
    "client_secret_expires_at",
    "client_id_issued_at",
)
"""Members that only the server states."""

Outcome = tuple[HttpResponse, Changes]


@dataclass(frozen=True, slots=True)
class _Managed:
    """A client whose registration access token was presented."""

    client: Client
    registration: SelfRegistration
    bearer: OpaqueToken


@dataclass(frozen=True, slots=True)
class _Replaced:
    """What becomes of it."""

    client: Client
    response: HttpResponse
    changes: Changes


async def respond(request: HttpRequest, server: AuthorizationServer) -> HttpResponse:
    """Answer what is registered, what has been replaced, or 204 once it is gone; raises OAuthError."""
    bearer = presented_bearer(request)
    if bearer is None:
        raise not_admitted("The registration access token is needed.")
    client_id = ClientId(unquote(request.path.rpartition("/")[2]))
    fresh = server.fresh()

    if request.method == "PUT":
        named = await _authorized(client_id, bearer, server)
        replaced = _replaced(named, request.body, server, fresh)
        await judge_keys(replaced.client, server)
        await judge_sector(replaced.client, request, server, fresh.now)

    async def attempt() -> Outcome:
        managed = await _authorized(client_id, bearer, server)
        match request.method:
            case "PUT":
                counts = await _counted(managed, server, fresh.now)
                replaced = _replaced(managed, request.body, server, fresh)
                return replaced.response, (*replaced.changes, *counts)
            case "DELETE":
                return HttpResponse(204), (RemoveClient(client_id),)  # RFC7592-2.3/delete RFC7592-2.3/invalidate
            case _:
                return _shown(managed, server), ()

    response = await commit_in_rounds(server, attempt, by_client(request, client_id, fresh))
    request_id, address = request.request_id, request.remote_address
    if request.method == "PUT":
        server.log.write("client.replaced", request_id=request_id, client_id=client_id, remote_address=address)
    elif request.method == "DELETE":
        server.log.write("client.removed", request_id=request_id, client_id=client_id, remote_address=address)
    return response


async def _authorized(client_id: ClientId, bearer: OpaqueToken, server: AuthorizationServer) -> _Managed:
    """Return the client that the token manages; one refusal, whether there is such a client or not."""
    client = await server.stores.clients.find(client_id)
    registration = None if client is None or client.disabled else client.registration
    expected = bytes(32) if registration is None else bytes(registration.access_token_digest)
    if not hmac.compare_digest(expected, bytes(bearer.digest())) or client is None or registration is None:
        raise invalid_token("The registration access token is not valid here.", "RFC7592-2/unauthorized")
    return _Managed(client, registration, bearer)


async def _counted(managed: _Managed, server: AuthorizationServer, now: NumericDate) -> Changes:
    """Return what a replacement takes of the client's budget; raises TooManyRegistrations."""
    # Each one makes every cache of the tenant read anew, as a registration does: RFC7591-5/rate-limit
    budgets = (Budget(f"registration of {managed.client.client_id}", 30, 20),)
    wait = await wait_for(budgets, server.stores, now)
    if wait:
        raise TooManyRegistrations(
            ErrorCode.INVALID_REQUEST,
            "The client was changed too often: wait.",
            "RFC7591-5/rate-limit",
            headers=(("retry-after", str(wait)),),
        )
    return counted(budgets, now)


def _shown(managed: _Managed, server: AuthorizationServer) -> HttpResponse:
    # A secret is kept as a digest: it is told once, when it is drawn.
    document = client_information(managed.client, managed.registration, managed.bearer, None, server.issuer)
    return json_response(200, document)  # RFC7592-2.1/read


def _replaced(managed: _Managed, body: bytes, server: AuthorizationServer, fresh: Fresh) -> _Replaced:
    client, members = managed.client, parse_client_metadata_document(body)
    _judge_own(members, client, fresh.now)
    metadata = parse_client_metadata(members)
    use = secret_use_in(metadata)
    secrets, shown = live_secrets(client.secrets, use, fresh.now), None
    if use is not SecretUse.NONE and not secrets:
        secret, shown = draw_secret(client.client_id, use, fresh, server.sealed_secrets)
        secrets = (secret,)
    # What is left out is left out of the registration: RFC7592-2.2/replace
    new = described_client(client.client_id, metadata, managed.registration, secrets, server.policy_for(client))
    # What an operator decided about it stays.
    new = replace(
        new,
        consent=client.consent,
        profile=client.profile,
        resources=client.resources,
        access_token_format=client.access_token_format,
        attributes=client.attributes,
        token_exchange=() if new.is_public else client.token_exchange,
    )
    registration = new.registration or managed.registration
    document = client_information(new, registration, managed.bearer, shown, server.issuer)
    changes: Changes = (ReplaceRegisteredClient(new),)
    if (new.name, new.redirect_uris) != (client.name, client.redirect_uris):
        # End-users allowed something to who they were shown, at the host that they were shown.
        changes = (*changes, ForgetConsents(client.client_id))
    return _Replaced(new, json_response(200, document), changes)


def _judge_own(members: Mapping[str, object], client: Client, now: NumericDate) -> None:
    if members.get("client_id") != client.client_id:
        raise invalid_metadata("client_id is that of the client.", "RFC7592-2.2/client-id")
    if not members.keys().isdisjoint(OURS):
        raise invalid_metadata(f"{', '.join(OURS)} are stated by the server alone.", "RFC7592-2.2/not-theirs")
    secret = members.get("client_secret")
    if secret is not None and not (
        isinstance(secret, str)
        and any(each.digest.matches(SecretText(secret)) for each in client.secrets if each.is_live(now))
    ):
        raise invalid_metadata("client_secret is the current one, or absent.", "RFC7592-2.2/client-secret")
