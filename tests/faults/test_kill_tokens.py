"""A worker that is killed at a moment of a redemption or a refresh: what a client then gets, and what is stored."""

from __future__ import annotations

from contextlib import closing
from http.client import HTTPException
from typing import TYPE_CHECKING

import pytest

from support.database_faults import faults_of
from support.failpoints import Moment
from support.lines import Line, Question, Reply, paused
from support.person import parameters_of
from support.production_server import (
    ProductionServer,
    authorization_url,
    code_for,
    redemption,
    refreshment,
    tokens_for,
    user_info,
)
from valetkey.adapters.storage.sqlite.connection import open_reader
from valetkey.oauth.types import OpaqueToken

if TYPE_CHECKING:
    from collections.abc import Sequence

CROWD = 50
REFRESH_TOKENS_OF_CODE = """
SELECT t.superseded_at FROM refresh_tokens AS t JOIN codes AS c USING (tenant, authorization_id) WHERE c.digest = ?
"""
REVOKED_AT_OF_CODE = """
SELECT a.revoked_at FROM authorizations AS a JOIN codes AS c USING (tenant, authorization_id) WHERE c.digest = ?
"""
SUCCESSORS = "SELECT digest FROM refresh_tokens WHERE predecessor = ?"


def receive_all(lines: Sequence[Line]) -> list[Reply | None]:
    """Return the answers; None where the connection broke."""
    found: list[Reply | None] = []
    for line in lines:
        try:
            found.append(line.receive())
        except (HTTPException, OSError):
            found.append(None)
    return found


def kill_during(server: ProductionServer, moment: Moment, change: str, question: Question) -> None:
    """Ask, and see that whoever worked on it was killed before it answered."""
    with closing(Line(0, "127.0.0.1", server.port)) as line:
        server.doom(moment, change)
        line.send(question)
        assert receive_all([line]) == [None]
    server.revive()
    assert faults_of(server.database) == []


