"""Two programs over one database are asked at once, round after round: one winner for whatever counts once.

The environment variable RACE_ROUNDS says how many rounds there are; `make races` plays a thousand of each kind.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from contextlib import ExitStack, closing, contextmanager
from itertools import count
from typing import TYPE_CHECKING

import pytest

from support.database_faults import faults_of
from support.lines import Line, Question, Reply, at_once, opened_lines
from support.production_server import (
    API,
    ProductionServer,
    code_for,
    redemption,
    refreshment,
    running_twins,
    tokens_for,
    user_info,
)
from support.serve import SECRET
from valetkey.adapters.storage.sqlite.connection import open_writer
from valetkey.jose import Jwk, JwkSet, jwt

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROUNDS = int(os.environ.get("RACE_ROUNDS", "15"))
EACH = 2
"""How many ask each program in a round."""
CROWD = 50
LOSERS = 2 * EACH - 1
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
THEIR_ISSUER = "https://idp.example"
KINDS = ("code", "device code", "refresh token", "client assertion", "bearer assertion")
KEY = Jwk.generate("ES256")
MACHINE = Question.form("/token", {"grant_type": "client_credentials"}, ("machine", SECRET))
names = count(1)


class Twins:
    """Both programs with open lines to each, the secrets of their clients, and a person."""

    def __init__(
        self, servers: tuple[ProductionServer, ProductionServer], lines: list[Line], secrets: dict[str, str]
    ) -> None:
        self.servers, self.lines, self.secrets = servers, lines, secrets
        self.server = servers[0]
        self.person = self.server.person()

    def race(self, question: Question) -> list[Reply]:
        """Ask both programs the same; all of it is there before any of it is read."""
        return at_once([(line, question) for line in self.lines])

    def question(self, kind: str) -> Question:
        """Return a token request with something new that counts once."""
        issuer = self.server.issuer
        match kind:
            case "code":
                return redemption(code_for(self.server, self.person))
            case "device code":
                return self.by("tv", grant_type=DEVICE_CODE, device_code=self.start_device()["device_code"])
            case "refresh token":
                return refreshment(tokens_for(self.server, self.person)["refresh_token"])
            case "client assertion":
                proof = {
                    "client_assertion_type": ASSERTION_TYPE,
                    "client_assertion": signed("keyed", "keyed", issuer),
                }
                return Question.form("/token", {"grant_type": "client_credentials", **proof})
            case _:
                return self.by("importer", grant_type=JWT_BEARER, assertion=signed(THEIR_ISSUER, "42", issuer))

    def by(self, client_id: str, **form: str) -> Question:
        """Return a token request of a client."""
        return Question.form("/token", form, (client_id, self.secrets[client_id]))

    def start_device(self) -> dict[str, str]:
        """Return a device's codes once a person has allowed it."""
        asked = Question.form("/device_authorization", {"scope": "openid a.read"}, ("tv", self.secrets["tv"]))
        started: dict[str, str] = self.lines[0].ask(asked).document
        # Nobody may enter so many codes in so short a time; this race is not about that.
        with closing(open_writer(str(self.server.database))) as connection:
            connection.execute("DELETE FROM attempts")
        self.person.connect(started["user_code"])
        return started

    def is_dead(self, bought: dict[str, str], refresh: Question) -> bool:
        """Whether nothing of what was bought works at either program."""
        ends = (self.lines[0], self.lines[-1])
        refused = [line.ask(refresh).error for line in ends]
        shown = [line.ask(user_info(bought["access_token"])).status for line in ends]
        return (refused, shown) == (["invalid_grant"] * 2, [401] * 2)


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twins]:
    folder = tmp_path_factory.mktemp("twins")
    with ExitStack() as opened:
        first, second = opened.enter_context(running_twins(folder))
        secrets = enlist(first, folder)
        yield Twins((first, second), opened.enter_context(lines_to(first, second, EACH)), secrets)
        assert faults_of(first.database) == []


