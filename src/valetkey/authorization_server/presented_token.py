"""What an access token that came back to us says, and whether it may still be honoured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.browser import is_live
from valetkey.authorization_server.decision import ClientStamp
from valetkey.authorization_server.mint import PREFIX
from valetkey.authorization_server.model import Client, EndUser, Generations, Standing, StoredAuthorization
from valetkey.authorization_server.presented_api_key import API_KEY_ID, living_owner
from valetkey.authorization_server.subject_identifier import subject_for
from valetkey.jose import MalformedToken, TokenExpired, Verifier
from valetkey.jose.jwt import peek
from valetkey.jose.records import dataclass
from valetkey.oauth.access_token import PrincipalKind, access_token_from_claims
from valetkey.oauth.types import ClientId, OpaqueToken, TokenDigest

if TYPE_CHECKING:
    from valetkey.authorization_server.model import Authorization
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.access_token import AccessToken
    from valetkey.oauth.types import NumericDate

_COUNTERS = 4
_DOTS_OF_A_JWE = 4


@dataclass(frozen=True, slots=True)
class Holder:
    """For whom a living access token speaks: its client, and the end-user unless the client acts for itself.

    `stored` is the authorization that it hangs off, None where the client acts for itself.
    """

    client: Client
    end_user: EndUser | None
    stored: StoredAuthorization | None = None


EXCHANGED_FROM: Final = "exchanged_from"
"""The claim of an exchanged token that names the clients it came through, the authorization's own first."""


def is_readable(presented: str) -> bool:
    """Say whether a token carries what it says: an opaque or an encrypted one does not, for us (RFC 7516, 3.1)."""
    return not presented.startswith(PREFIX) and presented.count(".") != _DOTS_OF_A_JWE


async def genuine_access_token(presented: str, server: AuthorizationServer, now: NumericDate) -> AccessToken:
    """Return what an unexpired access token of ours says, of either format and for whatever audience.

    Raises `valetkey.jose.InvalidToken`. Nothing is said yet about revocation: `holder_of` judges that.
    """
    if is_readable(presented):
        return await _signed(presented, server, now)
    known = await server.stores.access_tokens.find(OpaqueToken.presented(presented).digest())
    if known is None:
        raise MalformedToken("The token is not known.")
    if now >= known.expires_at:
        raise TokenExpired("The token has expired.")
    return access_token_from_claims(known.claims)


async def holder_of(token: AccessToken, server: AuthorizationServer, now: NumericDate) -> Holder | None:
    """Return for whom a genuine token speaks, None when it was revoked or what it hangs off has ended."""
    if await server.stores.access_tokens.is_revoked(token_id_digest(token)):
        return None
    if API_KEY_ID in token.claims:
        return await _of_api_key(token, server, now)
    client = await server.find_client(token.client_id)
    if client is None or client.disabled:
        return None
    provenance = provenance_of(token)
    if provenance is None:
        return None
    if token.principal is PrincipalKind.CLIENT:
        return Holder(client, None) if not provenance and await _is_stamp_current(token, server) else None
    if provenance and not await _are_hands_clean(token, provenance, server):
        return None
    return await _of_end_user(token, client, provenance, server, now)


def provenance_of(token: AccessToken) -> tuple[ClientStamp, ...] | None:
    """Return the clients that an exchanged token came through, () for one that never was exchanged.

    None for what we never wrote.
    """
    found = token.claims.get(EXCHANGED_FROM, [])
    if not isinstance(found, list):
        return None
    stamps = [_client_stamp(one) for one in found]
    known = tuple(one for one in stamps if one is not None)
    return known if len(known) == len(stamps) else None


def stamp_of(token: AccessToken) -> Generations | None:
    """Return the counters that a token is stamped with, None where it has none."""
    counters = token.claims.get("gen")
    if not isinstance(counters, list) or len(counters) != _COUNTERS:
        return None
    return Generations(*counters) if all(isinstance(each, int) for each in counters) else None


