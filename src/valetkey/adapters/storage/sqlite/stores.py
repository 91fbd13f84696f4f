"""The stores of one tenant over SQLite: each question is one statement, run on the event loop in microseconds."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from valetkey.adapters.storage.sql import documents, queries, records
from valetkey.adapters.storage.sqlite.engine import SqliteEngine
from valetkey.authorization_server.known_access_tokens import OpaqueAccessToken
from valetkey.authorization_server.model import (
    Browser,
    BrowserId,
    Client,
    Consent,
    EndUser,
    Generations,
    Interaction,
    Resource,
    SigningKey,
    StoredAuthorization,
    StoredCode,
    StoredRefreshToken,
    StoredSession,
    Tenant,
)
from valetkey.jose.records import dataclass
from valetkey.oauth.types import (
    AuthorizationId,
    ClientId,
    NumericDate,
    SessionId,
    Subject,
    TenantId,
    TokenDigest,
)

Value = TypeVar("Value")
_CACHED = 10_000  # values that one cache may hold before it starts anew


class VersionedCache(Generic[Value]):
    """Values by name, true as long as the configuration version of their tenant has not moved."""

    __slots__ = ("_engine", "_tenant", "_values", "_version")

    def __init__(self, engine: SqliteEngine, tenant: str) -> None:
        self._engine = engine
        self._tenant = tenant
        self._version = -1
        self._values: dict[str, Value] = {}

    def version(self) -> int:
        """The tenant's configuration version of now; 0 before the first change."""
        return self._engine.configuration_version(self._tenant)

    def find(self, name: str, load: Callable[[], Value | None]) -> Value | None:
        """The cached value, or what `load` finds now; what is not found is not kept."""
        # The version is read before the value: a value newer than its version is only loaded once more.
        version = self.version()
        if version != self._version or len(self._values) >= _CACHED:
            self._values.clear()
            self._version = version
        value = self._values.get(name)
        if value is None:
            value = load()
            if value is not None:
                self._values[name] = value
        return value


@dataclass(frozen=True, slots=True)
class SqliteClients:
    """`Clients` of one tenant."""

    _engine: SqliteEngine
    _tenant: TenantId
    _cache: VersionedCache[Client]
    _all: VersionedCache[tuple[Client, ...]]

    async def find(self, client_id: ClientId) -> Client | None:
        """The client of that id."""
        return self._cache.find(client_id, lambda: self._load(client_id))

    async def list(self) -> Sequence[Client]:
        """All clients, by id."""
        return list(self._all.find("", self._load_all) or ())

    async def generations(self, client_id: ClientId) -> Generations:
        """The counters for a client acting for itself."""
        return _generations(self._engine, self._tenant, client_id, None)

    def _load(self, client_id: ClientId) -> Client | None:
        row = self._engine.row(queries.FIND_CLIENT, self._tenant, client_id)
        return None if row is None else documents.client_from(row)

    def _load_all(self) -> tuple[Client, ...]:
        return tuple(map(documents.client_from, self._engine.rows(queries.LIST_CLIENTS, self._tenant)))


@dataclass(frozen=True, slots=True)
class SqliteResources:
    """`Resources` of one tenant."""

    _engine: SqliteEngine
    _tenant: TenantId
    _cache: VersionedCache[Resource]
    _all: VersionedCache[tuple[Resource, ...]]

    async def find(self, identifier: str) -> Resource | None:
        """The resource server of that identifier."""
        return self._cache.find(identifier, lambda: self._load(identifier))

    async def list(self) -> Sequence[Resource]:
        """All resource servers, by identifier."""
        return list(self._all.find("", self._load_all) or ())

    def _load(self, identifier: str) -> Resource | None:
        row = self._engine.row(queries.FIND_RESOURCE, self._tenant, identifier)
        return None if row is None else documents.resource_from(row)

    def _load_all(self) -> tuple[Resource, ...]:
        return tuple(map(documents.resource_from, self._engine.rows(queries.LIST_RESOURCES, self._tenant)))


@dataclass(frozen=True, slots=True)
class SqliteTenants:
    """`Tenants`: the one store that belongs to no tenant."""

    _engine: SqliteEngine
    _cache: VersionedCache[Tenant]

    async def find(self, name: str) -> Tenant | None:
        """The tenant of that name."""
        return self._cache.find(name, lambda: self._load(name))

    async def list(self) -> Sequence[Tenant]:
        """All tenants, by name."""
        return [documents.tenant_from(row) for row in self._engine.rows(queries.LIST_TENANTS)]

    def _load(self, name: str) -> Tenant | None:
        row = self._engine.row(queries.FIND_TENANT, name)
        return None if row is None else documents.tenant_from(row)


