"""API keys in memory: the changes, the questions, and what leaves with an owner."""

from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never

from valetkey.adapters.storage.memory import token_changes
from valetkey.adapters.storage.memory.state import State
from valetkey.authorization_server.api_key import (
    KEPT,
    USE_NOTED_EVERY,
    AddApiKey,
    ApiKey,
    ApiKeyChange,
    ApiKeyQuestion,
    ApiKeySecret,
    ChangeApiKey,
    NoteApiKeyUse,
    OwnerKind,
    RevokeApiKey,
    RotateApiKey,
    StoredApiKey,
)
from valetkey.authorization_server.decision import GrantAuthorization, RevokeAuthorization
from valetkey.jose.records import dataclass
from valetkey.oauth.types import AuthorizationId, NumericDate, TenantId, TokenDigest


def apply(state: State, tenant: TenantId, change: ApiKeyChange) -> bool:
    """Makes the change; False where it must win and has lost."""
    match change:
        case AddApiKey():
            return _add(state, tenant, change)
        case RotateApiKey():
            return _rotate(state, tenant, change)
        case ChangeApiKey():
            return _change(state, tenant, change)
        case RevokeApiKey():
            _revoke(state, tenant, change)
        case NoteApiKeyUse(key_id, now):
            key = state.api_keys.get(tenant, key_id)
            if key is not None and (key.last_used_at is None or key.last_used_at <= now - USE_NOTED_EVERY):
                state.api_keys.put(tenant, key_id, replace(key, last_used_at=now))
        case _:
            assert_never(change)
    return True


def remove_of(state: State, tenant: TenantId, kind: OwnerKind, owner: str) -> None:
    """Forgets the keys of an owner who is removed."""
    for key_id, key in state.api_keys.of(tenant):
        if (key.owner_kind, key.owner) == (kind, owner):
            state.api_keys.remove(tenant, key_id)


def purge_secrets(state: State, now: NumericDate, limit: int) -> bool:
    """Forgets at most `limit` secrets that have ended; True while more are left."""
    over = sorted(
        (secret.expires_at, tenant, key_id, secret.digest)
        for tenant, key_id, key in state.api_keys
        for secret in key.secrets
        if secret.expires_at is not None and secret.expires_at <= now
    )
    for _, tenant, key_id, digest in over[:limit]:
        key = state.api_keys.get(tenant, key_id)
        if key is not None:
            left = tuple(each for each in key.secrets if each.digest != digest)
            state.api_keys.put(tenant, key_id, replace(key, secrets=left))
    return len(over) > limit


def _add(state: State, tenant: TenantId, change: AddApiKey) -> bool:
    key = change.key
    others = [one for _, one in state.api_keys.of(tenant)]
    is_asked_again = key.request is not None and any(
        one.request is not None and one.request.digest == key.request.digest for one in others
    )
    if is_asked_again or any(one.key_id == key.key_id for one in others) or _is_known(key.secrets[0], others):
        return False
    state.api_keys.put(tenant, key.key_id, key)
    grant = GrantAuthorization(key.authorization(change.generations), None)
    return token_changes.apply(state, tenant, grant)


def _is_known(secret: ApiKeySecret, keys: Sequence[ApiKey]) -> bool:
    return any(secret.digest == each.digest for key in keys for each in key.secrets)


def _rotate(state: State, tenant: TenantId, change: RotateApiKey) -> bool:
    key = state.api_keys.get(tenant, change.key_id)
    if key is None or key.version != change.version or not _lives(state, tenant, key):
        return False
    if key.expires_at is not None and key.expires_at <= change.now:
        return False
    if _is_known(change.secret, [one for _, one in state.api_keys.of(tenant)]):
        return False
    end = change.others_end_at
    others = (
        each if each.expires_at is not None and each.expires_at <= end else replace(each, expires_at=end)
        for each in key.secrets
    )
    rotated = replace(key, version=key.version + 1, secrets=_in_order(change.secret, *others))
    state.api_keys.put(tenant, key.key_id, rotated)
    return True


