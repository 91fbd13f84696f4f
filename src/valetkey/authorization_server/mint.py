"""Access tokens: their claims (RFC 9068), signed as a JWT or stored behind an opaque text."""

from __future__ import annotations

from dataclasses import field, replace
from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.claim_mapping import (
    LARGE,
    ClaimFacts,
    mapped_claims,
    octets_of,
    wants_end_user,
)
from valetkey.authorization_server.decision import (
    AddAccessToken,
    ApiKeyIssue,
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
from valetkey.authorization_server.subject_identifier import subject_for
from valetkey.authorization_server.tenant_secrets import NotePairwiseToken
from valetkey.authorization_server.token_form import form_for
from valetkey.jose.jwt import AT_JWT
from valetkey.jose.records import dataclass
from valetkey.oauth.status_list import StatusReference
from valetkey.oauth.types import NumericDate, OpaqueToken, Seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from valetkey.authorization_server.fresh import Fresh
    from valetkey.authorization_server.model import Client, Generations, Resource
    from valetkey.authorization_server.ports import StatusPlace
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.types import Issuer

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
    if not isinstance(issue, ClientIssue) and issue.expires_at is not None:
        lifetime = Seconds(min(lifetime, issue.expires_at - fresh.now))
    expires_at = NumericDate(fresh.now + lifetime)
    claims = access_token_claims(issue, client, server.issuer, lifetime, fresh)
    noted = await _made_pairwise(claims, issue, client, server, expires_at)
    form = form_for(resources, client)
    if form.format is AccessTokenFormat.OPAQUE:
        # What its resources want besides is read whenever it is introspected.
        opaque = fresh.token(PREFIX)
        row = OpaqueAccessToken(opaque.digest(), claims, expires_at)
        return MintedAccessToken(opaque.reveal(), lifetime, (AddAccessToken(row),))
    place, changes = await _place(issue, client, server, expires_at, fresh)
    changes = (*changes, *noted)
    claims["status"] = StatusReference(status_list_uri(server.issuer, place[0]), place[1]).claim()
    row_claims = dict(claims)
    claims.update(await _mapped(issue, client, resources, server))
    token = await server.signer.sign(claims, typ=AT_JWT, algorithm=form.signing_alg)  # RFC9068-2.1/signed
    if form.recipient is None:
        return MintedAccessToken(token, lifetime, changes)
    sealed = await server.signer.encrypt(
        token, form.recipient.key, typ=AT_JWT, encryption=form.recipient.encryption
    )
    # We cannot read it ourselves, so we keep what it says: it can be introspected and given back all the same.
    digest = OpaqueToken.presented(sealed).digest()
    row = OpaqueAccessToken(digest, row_claims, expires_at)
    return MintedAccessToken(sealed, lifetime, (*changes, AddAccessToken(row)))


async def _made_pairwise(
    claims: dict[str, object], issue: Issue, client: Client, server: AuthorizationServer, expires_at: NumericDate
) -> Changes:
    """Let the token name its end-user as its client knows them; return what has to be noted of it then."""
    if isinstance(issue, ClientIssue) or (isinstance(issue, ApiKeyIssue) and issue.end_user is None):
        return ()
    authorization = issue.stored.authorization
    # Its client can read the token as well as its resource servers: OIDCC-8/pairwise
    told = claims["sub"] = await subject_for(client, authorization.subject, server)
    if told == authorization.subject:
        return ()
    # Two clients could tell by the session that they know the same end-user; it ends with its authorizations.
    claims.pop("sid", None)
    return (NotePairwiseToken(authorization.subject, authorization.authorization_id, expires_at),)


async def _mapped(
    issue: Issue, client: Client, resources: Sequence[Resource], server: AuthorizationServer
) -> dict[str, object]:
    if not any(resource.claims for resource in resources):
        return {}
    claims = mapped_claims(resources, issue.scope, await _facts(issue, client, resources, server))
    octets = octets_of(claims)
    if octets > LARGE:
        server.log.write("token.large", client_id=client.client_id, octets=octets, resource=resources[0].identifier)
    return claims


async def _facts(
    issue: Issue, client: Client, resources: Sequence[Resource], server: AuthorizationServer
) -> ClaimFacts:
    if isinstance(issue, ApiKeyIssue):
        return ClaimFacts(issue.acting, issue.end_user, None)
    authorization = None if isinstance(issue, ClientIssue) else issue.stored.authorization
    end_user = None
    if authorization is not None and wants_end_user(resources):
        end_user = await server.stores.end_users.find(authorization.subject)
    return ClaimFacts(client, end_user, authorization)


async def _place(
    issue: Issue, client: Client, server: AuthorizationServer, expires_at: NumericDate, fresh: Fresh
) -> tuple[StatusPlace, Changes]:
    if isinstance(issue, ClientIssue):
        generations = issue.generations
        return await server.statuses.take_for_client(client.client_id, generations, expires_at, fresh), ()
    authorization_id = issue.stored.authorization.authorization_id
    if isinstance(issue, ApiKeyIssue):
        # Its place is that of the client that got it, and that of the key.
        place = await server.statuses.take_for_client(issue.by, issue.generations, expires_at, fresh)
        return place, (AssignStatus(*place, authorization_id, expires_at),)
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
    if isinstance(issue, ApiKeyIssue):
        claims["client_id"] = authorization.client_id
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
