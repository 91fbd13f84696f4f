"""The event loop behind synchronous faces: one for all threads, anew after a fork, and gone when it is closed."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from valetkey.integrations import background
from valetkey.integrations.background import BackgroundLoop
from valetkey.resource_server import AllowAnonymous, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from valetkey.resource_server import Decision

pytestmark = pytest.mark.anyio

PASSED = AllowAnonymous()


@pytest.fixture
def loop() -> Iterator[BackgroundLoop]:
    loop = BackgroundLoop()
    yield loop
    loop.close()


async def running() -> Decision:
    return AllowAnonymous((("loop", str(id(asyncio.get_running_loop()))),))


def test_requests_of_many_threads_are_judged_on_one_loop(loop: BackgroundLoop) -> None:
    before = set(threading.enumerate())
    with ThreadPoolExecutor(8) as pool:
        outcomes = set(pool.map(lambda _: loop.decide(running()), range(200)))
    assert len(outcomes) == 1
    # Threads of tests before this one may end meanwhile: what counts is which began.
    assert len(set(threading.enumerate()) - before) == 1


def test_a_loop_that_was_closed_begins_anew_with_the_next_question(loop: BackgroundLoop) -> None:
    first = loop.decide(running())
    loop.close()
    assert isinstance(first, AllowAnonymous)
    assert isinstance(loop.decide(running()), AllowAnonymous)


async def test_a_caller_on_a_loop_of_its_own_is_not_held_up(loop: BackgroundLoop) -> None:
    released = asyncio.Event()
    here = asyncio.get_running_loop()

    async def judging() -> Decision:
        here.call_soon_threadsafe(released.set)
        return PASSED

    outcome, _ = await asyncio.gather(loop.decide_from_elsewhere(judging()), released.wait())
    assert outcome == PASSED


async def test_what_takes_too_long_is_unavailable(loop: BackgroundLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "DEADLINE_SECONDS", 0.01)

    async def for_ever() -> Decision:
        await asyncio.Event().wait()
        return PASSED

    assert isinstance(loop.decide(for_ever()), Unavailable)
    assert isinstance(await loop.decide_from_elsewhere(for_ever()), Unavailable)


def test_a_fault_of_the_judge_is_raised_where_it_was_asked(loop: BackgroundLoop) -> None:
    async def faulty() -> Decision:
        raise LookupError("a fault")

    with pytest.raises(LookupError, match="a fault"):
        loop.decide(faulty())


FORKING = """
import os, sys
sys.path[:0] = {path!r}
from support.faces.asking import wsgi_environ
from support.faces.stage import Stage, bearer
from valetkey.integrations.wsgi import Guard, GuardMiddleware

def served(environ, start_response):
    start_response("200 OK", [])
    return [environ["valetkey.access_token"].subject.encode()]

guarded = GuardMiddleware(served, Stage().guard(Guard).for_all("albums.read"))

def ask(*headers):
    said = []
    body = b"".join(guarded(wsgi_environ("GET", "/", headers), lambda status, given: said.append(status)))
    return said[0][:3], body

assert ask(bearer())[0] == "200" and ask()[0] == "401"   # the parent serves, then forks as a server does
workers = []
for number in range(3):
    worker = os.fork()
    if worker == 0:
        os._exit(0 if ask(bearer()) == ("200", b"alice") and ask()[0] == "401" else 1)
    workers.append(worker)
assert [os.waitpid(worker, 0)[1] for worker in workers] == [0, 0, 0]
assert ask(bearer()) == ("200", b"alice")                # the parent's own loop is unharmed
print("served")
"""


def test_a_forked_worker_has_a_loop_of_its_own_and_leaves_its_parents_alone() -> None:
    script = FORKING.format(path=[path for path in sys.path if path])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "served\n", "")
