"""What the core needs from outside: small Protocols that ask for a fact or a commit and have no opinion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

# Ports as all others: they stand in a file of their own for its length.
from valetkey.authorization_server.outbound_ports import ClientDocuments as ClientDocuments  # noqa: PLC0414 - as above
from valetkey.authorization_server.outbound_ports import OutboundFetch as OutboundFetch  # noqa: PLC0414 - as above
from valetkey.authorization_server.outbound_ports import RemoteKeys as RemoteKeys  # noqa: PLC0414 - as above

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from valetkey.authorization_server.api_key import ApiKeys
    from valetkey.authorization_server.audit import AuditTrail, Origin
    from valetkey.authorization_server.decision import Change
    from valetkey.authorization_server.device.codes import StoredDeviceCode
    from valetkey.authorization_server.fresh import Fresh
    from valetkey.authorization_server.known_access_tokens import OpaqueAccessToken
    from valetkey.authorization_server.model import (
        Browser,
        BrowserId,
        Client,
        ClientSecret,
        Consent,
        EndUser,
        Generations,
        Interaction,
        PasswordHash,
        Resource,
        SigningKey,
        StoredAuthorization,
        StoredCode,
        StoredRefreshToken,
        StoredSession,
        Tenant,
    )
    from valetkey.authorization_server.revocation.outbox import SecurityEvents
    from valetkey.authorization_server.revocation.statuses import (
        OpenStatusList,
        StatusListId,
        StoredStatusList,
    )
    from valetkey.authorization_server.second_factor import SecondFactors
    from valetkey.authorization_server.self_registration.changes import RegistrationToken, RegistrationUse
    from valetkey.authorization_server.signals.streams import Streams
    from valetkey.authorization_server.tenant_secrets import TenantSecrets
    from valetkey.authorization_server.trusted_issuer import TrustedIssuers
    from valetkey.jose import Jwk, JwkSet
    from valetkey.oauth.types import (
        AuthorizationId,
        ClientId,
        NumericDate,
        SecretText,
        SessionId,
        Subject,
        TokenDigest,
    )


class Clients(Protocol):
    """Clients of one tenant; `find` is served from a cache that `configuration_version` keeps true."""

    async def find(self, client_id: ClientId) -> Client | None: ...
    async def list(self) -> Sequence[Client]: ...
    async def generations(self, client_id: ClientId) -> Generations:
        """Return the current counters for a client acting for itself (`subject` is 0)."""
        ...


class Registrations(Protocol):
    """Clients of one tenant that registered themselves, and the initial access tokens that let them in."""

    async def find_token(self, digest: TokenDigest) -> RegistrationToken | None: ...
    async def tokens(self) -> Sequence[RegistrationToken]: ...
    async def uses(self) -> Sequence[RegistrationUse]:
        """Return, by client_id, when each was used and how long it is kept."""
        ...

    async def count(self) -> int:
        """Return how many there are."""
        ...


class Resources(Protocol):
    """Resource servers of one tenant, cached like clients."""

    async def find(self, identifier: str) -> Resource | None: ...
    async def list(self) -> Sequence[Resource]: ...


class Tenants(Protocol):
    """All tenants, cached like clients."""

    async def find(self, name: str) -> Tenant | None: ...
    async def list(self) -> Sequence[Tenant]: ...


class SigningKeys(Protocol):
    """The signing keys of one tenant, cached like clients."""

    async def list(self) -> Sequence[SigningKey]: ...
    async def version(self) -> int:
        """Return the tenant's configuration_version, by which a signer knows whether its keys are current."""
        ...


class EndUsers(Protocol):
    """End-users of one tenant; of those that have the same e-mail address two are found at most."""

    async def find(self, subject: Subject) -> EndUser | None: ...
    async def find_by_username(self, normalised: str) -> EndUser | None: ...
    async def find_by_email(self, normalised: str) -> Sequence[EndUser]: ...
    async def generations(self, subject: Subject) -> Generations:
        """Return the current counters for an end-user (`client` is 0)."""
        ...

    async def list(self) -> Sequence[EndUser]: ...


