"""The composition root: where ports meet adapters, and where all rooms' route rows are joined."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from valetkey.adapters.asgi.application import Application, Parts
from valetkey.adapters.asgi.gate import Gate
from valetkey.adapters.asgi.proxies import Proxies
from valetkey.adapters.asgi.table import RouteTable
from valetkey.adapters.chance import draw_fresh
from valetkey.adapters.client_documents import FetchedDocuments
from valetkey.adapters.event_feed import PublishedEvents
from valetkey.adapters.keys.client_secrets import SealedClientSecrets
from valetkey.adapters.keys.factor_keys import SealedOneTimeCodeKeys
from valetkey.adapters.keys.generation import KeyKeeper
from valetkey.adapters.keys.pairwise_salt import SealedPairwiseSalt
from valetkey.adapters.keys.sealing import Sealer
from valetkey.adapters.keys.signer import LocalSigner
from valetkey.adapters.keys.stream_secrets import SealedHeaders
from valetkey.adapters.limits.endpoint_counts import EndpointCounts, Throttles
from valetkey.adapters.logos import FetchedLogos
from valetkey.adapters.logout_delivery import LogoutDelivery
from valetkey.adapters.outbound.fetcher import GuardedFetcher
from valetkey.adapters.passwords import Argon2Passwords
from valetkey.adapters.remote_keys import FetchedKeys
from valetkey.adapters.statuses import PublishedStatusLists, ReservedStatuses
from valetkey.adapters.storage.sqlite.storage import SqliteStorage
from valetkey.adapters.stream_delivery import StreamDelivery
from valetkey.adapters.stream_waiting import WaitingReceivers
from valetkey.adapters.timed_out_sessions import end_forever
from valetkey.administration.routes import CALLS
from valetkey.authorization_server.decision import (
    AddSigningKey,
    PromoteSigningKey,
    RemoveSigningKey,
    RetireSigningKey,
)
from valetkey.authorization_server.grant_table import GrantTable
from valetkey.authorization_server.grants.grant import Grant
from valetkey.authorization_server.key_rotation import KeySchedule
from valetkey.authorization_server.outbound_guard import Guard
from valetkey.authorization_server.policy import PROFILES
from valetkey.authorization_server.ports import EventLog
from valetkey.authorization_server.preflight import preflight
from valetkey.authorization_server.routes import ROUTES
from valetkey.authorization_server.service import AuthorizationServer
from valetkey.jose.records import dataclass
from valetkey.oauth.errors import Unavailable
from valetkey.oauth.http import NO_STORE, HttpResponse, json_response
from valetkey.oauth.types import DEFAULT_TENANT, Issuer, NumericDate
from valetkey.ui.factor_image import image_route
from valetkey.ui.languages import SOURCE_LANGUAGE, TRANSLATED
from valetkey.ui.render import Renderer
from valetkey.ui.routes import asset_routes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from valetkey.authorization_server.key_changes import KeyStep
    from valetkey.authorization_server.model import Tenant
    from valetkey.authorization_server.routes import Route
    from valetkey.ui.views import AnyPage

PURGE_SECONDS: Final = 60.0
KEYS_SECONDS: Final = 15.0
"""How often each process looks whether a key is due."""
_PURGED_AT_ONCE: Final = 200
"""Rows of a table in one transaction: the lock is held for milliseconds."""
_BREATH_SECONDS: Final = 0.05
_DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class Foundation:
    """What a server stands on, however it was configured."""

    issuer: Issuer
    storage_path: Path
    key_encryption_key: bytes = field(repr=False)
    log: EventLog
    previous_key_encryption_key: bytes | None = field(default=None, repr=False)
    """What it sealed is opened too, until `valetkey key reseal` has sealed it anew."""
    keys: KeySchedule = field(default_factory=KeySchedule)
    audit_days: int = 400
    """How long the audit trail is kept."""
    trusted_proxies: tuple[str, ...] = ()
    hosts: frozenset[bytes] | None = None
    """The only `Host` values that are answered; None answers all."""
    outbound: Guard = field(default_factory=Guard)
    throttles: Throttles = field(default_factory=Throttles)
    grants: tuple[Grant[Any, Any], ...] = ()
    """Grants of others, which every client may be registered for."""


class TenantServers:
    """The AuthorizationServer of each tenant, made when it is first asked for and again when its row changes."""

    def __init__(self, foundation: Foundation, storage: SqliteStorage, sealer: Sealer) -> None:
        self._issuer = foundation.issuer
        self._storage = storage
        self._sealer = sealer
        self._schedule = foundation.keys
        self._log = foundation.log
        self._grants = GrantTable.with_further(foundation.grants)
        self.outbound = GuardedFetcher(foundation.outbound, foundation.log)
        self._remote_keys = FetchedKeys(self.outbound, foundation.log)
        self._client_documents = FetchedDocuments(self.outbound)
        self._logos = FetchedLogos(self.outbound, foundation.log)
        self.passwords = Argon2Passwords()
        self._slow_signatures = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="rsa")
        self._known: dict[str, AuthorizationServer] = {}
        self._feeds: list[PublishedEvents | WaitingReceivers] = []
        self._making = asyncio.Lock()
        self.counts = EndpointCounts(foundation.throttles, foundation.log)
        self.logouts = LogoutDelivery(storage, self, draw_fresh, foundation.log)
        self.signals = StreamDelivery(storage, self, draw_fresh, foundation.log)

    async def find(self, name: str) -> AuthorizationServer | None:
        """Return the server of an enabled tenant; raises Unavailable when the store cannot say."""
        tenant = await self._storage.tenants.find(name)
        if tenant is None or tenant.disabled:
            return None
        known = self._known.get(name)
        if known is not None and known.tenant is tenant:
            return known
        async with self._making:
            known = self._known.get(name)
            if known is None:
                known = await self._make(tenant)
            elif known.tenant is not tenant:
                known = replace(known, tenant=tenant, policy=PROFILES[tenant.profile])
            self._known[name] = known
        return known

    def drain(self) -> None:
        """Answer who waits for security events, and let nobody wait long from now on."""
        for feed in self._feeds:
            feed.drain()

    async def close(self) -> None:
        """Break off what is asked of addresses outside, and end the pools of threads."""
        for feed in self._feeds:
            await feed.close()
        await self.outbound.close()
        await self.counts.close()
        self.passwords.close()
        self._slow_signatures.shutdown(wait=False, cancel_futures=True)

    async def keep_keys(self) -> None:
        """Do what is due for the keys of every enabled tenant; raises Unavailable when the store cannot."""
        for tenant in await self._storage.tenants.list():
            if not tenant.disabled:
                await self._keep_keys(tenant)

    async def _keep_keys(self, tenant: Tenant) -> None:
        keeper = KeyKeeper(self._storage.stores(tenant.tenant_id), tenant.tenant_id, self._sealer, self._schedule)
        for change in await keeper.keep(draw_fresh().now):
            log_key_change(self._log, tenant, change)

    async def _make(self, tenant: Tenant) -> AuthorizationServer:
        stores = self._storage.stores(tenant.tenant_id)
        # A tenant that was added while we run gets its keys with its first request.
        await self._keep_keys(tenant)
        signer = LocalSigner(stores.signing_keys, tenant.tenant_id, self._sealer, self._slow_signatures)
        issuer = issuer_of(self._issuer, tenant)
        feed = PublishedEvents(issuer, stores.security_events, signer, draw_fresh)
        waiting = WaitingReceivers(stores.streams, self.signals.wake)
        self._feeds += (feed, waiting)
        for wake in (self.logouts.wake, waiting.ring):
            stores.security_events.on_written(wake)
        return AuthorizationServer(
            tenant=tenant,
            issuer=issuer,
            policy=PROFILES[tenant.profile],
            stores=stores,
            signer=signer,
            statuses=ReservedStatuses(stores),
            published_statuses=PublishedStatusLists(issuer, stores, signer),
            event_feed=feed,
            stream_waiting=waiting,
            passwords=self.passwords,
            outbound=self.outbound,
            logos=self._logos,
            ui_locales=(SOURCE_LANGUAGE, *TRANSLATED),
            remote_keys=self._remote_keys,
            client_documents=self._client_documents,
            sealed_secrets=SealedClientSecrets(self._sealer, tenant.tenant_id),
            sealed_factor_keys=SealedOneTimeCodeKeys(self._sealer, tenant.tenant_id),
            sealed_stream_secrets=SealedHeaders(self._sealer, tenant.tenant_id),
            key_schedule=self._schedule,
            pairwise_salt=SealedPairwiseSalt(stores, tenant.tenant_id, self._sealer, draw_fresh),
            fresh=draw_fresh,
            log=self._log,
            failed_clients=self.counts.failures(tenant.tenant_id),
            further_grants=self._grants.further,
        )


def log_key_change(log: EventLog, tenant: Tenant, change: KeyStep) -> None:
    """Tell the log of one step in the life of a key."""
    match change:
        case AddSigningKey(key):
            log.write(
                "key.added", tenant=tenant.tenant_id, kid=key.kid, algorithm=key.algorithm, state=key.state.value
            )
        case PromoteSigningKey(kid):
            log.write("key.promoted", tenant=tenant.tenant_id, kid=kid)
        case RetireSigningKey(kid):
            log.write("key.retired", tenant=tenant.tenant_id, kid=kid)
        case RemoveSigningKey(kid):
            log.write("key.removed", tenant=tenant.tenant_id, kid=kid)


def issuer_of(issuer: Issuer, tenant: Tenant) -> Issuer:
    """Return the issuer of `tenant`: the default tenant stands at the root, others under /t/NAME."""
    return issuer if tenant.tenant_id == DEFAULT_TENANT else Issuer(f"{issuer.url}/t/{tenant.tenant_id}")


class Health:
    """What `/healthz` and `/readyz` answer."""

    def __init__(self, servers: TenantServers) -> None:
        self._servers = servers
        self._draining = False

    def drain(self) -> None:
        """Answer 503 to `/readyz` from now on, and no long poll for long."""
        self._draining = True
        self._servers.drain()

    async def live(self) -> HttpResponse:
        """The process answers."""
        return json_response(200, {"status": "ok"}, NO_STORE)

    async def ready(self) -> HttpResponse:
        """Traffic is welcome: the store reads, its schema is ours, and the keys open."""
        if self._draining:
            return _not_ready("draining")
        try:
            server = await self._servers.find(DEFAULT_TENANT)
            if server is None:
                return _not_ready("tenant")
            if not await server.signer.algorithms():
                return _not_ready("keys")
        except Unavailable as outage:
            return _not_ready("keys" if "key" in outage.what else "store")
        return json_response(200, {"status": "ready"}, NO_STORE)

    @property
    def rows(self) -> Mapping[bytes, Callable[[], Awaitable[HttpResponse]]]:
        """The answers by path; they belong to no tenant."""
        return {b"/healthz": self.live, b"/readyz": self.ready}


def _not_ready(why: str) -> HttpResponse:
    return json_response(503, {"status": "not ready", "why": why}, (*NO_STORE, ("retry-after", "2")))


class LateRenderer:
    """The Renderer, made by `warm` or by the first page: templates take a quarter of a second of a start."""

    def __init__(self) -> None:
        self._made: Renderer | None = None
        self._making = threading.Lock()

    def warm(self) -> Renderer:
        """Compile the templates and read the languages, once; safe in a thread of its own."""
        with self._making:
            if self._made is None:
                self._made = Renderer()
        return self._made

    def render(
        self,
        page: AnyPage,
        *,
        tenant: Tenant,
        issuer: Issuer,
        accept_language: str | None,
        ui_locales: str | None = None,
        request_id: str,
    ) -> HttpResponse:
        """Return the page as HTML."""
        return (self._made or self.warm()).render(
            page,
            tenant=tenant,
            issuer=issuer,
            accept_language=accept_language,
            ui_locales=ui_locales,
            request_id=request_id,
        )


@dataclass(frozen=True, slots=True)
class RunningServer:
    """An open server: what the composition root made, for the command that serves it."""

    foundation: Foundation
    storage: SqliteStorage
    sealer: Sealer
    servers: TenantServers
    renderer: LateRenderer
    health: Health

    def application(self, further: tuple[Route, ...] = ()) -> Application:
        """Return the ASGI application of all rooms' rows and `further`; ValueError where two claim one path."""
        foundation = self.foundation
        return Application(
            Parts(
                issuer=foundation.issuer,
                routes=RouteTable((*ROUTES, *CALLS, *asset_routes(), image_route(), *further), foundation.issuer),
                servers=self.servers,
                renderer=self.renderer,
                preflight=preflight,
                log=foundation.log,
                proxies=Proxies.parse(foundation.trusted_proxies),
                system=self.health.rows,
                hosts=foundation.hosts,
                gate=Gate.over(self.servers.counts),
            )
        )


