"""A worker that has judged stands still before its commit, as long as something else is done."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx2

from support.failpoints import Moment
from support.lines import Alternating, Line, Question, Reply, until_stopped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.person import Person, Sight
    from support.production_server import ProductionServer

_YES = ("consent-allow", "device-allow")


@contextmanager
def held(server: ProductionServer, line: Line, change: str, question: Question) -> Iterator[list[Reply]]:
    """Ask down a line, whose worker judges and then stands still until the end; the list then has the answer."""
    answer: list[Reply] = []
    server.doom(Moment.HELD, change)
    line.send(question)
    until_stopped([line.pid])
    try:
        yield answer
    finally:
        os.kill(line.pid, signal.SIGCONT)
    answer.append(line.receive())


@contextmanager
def held_click(server: ProductionServer, change: str, person: Person, sight: Sight) -> Iterator[list[Sight]]:
    """Sign in, or say yes, on a page, whose worker judges and then stands still until the end."""
    seen: list[Sight] = []
    with server.lines(1) as (line, _), ThreadPoolExecutor(1) as pool:
        server.doom(Moment.HELD, change)
        browser = person.browser
        person.browser = httpx2.Client(transport=Alternating([line]), cookies=browser.cookies)
        signs_in = "login-submit" in sight.ids
        button = next((one for one in _YES if one in sight.ids), "")
        clicked = pool.submit(person.sign_in, sight) if signs_in else pool.submit(person.submit, sight, button)
        until_stopped([line.pid])
        try:
            yield seen
        finally:
            os.kill(line.pid, signal.SIGCONT)
        seen.append(clicked.result())
        browser.cookies = person.browser.cookies
        person.browser = browser
