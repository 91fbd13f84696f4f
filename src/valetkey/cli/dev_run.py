"""What `valetkey dev` runs once its ports are bound: server, demo API and applications in one event loop."""

from __future__ import annotations

import asyncio
import os
import socket
from functools import partial
from typing import TYPE_CHECKING

import click
import uvloop

from valetkey.adapters.chance import draw_fresh
from valetkey.adapters.log import StderrLog, adopt_library_logs
from valetkey.adapters.serving.server import CompanionServer, DrainingServer, Tls, configure
from valetkey.adapters.storage.sqlite.gateway_sessions import SqliteSessionRecords
from valetkey.adapters.storage.sqlite.migrate import upgrade
from valetkey.administration.announcing import announce_legacy
from valetkey.authorization_server import paths
from valetkey.authorization_server.outbound_guard import Guard, Openings
from valetkey.cli import demo_api, fail
from valetkey.cli.demo_apps.album_wall import AlbumWall
from valetkey.cli.demo_apps.print_shop import PrintShop
from valetkey.cli.demo_apps.reading_room import ReadingRoom
from valetkey.cli.dev_pages import DevPages
from valetkey.cli.dev_report import Report
from valetkey.cli.dev_seeds import TENANT, Seeds, sow, sow_tenant
from valetkey.cli.dev_state import DevState
from valetkey.jose import AsyncRemoteJwkSet
from valetkey.jose.records import dataclass
from valetkey.oauth.errors import Unavailable
from valetkey.oauth.types import DEFAULT_TENANT, Issuer
from valetkey.server import Foundation, open_server, warm_once_listening

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from valetkey.server import RunningServer

_DEFAULT_PORTS = (80, 443)
_PATIENCE = 30
"""Seconds that the demo API waits for the keys of the server beside it."""


@dataclass(frozen=True, slots=True)
class Stand:
    """Where one start stands: its state and its sockets."""

    state: DevState
    sockets: list[socket.socket]
    api_sockets: list[socket.socket]
    print_shop_sockets: list[socket.socket]
    album_wall_sockets: list[socket.socket]
    reading_room_sockets: list[socket.socket]
    is_tls: bool

    @property
    def port(self) -> int:
        """The issuer's port."""
        return int(self.sockets[0].getsockname()[1])

    @property
    def issuer(self) -> Issuer:
        """The issuer, by the name that passkeys need."""
        return Issuer.parse(self._url(self.port))

    @property
    def api(self) -> str:
        """The demo API, which is a resource server of its own."""
        return self._url(int(self.api_sockets[0].getsockname()[1]))

    @property
    def print_shop(self) -> str:
        """The server-side demo application."""
        return self._url(int(self.print_shop_sockets[0].getsockname()[1]))

    @property
    def album_wall(self) -> str:
        """The single-page demo application."""
        return self._url(int(self.album_wall_sockets[0].getsockname()[1]))

    @property
    def reading_room(self) -> str:
        """The single-page demo application without tokens."""
        return self._url(int(self.reading_room_sockets[0].getsockname()[1]))

    def _url(self, port: int) -> str:
        return f"http{'s' if self.is_tls else ''}://localhost:{port}"


def run(stand: Stand, *, as_json: bool) -> None:
    """Serve until a signal ends it."""
    log = StderrLog()
    adopt_library_logs(log)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(stand, log, as_json=as_json))
    log.close()


