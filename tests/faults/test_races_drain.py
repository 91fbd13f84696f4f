"""SIGTERM under load with two workers: whatever was asked before the door closed is answered, exit 0."""

from __future__ import annotations

import signal
import socket
from functools import partial
from typing import TYPE_CHECKING

from support.database_faults import faults_of
from support.lines import Question, paused
from support.production_server import (
    ProductionServer,
    code_for,
    redemption,
    refreshment,
    running_production,
    tokens_for,
    user_info,
)
from support.serve import SECRET, STOPS_WITHIN

if TYPE_CHECKING:
    from pathlib import Path

    from support.lines import Line

READY = Question("GET", "/readyz")
MACHINE = Question.form("/token", {"grant_type": "client_credentials"}, ("machine", SECRET))


def has_closed(server: ProductionServer) -> bool:
    """Say whether nobody listens any more."""
    try:
        socket.create_connection(("127.0.0.1", server.port), timeout=STOPS_WITHIN).close()
    except ConnectionError:
        return True
    return False


def drains(line: Line) -> bool:
    """Say whether the worker of a line has left the load balancer's list."""
    return line.ask(READY).status == 503


def load(server: ProductionServer, count: int) -> list[Question]:
    """Return `count` requests of every kind that is expected to succeed, half of which write."""
    person = server.person()
    tokens = [tokens_for(server, person) for _ in range(count // 4)]
    questions = [redemption(code_for(server, person)) for _ in range(count // 4)]
    questions += [refreshment(each["refresh_token"]) for each in tokens]
    questions += [user_info(each["access_token"]) for each in tokens]
    return questions + [MACHINE] * (count // 4)


# covers: FLT-14
def test_what_was_asked_before_sigterm_was_noticed_is_answered_by_both_workers(tmp_path: Path) -> None:
    with running_production(tmp_path, workers=2, drain_delay=2) as server:
        questions = load(server, 24)
        with server.lines(1) as watched, server.lines(len(questions) // 2) as lines:
            with paused(server.serving()):
                for line, question in zip(lines, questions, strict=True):
                    line.send(question)
                # The workers hear of the end and of the requests at the same moment.
                server.running.process.send_signal(signal.SIGTERM)
            for line in watched:
                server.running.until(partial(drains, line))
            replies = [line.receive() for line in lines]
            assert server.running.process.wait(STOPS_WITHIN) == 0
        assert [reply.status for reply in replies] == [200] * len(questions)
        assert has_closed(server)
        assert faults_of(server.database) == []


# covers: FLT-14
def test_a_request_that_was_begun_is_finished_after_the_door_was_closed(tmp_path: Path) -> None:
    with running_production(tmp_path, workers=2) as server:
        person = server.person()
        asked = [redemption(code_for(server, person)) for _ in range(2)]
        with server.lines(1) as lines:
            for line, question in zip(lines, asked, strict=True):
                line.begin(question)
            server.running.process.send_signal(signal.SIGTERM)
            server.running.until(lambda: has_closed(server))
            for line, question in zip(lines, asked, strict=True):
                line.finish(question)
            replies = [line.receive() for line in lines]
            assert server.running.process.wait(STOPS_WITHIN) == 0
        assert [reply.status for reply in replies] == [200] * 2
        assert {dict(reply.headers)["connection"] for reply in replies} == {"close"}
        assert all("refresh_token" in reply.document for reply in replies)
        assert faults_of(server.database) == []
