"""A server that is killed while it pushes signals loses none of them; an operator looks after the streams."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.production_server import ProductionServer, running_production
from support.signal_party import SignalParty, signal_party
from valetkey.jose.jwt import peek

OPEN = {"VALETKEY_OUTBOUND__ALLOW": "localhost"}
HEADER = "Bearer " + "p" * 43
WITHIN = 60.0


@dataclass
class Stage:
    server: ProductionServer
    party: SignalParty
    stream_id: str

    def left(self) -> int:
        """Return how many events wait."""
        waiting: int = self.server.operator.done("stream", "show", self.stream_id)["waiting"]
        return waiting

    def hasten(self) -> None:
        """Let every pause be over."""
        with closing(sqlite3.connect(self.server.database)) as database:
            database.execute("UPDATE streams SET due_at = 0")
            database.commit()


def connected(server: ProductionServer, party: SignalParty) -> Stage:
    """Let the party receive: the operator adds it, and it sets its stream up."""
    operator, api = server.operator, f"{server.issuer}/ssf"
    operator.done("resource", "add", api, "--name", "Shared Signals", "--scope", "ssf.manage=Manage streams")
    added = operator.done(
        *("client", "add", "partner", "--grant-type", "client_credentials", "--scope", "ssf.manage"),
        *("--resource", api),
    )
    result = operator.bare(
        *("signals", "connect", "--transmitter", server.issuer, "--client-id", "partner", "--resource", api),
        *("--push", party.endpoint, "--json"),
        environ={"VALETKEY_SIGNALS_SECRET": added["client_secret"], "VALETKEY_SIGNALS_HEADER": HEADER},
    )
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert said["audience"] == ["partner"]
    stage = Stage(server, party, said["stream_id"])
    server.running.until(lambda: len(party.pushed) == 1)
    events = peek(party.pushed[0]).claims["events"]
    assert isinstance(events, dict)
    (event,) = events.values()
    assert event == {"state": said["verification_state"]}
    assert operator.done("stream", "subjects", stage.stream_id, "all")["subjects"] == "all"
    return stage


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with signal_party() as party, running_production(tmp_path, environ=OPEN) as server:
        yield connected(server, party)


# covers: FLT-18
def test_who_is_killed_while_it_pushes_leaves_it_to_who_follows(stage: Stage) -> None:
    party, server = stage.party, stage.server
    server.running.until(lambda: stage.left() == 0)
    party.answers.clear()
    party.arrived.clear()
    server.operator.done("revoke", "subject", "ada")
    assert party.arrived.wait(WITHIN)
    server.running.process.kill()
    server.running.process.wait(WITHIN)
    party.answers.set()
    server.operator.done("revoke", "subject", "ada")
    assert stage.left() == 2
    server.start()
    # What it had claimed is nobody else's for a while.
    stage.hasten()
    server.running.until(lambda: stage.left() == 0)
    told = list(dict.fromkeys(party.events()))
    assert [event for _, event in told] == ["verification", "session-revoked", "session-revoked"]
    assert {headers["authorization"] for headers in party.headers} == {HEADER}
    assert {headers["content-type"] for headers in party.headers} == {"application/secevent+jwt"}


@pytest.mark.requirement("OIDSSF-8.1.5/status")
@pytest.mark.requirement("OIDSSF-8.1.5/sub-id")
def test_an_operator_pauses_and_resumes_a_stream_and_its_receiver_is_told(stage: Stage) -> None:
    operator, party = stage.server.operator, stage.party
    paused = operator.done("stream", "pause", stage.stream_id, "--reason", "maintenance")
    assert (paused["status"], paused["reason"]) == ("paused", "maintenance")
    assert "is paused already" in operator.refused("stream", "pause", stage.stream_id)
    stage.server.running.until(lambda: len(party.events()) == 2)
    operator.done("revoke", "subject", "ada")
    assert operator.done("stream", "list")[0]["waiting"] == 1
    assert operator.done("stream", "resume", stage.stream_id)["status"] == "enabled"
    stage.server.running.until(lambda: stage.left() == 0)
    events = [event for _, event in dict.fromkeys(party.events())]
    assert events == ["verification", "stream-updated", "session-revoked", "stream-updated"]
    assert operator.done("stream", "remove", stage.stream_id) == {"stream_id": stage.stream_id, "removed": True}
    assert operator.done("stream", "list") == []
    assert "there is no stream" in operator.refused("stream", "show", stage.stream_id)