class Browsers(Protocol):
    """Browsers of one tenant and the sessions in them."""

    async def find(self, handle_digest: TokenDigest) -> Browser | None: ...
    async def sessions(self, browser_id: BrowserId) -> Sequence[StoredSession]:
        """Return the sessions of a browser that have not ended, newest sign-in first."""
        ...

    async def sessions_of(self, subject: Subject) -> Sequence[StoredSession]:
        """Return the sessions of an end-user in any browser that have not ended, newest sign-in first."""
        ...

    async def session(self, sid: SessionId) -> StoredSession | None: ...
    async def timed_out(self, unseen_since: NumericDate, begun_by: NumericDate, limit: int) -> Sequence[SessionId]:
        """Return sessions that have not ended, yet were last seen or begun at these times or before."""
        ...

    async def has_known(self, browser_id: BrowserId, subject: Subject) -> bool:
        """Say whether the end-user ever signed in with this browser."""
        ...


class Interactions(Protocol):
    """Authorization requests that wait for their end-user."""

    async def find(self, digest: TokenDigest) -> Interaction | None: ...


class Consents(Protocol):
    """What end-users allowed clients."""

    async def find(self, subject: Subject, client_id: ClientId) -> Consent | None: ...
    async def of(self, subject: Subject) -> Sequence[Consent]:
        """Return everything that an end-user allowed and that is remembered, by client."""
        ...


class Authorizations(Protocol):
    """What was granted, with the counters of now."""

    async def find(self, authorization_id: AuthorizationId) -> StoredAuthorization | None: ...
    async def of(self, subject: Subject) -> Sequence[StoredAuthorization]:
        """Return the authorizations of an end-user that were not revoked, oldest first."""
        ...

    async def current(self, client_id: ClientId, subject: Subject) -> Generations:
        """Return the counters that a new authorization is stamped with."""
        ...

    async def signed_in_by(self, sid: SessionId, subject: Subject) -> Sequence[ClientId]:
        """Return the clients that a session of the end-user signed in by OpenID Connect, by name."""
        ...


class Codes(Protocol):
    """Authorization codes."""

    async def find(self, digest: TokenDigest) -> StoredCode | None: ...


class DeviceCodes(Protocol):
    """Device codes, with what was granted for them and the counters of now."""

    async def find(self, digest: TokenDigest) -> StoredDeviceCode | None: ...
    async def find_by_user_code(self, digest: TokenDigest) -> StoredDeviceCode | None: ...


class RefreshTokens(Protocol):
    """Refresh tokens."""

    async def find(self, digest: TokenDigest) -> StoredRefreshToken | None: ...


class AccessTokens(Protocol):
    """Opaque access tokens, and which access tokens of either format were revoked by themselves."""

    async def find(self, digest: TokenDigest) -> OpaqueAccessToken | None: ...
    async def is_revoked(self, token_id_digest: TokenDigest) -> bool:
        """Say whether the token whose `jti` has this SHA-256 was revoked."""
        ...


class StatusLists(Protocol):
    """Where the status of each JWT access token stands."""

    async def open(self, room: int, now: NumericDate) -> OpenStatusList | None:
        """Return a list that has `room` more positions."""
        ...

    async def find(self, list_id: StatusListId, now: NumericDate) -> StoredStatusList | None:
        """Return a list with everything that is revoked in it at this moment."""
        ...


class ReplayGuard(Protocol):
    """Single-use identifiers (`jti`)."""

    async def is_burned(self, scope: str, jti_digest: TokenDigest, now: NumericDate) -> bool: ...


class Attempts(Protocol):
    """Budgets of attempts (GCRA)."""

    async def wait(self, key: str, interval: int, burst: int, now: NumericDate) -> int:
        """Return the seconds until `key` may try again; 0 when it may now."""
        ...


