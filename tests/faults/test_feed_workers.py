"""The live feed on the real program: it reaches readers of every process, and survives what kills one."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from faults.test_kill_tokens import kill_during
from support.database_faults import faults_of
from support.failpoints import Moment
from support.house import claims_of
from support.lines import Question
from support.production_server import ProductionServer, refreshment, running_production, tokens_for
from support.serve import SECRET, STOPS_WITHIN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.lines import Reply

READER = "https://reader.example.com"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ProductionServer]:
    with running_production(tmp_path, workers=2) as running:
        yield running
        assert faults_of(running.database) == []


def add_reader(server: ProductionServer, name: str = "reader") -> tuple[str, str]:
    """Let an API of its own read the feed; return its client's credentials."""
    added = server.operator.done("client", "add", name, "--grant-type", "")
    server.operator.done("resource", "add", f"{READER}/{name}", "--introspection-client", name)
    return name, added["client_secret"]


def poll(credentials: tuple[str, str], **request: Any) -> Question:
    form = Question.form("/ssf/revocations", {}, credentials)
    headers = {**form.headers, "content-type": "application/json"}
    return Question("POST", form.target, msgspec.json.encode(request), headers)


def kinds(reply: Reply) -> list[str]:
    assert reply.status == 200, reply.body
    events = [claims_of(token)["events"] for token in reply.document["sets"].values()]
    return [name.rpartition("/")[2].rpartition(":")[2] for event in events for name in event]


def revocation(token: str) -> Question:
    return Question.form("/revoke", {"token": token}, ("web", SECRET))


def test_a_command_wakes_the_readers_of_both_workers_and_they_are_told_the_same(server: ProductionServer) -> None:
    credentials = add_reader(server)
    with server.lines(1) as lines:
        for line in lines:
            line.send(poll(credentials))
        server.operator.done("revoke", "client", "machine")
        first = [line.receive() for line in lines]
        assert [kinds(reply) for reply in first] == [["client-revoked"]] * 2
        known = [list(reply.document["sets"]) for reply in first]
        assert known[0] == known[1]
        # What one worker has told, the other one counts as told.
        for line in lines:
            line.send(poll(credentials, ack=known[0]))
        assert server.ask_any(revocation(tokens_for(server, server.person())["refresh_token"])).status == 200
        assert [kinds(line.receive()) for line in lines] == [["authorization-revoked"]] * 2


# covers: FLT-14
def test_who_waits_is_answered_with_nothing_when_the_server_ends(tmp_path: Path) -> None:
    with running_production(tmp_path, workers=2) as server:
        credentials = add_reader(server)
        with server.lines(2) as lines:
            for line in lines:
                line.send(poll(credentials))
            server.running.process.send_signal(signal.SIGTERM)
            replies = [line.receive() for line in lines]
            assert server.running.process.wait(STOPS_WITHIN) == 0
        assert [(reply.status, reply.document) for reply in replies] == [(200, {"sets": {}})] * 4
        assert faults_of(server.database) == []


# covers: FLT-01
@pytest.mark.parametrize("moment", [Moment.BEFORE, Moment.WITHIN, Moment.AFTER])
def test_what_was_revoked_is_told_and_what_was_told_was_revoked_though_the_server_was_killed(
    mortal: ProductionServer, moment: Moment
) -> None:
    credentials = add_reader(mortal, f"reader-{moment}-{mortal.workers}")
    tokens = tokens_for(mortal, mortal.person())
    authorization_id = claims_of(tokens["access_token"])["authorization_id"]

    kill_during(mortal, moment, "RevokeAuthorization", revocation(tokens["refresh_token"]))

    told: list[Any] = []
    known: list[str] = []
    while True:
        sets = mortal.ask_any(poll(credentials, ack=known, returnImmediately=True)).document["sets"]
        if not sets:
            break
        known = list(sets)
        told += [claims_of(token)["sub_id"].get("id") for token in sets.values()]
    refreshed = mortal.ask_any(refreshment(tokens["refresh_token"])).status
    expected = (1, 400) if moment is Moment.AFTER else (0, 200)
    assert (told.count(authorization_id), refreshed) == expected
