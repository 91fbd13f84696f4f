"""`valetkey serve`: the production server; settings first, then migrations and provisioning, then workers."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from valetkey.cli import EXIT_CONFIGURATION, EXIT_UNAVAILABLE, fail

if TYPE_CHECKING:
    import socket

    from valetkey.settings import Settings


@click.command()
@click.option(
    "--config",
    "-c",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="VALETKEY_CONFIG",
    help="The TOML file; `valetkey init` writes one.",
)
@click.option("--port", type=int, help="Listen on this port instead of server.port.")
@click.option("--workers", type=int, help="Start this many worker processes instead of server.workers.")
def serve(*, config: Path | None, port: int | None, workers: int | None) -> None:
    r"""Run the production server.

    SIGTERM drains it: /readyz answers 503 for server.drain_delay seconds, requests in flight are finished, exit 0.

    \b
    Example: valetkey serve --config valetkey.toml
    """
    # What is imported stays: looking for garbage in it costs a tenth of the start. It runs again once we listen.
    gc.disable()
    from valetkey.cli.serve_run import start  # noqa: PLC0415 - help is printed without it
    from valetkey.settings import SettingsError, load  # noqa: PLC0415

    try:
        settings = load(config, os.environ, {"server.port": port, "server.workers": workers})
    except SettingsError as error:
        for line in error.lines:
            click.echo(line, err=True)
        raise SystemExit(EXIT_CONFIGURATION) from None
    sockets = _bind(settings)
    raise SystemExit(start(settings, sockets))


def _bind(settings: Settings) -> list[socket.socket]:
    from valetkey.adapters.serving.sockets import PortTakenError, bind  # noqa: PLC0415 - as above

    hosts, port = settings.server.hosts, settings.server.port
    try:
        return bind(hosts, port)
    except PortTakenError as taken:
        who = f"process {taken.holder.pid} ({taken.holder.command})" if taken.holder else "another process"
        fail(f"port {port} on {taken.host} is in use by {who}", EXIT_UNAVAILABLE)
    except OSError as error:
        fail(f"cannot listen on {', '.join(hosts)} port {port}: {error.strerror}", EXIT_CONFIGURATION)
