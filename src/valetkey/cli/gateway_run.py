"""What `valetkey gateway` runs once its file holds: the listeners of one process, or of several workers."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Final

import uvloop

from valetkey.adapters.log import StderrLog, adopt_library_logs
from valetkey.adapters.serving.protocol import ForwardingProtocol
from valetkey.adapters.serving.server import IN_FLIGHT_SECONDS, CompanionServer, DrainingServer, configure
from valetkey.adapters.serving.sockets import allow_many_connections
from valetkey.adapters.serving.workers import Supervisor
from valetkey.cli import EXIT_CONFIGURATION
from valetkey.cli.output import say_faults
from valetkey.gateway_server import GatewayPlan, RunningGateway, open_gateway, plan_gateway
from valetkey.jose.records import dataclass
from valetkey.settings.errors import SettingsError
from valetkey.settings.guard_file import read_guard_file

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from multiprocessing.connection import Connection
    from pathlib import Path

    from grpc.aio import Server

    Sockets = dict[str, list[socket.socket]]

_KILLED_AFTER: Final = 10.0
_GRPC_GRACE: Final = 5.0


def start(config: Path, plan: GatewayPlan, sockets: Sockets) -> int:
    """Serve until a signal ends it; return the exit code. What cannot be opened is said before that."""
    log = _log()
    allow_many_connections()
    told = {name: bound[0].getsockname() for name, bound in sockets.items()}
    for name, (host, port, *_) in told.items():
        log.write("gateway.starting", listener=name, host=host, port=port, workers=plan.serving.workers)
    try:
        if plan.serving.workers == 1:
            _in_loop(_serve(plan, sockets, log, None))
            code = 0
        else:
            _in_loop(_try(plan, log))
            grace = plan.serving.drain_delay + IN_FLIGHT_SECONDS + _KILLED_AFTER
            names = tuple(sockets)
            bound = [sockets[name][0] for name in names]
            code = Supervisor(plan.serving.workers, work, bound, (config, names), grace=grace, log=log).run()
    except SettingsError as error:
        say_faults(f"{config}: {line}" for line in error.lines)
        return EXIT_CONFIGURATION
    log.write("gateway.stopped", exit_code=code)
    log.close()
    return code


def work(
    _number: int, lifeline: Connection, sockets: list[socket.socket], config: Path, names: tuple[str, ...]
) -> None:
    """Serve as one of several workers, until a signal or the parent's end."""
    log = _log()
    allow_many_connections()
    plan = plan_gateway(read_guard_file(config))
    named = {name: [bound] for name, bound in zip(names, sockets, strict=True)}
    _in_loop(_serve(plan, named, log, lifeline))
    log.close()


async def _try(plan: GatewayPlan, log: StderrLog) -> None:
    """Open everything once in the parent, so that a bad file is said once and not by each worker again."""
    async with open_gateway(plan, log):
        pass


async def _serve(plan: GatewayPlan, sockets: Sockets, log: StderrLog, lifeline: Connection | None) -> None:
    async with open_gateway(plan, log) as running:
        grpc = await _grpc(plan, running)
        main, *companions = _servers(plan, sockets, running)
        loop = asyncio.get_running_loop()
        if lifeline is not None:
            # The parent writes nothing: the pipe becomes readable when it is gone, however it went.
            loop.add_reader(lifeline.fileno(), main.server.stop)
        beside = [asyncio.create_task(each.server.serve(sockets=each.sockets)) for each in companions]
        await main.server.serve(sockets=main.sockets)
        for each in companions:
            each.server.stop()
        await asyncio.gather(*beside)
        if grpc is not None:
            await grpc.stop(_GRPC_GRACE)
        if lifeline is not None:
            loop.remove_reader(lifeline.fileno())


@dataclass(frozen=True, slots=True)
class _Listener:
    server: DrainingServer
    sockets: list[socket.socket]


def _servers(plan: GatewayPlan, sockets: Sockets, running: RunningGateway) -> list[_Listener]:
    listeners: list[_Listener] = []
    delay = plan.serving.drain_delay
    if running.decisions is not None:
        server = DrainingServer(configure(running.decisions), delay, running.decisions.drain)
        listeners.append(_Listener(server, sockets["decisions"]))
    if running.session is not None:
        kind = CompanionServer if listeners else DrainingServer
        listeners.append(
            _Listener(
                kind(configure(running.session, protocol=ForwardingProtocol), delay, _nothing), sockets["session"]
            )
        )
    return listeners


def _nothing() -> None:
    return


async def _grpc(plan: GatewayPlan, running: RunningGateway) -> Server | None:
    if plan.gateway is None or running.service is None or not plan.serves_grpc:
        return None
    from valetkey.gateway.envoy_grpc import grpc_server  # noqa: PLC0415 - an extra of its own

    host, port = plan.gateway.grpc_listen
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    server, _ = grpc_server(running.service.judge, place, plan.gateway.peers.__contains__)
    await server.start()
    return server


def _in_loop(work: Coroutine[None, None, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)


def _log() -> StderrLog:
    log = StderrLog()
    adopt_library_logs(log)
    return log