async def is_session_live(
    authorization: Authorization, client: Client, server: AuthorizationServer, now: NumericDate
) -> bool:
    """Say whether the session that an authorization dies with, where there is one, may still be used."""
    if not authorization.bound_to_session:
        return True
    stored = None if authorization.sid is None else await server.stores.browsers.session(authorization.sid)
    return stored is not None and is_live(stored, server.policy_for(client), now)


def token_id_digest(token: AccessToken) -> TokenDigest:
    """Return the SHA-256 of the token's `jti`, by which it is revoked by itself."""
    return OpaqueToken.presented(token.token_id).digest()


async def _signed(presented: str, server: AuthorizationServer, now: NumericDate) -> AccessToken:
    named = peek(presented).claims.get("aud")
    # Whoever asks judges the audience, each by a rule of its own.
    audience = [each for each in (named if isinstance(named, list) else [named]) if isinstance(each, str) and each]
    if not audience:
        raise MalformedToken("The token has no audience.")
    verifier = Verifier.access_token(
        issuer=server.issuer.url, audience=audience, algorithms=await server.signer.algorithms()
    )
    verified = verifier.verify(presented, await server.signer.public_keys(), now=now)
    return access_token_from_claims(verified.claims)


async def _is_stamp_current(token: AccessToken, server: AuthorizationServer) -> bool:
    """Say whether the counters of the server, the tenant and the token's client stand where they stood."""
    stamp, current = stamp_of(token), await server.stores.clients.generations(token.client_id)
    return stamp is not None and not stamp.is_older_than(current)


async def _are_hands_clean(
    token: AccessToken, provenance: tuple[ClientStamp, ...], server: AuthorizationServer
) -> bool:
    """Say whether every client that an exchanged token came through is still trusted, its own too."""
    for stamp in provenance:
        if not await _is_trusted(stamp, server):
            return False
    return await _is_stamp_current(token, server)


async def _is_trusted(stamp: ClientStamp, server: AuthorizationServer) -> bool:
    client = await server.find_client(stamp.client_id)
    current = await server.stores.clients.generations(stamp.client_id)
    return client is not None and not client.disabled and stamp.generation >= current.client


async def _of_api_key(token: AccessToken, server: AuthorizationServer, now: NumericDate) -> Holder | None:
    """Judge a token that a key was exchanged for: it lives with the key, its owner, and whoever exchanged it."""
    key_id, provenance = token.claims[API_KEY_ID], provenance_of(token)
    if not isinstance(key_id, str) or key_id != token.authorization_id or not provenance:
        return None
    for stamp in provenance:
        if not await _is_trusted(stamp, server):
            return None
    found = await server.stores.api_keys.find(key_id)
    owner = None if found is None else await living_owner(found, server, now)
    if found is None or owner is None or found.key.client_id != token.client_id:
        return None
    return Holder(*owner, found.stored)


async def _of_end_user(
    token: AccessToken,
    client: Client,
    provenance: tuple[ClientStamp, ...],
    server: AuthorizationServer,
    now: NumericDate,
) -> Holder | None:
    if token.authorization_id is None:
        return None
    stored = await server.stores.authorizations.find(token.authorization_id)
    if stored is None or stored.standing(now) is not Standing.ALIVE:
        return None
    authorization = stored.authorization
    # An exchanged token is another client's than the authorization that it hangs off.
    owner = provenance[0].client_id if provenance else token.client_id
    # It names its end-user as its client knows them: who that is, the authorization says.
    known_as = await subject_for(client, authorization.subject, server)
    if (known_as, authorization.client_id) != (token.subject, owner):
        return None
    granted_to = client if owner == client.client_id else await server.find_client(owner)
    if granted_to is None or not await is_session_live(authorization, granted_to, server, now):
        return None
    end_user = await server.stores.end_users.find(authorization.subject)
    return None if end_user is None or end_user.disabled else Holder(client, end_user, stored)


def _client_stamp(found: object) -> ClientStamp | None:
    if not isinstance(found, dict):
        return None
    client_id, generation = found.get("client_id"), found.get("gen")
    if not isinstance(client_id, str) or not isinstance(generation, int):
        return None
    return ClientStamp(ClientId(client_id), generation)
