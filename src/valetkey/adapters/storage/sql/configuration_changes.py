"""The statements of changes to what an operator keeps; each also bumps the tenant's configuration version."""

from typing import assert_never

from valetkey.adapters.storage.sql import streams
from valetkey.adapters.storage.sql.api_keys import REMOVALS_OF_CLIENT, REMOVALS_OF_SUBJECT
from valetkey.adapters.storage.sql.documents import (
    client_document,
    end_user_document,
    resource_document,
    tenant_document,
)
from valetkey.adapters.storage.sql.second_factors import REMOVE_FACTORS_OF_SUBJECT
from valetkey.adapters.storage.sql.step import Step
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
from valetkey.authorization_server.model import Client, EndUser, normalised_email, normalised_username
from valetkey.oauth.types import TenantId

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

WHOLE_SERVER = ""  # stands where a row belongs to no tenant

TOUCH = """
INSERT INTO configurations (tenant, version) VALUES ($1, 1)
ON CONFLICT (tenant) DO UPDATE SET version = configurations.version + 1
"""
_TOUCH_ALL = "UPDATE configurations SET version = version + 1"
_BUMP = """
INSERT INTO generations (tenant, kind, name, value) VALUES ($1, $2, $3, 1)
ON CONFLICT (tenant, kind, name) DO UPDATE SET value = generations.value + 1
"""
_PUT_TENANT = """
INSERT INTO tenants (tenant, document) VALUES ($1, $2)
ON CONFLICT (tenant) DO UPDATE SET document = excluded.document
"""
_BUMP_IF_CLIENT_IS_NEWLY_DISABLED = """
INSERT INTO generations (tenant, kind, name, value)
SELECT tenant, 'client', client_id, 1 FROM clients
WHERE tenant = $1 AND client_id = $2 AND disabled = 0 AND $3 = 1
ON CONFLICT (tenant, kind, name) DO UPDATE SET value = generations.value + 1
"""
_PUT_CLIENT = """
INSERT INTO clients (tenant, client_id, disabled, document) VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant, client_id) DO UPDATE SET disabled = excluded.disabled, document = excluded.document
"""
_REMOVE_CLIENT = "DELETE FROM clients WHERE tenant = $1 AND client_id = $2"
_REMOVE_REGISTRATION = "DELETE FROM registrations WHERE tenant = $1 AND client_id = $2"
_REMOVE_CONSENTS_TO_CLIENT = "DELETE FROM consents WHERE tenant = $1 AND client_id = $2"
_REMOVE_AUTHORIZATIONS_OF_CLIENT = "DELETE FROM authorizations WHERE tenant = $1 AND client_id = $2"
_BUMP_IF_END_USER_LOSES_TRUST = """
INSERT INTO generations (tenant, kind, name, value)
SELECT tenant, 'subject', subject, 1 FROM end_users
WHERE tenant = $1 AND subject = $2 AND (password_hash IS DISTINCT FROM $3 OR (disabled = 0 AND $4 = 1))
ON CONFLICT (tenant, kind, name) DO UPDATE SET value = generations.value + 1
"""
_PUT_END_USER = """
INSERT INTO end_users (tenant, subject, username, normalised_username, password_hash, disabled, updated_at,
    document)
SELECT $1, $2, $3, $4, $5, $6, $7, $8 WHERE NOT EXISTS (
    SELECT 1 FROM end_users AS other
    WHERE other.tenant = $1 AND other.normalised_username = $4 AND other.subject <> $2
)
ON CONFLICT (tenant, subject) DO UPDATE
SET username = excluded.username, normalised_username = excluded.normalised_username,
    password_hash = excluded.password_hash, disabled = excluded.disabled, updated_at = excluded.updated_at,
    document = excluded.document
RETURNING 1
"""
# Only one row says whom an address means: it follows every change of the end-user's own.
_PUT_EMAIL = """
INSERT INTO end_user_emails (tenant, subject, normalised_email) VALUES ($1, $2, $3)
ON CONFLICT (subject, tenant) DO UPDATE SET normalised_email = excluded.normalised_email
"""
_REMOVE_EMAIL = "DELETE FROM end_user_emails WHERE tenant = $1 AND subject = $2"
_REPLACE_HASH = """
UPDATE end_users SET password_hash = $4, updated_at = $5
WHERE tenant = $1 AND subject = $2 AND password_hash = $3 AND disabled = 0
RETURNING 1
"""
_REMOVE_END_USER = "DELETE FROM end_users WHERE tenant = $1 AND subject = $2"
_REMOVE_SESSIONS_OF_SUBJECT = "DELETE FROM sessions WHERE tenant = $1 AND subject = $2"
_REMOVE_CONSENTS_OF_SUBJECT = "DELETE FROM consents WHERE tenant = $1 AND subject = $2"
_REMOVE_AUTHORIZATIONS_OF_SUBJECT = "DELETE FROM authorizations WHERE tenant = $1 AND subject = $2"
_FORGET_BROWSERS_OF_SUBJECT = "DELETE FROM known_browsers WHERE tenant = $1 AND subject = $2"
_PUT_RESOURCE = """
INSERT INTO resources (tenant, identifier, document) VALUES ($1, $2, $3)
ON CONFLICT (tenant, identifier) DO UPDATE SET document = excluded.document
"""
_REMOVE_RESOURCE = "DELETE FROM resources WHERE tenant = $1 AND identifier = $2"
_SET_REVISION = """
INSERT INTO provisionings (tenant, revision) VALUES ($1, $2)
ON CONFLICT (tenant) DO UPDATE SET revision = excluded.revision WHERE provisionings.revision <= excluded.revision
RETURNING 1
"""


