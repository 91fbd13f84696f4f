"""Changes to what an operator keeps, in memory; each also bumps the tenant's configuration version."""

from dataclasses import replace
from typing import assert_never

from valetkey.adapters.storage.memory import streams
from valetkey.adapters.storage.memory.api_keys import remove_of
from valetkey.adapters.storage.memory.state import WHOLE_SERVER, State
from valetkey.authorization_server.api_key import OwnerKind
from valetkey.authorization_server.decision import (
    BumpGeneration,
    ChangePassword,
    PutClient,
    PutEndUser,
    PutResource,
    PutTenant,
    RemoveClient,
    RemoveEndUser,
    RemoveResource,
    SetProvisioningRevision,
)
from valetkey.authorization_server.model import Client, EndUser, normalised_username
from valetkey.oauth.types import ClientId, Subject, TenantId

ConfigurationChange = (
    PutTenant
    | PutClient
    | RemoveClient
    | PutEndUser
    | ChangePassword
    | RemoveEndUser
    | PutResource
    | RemoveResource
    | BumpGeneration
    | SetProvisioningRevision
)


def apply(state: State, tenant: TenantId, change: ConfigurationChange) -> bool:
    """Makes the change; False where it must win and has lost."""
    match change:
        case PutTenant(put):
            state.tenants.put(WHOLE_SERVER, put.tenant_id, put)
            touched = [put.tenant_id, WHOLE_SERVER]
        case BumpGeneration("server"):
            _bump(state, WHOLE_SERVER, "server", "")
            touched = [owner for owner, _, _ in state.configurations]
        case _:
            touched = [tenant]
            if not _apply(state, tenant, change):
                return False
    for owner in touched:
        state.configurations.put(owner, "", (state.configurations.get(owner, "") or 0) + 1)
    return True


def _apply(  # noqa: C901 - a case for each member
    state: State,
    tenant: TenantId,
    change: PutClient
    | RemoveClient
    | PutEndUser
    | ChangePassword
    | RemoveEndUser
    | PutResource
    | RemoveResource
    | BumpGeneration
    | SetProvisioningRevision,
) -> bool:
    match change:
        case PutClient(client):
            _put_client(state, tenant, client)
        case RemoveClient(client_id):
            _remove_client(state, tenant, client_id)
        case PutEndUser(end_user):
            return _put_end_user(state, tenant, end_user)
        case ChangePassword():
            return _change_password(state, tenant, change)
        case RemoveEndUser(subject):
            _remove_end_user(state, tenant, subject)
        case PutResource(resource):
            state.resources.put(tenant, resource.identifier, resource)
        case RemoveResource(identifier):
            state.resources.remove(tenant, identifier)
        case BumpGeneration(kind, name):
            _bump(state, tenant, kind, name)
        case SetProvisioningRevision(revision):
            if (state.revisions.get(tenant, "") or 0) > revision:
                return False
            state.revisions.put(tenant, "", revision)
        case _:
            assert_never(change)
    return True


def _bump(state: State, tenant: TenantId, kind: str, name: str) -> None:
    state.generations.put(tenant, (kind, name), (state.generations.get(tenant, (kind, name)) or 0) + 1)


def _put_client(state: State, tenant: TenantId, client: Client) -> None:
    old = state.clients.get(tenant, client.client_id)
    if old is not None and client.disabled and not old.disabled:
        _bump(state, tenant, "client", client.client_id)
    state.clients.put(tenant, client.client_id, client)


def _remove_client(state: State, tenant: TenantId, client_id: ClientId) -> None:
    _bump(state, tenant, "client", client_id)
    state.clients.remove(tenant, client_id)
    state.registrations.remove(tenant, client_id)
    streams.remove_of(state, tenant, client_id)
    for consent, _ in state.consents.of(tenant):
        if consent[1] == client_id:
            state.consents.remove(tenant, consent)
    for authorization_id, authorization in state.authorizations.of(tenant):
        if authorization.client_id == client_id:
            state.authorizations.remove(tenant, authorization_id)
    remove_of(state, tenant, OwnerKind.CLIENT, client_id)


def _put_end_user(state: State, tenant: TenantId, end_user: EndUser) -> bool:
    wanted = normalised_username(end_user.username)
    for subject, other in state.end_users.of(tenant):
        if subject != end_user.subject and normalised_username(other.username) == wanted:
            return False
    old = state.end_users.get(tenant, end_user.subject)
    if old is not None:
        newly_disabled = end_user.disabled and not old.disabled
        if newly_disabled or old.password_hash != end_user.password_hash:
            _bump(state, tenant, "subject", end_user.subject)
    state.end_users.put(tenant, end_user.subject, end_user)
    return True


def _change_password(state: State, tenant: TenantId, change: ChangePassword) -> bool:
    end_user = state.end_users.get(tenant, change.subject)
    if end_user is None or end_user.disabled or end_user.password_hash != change.old:
        return False
    changed = replace(end_user, password_hash=change.new, updated_at=change.now)
    state.end_users.put(tenant, change.subject, changed)
    _bump(state, tenant, "subject", change.subject)
    return True


def _remove_end_user(state: State, tenant: TenantId, subject: Subject) -> None:
    _bump(state, tenant, "subject", subject)
    state.end_users.remove(tenant, subject)
    for sid, session in state.sessions.of(tenant):
        if session.subject == subject:
            state.sessions.remove(tenant, sid)
    for consent, _ in state.consents.of(tenant):
        if consent[0] == subject:
            state.consents.remove(tenant, consent)
    for authorization_id, authorization in state.authorizations.of(tenant):
        if authorization.subject == subject:
            state.authorizations.remove(tenant, authorization_id)
    remove_of(state, tenant, OwnerKind.END_USER, subject)
    state.second_factors.remove(tenant, subject)
    for known, _ in state.known_browsers.of(tenant):
        if known[1] == subject:
            state.known_browsers.remove(tenant, known)