class Stores(Protocol):
    """Everything that one tenant keeps; obtained for a tenant, so that no query forgets it."""

    @property
    def clients(self) -> Clients: ...
    @property
    def registrations(self) -> Registrations: ...
    @property
    def resources(self) -> Resources: ...
    @property
    def trusted_issuers(self) -> TrustedIssuers: ...
    @property
    def tenant_secrets(self) -> TenantSecrets: ...
    @property
    def signing_keys(self) -> SigningKeys: ...
    @property
    def end_users(self) -> EndUsers: ...
    @property
    def second_factors(self) -> SecondFactors: ...
    @property
    def browsers(self) -> Browsers: ...
    @property
    def interactions(self) -> Interactions: ...
    @property
    def consents(self) -> Consents: ...
    @property
    def authorizations(self) -> Authorizations: ...
    @property
    def codes(self) -> Codes: ...
    @property
    def device_codes(self) -> DeviceCodes: ...
    @property
    def refresh_tokens(self) -> RefreshTokens: ...
    @property
    def access_tokens(self) -> AccessTokens: ...
    @property
    def api_keys(self) -> ApiKeys: ...
    @property
    def status_lists(self) -> StatusLists: ...
    @property
    def security_events(self) -> SecurityEvents: ...
    @property
    def streams(self) -> Streams: ...
    @property
    def replay_guard(self) -> ReplayGuard: ...
    @property
    def attempts(self) -> Attempts: ...
    @property
    def audit(self) -> AuditTrail: ...

    async def commit(self, changes: Sequence[Change], origin: Origin | None = None) -> bool:
        """Apply all changes or none; False when a must-win precondition no longer holds.

        With an `origin` the audit trail records them in the same transaction.

        Raises `valetkey.oauth.errors.Unavailable` when the store cannot write. No changes: True, at no cost.
        """
        ...


StatusPlace: TypeAlias = "tuple[StatusListId, int]"
"""A list, and the index in it as it is published."""


class StatusPlaces(Protocol):
    """Places in status lists, reserved ahead: none costs a commit of its own. Raises Unavailable without any."""

    async def take(self, expires_at: NumericDate, fresh: Fresh) -> StatusPlace:
        """Return a place for a token that lives until `expires_at`; its owner is stored by AssignStatus."""
        ...

    async def take_for_client(
        self, client_id: ClientId, generations: Generations, expires_at: NumericDate, fresh: Fresh
    ) -> StatusPlace:
        """Return a place for a client's own token with this stamp; it is stored as the client's already."""
        ...


class StatusPublication(Protocol):
    """The status lists as they are published, at most a second or so old."""

    async def find(self, list_id: StatusListId, now: NumericDate) -> str | None:
        """Return the signed status list token; None where there is no such list."""
        ...


class Signer(Protocol):
    """The tenant's signing keys at work; private keys never leave it."""

    async def sign(self, claims: Mapping[str, object], *, typ: str, algorithm: str) -> str:
        """Return the compact JWS; raises `Unavailable` when no active key has the algorithm."""
        ...

    async def encrypt(
        self, text: str, recipient: Jwk, *, typ: str, encryption: str, content_type: str | None = "JWT"
    ) -> str:
        """Return the compact JWE of a text for the owner of `recipient` (RFC 7519, 11.2).

        Without a `content_type` it is no signed JWT. Raises `valetkey.jose.ConfigurationError` for another key.
        """
        ...

    async def public_keys(self) -> JwkSet:
        """Return every key that a verifier may still meet."""
        ...

    async def algorithms(self) -> frozenset[str]:
        """Return the algorithms that have an active key."""
        ...

    async def decrypt(self, jwe: str) -> bytes:
        """Return what was encrypted to a key of the tenant; raises `valetkey.jose.InvalidToken`."""
        ...

    async def decryption_algorithms(self) -> frozenset[str]:
        """Return the algorithms by which one may encrypt to the tenant; none where it has no key for that."""
        ...


class PasswordHasher(Protocol):
    """Argon2id off the event loop, in a bounded pool."""

    async def matches(self, presented: SecretText, stored: PasswordHash | None) -> bool:
        """Compare; with no stored hash a dummy one is verified, so that the time does not tell.

        Raises `Unavailable` when too many attempts already wait.
        """
        ...

    async def hash(self, password: SecretText) -> PasswordHash: ...


class SealedSecrets(Protocol):
    """Client secrets that are keys of a MAC: kept sealed under the key-encryption key, opened for one use."""

    def seal(self, client_id: ClientId, secret: ClientSecret, text: SecretText) -> ClientSecret:
        """Return `secret` with `text` sealed in it; it opens only for this client and this digest."""
        ...

    def open(self, client_id: ClientId, secret: ClientSecret) -> SecretText:
        """Return the text of a sealed secret; raises Unavailable when the key-encryption key does not open it."""
        ...


class EventLog(Protocol):
    """The bounded log stream: what operators read; never secrets, values capped."""

    def write(self, event: str, /, **fields: str | int | None) -> None: ...


class FreshSource(Protocol):
    """The door to the clock and to chance: called once a request."""

    def __call__(self) -> Fresh: ...
