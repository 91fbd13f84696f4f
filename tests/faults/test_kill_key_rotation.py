"""Keys are rotated by two processes at once, and by one that is killed: a step is done once, and wholly or not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack, closing
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pytest

from contracts.stored_values import NOW, TENANT
from faults.key_keeper import SCHEDULE
from support.database_faults import faults_of
from support.failpoints import Moment
from support.lines import Question
from support.production_server import running_mortal, running_production
from support.serve import SECRET
from valetkey.adapters.storage.sqlite.connection import open_reader, open_writer
from valetkey.adapters.storage.sqlite.migrate import upgrade
from valetkey.authorization_server.key_rotation import PUBLISHED_AFTER
from valetkey.jose import jwt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.production_server import ProductionServer

TESTS = Path(__file__).resolve().parents[1]
ROUNDS = 200
STATES = "SELECT algorithm, state, kid FROM signing_keys WHERE tenant = ? ORDER BY algorithm, state"
DAY = 86_400
# What lets a step be due at the next start, as if so much time had passed.
AGED = {
    "AddSigningKey": "UPDATE signing_keys SET created_at = created_at - ?1, activated_at = activated_at - ?1",
    "PromoteSigningKey": "UPDATE signing_keys SET created_at = created_at - ?1 WHERE state = 'announced'",
    "RemoveSigningKey": "UPDATE signing_keys SET retired_at = retired_at - ?1 WHERE state = 'retired'",
}
PASSED = {"AddSigningKey": 90 * DAY, "PromoteSigningKey": DAY, "RemoveSigningKey": PUBLISHED_AFTER}


def states(database: Path, tenant: str = "default") -> Counter[tuple[str, str]]:
    with closing(open_reader(str(database))) as connection:
        return Counter((row[0], row[1]) for row in connection.execute(STATES, (tenant,)))


def keeper(path: str) -> subprocess.Popen[str]:
    environ = os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, str(TESTS / "faults" / "key_keeper.py"), path, str(ROUNDS)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ)


def test_two_processes_that_keep_one_tenants_keys_do_each_step_once(tmp_path: Path) -> None:
    # covers: FLT-01
    path = str(tmp_path / "valetkey.db")
    upgrade(path)
    done: list[Counter[str]] = [Counter(), Counter()]
    named: Counter[tuple[str, str]] = Counter()
    with ExitStack() as stack:
        keepers = [stack.enter_context(keeper(path)) for _ in range(2)]
        for process in keepers:
            stack.callback(process.kill)
        for _ in range(ROUNDS):
            for process in keepers:
                _input(process).write("\n")
                _input(process).flush()
            for number, process in enumerate(keepers):
                assert process.stdout is not None
                for name, kid in json.loads(process.stdout.readline()):
                    done[number][name] += 1
                    named[name, kid] += 1
    assert set(named.values()) == {1}
    # One more at the beginning for each algorithm, and every rotation announces and promotes one.
    rotations = (60 * (ROUNDS - 1)) // SCHEDULE.rotation
    total = done[0] + done[1]
    assert total["PromoteSigningKey"] == 2 * rotations
    assert total["AddSigningKey"] - total["PromoteSigningKey"] in {2, 4}
    assert all(done)
    found = states(Path(path), TENANT)
    assert found["ES256", "active"] == found["Ed25519", "active"] == 1
    assert max(found["ES256", "announced"], found["Ed25519", "announced"]) <= 1
    assert NOW + 60 * ROUNDS < NOW + PUBLISHED_AFTER
    assert sum(found.values()) == total["AddSigningKey"]


def _input(process: subprocess.Popen[str]) -> IO[str]:
    assert process.stdin is not None
    return process.stdin


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProductionServer]:
    with running_mortal(tmp_path_factory.mktemp("rotation"), workers=1) as running:
        yield running


def token_of(server: ProductionServer) -> str:
    reply = server.ask_any(Question.form("/token", {"grant_type": "client_credentials"}, ("machine", SECRET)))
    assert reply.status == 200, reply.body
    return str(reply.document["access_token"])


@pytest.mark.parametrize("moment", [Moment.WITHIN, Moment.AFTER])
@pytest.mark.parametrize("change", ["AddSigningKey", "PromoteSigningKey", "RemoveSigningKey"])
def test_a_server_that_is_killed_in_a_rotation_goes_on_where_it_stood(
    server: ProductionServer, change: str, moment: Moment
) -> None:
    # covers: FLT-01
    before = token_of(server)
    assert server.stop() == 0
    if change != "PromoteSigningKey":
        # Nothing is announced after this, and something is retired.
        server.operator.done("key", "rotate", "--now")
    elif ("ES256", "announced") not in states(server.database):
        server.operator.done("key", "rotate", "--algorithm", "ES256")
    with closing(open_writer(str(server.database))) as connection:
        connection.execute(AGED[change], (PASSED[change],))
    held = states(server.database)

    server.doom(moment, change)
    server.spawn()
    server.revive()

    assert faults_of(server.database) == []
    after = states(server.database)
    assert {place: count for place, count in after.items() if place[1] == "active"} == {
        place: count for place, count in held.items() if place[1] == "active"
    }
    assert after != held
    published = {key["kid"] for key in server.ask_any(Question("GET", "/jwks.json")).document["keys"]}
    assert jwt.peek(token_of(server)).header["kid"] in published
    assert change == "RemoveSigningKey" or jwt.peek(before).header["kid"] in published


def test_of_two_workers_one_promotes_a_key_whose_time_has_come_and_both_sign_with_it(tmp_path: Path) -> None:
    with running_production(tmp_path, workers=2) as server:
        (announced,) = server.operator.done("key", "rotate", "--algorithm", "ES256")
        with closing(open_writer(str(server.database))) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(AGED["PromoteSigningKey"], (DAY,))
            connection.execute("UPDATE configurations SET version = version + 1")
            connection.execute("COMMIT")

        def promoted() -> list[str]:
            return [line for line in server.running.log.read_text().splitlines() if '"key.promoted"' in line]

        server.running.until(lambda: bool(promoted()))
        question = Question.form("/token", {"grant_type": "client_credentials"}, ("machine", SECRET))
        signed = {jwt.peek(reply.document["access_token"]).header["kid"] for reply in server.ask(question)}
        assert signed == {announced["kid"]}
        assert [json.loads(line)["kid"] for line in promoted()] == [announced["kid"]]
