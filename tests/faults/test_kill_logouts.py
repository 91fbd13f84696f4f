"""Processes that die or share the work while clients are told of logouts: each is told, and by one at a time."""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.logout_party import LogoutParty, logout_party
from support.production_server import ProductionServer, authorization_url, running_production
from valetkey.jose import jwt

OPEN = {"VALETKEY_PROFILE": "OPENID", "VALETKEY_OUTBOUND__ALLOW": "localhost"}
WITHIN = 60.0


@dataclass
class Stage:
    server: ProductionServer
    party: LogoutParty

    def sign_in(self) -> None:
        person = self.server.person()
        url = authorization_url(self.server.issuer, "told", redirect_uri=self.party.callback, scope="openid")
        assert "code" in person.authorize(url)

    def left(self) -> int:
        """Return how many logouts are still to be told."""
        with closing(sqlite3.connect(self.server.database)) as database:
            count: int = database.execute("SELECT COUNT(*) FROM logouts").fetchone()[0]
        return count

    def hasten(self) -> None:
        """Let every pause be over."""
        with closing(sqlite3.connect(self.server.database)) as database:
            database.execute("UPDATE logouts SET due_at = 0")
            database.commit()

    def postponed(self) -> int:
        """Return how many tries came to nothing: a machine with too much to do does not answer in time."""
        return self.server.running.log.read_text().count("logout.postponed")

    def until_told(self) -> None:
        """Wait until nothing is left to tell; the pause after a try that came to nothing is cut short."""
        seen = self.postponed()

        def is_done() -> bool:
            nonlocal seen
            count = self.postponed()
            if count > seen:
                seen = count
                self.hasten()
            return self.left() == 0

        self.server.running.until(is_done)

    def told(self) -> Counter[object]:
        """Return how often each logout was told, by the `jti` of its token."""
        return Counter(jwt.peek(token).claims["jti"] for token in self.party.posted)


def registered(server: ProductionServer, party: LogoutParty) -> Stage:
    """Add the client that is told."""
    server.operator.done(
        *("client", "add", "told", "--redirect-uri", party.callback, "--scope", "openid"),
        *("--consent", "first_party", "--profile", "OPENID", "--grant-type", "authorization_code"),
        *("--backchannel-logout-uri", f"{party.origin}/back", "--id-token-signed-response-alg", "ES256"),
    )
    return Stage(server, party)


@pytest.fixture(params=[1, 2], ids=["one worker", "two workers"])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    with logout_party() as party, running_production(tmp_path, workers=request.param, environ=OPEN) as server:
        yield registered(server, party)


# covers: FLT-18, LGO-06
def test_each_logout_is_told_once_by_however_many_workers(stage: Stage) -> None:
    for _ in range(6):
        stage.sign_in()
    stage.server.operator.done("revoke", "subject", "ada")
    stage.server.running.until(lambda: stage.left() == 0)
    told = stage.told()
    assert len(told) == 6
    assert told.total() <= 6 + stage.postponed()


# covers: FLT-18, LGO-06
def test_who_is_killed_while_it_tells_leaves_it_to_who_follows(tmp_path: Path) -> None:
    with logout_party() as party, running_production(tmp_path, environ=OPEN) as server:
        stage = registered(server, party)
        stage.sign_in()
        party.answers.clear()
        server.operator.done("revoke", "subject", "ada")
        assert party.arrived.wait(WITHIN)
        server.running.process.kill()
        server.running.process.wait(WITHIN)
        party.answers.set()
        assert stage.left() == 1
        server.start()
        # What it had claimed is nobody else's for a while.
        stage.hasten()
        stage.until_told()
        (times,) = stage.told().values()
        assert 2 <= times <= 2 + stage.postponed()
