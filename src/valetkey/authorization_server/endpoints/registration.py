"""The client registration endpoint (RFC 7591, 3): software becomes a client, within what the tenant allows."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.audit import by_client
from valetkey.authorization_server.budgets import Budget, counted, network_of, wait_for
from valetkey.authorization_server.client_algorithms import SecretUse
from valetkey.authorization_server.client_secrets import draw_secret
from valetkey.authorization_server.decision import Changes, RegisterClient, UseRegistrationToken
from valetkey.authorization_server.fresh import Fresh
from valetkey.authorization_server.key_algorithms import client_key_faults
from valetkey.authorization_server.model import Client, SelfRegistration
from valetkey.authorization_server.sector_identifier import UnprovenSector, prove_sector
from valetkey.authorization_server.self_registration.admission import (
    FOR_EVERYBODY,
    Admission,
    admitted,
    live_token,
    mode_of,
)
from valetkey.authorization_server.self_registration.answer import client_information, management_uri
from valetkey.authorization_server.self_registration.bearer import presented_bearer
from valetkey.authorization_server.self_registration.judging import described_client, secret_use_in
from valetkey.authorization_server.service import commit_in_rounds
from valetkey.jose.records import dataclass
from valetkey.oauth.client_metadata import (
    ClientMetadata,
    invalid_metadata,
    parse_client_metadata,
    parse_client_metadata_document,
)
from valetkey.oauth.errors import ErrorCode, OAuthError, Unavailable
from valetkey.oauth.http import HttpRequest, HttpResponse, json_response
from valetkey.oauth.types import ClientId, NumericDate, OpaqueToken

if TYPE_CHECKING:
    from valetkey.authorization_server.policy import Policy
    from valetkey.authorization_server.service import AuthorizationServer

ACCESS_TOKEN_PREFIX: Final = "vk_rat_"  # noqa: S105 - the prefix that leak scanners know
CREATED: Final = 201
_FULL_RETRY: Final = 3_600


@dataclass(frozen=True, slots=True)
class _Asked:
    """What was sent, and the moment; nothing of it is believed yet."""

    request: HttpRequest
    metadata: ClientMetadata
    bearer: OpaqueToken | None
    fresh: Fresh


class TooManyRegistrations(OAuthError):
    """So many were registered from one network, or at one tenant, that the next has to wait (RFC 6585, 4)."""

    @property
    def status(self) -> int:
        """429, which no code of the registry has."""
        return 429


async def respond(request: HttpRequest, server: AuthorizationServer) -> HttpResponse:
    """Answer 201 with what was registered; raises OAuthError and Unavailable."""
    bearer = presented_bearer(request)
    fresh = server.fresh()
    # Who may not register is told so before anything that they sent is read.
    admission = await _admission(bearer, server, fresh.now)
    metadata = parse_client_metadata(parse_client_metadata_document(request.body))
    asked = _Asked(request, metadata, bearer, fresh)
    described = _described(asked, admission, server)[0]
    await judge_keys(described, server)
    await judge_sector(described, request, server, fresh.now)
    origin = by_client(request, _new_client_id(fresh), fresh)
    client, response = await commit_in_rounds(server, partial(_attempt, asked, server), origin)
    registration = client.registration
    server.log.write(
        "client.registered",
        request_id=request.request_id,
        client_id=client.client_id,
        admitted_by=None if registration is None else registration.token_id,
        remote_address=request.remote_address,
    )
    return response


async def _attempt(asked: _Asked, server: AuthorizationServer) -> tuple[tuple[Client, HttpResponse], Changes]:
    fresh = asked.fresh
    admission = await _admission(asked.bearer, server, fresh.now)
    spent = await _spent(admission, asked, server)
    client, response = _described(asked, admission, server)
    policy = server.policy
    register = RegisterClient(client, _expiry(client, policy, fresh.now), policy.most_registrations)
    return (client, response), (*spent, register)


def _described(asked: _Asked, admission: Admission, server: AuthorizationServer) -> tuple[Client, HttpResponse]:
    """Return the client that comes of the metadata, and its answer; raises OAuthError. Twice is the same."""
    fresh = asked.fresh
    access_token = fresh.token(ACCESS_TOKEN_PREFIX)
    client_id = _new_client_id(fresh)
    registration = SelfRegistration(
        fresh.now,
        access_token.digest(),
        None if admission.token is None else admission.token.token_id,
        admission.scope,
        admission.grant_types,
    )
    use = secret_use_in(asked.metadata)
    secret, shown = draw_secret(client_id, use, fresh, server.sealed_secrets)
    secrets = () if use is SecretUse.NONE else (secret,)
    client = described_client(client_id, asked.metadata, registration, secrets, server.policy)
    document = client_information(
        client, client.registration or registration, access_token, shown if secrets else None, server.issuer
    )
    return client, json_response(CREATED, document, (("location", management_uri(client, server.issuer)),))


async def judge_keys(client: Client, server: AuthorizationServer) -> None:
    """Say whether our keys can sign what a client wants signed; raises OAuthError where they cannot."""
    for fault in client_key_faults(client, await server.signer.algorithms()):
        raise invalid_metadata(f"{fault.field}: {fault.message}.")


async def judge_sector(client: Client, request: HttpRequest, server: AuthorizationServer, now: NumericDate) -> None:
    """Ask the document of its `sector_identifier_uri` whether a client belongs to the sector; raises OAuthError."""
    if client.openid.sector_identifier_uri is None:
        return
    budgets = (Budget(f"sector_document {network_of(request.remote_address)}", 6, 20),)
    wait = await wait_for(budgets, server.stores, now)
    # Counted before it is asked for: strangers do not let us knock at doors without end.
    if wait or not await server.stores.commit(counted(budgets, now)):
        raise TooManyRegistrations(
            ErrorCode.INVALID_REQUEST,
            "Too many sector identifier documents were named from there: wait.",
            "RFC7591-5/rate-limit",
            headers=(("retry-after", str(wait or 1)),),
        )
    try:
        await prove_sector(client, server.outbound)
    except UnprovenSector as failure:
        server.log.write("client.sector_refused", request_id=request.request_id, why=failure.detail)
        raise invalid_metadata(f"sector_identifier_uri: {failure.text}.", "OIDCR-5/sector-document") from None


def _new_client_id(fresh: Fresh) -> ClientId:
    return ClientId(fresh.identifier("client"))


async def _admission(bearer: OpaqueToken | None, server: AuthorizationServer, now: NumericDate) -> Admission:
    token = None
    if bearer is not None:
        token = live_token(await server.stores.registrations.find_token(bearer.digest()), now)
    catalogue = await server.stores.resources.list()
    return admitted(mode_of(server.tenant, server.policy), token, server.tenant, catalogue, server.policy)


async def _spent(admission: Admission, asked: _Asked, server: AuthorizationServer) -> Changes:
    """Return what a registration uses up; raises TooManyRegistrations, and Unavailable where no more fit."""
    if await server.stores.registrations.count() >= server.policy.most_registrations:
        raise Unavailable("room for another client that registers itself", retry_after=_FULL_RETRY)
    if admission.token is not None:
        return (UseRegistrationToken(admission.token.digest, asked.fresh.now),)
    budgets = _budgets(asked.request, server.policy)
    wait = await wait_for(budgets, server.stores, asked.fresh.now)
    if wait:
        raise TooManyRegistrations(
            ErrorCode.INVALID_REQUEST,
            "Too many clients were registered from there: wait.",
            "RFC7591-5/rate-limit",
            headers=(("retry-after", str(wait)),),
        )
    return counted(budgets, asked.fresh.now)


def _budgets(request: HttpRequest, policy: Policy) -> tuple[Budget, ...]:
    network = f"registration {network_of(request.remote_address)}"
    return (
        Budget(network, policy.registration_interval, policy.most_registrations_at_once),
        # Each registration makes every cache of the tenant read anew: strangers together get one a second.
        Budget("registration", 1, 100),
    )


def _expiry(client: Client, policy: Policy, now: NumericDate) -> NumericDate | None:
    # The use of any other grant type leaves no trace in the store by which to tell that it is unused.
    is_traced = client.grant_types <= FOR_EVERYBODY
    return NumericDate(now + policy.unused_registration_lifetime) if is_traced else None
