"""What the memory storage holds: tables of frozen values by tenant and key, with an undo list for a lost commit."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Generic, TypeVar

from valetkey.authorization_server.known_access_tokens import OpaqueAccessToken  # noqa: TC001 - beside the model's
from valetkey.authorization_server.model import (
    Authorization,
    AuthorizationCode,
    Browser,
    BrowserId,
    Client,
    Consent,
    EndUser,
    Generations,
    Interaction,
    RefreshToken,
    Resource,
    Session,
    SigningKey,
    Tenant,
)
from valetkey.oauth.types import (
    AuthorizationId,
    ClientId,
    NumericDate,
    SessionId,
    Subject,
    TenantId,
    TokenDigest,
)

if TYPE_CHECKING:
    from valetkey.authorization_server.api_key import ApiKey
    from valetkey.authorization_server.audit import AuditRecord
    from valetkey.authorization_server.device.codes import DeviceCode
    from valetkey.authorization_server.revocation.events import StoredSecurityEvent
    from valetkey.authorization_server.revocation.logouts import DueLogout
    from valetkey.authorization_server.revocation.statuses import OpenStatusList, StatusBlock, StatusListId
    from valetkey.authorization_server.second_factor import OneTimeCodeFactor
    from valetkey.authorization_server.self_registration.changes import RegistrationToken, RegistrationUse
    from valetkey.authorization_server.signals.streams import StoredStream, StreamEvent, StreamId
    from valetkey.authorization_server.trusted_issuer import TrustedIssuer

Key = TypeVar("Key")
Value = TypeVar("Value")

WHOLE_SERVER = TenantId("")  # stands where a row belongs to no tenant


class Table(Generic[Key, Value]):
    """Values by tenant and key; what was written since the last `State.begin` can be undone."""

    __slots__ = ("_rows", "_undo")

    def __init__(self, undo: list[Callable[[], None]]) -> None:
        self._rows: dict[tuple[TenantId, Key], Value] = {}
        self._undo = undo

    def get(self, tenant: TenantId, key: Key) -> Value | None:
        """The value, if there is one."""
        return self._rows.get((tenant, key))

    def put(self, tenant: TenantId, key: Key, value: Value) -> None:
        """Adds or replaces the value."""
        self._remember(tenant, key)
        self._rows[tenant, key] = value

    def remove(self, tenant: TenantId, key: Key) -> None:
        """Removes the value, if there is one."""
        if (tenant, key) in self._rows:
            self._remember(tenant, key)
            del self._rows[tenant, key]

    def of(self, tenant: TenantId) -> list[tuple[Key, Value]]:
        """The keys and values of one tenant, as they are now."""
        return [(key, value) for (owner, key), value in self._rows.items() if owner == tenant]

    def __iter__(self) -> Iterator[tuple[TenantId, Key, Value]]:
        return iter([(tenant, key, value) for (tenant, key), value in self._rows.items()])

    def _remember(self, tenant: TenantId, key: Key) -> None:
        rows, place = self._rows, (tenant, key)
        if place in rows:
            old = rows[place]
            self._undo.append(lambda: rows.__setitem__(place, old))
        else:
            self._undo.append(lambda: rows.__delitem__(place))


class State:
    """Every table of every tenant."""

    def __init__(self) -> None:
        undo: list[Callable[[], None]] = []
        self._undo = undo
        self.generations: Table[tuple[str, str], int] = Table(undo)
        self.configurations: Table[str, int] = Table(undo)
        self.revisions: Table[str, int] = Table(undo)
        self.tenants: Table[str, Tenant] = Table(undo)
        self.clients: Table[ClientId, Client] = Table(undo)
        self.registrations: Table[ClientId, RegistrationUse] = Table(undo)
        self.registration_tokens: Table[TokenDigest, RegistrationToken] = Table(undo)
        self.trusted_issuers: Table[str, TrustedIssuer] = Table(undo)
        self.resources: Table[str, Resource] = Table(undo)
        self.tenant_secrets: Table[str, bytes] = Table(undo)
        self.pairwise_tokens: Table[tuple[Subject, AuthorizationId], NumericDate] = Table(undo)
        self.signing_keys: Table[str, SigningKey] = Table(undo)
        self.end_users: Table[Subject, EndUser] = Table(undo)
        self.second_factors: Table[Subject, OneTimeCodeFactor] = Table(undo)
        self.browsers: Table[BrowserId, Browser] = Table(undo)
        self.known_browsers: Table[tuple[BrowserId, Subject], None] = Table(undo)
        self.sessions: Table[SessionId, Session] = Table(undo)
        self.interactions: Table[TokenDigest, Interaction] = Table(undo)
        self.consents: Table[tuple[Subject, ClientId], Consent] = Table(undo)
        self.authorizations: Table[AuthorizationId, Authorization] = Table(undo)
        self.codes: Table[TokenDigest, AuthorizationCode] = Table(undo)
        self.device_codes: Table[TokenDigest, DeviceCode] = Table(undo)
        self.refresh_tokens: Table[TokenDigest, RefreshToken] = Table(undo)
        self.predecessors: Table[TokenDigest, TokenDigest] = Table(undo)
        self.access_tokens: Table[TokenDigest, OpaqueAccessToken] = Table(undo)
        self.api_keys: Table[str, ApiKey] = Table(undo)
        self.revoked_tokens: Table[TokenDigest, NumericDate] = Table(undo)
        self.status_lists: Table[StatusListId, OpenStatusList] = Table(undo)
        self.statuses: Table[tuple[StatusListId, NumericDate, int], AuthorizationId] = Table(undo)
        self.status_clients: Table[tuple[StatusListId, NumericDate, int, ClientId], int] = Table(undo)
        self.status_blocks: Table[tuple[StatusListId, NumericDate, int], StatusBlock] = Table(undo)
        self.revoked_statuses: Table[tuple[StatusListId, NumericDate, int], None] = Table(undo)
        self.burned_jtis: Table[tuple[str, TokenDigest], NumericDate] = Table(undo)
        self.attempts: Table[str, NumericDate] = Table(undo)
        self.logouts: Table[tuple[SessionId, ClientId], tuple[DueLogout, NumericDate]] = Table(undo)
        self.announced: Table[tuple[str, str], int] = Table(undo)
        self.event_counters: Table[str, int] = Table(undo)
        self.security_events: Table[int, tuple[StoredSecurityEvent, NumericDate | None]] = Table(undo)
        self.streams: Table[StreamId, StoredStream] = Table(undo)
        self.stream_events: Table[tuple[StreamId, int], tuple[StreamEvent, NumericDate | None]] = Table(undo)
        self.stream_exclusions: Table[tuple[StreamId, Subject], None] = Table(undo)
        self.audit: Table[tuple[NumericDate, str, int, int], AuditRecord] = Table(undo)
        self.listeners: dict[TenantId, list[Callable[[], None]]] = {}

    def begin(self) -> None:
        """Forgets how to undo what was written until now."""
        self._undo.clear()

    def undo(self) -> None:
        """Takes back what was written since `begin`, newest first."""
        while self._undo:
            self._undo.pop()()

    def current(self, tenant: TenantId, client_id: ClientId | None, subject: Subject | None) -> Generations:
        """The counters of now; one that is not asked for is 0."""
        return Generations(
            server=self._counter(WHOLE_SERVER, "server", ""),
            tenant=self._counter(tenant, "tenant", ""),
            client=0 if client_id is None else self._counter(tenant, "client", client_id),
            subject=0 if subject is None else self._counter(tenant, "subject", subject),
        )

    def _counter(self, tenant: TenantId, kind: str, name: str) -> int:
        return self.generations.get(tenant, (kind, name)) or 0