def _change(state: State, tenant: TenantId, change: ChangeApiKey) -> bool:
    key, after = state.api_keys.get(tenant, change.before.key_id), change.after
    if key is None or key.version != change.before.version or not _lives(state, tenant, key):
        return False
    changed = replace(
        key,
        version=key.version + 1,
        name=after.name,
        scope=after.scope,
        resources=after.resources,
        limit=after.limit,
        expires_at=after.expires_at,
        kept_until=after.kept_until,
    )
    state.api_keys.put(tenant, key.key_id, changed)
    authorization = state.authorizations.get(tenant, key.authorization_id)
    if authorization is not None:
        granted = replace(authorization, scope=after.scope, resources=after.resources, expires_at=after.kept_until)
        state.authorizations.put(tenant, key.authorization_id, granted)
    return True


def _revoke(state: State, tenant: TenantId, change: RevokeApiKey) -> None:
    key = state.api_keys.get(tenant, change.key_id)
    authorization = None if key is None else state.authorizations.get(tenant, key.authorization_id)
    if key is not None and authorization is not None and authorization.revoked_at is None:
        until = NumericDate(min(key.kept_until, change.now + KEPT))
        state.api_keys.put(tenant, key.key_id, replace(key, version=key.version + 1, kept_until=until))
        kept = replace(authorization, expires_at=NumericDate(min(authorization.expires_at, change.now + KEPT)))
        state.authorizations.put(tenant, key.authorization_id, kept)
    token_changes.apply(state, tenant, RevokeAuthorization(AuthorizationId(change.key_id), change.now))


def _lives(state: State, tenant: TenantId, key: ApiKey) -> bool:
    found = token_changes.stored(state, tenant, key.authorization_id)
    if found is None or found.authorization.revoked_at is not None:
        return False
    return not found.authorization.generations.is_older_than(found.current)


def _in_order(*secrets: ApiKeySecret) -> tuple[ApiKeySecret, ...]:
    return tuple(sorted(secrets, key=lambda each: (-each.created_at, each.digest)))


@dataclass(frozen=True, slots=True)
class MemoryApiKeys:
    """`ApiKeys` of one tenant."""

    _state: State
    _tenant: TenantId

    async def find(self, key_id: str) -> StoredApiKey | None:
        """The key of that id, with the counters of now."""
        return self._stored(self._state.api_keys.get(self._tenant, key_id))

    async def find_by_secret(self, digest: TokenDigest) -> StoredApiKey | None:
        """The key of which that is the digest of a secret, living or not."""
        owners = (key for _, key in self._state.api_keys.of(self._tenant) if _holds(key, digest))
        return self._stored(next(owners, None))

    async def find_by_request(self, digest: TokenDigest) -> StoredApiKey | None:
        """The key that a request with that digest made."""
        made = (key for _, key in self._state.api_keys.of(self._tenant) if key.request is not None)
        return self._stored(next((key for key in made if key.request and key.request.digest == digest), None))

    async def page(self, asked: ApiKeyQuestion) -> Sequence[StoredApiKey]:
        """The keys that were asked for, the oldest first."""
        keys = sorted(
            (key for _, key in self._state.api_keys.of(self._tenant) if asked.owner in (None, key.owner)),
            key=lambda key: (key.created_at, key.key_id),
        )
        later = [key for key in keys if (key.created_at, key.key_id) > asked.after]
        found = (self._stored(key) for key in later[: asked.limit])
        return tuple(one for one in found if one is not None)

    def _stored(self, key: ApiKey | None) -> StoredApiKey | None:
        if key is None:
            return None
        stored = token_changes.stored(self._state, self._tenant, key.authorization_id)
        return None if stored is None else StoredApiKey(key, stored)


def _holds(key: ApiKey, digest: TokenDigest) -> bool:
    return any(each.digest == digest for each in key.secrets)
