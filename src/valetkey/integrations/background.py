"""One event loop in a thread of its own, on which synchronous frameworks have their requests judged."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from typing import TYPE_CHECKING, Final

from valetkey.resource_server.decision import unavailable

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from valetkey.resource_server import Decision

DEADLINE_SECONDS: Final = 20.0
"""Above every deadline of the guard itself: what takes longer is answered with 503."""
_TOO_LATE: Final = "The request cannot be judged at the moment; try again."


class _Waiting:
    """A thread that waits for one answer of the loop: half the cost of a `concurrent.futures.Future`."""

    __slots__ = ("_decision", "_error", "_judging", "_task", "answered")

    def __init__(self, judging: Coroutine[object, object, Decision]) -> None:
        self.answered = threading.Lock()
        self.answered.acquire()
        self._judging = judging
        self._task: asyncio.Task[None] | None = None
        self._decision: Decision | None = None
        self._error: BaseException | None = None

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        self._task = loop.create_task(self._run())

    def give_up(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def answer(self) -> Decision:
        if self._decision is None:
            raise self._error or RuntimeError("the guard did not decide")
        return self._decision

    async def _run(self) -> None:
        try:
            self._decision = await self._judging
        except Exception as error:  # noqa: BLE001 - whatever it is, it is raised where it was asked
            self._error = error
        finally:
            self.answered.release()


class BackgroundLoop:
    """Runs coroutines of any thread on one event loop of the process: keys and feeds are followed once for all.

    The loop begins with the first question. A forked process has none of its parent's threads: it begins its own.
    """

    def __init__(self) -> None:
        """Build it without a thread yet."""
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread: threading.Thread | None = None
        self._parents: list[object] = []

    def decide(self, judging: Coroutine[object, object, Decision]) -> Decision:
        """Return what `judging` decides, waiting for it; it is unavailable where that takes too long."""
        loop = self._loop or self._begun()
        waiting = _Waiting(judging)
        loop.call_soon_threadsafe(waiting.begin, loop)
        if not waiting.answered.acquire(timeout=DEADLINE_SECONDS):
            loop.call_soon_threadsafe(waiting.give_up)
            return unavailable(_TOO_LATE)
        return waiting.answer()

    async def decide_from_elsewhere(self, judging: Coroutine[object, object, Decision]) -> Decision:
        """Do as `decide` does, for a caller on an event loop of its own."""
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                loop = self._loop or self._begun()
                return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(judging, loop))
        except TimeoutError:
            return unavailable(_TOO_LATE)

    def close(self) -> None:
        """End the loop and its thread; the next question begins anew."""
        with self._lock:
            loop, stop, thread = self._loop, self._stop, self._thread
            self._loop = self._stop = self._thread = None
        if loop is not None and stop is not None and thread is not None:
            loop.call_soon_threadsafe(stop.set)
            thread.join(DEADLINE_SECONDS)

    def forget_the_parents(self) -> None:
        """Leave the loop of the process that was forked alone: its selector is shared with this one."""
        self._parents.append((self._loop, self._stop, self._thread))
        self._lock = threading.Lock()
        self._loop = self._stop = self._thread = None

    def _begun(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                begun = threading.Event()
                self._thread = threading.Thread(
                    target=lambda: asyncio.run(self._until_stopped(begun)), name="valetkey-guard", daemon=True
                )
                self._thread.start()
                begun.wait()
            if self._loop is None:
                raise RuntimeError("the event loop of the guard did not begin")
            return self._loop

    async def _until_stopped(self, begun: threading.Event) -> None:
        stop = self._stop = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        begun.set()
        await stop.wait()


LOOP: Final = BackgroundLoop()
"""The loop of this process."""

atexit.register(LOOP.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=LOOP.forget_the_parents)
