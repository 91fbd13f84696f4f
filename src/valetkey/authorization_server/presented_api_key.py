"""What an API key that was presented to us is good for, and what is told of it (RFC 7662, 2.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.api_key import (
    USE_NOTED_EVERY,
    ApiKey,
    ApiKeySecret,
    NoteApiKeyUse,
    OwnerKind,
    StoredApiKey,
)
from valetkey.authorization_server.claim_mapping import ClaimFacts, mapped_claims
from valetkey.authorization_server.model import AuthenticationMethod, Client, EndUser, Resource, Standing
from valetkey.authorization_server.openid_client import SubjectType
from valetkey.authorization_server.rights import END_USER_SCOPES
from valetkey.authorization_server.subject_identifier import subject_for
from valetkey.jose.records import dataclass
from valetkey.oauth.access_token import CredentialKind
from valetkey.oauth.introspection import INACTIVE
from valetkey.oauth.types import NumericDate, OpaqueToken, Scope, Seconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from valetkey.authorization_server.decision import Changes
    from valetkey.authorization_server.service import AuthorizationServer

BELIEF: Final = Seconds(300)
"""For how long an answer about a key without an end may be believed at most."""
API_KEY_ID: Final = "api_key_id"
"""The claim of a token that a key was exchanged for, which names the key."""
CREDENTIAL: Final = "credential"
OWNER_KIND: Final = "urn:valetkey:owner-kind"
LIMIT: Final = "urn:valetkey:limit"


@dataclass(frozen=True, slots=True)
class LivingApiKey:
    """A key that may be honoured, by the secret that was presented."""

    stored: StoredApiKey
    secret: ApiKeySecret
    client: Client
    """Who acts by it: the client that owns it, or one that stands for the key of an end-user."""
    end_user: EndUser | None
    """Its owner, unless that is a client."""

    @property
    def key(self) -> ApiKey:
        """The key."""
        return self.stored.key

    @property
    def ends_at(self) -> NumericDate | None:
        """When the presented secret is good no longer, None where it has no end."""
        ends = [one for one in (self.key.expires_at, self.secret.expires_at) if one is not None]
        return min(ends, default=None)

    def use(self, now: NumericDate) -> tuple[NoteApiKeyUse, ...]:
        """Return what notes that it is used: nothing where that was noted a moment ago."""
        last = self.key.last_used_at
        is_noted = last is not None and now < last + USE_NOTED_EVERY
        return () if is_noted else (NoteApiKeyUse(self.key.key_id, now),)


async def living_api_key(presented: str, server: AuthorizationServer, now: NumericDate) -> LivingApiKey | None:
    """Return the key of which `presented` is a secret; None unless it may be honoured at `now`."""
    digest = OpaqueToken.presented(presented).digest()
    found = await server.stores.api_keys.find_by_secret(digest)
    if found is None:
        return None
    secret = next((one for one in found.key.secrets if one.digest == digest), None)
    if secret is None or not secret.is_live(now):
        return None
    owner = await living_owner(found, server, now)
    return None if owner is None else LivingApiKey(found, secret, *owner)


async def living_owner(
    found: StoredApiKey, server: AuthorizationServer, now: NumericDate
) -> tuple[Client, EndUser | None] | None:
    """Return who acts by a key, and the end-user that it belongs to, unless a client owns it.

    None where the key or its owner has ended, whichever of its secrets was presented.
    """
    key = found.key
    if found.stored.standing(now) is not Standing.ALIVE or (key.expires_at is not None and now >= key.expires_at):
        return None
    if key.owner_kind is OwnerKind.CLIENT:
        client = await server.find_client(key.client_id)
        return None if client is None or client.disabled else (client, None)
    end_user = await server.stores.end_users.find(found.stored.authorization.subject)
    return None if end_user is None or end_user.disabled else (stand_in(key), end_user)


def stand_in(key: ApiKey) -> Client:
    """Return what stands where a client is asked for, of a key that an end-user owns: it may do nothing else."""
    return Client(key.client_id, key.name, AuthenticationMethod.NONE, frozenset(), scope=key.scope)


async def resources_told_to(client: Client, key: ApiKey, server: AuthorizationServer) -> tuple[Resource, ...]:
    """Return those of the key's resource servers that `client` speaks for, in the order of the key."""
    found = [await server.stores.resources.find(identifier) for identifier in key.resources]
    return tuple(
        resource
        for resource in found
        if resource is not None and not resource.disabled and client.client_id in resource.introspection_client_ids
    )


def resources_left(living: LivingApiKey, resources: Sequence[Resource]) -> tuple[Resource, ...]:
    """Return those of `resources` that the owner of a key may still name: what a client lost, its keys lost too."""
    allowed = () if living.end_user is not None else living.client.resources
    return tuple(one for one in resources if not allowed or one.identifier in allowed)


def scope_at(living: LivingApiKey, resources: Sequence[Resource]) -> Scope:
    """Return what a key may do at `resources`, as far as they define it and its owner may still have it."""
    defined: frozenset[str] = frozenset().union(*(one.scopes for one in resources)) - END_USER_SCOPES
    return living.key.scope.narrowed_to(defined).narrowed_to(living.client.scope)


async def answer_about_key(
    presented: str, client: Client, server: AuthorizationServer, now: NumericDate
) -> tuple[Mapping[str, object], Changes]:
    """Return what `client` is told of a key, and what notes its use; `INACTIVE` unless it speaks for a target."""
    living = await living_api_key(presented, server, now)
    if living is None:
        return INACTIVE, ()  # RFC7662-2.2/inactive RFC7662-2.2/nothing-more
    resources = resources_left(living, await resources_told_to(client, living.key, server))
    if not resources:
        return INACTIVE, ()  # RFC7662-4/audience
    key, stored = living.key, living.stored.stored
    scope, audience = scope_at(living, resources), [one.identifier for one in resources]
    stamp, facts = stored.authorization.generations, ClaimFacts(living.client, living.end_user, None)
    told: dict[str, object] = {
        **mapped_claims(resources, scope, facts),
        "active": True,
        "iss": server.issuer.url,
        "sub": key.owner if living.end_user is None else await subject_for(client, living.end_user.subject, server),
        "client_id": key.client_id,
        "aud": audience[0] if len(audience) == 1 else audience,
        "scope": str(scope),
        "iat": living.secret.created_at,
        "exp": now + BELIEF if living.ends_at is None else living.ends_at,
        "jti": key.key_id,
        "authorization_id": key.authorization_id,
        "gen": [stamp.server, stamp.tenant, stamp.client, stamp.subject],
        "token_type": "Bearer",
        **key_claims(key),
    }
    if living.end_user is not None and client.openid.subject_type is SubjectType.PUBLIC:
        told["username"] = living.end_user.username
    return told, living.use(now)


def key_claims(key: ApiKey) -> dict[str, object]:
    """Return the claims that say that an API key stands behind what is told, in an answer and in a token alike."""
    told: dict[str, object] = {CREDENTIAL: CredentialKind.API_KEY.value, OWNER_KIND: key.owner_kind.value}
    return told if key.limit is None else {**told, LIMIT: key.limit}
