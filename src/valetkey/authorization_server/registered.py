"""What an operator keeps: tenants, clients, end-users and resource servers (RFC 7591, 2; RFC 8707)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NewType

from valetkey.jose import JwkSet
from valetkey.oauth.access_token import AccessTokenFormat
from valetkey.oauth.authentication_method import AuthenticationMethod
from valetkey.oauth.redirect_uri import ApplicationType
from valetkey.oauth.types import (
    ClientId,
    GrantType,
    NumericDate,
    Scope,
    Seconds,
    SecretDigest,
    Subject,
    TenantId,
)

PasswordHash = NewType("PasswordHash", str)
"""A PHC string ($argon2id$...)."""


class ManagedBy(StrEnum):
    """Who may change a row: what a file provisions is changed only there."""

    FILE = "file"
    OPERATOR = "operator"


class ConsentMode(StrEnum):
    """When an end-user is asked to allow a client."""

    ASK = "ask"
    REMEMBER = "remember"
    FIRST_PARTY = "first_party"


@dataclass(frozen=True, slots=True)
class Tenant:
    """One issuer of the many that a process serves; the default one stands at the root."""

    tenant_id: TenantId
    display_name: str
    profile: str
    """Name of a policy profile."""
    accent: str = "#2454d6"
    """The accent colour of its pages, `#rrggbb`."""
    managed_by: ManagedBy = ManagedBy.OPERATOR
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """One of a client's live secrets."""

    secret_id: str
    digest: SecretDigest
    created_at: NumericDate
    expires_at: NumericDate | None = None


@dataclass(frozen=True, slots=True)
class Client:
    """Registered software (RFC 7591, 2)."""

    client_id: ClientId
    name: str
    authentication_method: AuthenticationMethod
    grant_types: frozenset[GrantType]
    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    secrets: tuple[ClientSecret, ...] = ()
    jwks: JwkSet | None = None
    scope: Scope = Scope()
    """What it may ask for at all."""
    resources: tuple[str, ...] = ()
    """The resource servers it may name; the first is meant when it names none. Empty: any of the tenant."""
    application_type: ApplicationType = ApplicationType.WEB
    consent: ConsentMode = ConsentMode.REMEMBER
    profile: str | None = None
    """A policy profile of its own; None means the tenant's."""
    id_token_signed_response_alg: str = "RS256"  # noqa: S105 - an algorithm
    access_token_format: AccessTokenFormat | None = None
    """Of all its access tokens; None leaves it to their resources."""
    managed_by: ManagedBy = ManagedBy.OPERATOR
    disabled: bool = False

    @property
    def is_public(self) -> bool:
        """Whether the client cannot keep a secret (RFC 6749, 2.1)."""
        return self.authentication_method is AuthenticationMethod.NONE


@dataclass(frozen=True, slots=True)
class EndUser:
    """A person who signs in; `claims` holds further OpenID Connect standard claims in their wire types."""

    subject: Subject
    username: str
    """Unique in its tenant after `normalised_username`."""
    password_hash: PasswordHash | None = field(repr=False)
    updated_at: NumericDate
    name: str | None = None
    email: str | None = None
    email_verified: bool = False
    roles: frozenset[str] = frozenset()
    claims: Mapping[str, object] = field(default_factory=dict)
    managed_by: ManagedBy = ManagedBy.OPERATOR
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource server: `identifier` is the absolute URI that RFC 8707 names and tokens carry as `aud`."""

    identifier: str
    name: str
    scopes: Mapping[str, str]
    """Scope name to what it lets a client do, in words for the consent page."""
    access_token_lifetime: Seconds | None = None
    access_token_format: AccessTokenFormat = AccessTokenFormat.JWT
    introspection_client_ids: tuple[ClientId, ...] = ()
    """The confidential clients that speak for it: they may introspect the tokens that name it as audience."""
    managed_by: ManagedBy = ManagedBy.OPERATOR
    disabled: bool = False
