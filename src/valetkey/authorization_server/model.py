"""What the server knows: frozen values, a type for each stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NewType

from valetkey.jose import JwkSet
from valetkey.oauth.access_token import AccessTokenFormat as AccessTokenFormat  # noqa: PLC0414 - of Client, Resource
from valetkey.oauth.authentication_method import AuthenticationMethod as AuthenticationMethod  # noqa: PLC0414 - as below
from valetkey.oauth.redirect_uri import ApplicationType as ApplicationType  # noqa: PLC0414 - part of a Client
from valetkey.oauth.types import (
    AuthorizationId,
    ClientId,
    GrantType,
    NumericDate,
    Scope,
    Seconds,
    SecretDigest,
    SessionId,
    Subject,
    TenantId,
    TokenDigest,
)

BrowserId = NewType("BrowserId", str)
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


class KeyState(StrEnum):
    """Where a signing key stands: announced before use, retired after the last token it signed."""

    ANNOUNCED = "announced"
    ACTIVE = "active"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key of a tenant; the private part is sealed under the key-encryption key."""

    kid: str
    algorithm: str
    public_jwk: str
    """JSON of the public JWK."""
    sealed_private_jwk: bytes = field(repr=False)
    state: KeyState
    created_at: NumericDate


@dataclass(frozen=True, slots=True)
class Generations:
    """The counters that stamp whatever is minted: nothing from an older generation is accepted."""

    server: int = 0
    tenant: int = 0
    client: int = 0
    subject: int = 0

    def is_older_than(self, current: Generations) -> bool:
        """Say whether any counter has moved on since this stamp."""
        return (
            self.server < current.server
            or self.tenant < current.tenant
            or self.client < current.client
            or self.subject < current.subject
        )


@dataclass(frozen=True, slots=True)
class Authentication:
    """How and when the end-user proved who they are."""

    auth_time: NumericDate
    acr: str
    amr: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Browser:
    """One browser: a rotating cookie handle (stored as digest) over which several accounts may be signed in."""

    browser_id: BrowserId
    handle_digest: TokenDigest
    csrf_secret: bytes = field(repr=False)
    """32 bytes from which its forms' tokens are derived."""
    created_at: NumericDate
    expires_at: NumericDate


@dataclass(frozen=True, slots=True)
class Session:
    """A browser's login of one end-user (`sid`)."""

    sid: SessionId
    browser_id: BrowserId
    subject: Subject
    authentication: Authentication
    generations: Generations
    """`client` is always 0: a session belongs to no client."""
    created_at: NumericDate
    last_seen_at: NumericDate
    ended_at: NumericDate | None = None


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session with the counters of now and its end-user: the facts that judge it."""

    session: Session
    current: Generations
    end_user: EndUser


class ConsentAnswer(StrEnum):
    """What the end-user answered on the consent page."""

    ALLOWED = "allowed"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class Interaction:
    """An authorization request that waits for its end-user: stored state, decided by the authorization endpoint.

    `parameters` are the request's, as sent; they are judged again whenever the browser comes back.
    """

    digest: TokenDigest
    browser_id: BrowserId
    client_id: ClientId
    parameters: tuple[tuple[str, str], ...]
    created_at: NumericDate
    expires_at: NumericDate
    version: int = 0
    """Counts answers: `AdvanceInteraction` wins only on the version it read."""
    sid: SessionId | None = None
    """The session in which its end-user signed in or answered."""
    authenticated_at: NumericDate | None = None
    """When its end-user signed in for this very request (prompt=login, max_age)."""
    answer: ConsentAnswer | None = None
    """Given by the end-user of `sid`; void when another one signs in."""
    finished_at: NumericDate | None = None


@dataclass(frozen=True, slots=True)
class Consent:
    """What an end-user allowed a client, remembered."""

    subject: Subject
    client_id: ClientId
    scope: Scope
    resources: tuple[str, ...]
    granted_at: NumericDate
    expires_at: NumericDate


@dataclass(frozen=True, slots=True)
class Confirmation:
    """`cnf` (RFC 7800): the key that a token is bound to."""

    method: str
    """`jkt` (RFC 9449) or `x5t#S256` (RFC 8705)."""
    thumbprint: str


@dataclass(frozen=True, slots=True)
class Authorization:
    """What was granted; codes, refresh tokens and access tokens hang off it, and revoking it kills them all."""

    authorization_id: AuthorizationId
    client_id: ClientId
    subject: Subject
    scope: Scope
    resources: tuple[str, ...]
    authentication: Authentication
    generations: Generations
    created_at: NumericDate
    expires_at: NumericDate
    sid: SessionId | None
    bound_to_session: bool
    """It dies with its session; otherwise it outlives it."""
    nonce: str | None = None
    confirmation: Confirmation | None = None
    revoked_at: NumericDate | None = None


class Standing(StrEnum):
    """Whether what hangs off an authorization may still be honoured."""

    ALIVE = "alive"
    REVOKED = "revoked"
    SUPERSEDED = "superseded"
    """A generation moved on: password change, sign out everywhere, client disabled, ..."""
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class StoredAuthorization:
    """An authorization with the counters of now: the facts that judge all that hangs off it.

    Ending a session revokes what is bound to it in the same transaction, so the session is no further fact.
    """

    authorization: Authorization
    current: Generations

    def standing(self, now: NumericDate) -> Standing:
        """Judge it; the same rule stands in every must-win statement of the stores."""
        if self.authorization.revoked_at is not None:
            return Standing.REVOKED
        if self.authorization.generations.is_older_than(self.current):
            return Standing.SUPERSEDED
        if now >= self.authorization.expires_at:
            return Standing.EXPIRED
        return Standing.ALIVE


@dataclass(frozen=True, slots=True)
class AuthorizationCode:
    """A code, kept until it expires so that a second use is recognised."""

    digest: TokenDigest
    authorization_id: AuthorizationId
    client_id: ClientId
    redirect_uri: str
    redirect_uri_was_sent: bool
    code_challenge: str | None
    created_at: NumericDate
    expires_at: NumericDate
    confirmation: Confirmation | None = None
    redeemed_at: NumericDate | None = None


@dataclass(frozen=True, slots=True)
class StoredCode:
    """A code with the authorization it belongs to."""

    code: AuthorizationCode
    stored: StoredAuthorization


@dataclass(frozen=True, slots=True)
class KeptReply:
    """A refresh's reply, kept for an idempotent replay: sealed under a key derived from the presented token."""

    sealed: bytes = field(repr=False)
    binding: bytes
    """Digest of (scope, resource, authorization_details, key) asked for."""
    expires_at: NumericDate


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """One link of an authorization's chain of refresh tokens."""

    digest: TokenDigest
    authorization_id: AuthorizationId
    client_id: ClientId
    created_at: NumericDate
    expires_at: NumericDate
    confirmation: Confirmation | None = None
    superseded_at: NumericDate | None = None
    kept_reply: KeptReply | None = None
    """Present while the successor is unused; erased when it is used."""


@dataclass(frozen=True, slots=True)
class StoredRefreshToken:
    """A refresh token with the authorization it belongs to and its end-user's state."""

    token: RefreshToken
    stored: StoredAuthorization
    end_user: EndUser | None


def normalised_username(text: str) -> str:
    """Return the one form under which a user name is unique: NFKC, case-folded, without surrounding space."""
    import unicodedata  # noqa: PLC0415 - only a login or a provisioning needs it

    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).strip().casefold())
