"""`valetkey dev`: the seeded local server, on loopback only."""

from __future__ import annotations

import gc
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from valetkey.cli import EXIT_UNAVAILABLE, fail

if TYPE_CHECKING:
    import socket

PORT: Final = 8400
_COMPANIONS: Final = 4
"""The demo API and the three demo applications have ports of their own, the next that are free."""


@click.command()
@click.option("--port", type=click.IntRange(0, 65_531), default=PORT, show_default=True, help="0 takes a free one.")
@click.option(
    "--host", default="localhost", show_default=True, help="A loopback address; nothing else is accepted."
)
@click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".valetkey-dev"),
    show_default=True,
    envvar="VALETKEY_STATE",
    help="Folder for the database, keys and passwords.",
)
@click.option("--reset", is_flag=True, help="Throw the state away and start over.")
@click.option("--tls", "is_tls", is_flag=True, help="Serve https with a certificate of a throw-away authority.")
@click.option(
    "--json", "as_json", is_flag=True, help="Once ready, print one JSON object on one line, nothing else."
)
def dev(*, port: int, host: str, state: Path, reset: bool, is_tls: bool, as_json: bool) -> None:
    r"""Run the seeded local server: users, clients, keys, a demo API, three applications; for this computer only.

    \b
    Example: valetkey dev --port 9000
    """
    # What is imported stays: looking for garbage in it costs a tenth of the start. It runs again once we listen.
    gc.disable()
    from valetkey.cli import dev_state  # noqa: PLC0415 - help is printed without it

    hosts = _loopback(host)
    folder = state.absolute()
    descriptor = dev_state.lock(folder)
    sockets = _bind(hosts, port)
    if reset:
        dev_state.reset(folder, descriptor)
    opened = dev_state.open_state(folder)
    if opened.is_new:
        click.echo(f"valetkey: making keys, passwords and a database in {state}", err=True)
    from valetkey.cli.dev_run import Stand, run  # noqa: PLC0415 - as above, and what fails has failed by now

    main, api, print_shop, album_wall, reading_room = sockets
    stand = Stand(opened, main, api, print_shop, album_wall, reading_room, is_tls=is_tls)
    run(stand, as_json=as_json)


def _loopback(host: str) -> tuple[str, ...]:
    from valetkey.adapters.serving.sockets import loopback_hosts  # noqa: PLC0415 - as above

    if host == "localhost":
        return loopback_hosts()
    try:
        is_loopback = ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        fail(f"{host} is not a loopback address: dev shows every password, so it answers this computer only")
    return (host,)


def _bind(hosts: tuple[str, ...], port: int) -> list[list[socket.socket]]:
    from valetkey.adapters.serving.sockets import PortTakenError  # noqa: PLC0415 - help does not need it

    try:
        return _bound(hosts, port)
    except PortTakenError as taken:
        holder = taken.holder
        who = f"process {holder.pid} ({holder.command})" if holder else "another process"
        fail(f"port {taken.port} is in use by {who}: {_advice(hosts, taken.port)}", EXIT_UNAVAILABLE)
    except PermissionError:
        fail(f"port {port} needs more rights than you have: choose one above 1023 (--port 8400)")
    except OSError as error:
        fail(f"cannot listen on {', '.join(hosts)} port {port}: {error.strerror}")


def _bound(hosts: tuple[str, ...], port: int) -> list[list[socket.socket]]:
    from valetkey.adapters.serving.sockets import bind, bind_next  # noqa: PLC0415 - help does not need it

    bound = [bind(hosts, port)]
    while len(bound) <= _COMPANIONS:
        bound.append(bind_next(hosts, int(bound[-1][0].getsockname()[1]) + 1))
    return bound


def _advice(hosts: tuple[str, ...], port: int) -> str:
    from valetkey.adapters.serving.sockets import PortTakenError, bind_next  # noqa: PLC0415 - as above

    try:
        # A server like this one has the next ones for its companions.
        free = bind_next(hosts, port + 1 + _COMPANIONS)
    except PortTakenError:
        return "stop it, or choose another port with --port"
    offered = free[0].getsockname()[1]
    for opened in free:
        opened.close()
    return f"stop it, or try: valetkey dev --port {offered}"
