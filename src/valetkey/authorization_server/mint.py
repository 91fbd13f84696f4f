"""Access tokens: their claims (RFC 9068), signed as a JWT or stored behind an opaque text."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.decision import (
    AddAccessToken,
    Changes,
    ClientIssue,
    ExchangeIssue,
    Issue,
)
from valetkey.authorization_server.known_access_tokens import OpaqueAccessToken
from valetkey.authorization_server.model import AccessTokenFormat
from valetkey.authorization_server.revocation.publication import status_list_uri
from valetkey.authorization_server.revocation.statuses import AssignStatus, AssignStatusToClient
from valetkey.authorization_server.rights import audience
from valetkey.jose.jwt import AT_JWT
from valetkey.oauth.status_list import StatusReference
from valetkey.oauth.types import NumericDate, Seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from valetkey.authorization_server.fresh import Fresh
    from valetkey.authorization_server.model import Client, Generations, Resource
    from valetkey.authorization_server.ports import StatusPlace
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.types import Issuer

ALGORITHM: Final = "ES256"
"""Fast to sign and to verify, and every verifier has it."""
PREFIX: Final = "vk_at_"


@dataclass(frozen=True, slots=True)
class MintedAccessToken:
    """An access token, how many seconds it lives, and what makes it good: nothing for a signed one."""

    value: str = field(repr=False)
    expires_in: Seconds
    changes: Changes = ()


async def mint_access_token(
    issue: Issue, client: Client, resources: Sequence[Resource], server: AuthorizationServer, fresh: Fresh
) -> MintedAccessToken:
    """Return the token for what was decided; `resources` are those that `issue` names.

    Raises Unavailable when no key can sign it.
    """
    lifetime = lifetime_for(resources, server.policy_for(client).access_token_lifetime)
    if isinstance(issue, ExchangeIssue):
        lifetime = Seconds(min(lifetime, issue.expires_at - fresh.now))
    claims = access_token_claims(issue, client, server.issuer, lifetime, fresh)
    if format_for(resources, client) is AccessTokenFormat.OPAQUE:
        opaque = fresh.token(PREFIX)
        row = OpaqueAccessToken(opaque.digest(), claims, NumericDate(fresh.now + lifetime))
        return MintedAccessToken(opaque.reveal(), lifetime, (AddAccessToken(row),))
    place, changes = await _place(issue, client, server, NumericDate(fresh.now + lifetime), fresh)
    claims["status"] = StatusReference(status_list_uri(server.issuer, place[0]), place[1]).claim()
    token = await server.signer.sign(claims, typ=AT_JWT, algorithm=ALGORITHM)  # RFC9068-2.1/signed
    return MintedAccessToken(token, lifetime, changes)


async def _place(
    issue: Issue, client: Client, server: AuthorizationServer, expires_at: NumericDate, fresh: Fresh
) -> tuple[StatusPlace, Changes]:
    if isinstance(issue, ClientIssue):
        generations = issue.generations
        return await server.statuses.take_for_client(client.client_id, generations, expires_at, fresh), ()
    authorization_id = issue.stored.authorization.authorization_id
    if isinstance(issue, ExchangeIssue):
        # Its place is the client's and the authorization's, and that of whoever had the token in between.
        stamp = replace(issue.generations, subject=0)
        place = await server.statuses.take_for_client(client.client_id, stamp, expires_at, fresh)
        between = tuple(
            AssignStatusToClient(*place, one.client_id, one.generation, expires_at) for one in issue.between
        )
        return place, (AssignStatus(*place, authorization_id, expires_at), *between)
    place = await server.statuses.take(expires_at, fresh)
    return place, (AssignStatus(*place, authorization_id, expires_at),)


def lifetime_for(resources: Sequence[Resource], default: Seconds) -> Seconds:
    """Return the seconds that suit every one of `resources`: the shortest that one of them asks for."""
    asked = [default if own is None else own for own in (one.access_token_lifetime for one in resources)]
    return min(asked, default=default)


def format_for(resources: Sequence[Resource], client: Client) -> AccessTokenFormat:
    """Return how a token is written: as its client says, else opaque as soon as one of `resources` asks for that.

    A resource whose tokens are opaque must not find what they say in a token that everybody can read.
    """
    if client.access_token_format is not None:
        return client.access_token_format
    wants_opaque = any(one.access_token_format is AccessTokenFormat.OPAQUE for one in resources)
    return AccessTokenFormat.OPAQUE if wants_opaque else AccessTokenFormat.JWT


def access_token_claims(
    issue: Issue, client: Client, issuer: Issuer, lifetime: Seconds, fresh: Fresh
) -> dict[str, object]:
    """Return the claims of an access token (RFC 9068, 2.2), with the handles that revocation names.

    `gen` holds the counters [server, tenant, client, subject] of its authorization, those of an exchanged token
    with the counter of its own client.
    """
    claims: dict[str, object] = {  # RFC9068-2.2/claims
        "iss": issuer.url,
        "sub": client.client_id,
        "aud": audience(issue.resources, issue.scope, issuer),
        "exp": fresh.now + lifetime,
        "iat": fresh.now,
        "jti": fresh.identifier("jti"),
        "client_id": client.client_id,
        "scope": str(issue.scope),
    }
    if isinstance(issue, ClientIssue):
        claims["gen"] = _counters(issue.generations)
        return claims
    authorization = issue.stored.authorization
    claims["sub"] = authorization.subject
    claims["gen"] = _counters(authorization.generations)
    if isinstance(issue, ExchangeIssue):
        claims["gen"] = _counters(issue.generations)
        claims.update(issue.claims)
    claims["authorization_id"] = authorization.authorization_id
    if authorization.authentication.auth_time:
        claims["auth_time"] = authorization.authentication.auth_time
    if authorization.authentication.acr:
        claims["acr"] = authorization.authentication.acr
    if authorization.authentication.amr:
        claims["amr"] = list(authorization.authentication.amr)
    # A token that outlives its session must not die with it, so it does not name it.
    if authorization.sid is not None and authorization.bound_to_session:
        claims["sid"] = authorization.sid
    return claims


def _counters(generations: Generations) -> list[int]:
    return [generations.server, generations.tenant, generations.client, generations.subject]
