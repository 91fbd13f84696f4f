"""Changes to a tenant's keys, in memory; each also bumps the tenant's configuration version."""

from dataclasses import replace
from typing import assert_never

from valetkey.adapters.storage.memory import streams
from valetkey.adapters.storage.memory.state import State
from valetkey.authorization_server.key_changes import (
    AddSigningKey,
    KeyChange,
    PromoteSigningKey,
    RemoveSigningKey,
    ResealedValue,
    ResealSecrets,
    RetireSigningKey,
    SealedKind,
)
from valetkey.authorization_server.model import KeyState, SigningKey
from valetkey.authorization_server.signals.streams import StreamId
from valetkey.oauth.types import NumericDate, Subject, TenantId


def apply(state: State, tenant: TenantId, change: KeyChange) -> bool:
    """Makes the change; False where it has lost."""
    if not _apply(state, tenant, change):
        return False
    state.configurations.put(tenant, "", (state.configurations.get(tenant, "") or 0) + 1)
    return True


def _apply(state: State, tenant: TenantId, change: KeyChange) -> bool:
    match change:
        case AddSigningKey(key):
            return _add(state, tenant, key)
        case PromoteSigningKey(kid, now):
            return _promote(state, tenant, kid, now)
        case RetireSigningKey(kid, now):
            return _retire(state, tenant, kid, now)
        case RemoveSigningKey(kid, expected):
            found = state.signing_keys.get(tenant, kid)
            state.signing_keys.remove(tenant, kid)
            return found is not None and found.state is expected
        case ResealSecrets():
            return _reseal(state, tenant, change)
        case _:
            assert_never(change)


def _add(state: State, tenant: TenantId, key: SigningKey) -> bool:
    for kid, other in state.signing_keys.of(tenant):
        is_rival = key.algorithm == other.algorithm and key.state is other.state is not KeyState.RETIRED
        if kid == key.kid or is_rival:
            return False
    state.signing_keys.put(tenant, key.kid, key)
    return True


def _promote(state: State, tenant: TenantId, kid: str, now: NumericDate) -> bool:
    successor = state.signing_keys.get(tenant, kid)
    if successor is None or successor.state is not KeyState.ANNOUNCED:
        return False
    for before, key in state.signing_keys.of(tenant):
        if key.algorithm == successor.algorithm:
            _retire(state, tenant, before, now)
    state.signing_keys.put(tenant, kid, replace(successor, state=KeyState.ACTIVE, activated_at=now))
    return True


def _retire(state: State, tenant: TenantId, kid: str, now: NumericDate) -> bool:
    key = state.signing_keys.get(tenant, kid)
    if key is None or key.state is not KeyState.ACTIVE:
        return False
    state.signing_keys.put(tenant, kid, replace(key, state=KeyState.RETIRED, retired_at=now))
    return True


def _reseal(state: State, tenant: TenantId, change: ResealSecrets) -> bool:
    if (state.configurations.get(tenant, "") or 0) != change.version:
        return False
    for value in change.values:
        _reseal_value(state, tenant, value)
    for client in change.clients:
        if state.clients.get(tenant, client.client_id) is not None:
            state.clients.put(tenant, client.client_id, client)
    return True


def _reseal_value(state: State, tenant: TenantId, value: ResealedValue) -> None:
    match value.kind:
        case SealedKind.PRIVATE_KEY:
            key = state.signing_keys.get(tenant, value.name)
            if key is not None and key.sealed_private_jwk == value.before:
                state.signing_keys.put(tenant, value.name, replace(key, sealed_private_jwk=value.after))
        case SealedKind.TENANT_SECRET:
            if state.tenant_secrets.get(tenant, value.name) == value.before:
                state.tenant_secrets.put(tenant, value.name, value.after)
        case SealedKind.ONE_TIME_CODE_KEY:
            subject = Subject(value.name)
            factor = state.second_factors.get(tenant, subject)
            if factor is not None and factor.sealed_key == value.before:
                state.second_factors.put(tenant, subject, replace(factor, sealed_key=value.after))
        case SealedKind.STREAM_HEADER:
            streams.reseal(state, tenant, StreamId(value.name), value.before, value.after)
        case _:
            assert_never(value.kind)