@dataclass(frozen=True, slots=True)
class SqliteSigningKeys:
    """`SigningKeys` of one tenant."""

    _engine: SqliteEngine
    _tenant: TenantId
    _cache: VersionedCache[tuple[SigningKey, ...]]

    async def list(self) -> Sequence[SigningKey]:
        """All signing keys, oldest first."""
        return self._cache.find("", self._load) or ()

    async def version(self) -> int:
        """The tenant's configuration version."""
        return self._cache.version()

    def _load(self) -> tuple[SigningKey, ...]:
        return tuple(map(records.signing_key, self._engine.rows(queries.LIST_SIGNING_KEYS, self._tenant)))


@dataclass(frozen=True, slots=True)
class SqliteEndUsers:
    """`EndUsers` of one tenant."""

    _engine: SqliteEngine
    _tenant: TenantId

    async def find(self, subject: Subject) -> EndUser | None:
        """The end-user of that subject."""
        row = self._engine.row(queries.FIND_END_USER, self._tenant, subject)
        return None if row is None else documents.end_user_from(row)

    async def find_by_email(self, normalised: str) -> Sequence[EndUser]:
        """Whoever has the address, two at most."""
        rows = self._engine.rows(queries.FIND_END_USERS_BY_EMAIL, self._tenant, normalised)
        return tuple(map(documents.end_user_from, rows))

    async def find_by_username(self, normalised: str) -> EndUser | None:
        """The end-user of that user name, normalised."""
        row = self._engine.row(queries.FIND_END_USER_BY_USERNAME, self._tenant, normalised)
        return None if row is None else documents.end_user_from(row)

    async def generations(self, subject: Subject) -> Generations:
        """The counters for an end-user, without a client's."""
        return _generations(self._engine, self._tenant, None, subject)

    async def list(self) -> Sequence[EndUser]:
        """All end-users, by subject."""
        rows = self._engine.rows(queries.LIST_END_USERS, self._tenant)
        return [documents.end_user_from(row) for row in rows]


@dataclass(frozen=True, slots=True)
class SqliteBrowsers:
    """`Browsers` of one tenant."""

    _engine: SqliteEngine
    _tenant: TenantId

    async def find(self, handle_digest: TokenDigest) -> Browser | None:
        """The browser with that cookie handle."""
        row = self._engine.row(queries.FIND_BROWSER, self._tenant, handle_digest)
        return None if row is None else records.browser(row)

    async def sessions(self, browser_id: BrowserId) -> Sequence[StoredSession]:
        """The sessions that have not ended, newest sign-in first."""
        rows = self._engine.rows(queries.LIST_SESSIONS, self._tenant, browser_id)
        return [records.stored_session(row) for row in rows]

    async def sessions_of(self, subject: Subject) -> Sequence[StoredSession]:
        """The sessions of an end-user that have not ended, newest sign-in first."""
        rows = self._engine.rows(queries.LIST_SESSIONS_OF_SUBJECT, self._tenant, subject)
        return [records.stored_session(row) for row in rows]

    async def session(self, sid: SessionId) -> StoredSession | None:
        """The session of that id, ended or not."""
        row = self._engine.row(queries.FIND_SESSION, self._tenant, sid)
        return None if row is None else records.stored_session(row)

    async def timed_out(self, unseen_since: NumericDate, begun_by: NumericDate, limit: int) -> Sequence[SessionId]:
        """The sessions that have not ended, yet were last seen or begun so long ago."""
        rows = await self._engine.rows_aside(
            queries.TIMED_OUT_SESSIONS, self._tenant, unseen_since, begun_by, limit
        )
        return [row[0] for row in rows]

    async def has_known(self, browser_id: BrowserId, subject: Subject) -> bool:
        """Whether the end-user ever signed in with the browser."""
        return self._engine.row(queries.IS_KNOWN_BROWSER, self._tenant, browser_id, subject) is not None


@dataclass(frozen=True, slots=True)
class SqliteInteractions:
    """`Interactions` of one tenant."""

    _engine: SqliteEngine
    _tenant: TenantId

    async def find(self, digest: TokenDigest) -> Interaction | None:
        """The interaction of that handle."""
        row = self._engine.row(queries.FIND_INTERACTION, self._tenant, digest)
        return None if row is None else records.interaction(row)


