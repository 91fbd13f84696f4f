"""What `valetkey serve` runs once its settings hold: one preparation in the parent, then the workers."""

from __future__ import annotations

import asyncio
import ssl
from enum import Enum, auto
from functools import partial
from typing import TYPE_CHECKING, Final

import apsw
import uvloop

from valetkey.adapters.chance import draw_fresh
from valetkey.adapters.keys.client_secrets import SealedClientSecrets
from valetkey.adapters.limits.endpoint_counts import Throttles
from valetkey.adapters.log import StderrLog, adopt_library_logs
from valetkey.adapters.serving.server import IN_FLIGHT_SECONDS, DrainingServer, Tls, configure
from valetkey.adapters.serving.sockets import allow_many_connections
from valetkey.adapters.serving.workers import Supervisor
from valetkey.adapters.storage.sql.migrations import SchemaMismatchError
from valetkey.adapters.storage.sqlite.connection import SqliteTooOldError
from valetkey.adapters.storage.sqlite.migrate import upgrade
from valetkey.administration.announcing import announce_legacy
from valetkey.administration.provisioning import Outcome, provision
from valetkey.administration.sectors import announce_unproven_sectors
from valetkey.authorization_server.routes import Pace
from valetkey.cli import EXIT_CONFIGURATION, EXIT_UNAVAILABLE, fail
from valetkey.oauth.errors import Unavailable
from valetkey.server import Foundation, RunningServer, open_server, warm_once_listening
from valetkey.settings import LogFormat
from valetkey.settings.extensions import load_grants
from valetkey.settings.secrets import is_open_to_others

if TYPE_CHECKING:
    import socket
    from collections.abc import Coroutine
    from multiprocessing.connection import Connection

    from valetkey.authorization_server.model import Tenant
    from valetkey.settings import Settings
    from valetkey.settings.values import KeyEncryptionKey

_KILLED_AFTER: Final = 10.0
"""Seconds beyond drain and requests in flight."""


def start(settings: Settings, sockets: list[socket.socket]) -> int:
    """Prepare once, then serve until a signal ends it; return the exit code.

    Preparing is: migrate the database, bring about what the file declares, try every tenant's keys. Ends with one
    line where that cannot be done, and nothing was served.
    """
    log = _log(settings)
    allow_many_connections()
    _try_tls(settings)
    _try_authorities(settings)
    _migrate(settings, log)
    host, port = sockets[0].getsockname()[:2]
    workers = settings.server.workers
    log.write("server.starting", issuer=settings.issuer.url, host=host, port=port, workers=workers)
    if workers == 1:
        _in_loop(_serve(settings, sockets, log, lifeline=None, prepares=_Prepares.HERE))
        code = 0
    else:
        _in_loop(_prepare_alone(settings, log))
        grace = settings.server.drain_delay + IN_FLIGHT_SECONDS + _KILLED_AFTER
        code = Supervisor(workers, work, sockets, (settings,), grace=grace, log=log).run()
    log.write("server.stopped", exit_code=code)
    log.close()
    return code


def work(_number: int, lifeline: Connection, sockets: list[socket.socket], settings: Settings) -> None:
    """Serve as one of several workers, until a signal or the parent's end."""
    log = _log(settings)
    allow_many_connections()
    _in_loop(_serve(settings, sockets, log, lifeline, _Prepares.PARENT))
    log.close()


class _Prepares(Enum):
    """Who brings about what the file declares."""

    HERE = auto()
    PARENT = auto()


def _in_loop(work: Coroutine[None, None, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)


def _try_tls(settings: Settings) -> None:
    certificate, key = settings.server.tls_certificate, settings.server.tls_key
    if certificate is None or key is None:
        return
    try:
        if is_open_to_others(key.stat().st_mode):
            fail(
                f"server.tls_key: expected a file that other users cannot read (chmod 600 {key})",
                EXIT_CONFIGURATION,
            )
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key)
    except OSError as error:
        fail(f"server.tls_certificate and server.tls_key cannot be used: {error}", EXIT_CONFIGURATION)


def _try_authorities(settings: Settings) -> None:
    ca_file = settings.outbound.ca_file
    try:
        if ca_file is not None:
            ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        fail(f"outbound.ca_file cannot be used: {error}", EXIT_CONFIGURATION)


