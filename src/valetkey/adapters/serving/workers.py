"""Worker processes over sockets that the parent bound: started clean, watched, and stopped with the parent."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import TYPE_CHECKING, Any, Final

from valetkey.jose.records import dataclass

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence
    from types import FrameType

    from valetkey.authorization_server.ports import EventLog

_LOOK_SECONDS: Final = 0.2
_PAUSE_SECONDS: Final = 1.0
"""Between a worker's unexpected end and its successor: a fault at start must not spin."""


@dataclass(frozen=True, slots=True)
class _Worker:
    number: int
    started_at: float
    spawned: SpawnProcess
    lifeline: Connection
    """Our end of a pipe: when we die, however, the worker reads its end and stops."""


class Supervisor:
    """Keeps `count` workers alive until it is told to stop, then waits for them to drain.

    `target` runs in a clean process as target(number, lifeline, sockets, *arguments); its arguments are pickled.
    `grace` is how many seconds after SIGTERM a worker may take before it is killed.
    """

    def __init__(
        self,
        count: int,
        target: Callable[..., None],
        sockets: Sequence[socket.socket],
        arguments: tuple[Any, ...],
        *,
        grace: float,
        log: EventLog,
    ) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._count = count
        self._target = target
        self._sockets = sockets
        self._arguments = arguments
        self._grace = grace
        self._log = log
        self._signals: list[int] = []
        self._workers: dict[int, _Worker] = {}

    def run(self) -> int:
        """Return the exit code: 0 after a drain, 1 when a worker had to be killed."""
        before = {sig: signal.signal(sig, self._note) for sig in (signal.SIGINT, signal.SIGTERM)}
        try:
            for number in range(self._count):
                self._start(number)
            while not self._signals:
                self._replace_the_dead()
            return self._stop()
        finally:
            for worker in self._workers.values():
                worker.spawned.kill()
            for sig, previous in before.items():
                signal.signal(sig, previous)

    def _note(self, sig: int, frame: FrameType | None) -> None:
        del frame
        self._signals.append(sig)

    def _start(self, number: int) -> None:
        ours, theirs = self._context.Pipe()
        spawned = self._context.Process(
            target=self._target, args=(number, theirs, self._sockets, *self._arguments), name=f"valetkey-{number}"
        )
        spawned.start()
        theirs.close()
        self._workers[number] = _Worker(number, time.monotonic(), spawned, ours)

    def _replace_the_dead(self) -> None:
        workers = self._workers.values()
        wait([worker.spawned.sentinel for worker in workers if worker.spawned.is_alive()], _LOOK_SECONDS)
        for worker in tuple(self._workers.values()):
            if worker.spawned.is_alive() or time.monotonic() - worker.started_at < _PAUSE_SECONDS:
                continue
            self._log.write("worker.died", worker=worker.number, exit_code=worker.spawned.exitcode)
            worker.lifeline.close()
            worker.spawned.close()
            self._start(worker.number)

    def _stop(self) -> int:
        # Nobody may wait behind a door that the workers have closed: as long as we hold these, the kernel accepts
        # connections that no one will ever serve.
        for opened in self._sockets:
            opened.close()
        answered = 0
        deadline = time.monotonic() + self._grace
        while alive := [worker.spawned for worker in self._workers.values() if worker.spawned.is_alive()]:
            for sig in self._signals[answered:]:
                for spawned in alive:
                    _send(spawned, sig)
            answered = len(self._signals)
            if time.monotonic() >= deadline:
                self._log.write("worker.killed", count=len(alive))
                return 1
            wait([spawned.sentinel for spawned in alive], _LOOK_SECONDS)
        return 0


def _send(spawned: SpawnProcess, sig: int) -> None:
    if spawned.pid is not None:
        os.kill(spawned.pid, sig)
