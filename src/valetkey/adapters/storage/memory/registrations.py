"""Clients that register themselves, in memory: the changes, the questions, and what is thrown away."""

from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never

from valetkey.adapters.storage.memory.state import State
from valetkey.authorization_server.self_registration.changes import (
    DAY,
    AddRegistrationToken,
    ForgetConsents,
    KeepRegistration,
    RegisterClient,
    RegistrationChange,
    RegistrationToken,
    RegistrationUse,
    RemoveRegistrationToken,
    ReplaceRegisteredClient,
    UseRegistrationToken,
)
from valetkey.jose.records import dataclass
from valetkey.oauth.types import ClientId, NumericDate, TenantId, TokenDigest


def apply(state: State, tenant: TenantId, change: RegistrationChange) -> bool:  # noqa: C901 - a case for each member
    """Makes the change; False where it must win and has lost."""
    match change:
        case RegisterClient():
            return _register(state, tenant, change)
        case ReplaceRegisteredClient(client):
            held = state.clients.get(tenant, client.client_id)
            if held is None or held.disabled:
                return False
            state.clients.put(tenant, client.client_id, client)
            _touch(state, tenant)
        case KeepRegistration():
            _keep(state, tenant, change)
        case ForgetConsents(client_id):
            _forget_consents(state, tenant, client_id)
        case AddRegistrationToken(token):
            if _named(state, tenant, token.token_id) is None:
                state.registration_tokens.put(tenant, token.digest, token)
        case RemoveRegistrationToken(token_id):
            named = _named(state, tenant, token_id)
            if named is not None:
                state.registration_tokens.remove(tenant, named.digest)
        case UseRegistrationToken(digest, now):
            token_found = state.registration_tokens.get(tenant, digest)
            if token_found is None or not token_found.is_live(now):
                return False
            left = token_found.uses_left
            used = replace(token_found, uses_left=None if left is None else left - 1)
            state.registration_tokens.put(tenant, digest, used)
        case _:
            assert_never(change)
    return True


def purge(state: State, now: NumericDate, limit: int) -> bool:
    """Forgets at most `limit` clients that nobody used; True while more are left."""
    unused = sorted(
        (use.expires_at, tenant, client_id)
        for tenant, client_id, use in state.registrations
        if use.expires_at is not None and use.expires_at <= now and not _is_held(state, tenant, client_id, now)
    )
    for tenant in {tenant for _, tenant, _ in unused[:limit]}:
        _touch(state, tenant)
    for _, tenant, client_id in unused[:limit]:
        state.clients.remove(tenant, client_id)
        _forget_consents(state, tenant, client_id)
        state.registrations.remove(tenant, client_id)
    return len(unused) > limit


def _register(state: State, tenant: TenantId, change: RegisterClient) -> bool:
    client_id = change.client.client_id
    is_full = len(state.registrations.of(tenant)) >= change.most
    is_taken = state.registrations.get(tenant, client_id) or state.clients.get(tenant, client_id)
    if is_full or is_taken is not None:
        return False
    state.registrations.put(tenant, client_id, RegistrationUse(client_id, None, change.expires_at))
    state.clients.put(tenant, client_id, change.client)
    _touch(state, tenant)
    return True


def _keep(state: State, tenant: TenantId, change: KeepRegistration) -> None:
    use = state.registrations.get(tenant, change.client_id)
    if use is None or (use.last_used_at or 0) > change.now - DAY:
        return
    until = None if use.expires_at is None else NumericDate(max(use.expires_at, change.expires_at))
    state.registrations.put(tenant, change.client_id, replace(use, last_used_at=change.now, expires_at=until))


def _forget_consents(state: State, tenant: TenantId, client_id: ClientId) -> None:
    for consent, _ in state.consents.of(tenant):
        if consent[1] == client_id:
            state.consents.remove(tenant, consent)


def _named(state: State, tenant: TenantId, token_id: str) -> RegistrationToken | None:
    return next((one for _, one in state.registration_tokens.of(tenant) if one.token_id == token_id), None)


def _is_held(state: State, tenant: TenantId, client_id: ClientId, now: NumericDate) -> bool:
    return any(
        one.client_id == client_id and one.expires_at > now and one.revoked_at is None
        for _, one in state.authorizations.of(tenant)
    )


def _touch(state: State, tenant: TenantId) -> None:
    state.configurations.put(tenant, "", (state.configurations.get(tenant, "") or 0) + 1)


@dataclass(frozen=True, slots=True)
class MemoryRegistrations:
    """`Registrations` of one tenant."""

    _state: State
    _tenant: TenantId

    async def find_token(self, digest: TokenDigest) -> RegistrationToken | None:
        """The initial access token with that digest."""
        return self._state.registration_tokens.get(self._tenant, digest)

    async def tokens(self) -> Sequence[RegistrationToken]:
        """All initial access tokens, by id."""
        found = [token for _, token in self._state.registration_tokens.of(self._tenant)]
        return sorted(found, key=lambda token: token.token_id)

    async def uses(self) -> Sequence[RegistrationUse]:
        """The use of every client that registered itself, by id."""
        found = [use for _, use in self._state.registrations.of(self._tenant)]
        return sorted(found, key=lambda use: use.client_id)

    async def count(self) -> int:
        """How many clients registered themselves."""
        return len(self._state.registrations.of(self._tenant))