def crowd_of_which_some_are_lost(server: ProductionServer, change: str, question: Question) -> list[Reply]:
    """Fifty ask at once, and the worker that commits is killed; return the answers that came all the same."""
    with server.lines(CROWD // server.workers) as lines:
        with paused(server.serving()):
            server.doom(Moment.AFTER, change)
            for line in lines:
                line.send(question)
        replies = receive_all(lines)
    server.revive()
    assert faults_of(server.database) == []
    answered = [reply for reply in replies if reply is not None]
    # The one who won has no answer; with two workers, all who asked the other one have.
    assert CROWD - CROWD // server.workers <= len(answered) < CROWD
    return answered


def rows(server: ProductionServer, query: str, token: str) -> list[tuple[object, ...]]:
    """Return what a query finds that asks for the digest of a token."""
    with closing(open_reader(str(server.database))) as connection:
        return connection.execute(query, (OpaqueToken.presented(token).digest(),)).fetchall()


# covers: FLT-01
@pytest.mark.parametrize(
    ("mortal", "moment"), [(1, Moment.BEFORE), (1, Moment.WITHIN), (2, Moment.WITHIN)], indirect=["mortal"]
)
def test_a_redemption_that_was_killed_before_its_commit_never_was_and_succeeds_again(
    mortal: ProductionServer, moment: Moment
) -> None:
    code = code_for(mortal, mortal.person())

    kill_during(mortal, moment, "RedeemCode", redemption(code))

    assert rows(mortal, REFRESH_TOKENS_OF_CODE, code) == []
    reply = mortal.ask_any(redemption(code))
    assert reply.status == 200, reply.body
    assert mortal.ask_any(user_info(reply.document["access_token"])).status == 200
    assert mortal.ask_any(refreshment(reply.document["refresh_token"])).status == 200


# covers: FLT-01, COD-01
@pytest.mark.requirement("RFC6749-4.1.2/single-use")
def test_a_code_whose_reply_died_with_the_server_is_used_up_and_a_retry_is_a_replay(
    mortal: ProductionServer,
) -> None:
    person = mortal.person()
    code = code_for(mortal, person)

    kill_during(mortal, Moment.AFTER, "RedeemCode", redemption(code))

    assert rows(mortal, REVOKED_AT_OF_CODE, code) == [(None,)]
    for _ in range(2):
        reply = mortal.ask_any(redemption(code))
        assert (reply.status, reply.error) == (400, "invalid_grant")
    assert rows(mortal, REVOKED_AT_OF_CODE, code) != [(None,)]
    assert len(rows(mortal, REFRESH_TOKENS_OF_CODE, code)) == 1
    # The session lives: the client comes again through the browser, and the end-user is asked for nothing.
    assert parameters_of(person.open(authorization_url(mortal.issuer)).url)["code"]


# covers: FLT-01, REF-12
@pytest.mark.parametrize("mortal", [2], indirect=True)
def test_a_refresh_that_was_killed_before_its_commit_never_was_and_succeeds_again(mortal: ProductionServer) -> None:
    first = tokens_for(mortal, mortal.person())["refresh_token"]

    kill_during(mortal, Moment.WITHIN, "RotateRefreshToken", refreshment(first))

    assert rows(mortal, SUCCESSORS, first) == []
    reply = mortal.ask_any(refreshment(first))
    assert reply.status == 200, reply.body
    assert len(rows(mortal, SUCCESSORS, first)) == 1
    assert mortal.ask_any(refreshment(first)).body == reply.body


# covers: FLT-01, REF-03, REF-12
@pytest.mark.requirement("OAUTH21-4.3.1/replay", "RFC9700-4.14.2/reuse")
def test_a_refresh_whose_reply_died_with_the_server_is_answered_by_the_stored_successor(
    mortal: ProductionServer,
) -> None:
    first = tokens_for(mortal, mortal.person())["refresh_token"]

    kill_during(mortal, Moment.AFTER, "RotateRefreshToken", refreshment(first))

    stored = rows(mortal, SUCCESSORS, first)
    reply = mortal.ask_any(refreshment(first))
    assert reply.status == 200, reply.body
    assert mortal.ask_any(refreshment(first)).body == reply.body
    successor = reply.document["refresh_token"]
    assert [(OpaqueToken.presented(successor).digest(),)] == stored == rows(mortal, SUCCESSORS, first)
    assert mortal.ask_any(user_info(reply.document["access_token"])).status == 200
    assert mortal.ask_any(refreshment(successor)).status == 200
    assert mortal.ask_any(refreshment(first)).error == "invalid_grant"


# covers: FLT-01, REF-02, REF-12
@pytest.mark.parametrize("mortal", [2], indirect=True)
def test_fifty_refreshes_of_which_a_worker_dies_have_one_successor_also_for_those_who_must_ask_again(
    mortal: ProductionServer,
) -> None:
    first = tokens_for(mortal, mortal.person())["refresh_token"]

    answered = crowd_of_which_some_are_lost(mortal, "RotateRefreshToken", refreshment(first))

    answered += [mortal.ask_any(refreshment(first)) for _ in range(CROWD - len(answered))]
    assert {reply.status for reply in answered} == {200}
    assert len({reply.body for reply in answered}) == 1
    assert len(rows(mortal, SUCCESSORS, first)) == 1


# covers: FLT-01, COD-02
@pytest.mark.parametrize("mortal", [2], indirect=True)
@pytest.mark.requirement("RFC6749-4.1.2/single-use")
def test_fifty_redemptions_of_which_a_worker_dies_give_tokens_to_nobody(mortal: ProductionServer) -> None:
    code = code_for(mortal, mortal.person())

    answered = crowd_of_which_some_are_lost(mortal, "RedeemCode", redemption(code))

    answered.append(mortal.ask_any(redemption(code)))
    assert {reply.error for reply in answered} == {"invalid_grant"}
    assert rows(mortal, REVOKED_AT_OF_CODE, code) != [(None,)]
    assert len(rows(mortal, REFRESH_TOKENS_OF_CODE, code)) == 1