def steps(tenant: TenantId, change: ConfigurationChange) -> tuple[Step, ...]:
    """The statements that make the change, in order, the bump of the configuration version among them."""
    match change:
        case PutTenant(put):
            written = Step(_PUT_TENANT, (put.tenant_id, tenant_document(put)))
            return (written, Step(TOUCH, (put.tenant_id,)), Step(TOUCH, (WHOLE_SERVER,)))
        case BumpGeneration("server"):
            return (Step(_BUMP, (WHOLE_SERVER, "server", "")), Step(_TOUCH_ALL, ()))
        case _:
            return (*_of_tenant(tenant, change), Step(TOUCH, (tenant,)))


def _of_tenant(
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
) -> tuple[Step, ...]:
    match change:
        case PutClient(client):
            return _put_client(tenant, client)
        case RemoveClient(client_id):
            key = (tenant, client_id)
            removals = (
                _REMOVE_CLIENT,
                _REMOVE_REGISTRATION,
                _REMOVE_CONSENTS_TO_CLIENT,
                _REMOVE_AUTHORIZATIONS_OF_CLIENT,
                *REMOVALS_OF_CLIENT,
                *streams.REMOVALS_OF_CLIENT,
            )
            return (Step(_BUMP, (tenant, "client", client_id)), *(Step(each, key) for each in removals))
        case PutEndUser(end_user):
            return _put_end_user(tenant, end_user)
        case ChangePassword(subject, old, new, now):
            changed = Step(_REPLACE_HASH, (tenant, subject, old, new, now), must_win=True)
            return (changed, Step(_BUMP, (tenant, "subject", subject)))
        case RemoveEndUser(subject):
            bump = Step(_BUMP, (tenant, "subject", subject))
            return (bump, *(Step(each, (tenant, subject)) for each in _REMOVALS_OF_SUBJECT))
        case PutResource(resource):
            return (Step(_PUT_RESOURCE, (tenant, resource.identifier, resource_document(resource))),)
        case RemoveResource(identifier):
            return (Step(_REMOVE_RESOURCE, (tenant, identifier)),)
        case BumpGeneration(kind, name):
            return (Step(_BUMP, (tenant, kind, name)),)
        case SetProvisioningRevision(revision):
            return (Step(_SET_REVISION, (tenant, revision), must_win=True),)
        case _:
            assert_never(change)


_REMOVALS_OF_SUBJECT = (
    _REMOVE_END_USER,
    _REMOVE_EMAIL,
    _REMOVE_SESSIONS_OF_SUBJECT,
    _REMOVE_CONSENTS_OF_SUBJECT,
    _REMOVE_AUTHORIZATIONS_OF_SUBJECT,
    _FORGET_BROWSERS_OF_SUBJECT,
    *REMOVALS_OF_SUBJECT,
    REMOVE_FACTORS_OF_SUBJECT,
)


def _put_client(tenant: TenantId, client: Client) -> tuple[Step, ...]:
    disabled = int(client.disabled)
    return (
        Step(_BUMP_IF_CLIENT_IS_NEWLY_DISABLED, (tenant, client.client_id, disabled)),
        Step(_PUT_CLIENT, (tenant, client.client_id, disabled, client_document(client))),
    )


def _put_end_user(tenant: TenantId, end_user: EndUser) -> tuple[Step, ...]:
    disabled = int(end_user.disabled)
    return (
        Step(_BUMP_IF_END_USER_LOSES_TRUST, (tenant, end_user.subject, end_user.password_hash, disabled)),
        Step(
            _PUT_END_USER,
            (
                tenant,
                end_user.subject,
                end_user.username,
                normalised_username(end_user.username),
                end_user.password_hash,
                disabled,
                end_user.updated_at,
                end_user_document(end_user),
            ),
            must_win=True,
        ),
        _email(tenant, end_user),
    )


def _email(tenant: TenantId, end_user: EndUser) -> Step:
    key = (tenant, end_user.subject)
    if end_user.email is None:
        return Step(_REMOVE_EMAIL, key)
    return Step(_PUT_EMAIL, (*key, normalised_email(end_user.email)))
