"""What a configuration file declares: values that the reader of settings and provisioning share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from valetkey.authorization_server.model import Client, PasswordHash, Resource, Tenant
from valetkey.oauth.types import SecretText, TenantId


@dataclass(frozen=True, slots=True)
class DeclaredClient:
    """A client of one tenant; the `created_at` of its secrets is 0 until provisioning stores them."""

    tenant_id: TenantId
    client: Client


@dataclass(frozen=True, slots=True)
class DeclaredEndUser:
    """An end-user of one tenant; the subject is drawn when it is first stored.

    `initial_password` is what a new end-user starts with, as text or already hashed: it never resets a password
    that is there.
    """

    tenant_id: TenantId
    username: str
    initial_password: SecretText | PasswordHash | None = field(repr=False)
    name: str | None = None
    email: str | None = None
    email_verified: bool = False
    roles: frozenset[str] = frozenset()
    claims: Mapping[str, object] = field(default_factory=dict)
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class DeclaredResource:
    """A resource server of one tenant."""

    tenant_id: TenantId
    resource: Resource


@dataclass(frozen=True, slots=True)
class Declarations:
    """Everything that one file declares; of two files the one with the higher `revision` holds."""

    revision: int
    tenants: tuple[Tenant, ...]
    clients: tuple[DeclaredClient, ...] = ()
    users: tuple[DeclaredEndUser, ...] = ()
    resources: tuple[DeclaredResource, ...] = ()