@asynccontextmanager
async def open_server(foundation: Foundation) -> AsyncIterator[RunningServer]:
    """Open the storage of `foundation`, which `upgrade` has migrated, and all that works on it; close it after.

    Raises what `SqliteStorage.open` raises.
    """
    sealer = Sealer(foundation.key_encryption_key, foundation.previous_key_encryption_key)
    storage = await SqliteStorage.open(str(foundation.storage_path))
    try:
        servers = TenantServers(foundation, storage, sealer)
        sweeper = asyncio.create_task(_purge_forever(storage, foundation))
        keeper = asyncio.create_task(_keep_keys_forever(servers, foundation))
        tellers = [asyncio.create_task(each.run()) for each in (servers.logouts, servers.signals)]
        ender = asyncio.create_task(end_forever(storage, draw_fresh, foundation.log))
        try:
            yield RunningServer(foundation, storage, sealer, servers, LateRenderer(), Health(servers))
        finally:
            for worker in (sweeper, keeper, *tellers, ender):
                worker.cancel()
                with suppress(asyncio.CancelledError):
                    await worker
            await servers.close()
    finally:
        await storage.close()


async def _purge_forever(storage: SqliteStorage, foundation: Foundation) -> None:
    pause = 0.0
    while True:
        # Several workers share one database: they do not all come at the same moment.
        await asyncio.sleep(pause or PURGE_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311 - guards nothing
        try:
            now = draw_fresh().now
            audited = NumericDate(now - foundation.audit_days * _DAY)
            left = await storage.purge(now, _PURGED_AT_ONCE), await storage.forget_audit(audited, _PURGED_AT_ONCE)
            pause = _BREATH_SECONDS if any(left) else 0.0
        except Unavailable as outage:
            pause = 0.0
            foundation.log.write("purge.postponed", what=outage.what)


async def _keep_keys_forever(servers: TenantServers, foundation: Foundation) -> None:
    while True:
        # Each process tries, and the store lets one of them win each step: no node is special.
        await asyncio.sleep(KEYS_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311 - guards nothing
        try:
            await servers.keep_keys()
        except Unavailable as outage:
            foundation.log.write("keys.postponed", what=outage.what)


class Listening(Protocol):
    """A server that says when it accepts connections."""

    listening: asyncio.Event


async def warm_once_listening(server: Listening, running: RunningServer) -> None:
    """Do, in a thread, what a start need not wait for; then keep what was loaded out of the collector's way.

    A command may have switched the collector off while it imported: from here on it runs.
    """
    await server.listening.wait()
    await asyncio.to_thread(running.renderer.warm)
    gc.collect()
    gc.freeze()
    gc.enable()