@dataclass(frozen=True, slots=True)
class SqliteConsents:
    """`Consents` of one tenant."""

    _engine: SqliteEngine
    _tenant: TenantId

    async def find(self, subject: Subject, client_id: ClientId) -> Consent | None:
        """What the end-user allowed the client; resources are sorted."""
        rows = self._engine.rows(queries.FIND_CONSENT, self._tenant, subject, client_id)
        return records.consent(subject, client_id, rows)

    async def of(self, subject: Subject) -> Sequence[Consent]:
        """Everything that the end-user allowed, by client."""
        return records.consents(subject, self._engine.rows(queries.LIST_CONSENTS, self._tenant, subject))


@dataclass(frozen=True, slots=True)
class SqliteAuthorizations:
    """`Authorizations` of one tenant."""

    _engine: SqliteEngine
    _tenant: TenantId

    async def find(self, authorization_id: AuthorizationId) -> StoredAuthorization | None:
        """The authorization of that id with the counters of now."""
        row = self._engine.row(queries.FIND_AUTHORIZATION, self._tenant, authorization_id)
        return None if row is None else records.stored_authorization(row)

    async def of(self, subject: Subject) -> Sequence[StoredAuthorization]:
        """The authorizations of the end-user that were not revoked, oldest first."""
        rows = self._engine.rows(queries.LIST_AUTHORIZATIONS, self._tenant, subject)
        return [records.stored_authorization(row) for row in rows]

    async def current(self, client_id: ClientId, subject: Subject) -> Generations:
        """The counters of now."""
        return _generations(self._engine, self._tenant, client_id, subject)

    async def signed_in_by(self, sid: SessionId, subject: Subject) -> Sequence[ClientId]:
        """The clients that a session of the end-user signed in by OpenID Connect, by name."""
        return sorted(
            {row[0] for row in self._engine.rows(queries.SIGNED_IN_BY_SESSION, self._tenant, subject, sid)}
        )


@dataclass(frozen=True, slots=True)
class SqliteCodes:
    """`Codes` of one tenant."""

    _engine: SqliteEngine
    _tenant: TenantId

    async def find(self, digest: TokenDigest) -> StoredCode | None:
        """The code with its authorization."""
        row = self._engine.row(queries.FIND_CODE, self._tenant, digest)
        return None if row is None else records.stored_code(row)


@dataclass(frozen=True, slots=True)
class SqliteRefreshTokens:
    """`RefreshTokens` of one tenant."""

    _engine: SqliteEngine
    _tenant: TenantId

    async def find(self, digest: TokenDigest) -> StoredRefreshToken | None:
        """The refresh token with its authorization and end-user."""
        row = self._engine.row(queries.FIND_REFRESH, self._tenant, digest)
        return None if row is None else records.stored_refresh_token(row)


@dataclass(frozen=True, slots=True)
class SqliteAccessTokens:
    """`AccessTokens` of one tenant."""

    _engine: SqliteEngine
    _tenant: TenantId

    async def find(self, digest: TokenDigest) -> OpaqueAccessToken | None:
        """What the opaque token stands for."""
        row = self._engine.row(queries.FIND_ACCESS, self._tenant, digest)
        return None if row is None else records.access_token(row)

    async def is_revoked(self, token_id_digest: TokenDigest) -> bool:
        """Whether the token was revoked by itself."""
        return self._engine.row(queries.IS_REVOKED, self._tenant, token_id_digest) is not None


@dataclass(frozen=True, slots=True)
class SqliteReplayGuard:
    """`ReplayGuard` of one tenant."""

    _engine: SqliteEngine
    _tenant: TenantId

    async def is_burned(self, scope: str, jti_digest: TokenDigest, now: NumericDate) -> bool:
        """Whether the identifier was used and has not expired."""
        return self._engine.row(queries.IS_BURNED, self._tenant, scope, jti_digest, now) is not None


@dataclass(frozen=True, slots=True)
class SqliteAttempts:
    """`Attempts` of one tenant."""

    _engine: SqliteEngine
    _tenant: TenantId

    async def wait(self, key: str, interval: int, burst: int, now: NumericDate) -> int:
        """The seconds until another attempt is allowed."""
        row = self._engine.row(queries.ATTEMPTS_FULL_AT, self._tenant, key)
        full_at = now if row is None else max(now, row[0])
        return max(0, full_at + interval - burst * interval - now)


def _generations(
    engine: SqliteEngine, tenant: TenantId, client_id: ClientId | None, subject: Subject | None
) -> Generations:
    return records.generations(engine.rows(queries.GENERATIONS, tenant, client_id, subject)[0])
