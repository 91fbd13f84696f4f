"""What a browser brings first: plain parameters, or a request object by value or by reference (RFC 9101, 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.authorization.loading import find_asking_client
from valetkey.authorization_server.authorization.request import PageRefusal, addressed, client_of
from valetkey.authorization_server.authorization.request_object import (
    MEDIA_TYPES,
    MOST_OCTETS,
    REQUEST,
    REQUEST_URI,
    Expected,
    assembled,
    faulty_object,
    faulty_reference,
    fetched_object,
    is_by_mac,
    is_encrypted,
    kid_of,
    referenced_url,
    verified_claims,
    without_evidence,
)
from valetkey.authorization_server.authorization.rules import refused
from valetkey.authorization_server.budgets import Budget, counted, network_of, wait_for
from valetkey.authorization_server.client_secrets import mac_keys, opened_secrets
from valetkey.authorization_server.outbound import FetchRules, Lane, Unfetchable
from valetkey.authorization_server.pages import ErrorKind
from valetkey.jose import JoseError, JwkSet, KeySourceUnavailable, jwt
from valetkey.jose.records import dataclass
from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.parameters import Parameters

if TYPE_CHECKING:
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.types import NumericDate

BURST: Final = 20
INTERVAL: Final = 6
"""Seconds until one more object of a client that nobody vouches for is fetched for the same network."""


@dataclass(frozen=True, slots=True)
class Brought:
    """What came in the URL or the form, and from which address; nothing of it is believed yet."""

    parameters: Parameters
    repeated: OAuthError | None
    source: str


async def entered(brought: Brought, server: AuthorizationServer, now: NumericDate) -> Parameters:
    """Return the parameters that count: read once, so that nobody changes them while the end-user is asked.

    Raises PageRefusal, then RedirectError, for a request object that is not the client's.
    """
    plain = without_evidence(brought.parameters)
    if REQUEST not in plain and REQUEST_URI not in plain:
        return plain
    client = client_of(await find_asking_client(plain.get("client_id"), brought.source, server, now))
    expected = Expected(client, server.issuer, server.policy_for(client), now)
    try:
        text = await _decrypted(await _object_of(plain, brought.source, expected, server), server)
        claims = verified_claims(text, expected, await _keys(text, expected, server))
        return assembled(plain, claims, expected)
    except OAuthError as error:
        raise _refusal(error, plain, brought.repeated, expected) from None


def _refusal(
    error: OAuthError, plain: Parameters, repeated: OAuthError | None, expected: Expected
) -> PageRefusal | Exception:
    """Return what tells the client, at the redirect URI beside the object: that inside of it is not believed."""
    try:
        asked = addressed(plain, repeated, expected.client, expected.policy)
    except PageRefusal as page:
        return page if "redirect_uri" in plain else PageRefusal(ErrorKind.BAD_REQUEST, error)
    return refused(asked, error, expected.policy)


async def _object_of(plain: Parameters, source: str, expected: Expected, server: AuthorizationServer) -> str:
    reference, value = plain.get(REQUEST_URI), plain.get(REQUEST)
    if reference is None:
        return value or ""
    if value is not None:
        text = "The parameters request and request_uri exclude each other."
        raise OAuthError(ErrorCode.INVALID_REQUEST, text, "JAR-5/exclusive")
    url = referenced_url(reference, expected.client)
    lane = await _lane(expected, source, server)
    try:
        # JAR-5.2.3/fetch OIDCC-6.2.3/fetch
        found = await server.outbound.get(url, FetchRules(MEDIA_TYPES, MOST_OCTETS, lane))
    except Unfetchable as failure:
        raise faulty_reference(failure.detail) from None
    return fetched_object(reference, found.body)


async def _decrypted(text: str, server: AuthorizationServer) -> str:
    if not is_encrypted(text):
        return text
    try:
        # Whoever can read our key can encrypt to it: who asks, only the signature inside tells.
        return (await server.signer.decrypt(text)).decode("latin-1")  # JAR-6.1 OIDCC-6.3.1
    except JoseError as error:
        raise faulty_object(error.code, "JAR-6.1") from None


async def _lane(expected: Expected, source: str, server: AuthorizationServer) -> Lane:
    if not expected.client.is_unverified:
        return Lane.REGISTERED
    budgets = (Budget(f"request_uri {network_of(source)}", INTERVAL, BURST),)
    # Else a stranger could have us ask any site for anything, as often as they like.
    if await wait_for(budgets, server.stores, expected.now) or not await server.stores.commit(
        counted(budgets, expected.now)
    ):
        raise faulty_reference("too many objects were asked for from one address", "JAR-10.4.1/flood")
    return Lane.STRANGERS


async def _keys(text: str, expected: Expected, server: AuthorizationServer) -> tuple[JwkSet, ...]:
    client = expected.client
    if is_by_mac(text):
        return mac_keys(jwt.peek(text).header, opened_secrets(client, server.sealed_secrets, expected.now))
    # Judged before any fetch: an object that no key could save must not cost the source a request.
    kid = kid_of(text, expected)
    if client.jwks_uri is None:
        return () if client.jwks is None else (client.jwks,)
    lane = Lane.STRANGERS if client.is_unverified else Lane.REGISTERED
    try:
        return (await server.remote_keys.find(client.jwks_uri, kid, lane),)
    except KeySourceUnavailable:
        raise faulty_object("published keys") from None
