"""What an operator keeps: tenants, clients, end-users and resource servers (RFC 7591, 2; RFC 8707)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import NewType

from valetkey.authorization_server.claim_rule import ClaimRule
from valetkey.authorization_server.openid_client import OpenIdMetadata
from valetkey.jose import JwkSet
from valetkey.jose.records import dataclass
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
    TokenDigest,
)

PasswordHash = NewType("PasswordHash", str)
"""A PHC string ($argon2id$...)."""


class ManagedBy(StrEnum):
    """Who may change a row: what a file provisions is changed only there."""

    FILE = "file"
    OPERATOR = "operator"
    DOCUMENT = "document"
    """The client's own document at its URL, which is read when it is needed: such a client is never stored."""


class RegistrationMode(StrEnum):
    """Who may register a client at the registration endpoint (RFC 7591, 1.1 and 3)."""

    CLOSED = "closed"
    """Nobody: an operator adds clients."""
    TOKEN = "token"  # noqa: S105 - a mode's name
    """Whoever holds an initial access token."""
    OPEN = "open"
    """Everybody, within limits; what registers so is unverified."""


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
    registration: RegistrationMode | None = None
    """Who may register clients; None means what the profile says."""
    registration_scope: Scope | None = None
    """What clients that register themselves may ask for; None means every scope of the tenant's resources."""
    managed_by: ManagedBy = ManagedBy.OPERATOR
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """One of a client's live secrets."""

    secret_id: str
    digest: SecretDigest
    created_at: NumericDate
    expires_at: NumericDate | None = None
    sealed: bytes | None = field(default=None, repr=False, compare=False)
    """Sealed under the key-encryption key, where it is also the key of a MAC (client_secret_jwt)."""

    def is_live(self, now: NumericDate) -> bool:
        """Say whether it still authenticates."""
        return self.expires_at is None or now < self.expires_at


@dataclass(frozen=True, slots=True)
class SelfRegistration:
    """How a client came in that no operator added (RFC 7591): nobody vouches for what it says of itself."""

    registered_at: NumericDate
    access_token_digest: TokenDigest = field(repr=False)
    """Of the registration access token, which reads and changes the client (RFC 7592)."""
    token_id: str | None = None
    """The initial access token that let it in; None for open registration."""
    scope: Scope = Scope()
    """What it was allowed to ask for when it came, and is when it changes its metadata."""
    grant_types: frozenset[GrantType] = frozenset()
    """Likewise."""
    described: Mapping[str, object] = field(default_factory=dict)
    """What it says of itself and nothing depends on: addresses of pages, contacts, names in other languages."""


class ExchangeKind(StrEnum):
    """What a client gets for another client's token (RFC 8693, 1.1)."""

    DELEGATION = "delegation"
    """A token that names who acts for its end-user."""
    IMPERSONATION = "impersonation"
    """A token that does not, unless an actor_token came along."""


@dataclass(frozen=True, slots=True)
class ExchangeRule:
    """Whose tokens a client may exchange, and for which resource servers (RFC 8693): nothing else is allowed."""

    subject_client_id: ClientId
    """The client that the presented token was issued to."""
    resources: tuple[str, ...]
    """What the new token may be for; the first is meant when none is named."""
    kind: ExchangeKind = ExchangeKind.DELEGATION


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
    jwks_uri: str | None = None
    """Where it publishes its keys, instead of `jwks`."""
    scope: Scope = Scope()
    """What it may ask for at all."""
    resources: tuple[str, ...] = ()
    """The resource servers it may name; the first is meant when it names none. Empty: any of the tenant."""
    application_type: ApplicationType = ApplicationType.WEB
    consent: ConsentMode = ConsentMode.REMEMBER
    profile: str | None = None
    """A policy profile of its own; None means the tenant's."""
    id_token_signed_response_alg: str = "RS256"  # noqa: S105 - an algorithm
    introspection_signed_response_alg: str = "RS256"
    """Of the signed answers that it asks the introspection endpoint for (RFC 9701, 6)."""
    access_token_format: AccessTokenFormat | None = None
    """Of all its access tokens; None leaves it to their resources."""
    token_exchange: tuple[ExchangeRule, ...] = ()
    """One for each client whose tokens it may exchange."""
    authentication_signing_alg: str | None = None
    """The one algorithm of its client assertions; None allows all of its method (RFC 7591, 2)."""
    attributes: Mapping[str, object] = field(default_factory=dict)
    """What an operator keeps of it, for the claims of tokens: JSON values by name."""
    openid: OpenIdMetadata = OpenIdMetadata()
    """What OpenID Connect lets it say of itself beyond all this."""
    registration: SelfRegistration | None = None
    """Where it registered itself; None for what an operator or a file added."""
    managed_by: ManagedBy = ManagedBy.OPERATOR
    disabled: bool = False

    @property
    def is_unverified(self) -> bool:
        """Whether nobody but the client itself says who it is."""
        return self.registration is not None or self.managed_by is ManagedBy.DOCUMENT

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
    claims: tuple[ClaimRule, ...] = ()
    """What its tokens tell beyond what every token tells."""
    signing_alg: str | None = None
    """The algorithm of its JWT access tokens; None means ES256."""
    encryption_jwks: JwkSet | None = None
    """One public key with its `alg`, for which its JWT access tokens are encrypted; None: they are signed only."""
    encryption_enc: str = "A256GCM"
    """The content encryption that goes with it."""
    managed_by: ManagedBy = ManagedBy.OPERATOR
    disabled: bool = False
