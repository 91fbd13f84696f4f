"""`valetkey gateway`: the decision service that proxies ask, the session layer for browsers, and their snippets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from valetkey.cli import EXIT_CONFIGURATION, EXIT_UNAVAILABLE, fail
from valetkey.cli.output import say, say_faults

if TYPE_CHECKING:
    import socket

    from valetkey.gateway_server import GatewayPlan

_CONFIG = click.option(
    "--config",
    "-c",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="VALETKEY_GATEWAY_CONFIG",
    help="The TOML file with the policy and the tables [gateway] and [session].",
)


@click.group(invoke_without_command=True)
@_CONFIG
@click.pass_context
def gateway(context: click.Context, *, config: Path | None) -> None:
    r"""Run the decision service for proxies, and the session layer for browsers.

    SIGTERM drains it: /readyz answers 503 for gateway.drain_delay seconds, requests in flight are finished, exit 0.

    \b
    Example: valetkey gateway --config gateway.toml
    """
    if context.invoked_subcommand is not None:
        return
    if config is None:
        fail("name the file: valetkey gateway --config gateway.toml", EXIT_CONFIGURATION)
    from valetkey.cli.gateway_run import start  # noqa: PLC0415 - the snippets are printed without it

    plan = _plan(config)
    sockets = _bound(plan)
    raise SystemExit(start(config, plan, sockets))


@gateway.command("check")
@click.option(
    "--config", "-c", type=click.Path(path_type=Path, dir_okay=False), required=True, help="As for gateway."
)
def judge(*, config: Path) -> None:
    r"""Say everything that is wrong with the file of a gateway, a line each; exit code 78 where there is anything.

    \b
    Example: valetkey gateway check --config gateway.toml
    """
    plan = _plan(config)
    contracts = () if plan.gateway is None else plan.gateway.row.contracts
    served = [*contracts, *(() if plan.session is None else ("browser sessions",))]
    say(f"{config} is sound: {', '.join(served)}")


def _plan(config: Path) -> GatewayPlan:
    from valetkey.gateway_server import plan_gateway  # noqa: PLC0415 - as above
    from valetkey.settings.errors import SettingsError  # noqa: PLC0415
    from valetkey.settings.guard_file import read_guard_file  # noqa: PLC0415

    try:
        return plan_gateway(read_guard_file(config))
    except SettingsError as error:
        say_faults(line if line.startswith(str(config)) else f"{config}: {line}" for line in error.lines)
        raise SystemExit(EXIT_CONFIGURATION) from None


def _bound(plan: GatewayPlan) -> dict[str, list[socket.socket]]:
    from valetkey.adapters.serving.sockets import PortTakenError, bind  # noqa: PLC0415 - as above

    places = {}
    if plan.gateway is not None:
        places["decisions"] = plan.gateway.listen
    if plan.session is not None:
        places["session"] = plan.session_listen
    sockets = {}
    for name, (host, port) in places.items():
        try:
            sockets[name] = bind([host], port)
        except PortTakenError as taken:
            who = f"process {taken.holder.pid} ({taken.holder.command})" if taken.holder else "another process"
            fail(f"port {port} on {taken.host} is in use by {who}", EXIT_UNAVAILABLE)
        except OSError as error:
            fail(f"cannot listen on {host} port {port}: {error.strerror}", EXIT_CONFIGURATION)
    return sockets