async def _serve(stand: Stand, log: StderrLog, *, as_json: bool) -> None:
    tls, authority = None, None
    if stand.is_tls:
        from valetkey.cli.dev_tls import certificate_in  # noqa: PLC0415 - X.509 is dear to import

        files = certificate_in(stand.state.folder / "tls")
        tls, authority = Tls(files.certificate, files.key), files.authority
        # The demo API fetches our keys as any client would: it has to trust the throw-away authority.
        os.environ["SSL_CERT_FILE"] = str(authority)
    places = stand.print_shop, stand.album_wall, stand.reading_room
    seeds = Seeds(stand.issuer, stand.api, *places, stand.state.secrets, draw_fresh().now)
    foundation = Foundation(
        issuer=seeds.issuer,
        storage_path=stand.state.database,
        key_encryption_key=stand.state.secrets.key_encryption_key,
        log=log,
        hosts=_host_names(stand.port),
        # Who develops has their client on the same machine; nobody else reaches this server.
        outbound=Guard(
            Openings.parse(["localhost", "127.0.0.1", "::1"]), ca_file=None if authority is None else str(authority)
        ),
    )
    await asyncio.to_thread(upgrade, str(stand.state.database))
    async with open_server(foundation) as running:
        await _sow(running, seeds)
        await announce_legacy(running.storage, log)
        report = Report(seeds, authority)
        application = running.application(DevPages(report, running.renderer).rows)
        main = DrainingServer(configure(application, tls), 0, running.health.drain)
        # On a busy computer the first answer of a server that has just started may take its time.
        keys = AsyncRemoteJwkSet(seeds.issuer.endpoint(paths.JWKS), deadline_seconds=_PATIENCE)
        api = demo_api.application(seeds.issuer.url, seeds.api, keys=keys, feed=seeds.feed)
        records = SqliteSessionRecords(str(stand.state.sessions))
        applications = (
            (api, stand.api_sockets),
            (PrintShop(seeds.parties).application(), stand.print_shop_sockets),
            (AlbumWall(seeds.parties).application(), stand.album_wall_sockets),
            (ReadingRoom(seeds.parties, records).application(), stand.reading_room_sockets),
        )
        companions = [
            (CompanionServer(configure(application, tls), 0, lambda: None), sockets)
            for application, sockets in applications
        ]
        announce = partial(_announce, stand, report, as_json=as_json)
        warming = asyncio.create_task(warm_once_listening(main, running))
        await _serve_all([(main, stand.sockets), *companions], announce)
        await warming
        await records.close()


async def _sow(running: RunningServer, seeds: Seeds) -> None:
    stores = running.storage.stores(DEFAULT_TENANT)
    await sow_tenant(stores, await running.storage.tenants.find(TENANT.tenant_id), draw_fresh())
    server = await running.servers.find(DEFAULT_TENANT)
    if server is None:
        fail("the default tenant of this state folder is disabled: enable it, or start over with --reset")
    try:
        await server.signer.algorithms()
    except Unavailable:
        fail("the secrets of this state folder do not open its keys: start over with --reset")
    await sow(seeds, stores, server.passwords, server.fresh())


async def _serve_all(
    stands: Sequence[tuple[DrainingServer, list[socket.socket]]], announce: Callable[[], None]
) -> None:
    ready = [server.listening for server, _ in stands]
    servers = [asyncio.create_task(server.serve(sockets=sockets)) for server, sockets in stands]
    announcer = asyncio.create_task(_when_all(ready, announce))
    await asyncio.wait(servers, return_when=asyncio.FIRST_COMPLETED)
    announcer.cancel()
    # Whichever ended first, by a signal or a fault, the others have no use alone.
    for server, _ in stands:
        server.stop()
    await asyncio.gather(*servers)


async def _when_all(ready: Sequence[asyncio.Event], announce: Callable[[], None]) -> None:
    for event in ready:
        await event.wait()
    announce()


def _announce(stand: Stand, report: Report, *, as_json: bool) -> None:
    stand.state.write_report(report.as_json)
    if as_json:
        click.echo(report.as_json)
    else:
        report.print_text()


def _host_names(port: int) -> frozenset[bytes]:
    names = ("localhost", "127.0.0.1", "[::1]")
    bare = names if port in _DEFAULT_PORTS else ()
    return frozenset(name.encode() for name in (*(f"{name}:{port}" for name in names), *bare))
