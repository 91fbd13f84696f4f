"""The SQLite storage of one process: opened once, it gives the stores of any tenant."""

import asyncio
from collections.abc import Sequence
from contextlib import closing

from valetkey.adapters.storage.sql import audit_records, logouts, purge, streams
from valetkey.adapters.storage.sql.changes import unit_of
from valetkey.adapters.storage.sql.configuration_changes import WHOLE_SERVER
from valetkey.adapters.storage.sql.step import Step
from valetkey.adapters.storage.sqlite.api_keys import SqliteApiKeys
from valetkey.adapters.storage.sqlite.audit_records import SqliteAuditTrail
from valetkey.adapters.storage.sqlite.connection import open_writer
from valetkey.adapters.storage.sqlite.device_codes import SqliteDeviceCodes
from valetkey.adapters.storage.sqlite.engine import SqliteEngine
from valetkey.adapters.storage.sqlite.migrate import refuse_other_schema
from valetkey.adapters.storage.sqlite.registrations import SqliteRegistrations
from valetkey.adapters.storage.sqlite.second_factors import SqliteSecondFactors
from valetkey.adapters.storage.sqlite.security_events import SqliteSecurityEvents
from valetkey.adapters.storage.sqlite.status_lists import SqliteStatusLists
from valetkey.adapters.storage.sqlite.stores import (
    SqliteAccessTokens,
    SqliteAttempts,
    SqliteAuthorizations,
    SqliteBrowsers,
    SqliteClients,
    SqliteCodes,
    SqliteConsents,
    SqliteEndUsers,
    SqliteInteractions,
    SqliteRefreshTokens,
    SqliteReplayGuard,
    SqliteResources,
    SqliteSigningKeys,
    SqliteTenants,
    VersionedCache,
)
from valetkey.adapters.storage.sqlite.streams import SqliteStreams
from valetkey.adapters.storage.sqlite.tenant_secrets import SqliteTenantSecrets
from valetkey.adapters.storage.sqlite.trusted_issuers import SqliteTrustedIssuers
from valetkey.authorization_server.audit import Origin
from valetkey.authorization_server.decision import Change
from valetkey.authorization_server.revocation.deaths import kills
from valetkey.authorization_server.revocation.logouts import DueLogout
from valetkey.authorization_server.signals.streams import DueStream
from valetkey.jose.records import dataclass
from valetkey.oauth.types import NumericDate, TenantId


@dataclass(frozen=True, slots=True)
class SqliteStores:
    """Everything that one tenant keeps."""

    _engine: SqliteEngine
    _tenant: TenantId
    clients: SqliteClients
    registrations: SqliteRegistrations
    resources: SqliteResources
    trusted_issuers: SqliteTrustedIssuers
    tenant_secrets: SqliteTenantSecrets
    signing_keys: SqliteSigningKeys
    end_users: SqliteEndUsers
    second_factors: SqliteSecondFactors
    browsers: SqliteBrowsers
    interactions: SqliteInteractions
    consents: SqliteConsents
    authorizations: SqliteAuthorizations
    codes: SqliteCodes
    device_codes: SqliteDeviceCodes
    refresh_tokens: SqliteRefreshTokens
    access_tokens: SqliteAccessTokens
    api_keys: SqliteApiKeys
    status_lists: SqliteStatusLists
    security_events: SqliteSecurityEvents
    streams: SqliteStreams
    replay_guard: SqliteReplayGuard
    attempts: SqliteAttempts
    audit: SqliteAuditTrail

    async def commit(self, changes: Sequence[Change], origin: Origin | None = None) -> bool:
        """Applies all changes durably, or none: False where one lost that must win; Unavailable in an outage."""
        if not changes:
            return True
        won = await self._engine.commit(unit_of(self._tenant, changes, origin))
        if won and kills(changes):
            self.security_events.announce()
        return won


