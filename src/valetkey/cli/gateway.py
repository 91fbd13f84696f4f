"""`valetkey gateway`: the decision service that proxies ask, the session layer for browsers, and their snippets."""

from __future__ import annotations

from difflib import get_close_matches
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


@gateway.command("snippet")
@click.argument("name")
@click.option("--upstream", default="127.0.0.1:8080", show_default=True, help="Host and port of the API.")
@click.option(
    "--decision", default="127.0.0.1:4180", show_default=True, help="Host and port of the decision service."
)
@click.option("--listen", default="127.0.0.1:8000", show_default=True, help="Host and port that clients reach.")
@click.option(
    "--forward-credentials",
    is_flag=True,
    help="Let the API see Authorization and X-API-Key as the client sent them.",
)
def shown(*, name: str, upstream: str, decision: str, listen: str, forward_credentials: bool) -> None:
    r"""Print the configuration of a proxy: nginx, caddy, traefik, haproxy, haproxy-lua, envoy-http or envoy-grpc.

    What is printed strips every identity header that a client sends, and closes when no decision can be had.

    \b
    Example: valetkey gateway snippet nginx --upstream 127.0.0.1:8080 > valetkey.conf
    """
    from valetkey.gateway.snippets import SNIPPETS, Address, Addresses, Credentials, snippet  # noqa: PLC0415 - dear

    if name not in SNIPPETS:
        near = get_close_matches(name, SNIPPETS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(SNIPPETS)}"
        fail(f"no proxy is called {name!r}; {hint}")
    try:
        addresses = Addresses(Address.parse(upstream), Address.parse(decision), Address.parse(listen))
    except ValueError as error:
        fail(str(error))
    credentials = Credentials.FORWARDED if forward_credentials else Credentials.DROPPED
    click.echo(snippet(name, addresses, credentials), nl=False)


def _plan(config: Path) -> GatewayPlan:
    from valetkey.gateway_server import plan_gateway  # noqa: PLC0415 - snippets are printed without it
    from valetkey.settings.errors import SettingsError  # noqa: PLC0415 - snippets are printed without it
    from valetkey.settings.guard_file import read_guard_file  # noqa: PLC0415 - snippets are printed without it

    try:
        return plan_gateway(read_guard_file(config))
    except SettingsError as error:
        say_faults(line if line.startswith(str(config)) else f"{config}: {line}" for line in error.lines)
        raise SystemExit(EXIT_CONFIGURATION) from None


def _bound(plan: GatewayPlan) -> dict[str, list[socket.socket]]:
    from valetkey.adapters.serving.sockets import PortTakenError, bind  # noqa: PLC0415 - only who listens needs it

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
