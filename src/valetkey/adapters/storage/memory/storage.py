"""The memory storage of one process: the fake that tests use, with the semantics of the durable ones."""

from collections.abc import Sequence

from valetkey.adapters.storage.memory import (
    api_keys,
    audit_records,
    configuration_changes,
    device_changes,
    key_changes,
    logouts,
    registrations,
    second_factors,
    security_events,
    sign_in_changes,
    status_changes,
    streams,
    tenant_secrets,
    token_changes,
    trusted_issuers,
)
from valetkey.adapters.storage.memory.api_keys import MemoryApiKeys
from valetkey.adapters.storage.memory.audit_records import MemoryAuditTrail
from valetkey.adapters.storage.memory.device_changes import MemoryDeviceCodes
from valetkey.adapters.storage.memory.purge import purge
from valetkey.adapters.storage.memory.registrations import MemoryRegistrations
from valetkey.adapters.storage.memory.second_factors import MemorySecondFactors
from valetkey.adapters.storage.memory.security_events import MemorySecurityEvents
from valetkey.adapters.storage.memory.sign_in_changes import SignInChange
from valetkey.adapters.storage.memory.state import State
from valetkey.adapters.storage.memory.status_changes import MemoryStatusLists
from valetkey.adapters.storage.memory.stores import (
    MemoryAccessTokens,
    MemoryAttempts,
    MemoryAuthorizations,
    MemoryBrowsers,
    MemoryClients,
    MemoryCodes,
    MemoryConsents,
    MemoryEndUsers,
    MemoryInteractions,
    MemoryRefreshTokens,
    MemoryReplayGuard,
    MemoryResources,
    MemorySigningKeys,
    MemoryTenants,
)
from valetkey.adapters.storage.memory.streams import MemoryStreams
from valetkey.adapters.storage.memory.tenant_secrets import MemoryTenantSecrets
from valetkey.adapters.storage.memory.token_changes import TokenChange
from valetkey.adapters.storage.memory.trusted_issuers import MemoryTrustedIssuers
from valetkey.authorization_server.api_key import ApiKeyChange
from valetkey.authorization_server.audit import Origin
from valetkey.authorization_server.decision import Change
from valetkey.authorization_server.device.codes import DeviceChange
from valetkey.authorization_server.key_changes import KeyChange
from valetkey.authorization_server.revocation.deaths import deaths_of, kills
from valetkey.authorization_server.revocation.logouts import DueLogout, LogoutChange
from valetkey.authorization_server.revocation.statuses import StatusChange
from valetkey.authorization_server.second_factor import SecondFactorChange
from valetkey.authorization_server.self_registration.changes import RegistrationChange
from valetkey.authorization_server.signals.streams import DueStream, StreamChange
from valetkey.authorization_server.tenant_secrets import TenantSecretChange
from valetkey.authorization_server.trusted_issuer import TrustedIssuerChange
from valetkey.jose.records import dataclass
from valetkey.oauth.types import NumericDate, TenantId


@dataclass(frozen=True, slots=True)
class MemoryStores:
    """Everything that one tenant keeps."""

    _state: State
    _tenant: TenantId
    clients: MemoryClients
    registrations: MemoryRegistrations
    resources: MemoryResources
    trusted_issuers: MemoryTrustedIssuers
    tenant_secrets: MemoryTenantSecrets
    signing_keys: MemorySigningKeys
    end_users: MemoryEndUsers
    second_factors: MemorySecondFactors
    browsers: MemoryBrowsers
    interactions: MemoryInteractions
    consents: MemoryConsents
    authorizations: MemoryAuthorizations
    codes: MemoryCodes
    device_codes: MemoryDeviceCodes
    refresh_tokens: MemoryRefreshTokens
    access_tokens: MemoryAccessTokens
    api_keys: MemoryApiKeys
    status_lists: MemoryStatusLists
    security_events: MemorySecurityEvents
    streams: MemoryStreams
    replay_guard: MemoryReplayGuard
    attempts: MemoryAttempts
    audit: MemoryAuditTrail

    async def commit(self, changes: Sequence[Change], origin: Origin | None = None) -> bool:
        """Applies all changes or none; False where one lost that must win. No other task sees half of them."""
        state = self._state
        state.begin()
        try:
            won = all(_recorded(state, self._tenant, change, origin, place) for place, change in enumerate(changes))
        except BaseException:
            state.undo()
            raise
        if not won:
            state.undo()
        elif kills(changes):
            self.security_events.announce()
        return won


