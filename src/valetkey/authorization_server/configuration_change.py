"""Changes to what an operator keeps: each bumps the tenant's configuration_version with it."""

from __future__ import annotations

from dataclasses import field

from valetkey.authorization_server.model import Client, EndUser, PasswordHash, Resource, Tenant
from valetkey.jose.records import dataclass
from valetkey.oauth.types import ClientId, NumericDate, Subject


@dataclass(frozen=True, slots=True)
class PutTenant:
    """Adds or replaces a tenant."""

    tenant: Tenant


@dataclass(frozen=True, slots=True)
class PutClient:
    """Adds or replaces a client; disabling one also bumps its generation."""

    client: Client


@dataclass(frozen=True, slots=True)
class RemoveClient:
    """Removes a client, its authorizations and consents, and bumps its generation."""

    client_id: ClientId


@dataclass(frozen=True, slots=True)
class PutEndUser:
    """Adds or replaces an end-user.

    Wins while the user name belongs to nobody else. A changed password or a newly disabled user bumps the
    subject's generation in the same statement list.
    """

    end_user: EndUser


@dataclass(frozen=True, slots=True)
class ChangePassword:
    """Replaces an end-user's password, and nothing else of them, and bumps the subject's generation.

    Wins while `old` is still their password and they are not disabled.
    """

    subject: Subject
    old: PasswordHash = field(repr=False)
    new: PasswordHash = field(repr=False)
    now: NumericDate


@dataclass(frozen=True, slots=True)
class RemoveEndUser:
    """Removes an end-user with sessions, consents and authorizations, and bumps the subject's generation."""

    subject: Subject
    now: NumericDate


@dataclass(frozen=True, slots=True)
class PutResource:
    """Adds or replaces a resource server."""

    resource: Resource


@dataclass(frozen=True, slots=True)
class RemoveResource:
    """Removes a resource server."""

    identifier: str


@dataclass(frozen=True, slots=True)
class BumpGeneration:
    """Moves a counter on: `kind` is server, tenant, client or subject; `name` its id, "" for the first two."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class SetProvisioningRevision:
    """Records which declared revision of the configuration file was applied; wins unless a higher one was."""

    revision: int


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
