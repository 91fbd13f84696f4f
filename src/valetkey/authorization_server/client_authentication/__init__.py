"""The table of client-authentication methods, and the one way in which every endpoint uses it (RFC 6749, 2.3)."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.budgets import network_of
from valetkey.authorization_server.client_authentication.assertion import key_named_by
from valetkey.authorization_server.client_authentication.client_secret_basic import ClientSecretBasic
from valetkey.authorization_server.client_authentication.client_secret_jwt import ClientSecretJwt
from valetkey.authorization_server.client_authentication.client_secret_post import ClientSecretPost
from valetkey.authorization_server.client_authentication.method import (
    ClientAuthenticationMethod,
    Credentials,
    Expectation,
    invalid_client,
    invalid_client_in_header,
    invalid_request,
)
from valetkey.authorization_server.client_authentication.none import NoAuthentication
from valetkey.authorization_server.client_authentication.private_key_jwt import PrivateKeyJwt
from valetkey.authorization_server.client_secrets import opened_secrets
from valetkey.authorization_server.decision import BurnJti, CountAttempt
from valetkey.authorization_server.introduction.introducing import UnreadableClient, find_or_introduce
from valetkey.authorization_server.model import AuthenticationMethod, Client
from valetkey.authorization_server.outbound import Lane
from valetkey.authorization_server.paths import TOKEN
from valetkey.jose import JwkSet, KeySourceUnavailable
from valetkey.jose.records import dataclass
from valetkey.oauth.authentication_method import ALGORITHMS_OF
from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.types import SecretDigest, SecretText

if TYPE_CHECKING:
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.http import HttpRequest
    from valetkey.oauth.parameters import Parameters
    from valetkey.oauth.types import NumericDate

METHODS: Final[dict[AuthenticationMethod, ClientAuthenticationMethod]] = {
    method.name: method
    for method in (NoAuthentication(), ClientSecretBasic(), ClientSecretPost(), ClientSecretJwt(), PrivateKeyJwt())
}
"""Every method, by its registered name."""

ASSERTION_ALGORITHMS: Final = tuple(name for names in ALGORITHMS_OF.values() for name in names)

_NOBODYS_SECRET: Final = SecretDigest(bytes(32))


@dataclass(frozen=True, slots=True)
class AuthenticatedClient:
    """A client that proved who it is, and what the proof used up, whatever is decided after it."""

    client: Client
    changes: tuple[BurnJti, ...] = ()


class TooManyFailures(OAuthError):
    """Client authentication failed too often from one address (RFC 6585, 4)."""

    @property
    def status(self) -> int:
        """429, which no code of the registry has."""
        return 429


def parse_credentials(request: HttpRequest, form: Parameters) -> Credentials:
    """Return the credentials of a request; raises OAuthError unless it carries exactly one method's.

    Text of a request names at most one client: a `client_id` beside a header or an assertion must be the same.
    """
    found = [parsed for method in METHODS.values() if (parsed := method.parse(request, form)) is not None]
    if len(found) > 1:
        raise invalid_request("The client authenticates in more than one way.", "RFC6749-2.3/one-method")
    if not found:
        raise invalid_client("nothing")
    if form.get("client_id") not in {None, found[0].client_id}:
        raise invalid_request("The client_id is not that of the credentials.", "RFC7521-4.2/client-id")
    parsed = found[0]
    return Credentials(parsed.method, parsed.client_id, parsed.proof, request.remote_address)


async def authenticate(
    credentials: Credentials, server: AuthorizationServer, now: NumericDate
) -> AuthenticatedClient:
    """Return the client that `credentials` prove; raises OAuthError `invalid_client`, the same for every cause.

    Where the client failed too often from this source, nothing is looked at: TooManyFailures.
    """
    if credentials.proof is not None:
        wait = await server.failed_clients.wait(credentials.client_id, credentials.source)
        if wait:
            raise _not_looked_at(wait)
    try:
        client = await find_or_introduce(credentials.client_id, credentials.source, server, now)
    except UnreadableClient as error:
        raise _refusal(credentials, error.detail) from None
    if client is None or client.disabled or credentials.method not in client.authentication_method.ways:
        # As much work as for a client that exists.
        _NOBODYS_SECRET.matches(credentials.proof or SecretText(""))
        raise _refusal(credentials, "client")
    expected = Expectation(server.issuer, server.issuer.endpoint(TOKEN), server.policy_for(client), now)
    if credentials.method is AuthenticationMethod.CLIENT_SECRET_JWT:
        expected = replace(expected, secrets=opened_secrets(client, server.sealed_secrets, now))
    try:
        if credentials.method is AuthenticationMethod.PRIVATE_KEY_JWT and client.jwks_uri is not None:
            expected = replace(
                expected, keys=await _published(client.jwks_uri, credentials, client, expected, server)
            )
        used_up = METHODS[credentials.method].verify(credentials.proof, client, expected)
    except OAuthError as error:
        raise _refusal(credentials, error.detail) from None
    for change in used_up:
        if await server.stores.replay_guard.is_burned(change.scope, change.jti_digest, now):
            raise _refusal(credentials, "jti")  # RFC7523-3/jti
    return AuthenticatedClient(_as_proven(client, credentials, now), used_up)


def _as_proven(client: Client, credentials: Credentials, now: NumericDate) -> Client:
    """Return a client with several secrets as one with that by which it was proven: a key that it knows."""
    proof = credentials.proof
    if len(client.secrets) <= 1 or proof is None:
        return client
    proven = tuple(each for each in client.secrets if each.is_live(now) and each.digest.matches(proof))
    return replace(client, secrets=proven) if proven else client


async def _published(
    jwks_uri: str, credentials: Credentials, client: Client, expected: Expectation, server: AuthorizationServer
) -> JwkSet:
    # Judged before any fetch: an assertion that no key could save must not cost the source a request.
    kid = key_named_by(credentials.proof or SecretText(""), client, expected, credentials.method)
    try:
        return await server.remote_keys.find(
            jwks_uri, kid, Lane.STRANGERS if client.is_unverified else Lane.REGISTERED
        )
    except KeySourceUnavailable:
        raise invalid_client("published keys") from None


def _refusal(credentials: Credentials, reason: str) -> OAuthError:
    # The answer tells nobody why; the log tells the operator, who else could not help the client.
    detail = f"{reason} of {credentials.client_id[:100]}"
    is_header = credentials.method is AuthenticationMethod.CLIENT_SECRET_BASIC
    return invalid_client_in_header(detail) if is_header else invalid_client(detail)


async def count_failure(
    credentials: Credentials, request: HttpRequest, server: AuthorizationServer, now: NumericDate
) -> None:
    """Count a failed proof against its client and address; raises TooManyFailures when the budget is used up.

    Only failures are read and written, so that nobody can lock a client out from elsewhere and the success path
    costs no commit: secrets have at least 128 bits, what is limited here is the work that guessing makes us do.
    """
    if credentials.proof is None:
        return
    await server.failed_clients.count(credentials.client_id, credentials.source)
    for budget in _budgets(credentials, request, now):
        wait = await server.stores.attempts.wait(budget.key, budget.interval, budget.burst, now)
        if wait:
            raise _too_many(wait)
    if not await server.stores.commit(_budgets(credentials, request, now)):
        raise _too_many(1)


def _budgets(credentials: Credentials, request: HttpRequest, now: NumericDate) -> tuple[CountAttempt, ...]:
    network = network_of(request.remote_address)
    # A digest, because what somebody sends as a client_id may be long and is not ours to keep.
    client = hashlib.sha256(credentials.client_id.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return (
        CountAttempt(f"client_authentication {client} {network}", 6, 20, now),
        CountAttempt(f"client_authentication {network}", 1, 100, now),
    )


def _not_looked_at(wait: int) -> TooManyFailures:
    # Not `invalid_client`: the proof that came now was not judged, and may be right.
    return TooManyFailures(
        ErrorCode.TEMPORARILY_UNAVAILABLE,
        "Client authentication failed too often from this address: wait.",
        "RFC6749-2.3.1/brute-force",
        headers=(("retry-after", str(wait)),),
    )


def _too_many(wait: int) -> TooManyFailures:
    return TooManyFailures(
        ErrorCode.INVALID_CLIENT,
        "Client authentication failed too often: wait.",
        "RFC6749-2.3.1/brute-force",
        headers=(("retry-after", str(wait)),),
    )