class MemoryStorage:
    """Every tenant's rows, as long as the process lives."""

    def __init__(self) -> None:
        self._state = State()
        self.tenants = MemoryTenants(self._state)

    def stores(self, tenant_id: TenantId) -> MemoryStores:
        """The stores of one tenant."""
        return _stores(self._state, tenant_id)

    async def due_logouts(self, now: NumericDate, most_of_one: int, limit: int) -> Sequence[DueLogout]:
        """The logouts of all tenants that are due, the longest due first."""
        return logouts.due_logouts(self._state, now, most_of_one, limit)

    async def due_streams(self, now: NumericDate, limit: int) -> Sequence[DueStream]:
        """The streams of all tenants whose events are to be pushed, the longest due first."""
        return streams.due_streams(self._state, now, limit)

    async def purge(self, now: NumericDate, limit: int) -> bool:
        """Deletes at most `limit` rows of each table that were over at `now`; True while more are left."""
        self._state.begin()
        return purge(self._state, now, limit)

    async def forget_audit(self, before: NumericDate, limit: int) -> bool:
        """Deletes at most `limit` audit records older than `before`; True where it deleted any."""
        self._state.begin()
        return audit_records.forget(self._state, before, limit)

    async def close(self) -> None:
        """Does nothing: there is nothing to let go of."""


def _recorded(state: State, tenant: TenantId, change: Change, origin: Origin | None, place: int) -> bool:
    if origin is not None:
        audit_records.record(state, tenant, change, origin, place)
    return _apply(state, tenant, change, None if origin is None else origin.now)


def _apply(state: State, tenant: TenantId, change: Change, now: NumericDate | None) -> bool:
    deaths = deaths_of(change)
    streams.tell_of_enabling(state, tenant, change, now)
    signalled = [(death, streams.tell_before(state, tenant, death, now)) for death in deaths]
    for death in deaths:
        security_events.tell_before(state, tenant, death)
    noted = [(death, logouts.note_before(state, tenant, death)) for death in deaths]
    won = _make(state, tenant, change)
    for death, found in noted:
        security_events.tell_after(state, tenant, death)
        logouts.note_after(state, tenant, death, found)
    for death, told in signalled:
        streams.tell_after(state, tenant, death, told)
    return won


def _make(state: State, tenant: TenantId, change: Change) -> bool:  # noqa: C901 - a line for each room
    if isinstance(change, TokenChange):
        return token_changes.apply(state, tenant, change)
    if isinstance(change, ApiKeyChange):
        return api_keys.apply(state, tenant, change)
    if isinstance(change, SignInChange):
        return sign_in_changes.apply(state, tenant, change)
    if isinstance(change, DeviceChange):
        return device_changes.apply(state, tenant, change)
    if isinstance(change, StatusChange):
        return status_changes.apply(state, tenant, change)
    if isinstance(change, StreamChange):
        return streams.apply(state, tenant, change)
    if isinstance(change, LogoutChange):
        return logouts.apply(state, tenant, change)
    if isinstance(change, RegistrationChange):
        return registrations.apply(state, tenant, change)
    if isinstance(change, SecondFactorChange):
        return second_factors.apply(state, tenant, change)
    if isinstance(change, TrustedIssuerChange):
        return trusted_issuers.apply(state, tenant, change)
    if isinstance(change, TenantSecretChange):
        return tenant_secrets.apply(state, tenant, change)
    if isinstance(change, KeyChange):
        return key_changes.apply(state, tenant, change)
    return configuration_changes.apply(state, tenant, change)


def _stores(state: State, tenant: TenantId) -> MemoryStores:
    return MemoryStores(
        state,
        tenant,
        MemoryClients(state, tenant),
        MemoryRegistrations(state, tenant),
        MemoryResources(state, tenant),
        MemoryTrustedIssuers(state, tenant),
        MemoryTenantSecrets(state, tenant),
        MemorySigningKeys(state, tenant),
        MemoryEndUsers(state, tenant),
        MemorySecondFactors(state, tenant),
        MemoryBrowsers(state, tenant),
        MemoryInteractions(state, tenant),
        MemoryConsents(state, tenant),
        MemoryAuthorizations(state, tenant),
        MemoryCodes(state, tenant),
        MemoryDeviceCodes(state, tenant),
        MemoryRefreshTokens(state, tenant),
        MemoryAccessTokens(state, tenant),
        MemoryApiKeys(state, tenant),
        MemoryStatusLists(state, tenant),
        MemorySecurityEvents(state, tenant),
        MemoryStreams(state, tenant),
        MemoryReplayGuard(state, tenant),
        MemoryAttempts(state, tenant),
        MemoryAuditTrail(state, tenant),
    )