class SqliteStorage:
    """One database file; to be opened and used on one running event loop."""

    def __init__(self, engine: SqliteEngine) -> None:
        self._engine = engine
        self._stores: dict[TenantId, SqliteStores] = {}
        self.tenants = SqliteTenants(engine, VersionedCache(engine, WHOLE_SERVER))

    @classmethod
    async def open(cls, path: str) -> "SqliteStorage":
        """Opens a database that `upgrade` has brought to this version's schema.

        Raises SchemaMismatchError, SqliteTooOldError or apsw.Error, each with one line for an operator.
        """
        await asyncio.to_thread(_refuse_unusable, path)
        return cls(SqliteEngine(path))

    def stores(self, tenant_id: TenantId) -> SqliteStores:
        """The stores of one tenant; they are kept, so a name out of a request is looked up first."""
        stores = self._stores.get(tenant_id)
        if stores is None:
            stores = self._stores[tenant_id] = _stores(self._engine, tenant_id)
        return stores

    async def due_logouts(self, now: NumericDate, most_of_one: int, limit: int) -> Sequence[DueLogout]:
        """The logouts of all tenants that are due, the longest due first."""
        rows = self._engine.rows(logouts.DUE_LOGOUTS, now, most_of_one, limit)
        return [logouts.due_logout(row) for row in rows]

    async def due_streams(self, now: NumericDate, limit: int) -> Sequence[DueStream]:
        """The streams of all tenants whose events are to be pushed, the longest due first."""
        return [streams.due_stream(row) for row in self._engine.rows(streams.DUE_STREAMS, now, limit)]

    async def purge(self, now: NumericDate, limit: int) -> bool:
        """Deletes at most `limit` rows of each table that were over at `now`; True while more are left."""
        for unit in purge.units(now, limit):
            await self._engine.commit(unit)
        return self._engine.row(purge.IS_ANYTHING_LEFT, now, now - purge.ENDED_SESSION_KEPT) is not None

    async def forget_audit(self, before: NumericDate, limit: int) -> bool:
        """Deletes at most `limit` audit records older than `before`; True where it deleted any."""
        return await self._engine.commit([Step(audit_records.FORGET_RECORDS, (before, limit), must_win=True)])

    async def close(self) -> None:
        """Commits what waits and closes the files; a second call does nothing."""
        await self._engine.close()


def _refuse_unusable(path: str) -> None:
    with closing(open_writer(path)) as connection:
        refuse_other_schema(connection)


def _stores(engine: SqliteEngine, tenant: TenantId) -> SqliteStores:
    return SqliteStores(
        engine,
        tenant,
        SqliteClients(engine, tenant, VersionedCache(engine, tenant), VersionedCache(engine, tenant)),
        SqliteRegistrations(engine, tenant),
        SqliteResources(engine, tenant, VersionedCache(engine, tenant), VersionedCache(engine, tenant)),
        SqliteTrustedIssuers(engine, tenant, VersionedCache(engine, tenant)),
        SqliteTenantSecrets(engine, tenant),
        SqliteSigningKeys(engine, tenant, VersionedCache(engine, tenant)),
        SqliteEndUsers(engine, tenant),
        SqliteSecondFactors(engine, tenant),
        SqliteBrowsers(engine, tenant),
        SqliteInteractions(engine, tenant),
        SqliteConsents(engine, tenant),
        SqliteAuthorizations(engine, tenant),
        SqliteCodes(engine, tenant),
        SqliteDeviceCodes(engine, tenant),
        SqliteRefreshTokens(engine, tenant),
        SqliteAccessTokens(engine, tenant),
        SqliteApiKeys(engine, tenant),
        SqliteStatusLists(engine, tenant),
        SqliteSecurityEvents(engine, tenant),
        SqliteStreams(engine, tenant),
        SqliteReplayGuard(engine, tenant),
        SqliteAttempts(engine, tenant),
        SqliteAuditTrail(engine, tenant),
    )
