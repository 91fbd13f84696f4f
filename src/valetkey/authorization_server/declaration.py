"""What a configuration file declares: values that the reader of settings and provisioning share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from typing import TYPE_CHECKING

from valetkey.authorization_server.client_algorithms import SecretUse, secret_use_of
from valetkey.authorization_server.model import Client, PasswordHash, Resource, Tenant
from valetkey.authorization_server.trusted_issuer import TrustedIssuer
from valetkey.jose.records import dataclass
from valetkey.oauth.types import NumericDate, SecretDigest, SecretText, TenantId

if TYPE_CHECKING:
    from collections.abc import Callable

    from valetkey.authorization_server.model import ClientSecret
    from valetkey.oauth.types import ClientId


@dataclass(frozen=True, slots=True)
class DeclaredSecret:
    """A client's secret: as a digest, with its text where the file tells it, and its end where it has one."""

    digest: SecretDigest
    text: SecretText | None = field(default=None, repr=False)
    expires_at: NumericDate | None = None


@dataclass(frozen=True, slots=True)
class DeclaredClient:
    """A client of one tenant; the `created_at` of its secrets is 0 until provisioning stores them."""

    tenant_id: TenantId
    client: Client
    secret_texts: Mapping[bytes, SecretText] = field(default_factory=dict, repr=False)
    """By their digests, the secrets that the file does not hold as digests alone."""

    def sealed_by(self, seal: Callable[[ClientId, ClientSecret, SecretText], ClientSecret]) -> Client:
        """Return the client, with its secrets sealed where they are keys and the file tells them."""
        client, texts = self.client, self.secret_texts
        if secret_use_of(client) is not SecretUse.KEY:
            return client
        secrets = tuple(
            seal(client.client_id, each, texts[each.digest.value]) if each.digest.value in texts else each
            for each in client.secrets
        )
        return replace(client, secrets=secrets)


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
class DeclaredIssuer:
    """A trusted issuer of one tenant."""

    tenant_id: TenantId
    trusted_issuer: TrustedIssuer


@dataclass(frozen=True, slots=True)
class Declarations:
    """Everything that one file declares; of two files the one with the higher `revision` holds."""

    revision: int
    tenants: tuple[Tenant, ...]
    clients: tuple[DeclaredClient, ...] = ()
    users: tuple[DeclaredEndUser, ...] = ()
    resources: tuple[DeclaredResource, ...] = ()
    trusted_issuers: tuple[DeclaredIssuer, ...] = ()