def _migrate(settings: Settings, log: StderrLog) -> None:
    path = settings.storage.path
    try:
        applied = upgrade(str(path))
    except (SchemaMismatchError, SqliteTooOldError) as error:
        fail(str(error), EXIT_CONFIGURATION)
    except (apsw.Error, OSError) as error:
        fail(f"the database {path} cannot be opened: {error}", EXIT_CONFIGURATION)
    if applied:
        log.write("storage.migrated", count=len(applied), newest=applied[-1].number)


async def _prepare_alone(settings: Settings, log: StderrLog) -> None:
    async with open_server(_foundation(settings, log)) as running:
        await _prepare(settings, running)


async def _prepare(settings: Settings, running: RunningServer) -> None:
    log = running.foundation.log
    try:
        for report in await provision(
            settings.declarations,
            running.storage,
            running.servers.passwords,
            draw_fresh,
            vaults=partial(SealedClientSecrets, running.sealer),
        ):
            if report.outcome is not Outcome.UNCHANGED:
                log.write(
                    f"provisioning.{report.outcome.value}", tenant=report.tenant_id, changes=len(report.changes)
                )
            await announce_unproven_sectors(report.tenant_id, report.changes, running.servers.outbound, log)
        for tenant in await running.storage.tenants.list():
            await _try_keys(running, tenant)
        await announce_legacy(running.storage, log)
    except Unavailable as outage:
        fail(f"{outage}: nothing was started", EXIT_UNAVAILABLE)


async def _try_keys(running: RunningServer, tenant: Tenant) -> None:
    server = await running.servers.find(tenant.tenant_id)
    try:
        if server is not None:
            await server.signer.algorithms()
    except Unavailable:
        fail(
            f"key_encryption_key does not open the signing keys of the tenant {tenant.tenant_id}: "
            "is it the key that sealed them?",
            EXIT_CONFIGURATION,
        )


async def _serve(
    settings: Settings,
    sockets: list[socket.socket],
    log: StderrLog,
    lifeline: Connection | None,
    prepares: _Prepares,
) -> None:
    named = settings.server
    tls = Tls(named.tls_certificate, named.tls_key) if named.tls_certificate and named.tls_key else None
    async with open_server(_foundation(settings, log)) as running:
        if prepares is _Prepares.HERE:
            await _prepare(settings, running)
        server = DrainingServer(configure(running.application(), tls), named.drain_delay, running.health.drain)
        loop = asyncio.get_running_loop()
        if lifeline is not None:
            # The parent writes nothing: the pipe becomes readable when it is gone, however it went.
            loop.add_reader(lifeline.fileno(), server.stop)
        warming = asyncio.create_task(warm_once_listening(server, running))
        await server.serve(sockets=sockets)
        await warming
        if lifeline is not None:
            loop.remove_reader(lifeline.fileno())


def _foundation(settings: Settings, log: StderrLog) -> Foundation:
    return Foundation(
        issuer=settings.issuer,
        storage_path=settings.storage.path,
        key_encryption_key=settings.key_encryption_key.reveal(),
        log=log,
        previous_key_encryption_key=_revealed(settings.previous_key_encryption_key),
        keys=settings.keys.schedule,
        audit_days=settings.audit.days,
        throttles=_throttles(settings),
        grants=load_grants(settings.extensions.grants),
        trusted_proxies=settings.server.trusted_proxies,
        outbound=settings.outbound.guard,
    )


def _throttles(settings: Settings) -> Throttles:
    limits = settings.limits
    named = {
        Pace.ENDPOINT: limits.endpoints,
        Pace.PAGE: limits.pages,
        Pace.ATTEMPT: limits.attempts,
        Pace.REGISTRATION: limits.registrations,
    }
    paces = {pace: limit for pace, limit in named.items() if limit is not None}
    return Throttles(paces, limits.failed_clients, limits.exempt, settings.valkey.url)


def _revealed(key: KeyEncryptionKey | None) -> bytes | None:
    return None if key is None else key.reveal()


def _log(settings: Settings) -> StderrLog:
    log = StderrLog(pretty=settings.log.format is LogFormat.TEXT)
    adopt_library_logs(log)
    return log