@contextmanager
def lines_to(first: ProductionServer, second: ProductionServer, count: int) -> Iterator[list[Line]]:
    """Open as many lines to each program."""
    with (
        opened_lines(first.serving(), first.port, count) as to_first,
        opened_lines(second.serving(), second.port, count) as to_second,
    ):
        yield [*to_first, *to_second]


@pytest.fixture
def crowded(twins: Twins) -> Iterator[Twins]:
    with lines_to(*twins.servers, CROWD // 2) as lines:
        yield Twins(twins.servers, lines, twins.secrets)


def enlist(server: ProductionServer, folder: Path) -> dict[str, str]:
    """Add a device, a client with a key, and one that presents a trusted issuer's assertions; return secrets."""
    jwks = folder / "jwks.json"
    jwks.write_text(json.dumps(JwkSet((KEY.public(),)).as_dict()))
    rights = {
        "tv": ("--scope", "openid a.read", "--grant-type", DEVICE_CODE, "--grant-type", "refresh_token"),
        "importer": ("--scope", "a.read", "--grant-type", JWT_BEARER),
        "keyed": (
            *("--scope", "a.read", "--grant-type", "client_credentials"),
            *("--authentication-method", "private_key_jwt", "--jwks", str(jwks)),
        ),
    }
    added = {
        name: server.operator.done("client", "add", name, "--resource", API, *options)
        for name, options in rights.items()
    }
    server.operator.done(
        *("trusted-issuer", "add", THEIR_ISSUER, "--jwks", str(jwks), "--client", "importer"),
        *("--scope", "a.read", "--subject", "42=ada"),
    )
    return {name: view["client_secret"] for name, view in added.items() if "client_secret" in view}


def signed(issuer: str, subject: str, audience: str) -> str:
    """Return an assertion that nobody has seen."""
    now = int(time.time())
    claims = {"iss": issuer, "sub": subject, "aud": audience, "iat": now, "exp": now + 60, "jti": f"{next(names)}"}
    return jwt.sign(claims, KEY, typ="JWT")


def outcome(reply: Reply) -> str:
    """Return how a request ended, in one word."""
    return "won" if reply.status == 200 else str(reply.error)


def told(kind: str, found: Counter[str]) -> None:
    """Print the figures, which pytest shows with -rP."""
    figures = ", ".join(f"{name} {times}" for name, times in found.most_common())
    print(f"{kind}: {ROUNDS} rounds of {2 * EACH} requests: {figures}")  # noqa: T201 - the figures are the point


# covers: FLT-03, FLT-05
def test_while_a_stranger_locks_the_database_nothing_is_redeemed_and_nothing_is_used_up(crowded: Twins) -> None:
    questions = [crowded.question(kind) for kind in KINDS]
    # From here on this program has places in a status list for what this client gets, and writes nothing for it.
    assert crowded.lines[0].ask(MACHINE).status == 200
    # Some ask the one program and some the other: both have to wait for the stranger.
    lines = [crowded.lines[turn if turn % 2 else -1 - turn] for turn in range(len(KINDS))]
    with closing(open_writer(str(crowded.server.database))) as stranger:
        stranger.execute("BEGIN IMMEDIATE")
        for line, question in zip(lines, questions, strict=True):
            line.send(question)
        replies = [line.receive() for line in lines]
        assert crowded.lines[0].ask(MACHINE).status == 200
        stranger.execute("ROLLBACK")
    assert [(reply.status, reply.error) for reply in replies] == [(503, "temporarily_unavailable")] * len(KINDS)
    assert all(int(dict(reply.headers)["retry-after"]) > 0 for reply in replies)
    after = [line.ask(question) for line, question in zip(lines, questions, strict=True)]
    assert [(reply.status, reply.error) for reply in after] == [(200, None)] * len(KINDS)


# covers: COD-02, REF-02, DEV-03, CLI-11, TEX-05
@pytest.mark.parametrize("kind", KINDS)
def test_fifty_at_once_over_two_programs_have_one_winner(crowded: Twins, kind: str) -> None:
    replies = crowded.race(crowded.question(kind))
    assert len(replies) == CROWD
    if kind == "refresh token":
        assert {reply.status for reply in replies} == {200}
        assert len({reply.body for reply in replies}) == 1
    else:
        assert Counter(reply.status == 200 for reply in replies) == {True: 1, False: CROWD - 1}
        assert {reply.status for reply in replies} <= {200, 400, 401, 429}


# covers: COD-01, COD-02
@pytest.mark.requirement("RFC6749-4.1.2/single-use")
def test_each_round_one_of_two_programs_redeems_a_code_and_all_of_it_dies(twins: Twins) -> None:
    found: Counter[str] = Counter()
    for turn in range(ROUNDS):
        replies = twins.race(twins.question("code"))
        ended = Counter(outcome(reply) for reply in replies)
        assert ended == {"won": 1, "invalid_grant": LOSERS}, turn
        (bought,) = (reply.document for reply in replies if reply.status == 200)
        assert twins.is_dead(bought, refreshment(bought["refresh_token"])), turn
        found += ended
    told("code", found)


# covers: DEV-03
def test_each_round_one_of_two_programs_redeems_a_device_code_and_all_of_it_dies(twins: Twins) -> None:
    found: Counter[str] = Counter()
    for turn in range(ROUNDS):
        replies = twins.race(twins.question("device code"))
        ended = Counter(outcome(reply) for reply in replies)
        assert ended == {"won": 1, "invalid_grant": LOSERS}, turn
        (bought,) = (reply.document for reply in replies if reply.status == 200)
        again = twins.by("tv", grant_type="refresh_token", refresh_token=bought["refresh_token"])
        assert twins.is_dead(bought, again), turn
        found += ended
    told("device code", found)


# covers: REF-02
@pytest.mark.requirement("RFC9700-4.14.2/reuse")
def test_each_round_a_refresh_token_has_one_successor_whichever_program_is_asked(twins: Twins) -> None:
    found: Counter[str] = Counter()
    newest = tokens_for(twins.server, twins.person)["refresh_token"]
    seen = {newest}
    for turn in range(ROUNDS):
        replies = twins.race(refreshment(newest))
        assert [reply.status for reply in replies] == [200] * len(replies), turn
        assert len({reply.body for reply in replies}) == 1, turn
        newest = replies[0].document["refresh_token"]
        assert newest not in seen, turn
        seen.add(newest)
        found += Counter({"won": 1, "the same answer": LOSERS})
    told("refresh token", found)


# covers: CLI-11
@pytest.mark.requirement("RFC7523-3/jti")
def test_each_round_one_of_two_programs_believes_a_client_assertion(twins: Twins) -> None:
    found: Counter[str] = Counter()
    for turn in range(ROUNDS):
        replies = twins.race(twins.question("client assertion"))
        # Who presents used assertions that often is told to wait; the next good one is believed all the same.
        assert Counter(reply.status == 200 for reply in replies) == {True: 1, False: LOSERS}, turn
        assert {reply.status for reply in replies} <= {200, 401, 429}, turn
        found += Counter("won" if reply.status == 200 else f"refused with {reply.status}" for reply in replies)
    told("client assertion", found)


# covers: TEX-05
@pytest.mark.requirement("RFC7523-3/jti")
def test_each_round_one_of_two_programs_sells_a_token_for_an_assertion(twins: Twins) -> None:
    found: Counter[str] = Counter()
    for turn in range(ROUNDS):
        replies = twins.race(twins.question("bearer assertion"))
        ended = Counter(outcome(reply) for reply in replies)
        assert ended == {"won": 1, "invalid_grant": LOSERS}, turn
        found += ended
    told("bearer assertion", found)
