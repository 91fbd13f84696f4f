"""What the server knows, a type for each stage; what an operator keeps stands in `registered`."""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum
from typing import NewType

from valetkey.authorization_server.claims_request import NO_CLAIMS, ClaimsRequest
from valetkey.authorization_server.registered import (
    Client,
    ClientSecret,
    ConsentMode,
    EndUser,
    ExchangeKind,
    ExchangeRule,
    ManagedBy,
    PasswordHash,
    RegistrationMode,
    Resource,
    SelfRegistration,
    Tenant,
)
from valetkey.jose.records import dataclass
from valetkey.oauth.access_token import AccessTokenFormat
from valetkey.oauth.authentication_method import AuthenticationMethod
from valetkey.oauth.redirect_uri import ApplicationType
from valetkey.oauth.types import (
    AuthorizationId,
    ClientId,
    NumericDate,
    Scope,
    SessionId,
    Subject,
    TokenDigest,
)

__all__ = [
    "AccessTokenFormat",
    "AccountChoice",
    "ApplicationType",
    "Authentication",
    "AuthenticationMethod",
    "Authorization",
    "AuthorizationCode",
    "Browser",
    "BrowserId",
    "Client",
    "ClientSecret",
    "Confirmation",
    "Consent",
    "ConsentAnswer",
    "ConsentMode",
    "EndUser",
    "ExchangeKind",
    "ExchangeRule",
    "Generations",
    "Interaction",
    "KeptReply",
    "KeyState",
    "ManagedBy",
    "PasswordHash",
    "RefreshToken",
    "RegistrationMode",
    "Resource",
    "SelfRegistration",
    "Session",
    "SigningKey",
    "Standing",
    "StoredAuthorization",
    "StoredCode",
    "StoredRefreshToken",
    "StoredSession",
    "Tenant",
    "normalised_email",
    "normalised_username",
]

BrowserId = NewType("BrowserId", str)


class KeyState(StrEnum):
    """Where a key stands: announced before its first use, retired after its last."""

    ANNOUNCED = "announced"
    """Published, and not used yet."""
    ACTIVE = "active"
    """The one of its algorithm that is used."""
    RETIRED = "retired"
    """Not used any more, and kept for what is left of its work."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key of a tenant, for signatures or for encryption to us; the private part is sealed."""

    kid: str
    algorithm: str
    public_jwk: str
    """JSON of the public JWK."""
    sealed_private_jwk: bytes = field(repr=False)
    state: KeyState
    created_at: NumericDate
    activated_at: NumericDate | None = None
    """None until it is active, and where its version did not note it: it was then active from the beginning."""
    retired_at: NumericDate | None = None

    @property
    def used_since(self) -> NumericDate:
        """When it was used first."""
        return self.created_at if self.activated_at is None else self.activated_at


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
    """0 where nobody can say when."""
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


class AccountChoice(StrEnum):
    """Which account an end-user wants to go on with, as long as it is none that is signed in."""

    ASKED = "asked"
    """They want to choose among those that are signed in."""
    ANOTHER = "another"
    """They want to sign in with another one."""


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
    """The session that its end-user chose, or in which they signed in or answered."""
    authenticated_at: NumericDate | None = None
    """When its end-user signed in for this very request (prompt=login, max_age)."""
    answer: ConsentAnswer | None = None
    """Given by the end-user of `sid`; void when another one signs in."""
    finished_at: NumericDate | None = None
    account_choice: AccountChoice | None = None
    """What they said of accounts; None once `sid` says it all."""


@dataclass(frozen=True, slots=True)
class Consent:
    """What an end-user allowed a client, remembered."""

    subject: Subject
    client_id: ClientId
    scope: Scope
    resources: tuple[str, ...]
    granted_at: NumericDate
    expires_at: NumericDate
    claims: frozenset[str] = frozenset()
    """Those that were asked for one by one, without language tags."""


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
    claims: ClaimsRequest = NO_CLAIMS
    """What was granted claim by claim, beyond the scope."""


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


def normalised_email(text: str) -> str:
    """Return the form in which addresses are compared: ASCII letters in lower case, and nothing else changed."""
    return text.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")


def normalised_username(text: str) -> str:
    """Return the one form under which a user name is unique: NFKC, case-folded, without surrounding space."""
    import unicodedata  # noqa: PLC0415 - only a login or a provisioning needs it

    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).strip().casefold())
