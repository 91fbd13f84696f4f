"""Fifty at once on the real program, with one worker and with two: one code, one answer; one successor."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from support.database_faults import faults_of
from support.lines import at_once
from support.production_server import (
    ProductionServer,
    code_for,
    redemption,
    refreshment,
    running_production,
    tokens_for,
    user_info,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.lines import Question, Reply

CROWD = 50


@pytest.fixture(scope="module", params=[1, 2], ids=["one worker", "two workers"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProductionServer]:
    with running_production(tmp_path_factory.mktemp("server"), workers=request.param) as running:
        yield running
        assert faults_of(running.database) == []


def crowd(server: ProductionServer, *questions: Question) -> list[Reply]:
    """Fifty connections, as many to each worker, ask before any of them is answered; the questions take turns."""
    with server.lines(CROWD // server.workers) as lines:
        assert len({line.pid for line in lines}) == server.workers
        return at_once([(line, questions[turn % len(questions)]) for turn, line in enumerate(lines)])


def outcomes(replies: list[Reply]) -> Counter[int | str | None]:
    return Counter(200 if reply.status == 200 else reply.error for reply in replies)


# covers: COD-01, COD-02
@pytest.mark.requirement("RFC6749-4.1.2/single-use")
def test_fifty_redemptions_of_one_code_on_the_real_program_give_one_answer_and_a_dead_authorization(
    server: ProductionServer,
) -> None:
    replies = crowd(server, redemption(code_for(server, server.person())))

    assert outcomes(replies) == {200: 1, "invalid_grant": CROWD - 1}
    assert {reply.status for reply in replies} == {200, 400}
    (won,) = (reply.document for reply in replies if reply.status == 200)
    assert outcomes(server.ask(refreshment(won["refresh_token"]))) == {"invalid_grant": server.workers}
    assert [reply.status for reply in server.ask(user_info(won["access_token"]))] == [401] * server.workers


# covers: COD-01
@pytest.mark.requirement("RFC6749-4.1.2/single-use")
def test_a_code_that_was_redeemed_once_buys_what_works_until_it_comes_again(server: ProductionServer) -> None:
    code = code_for(server, server.person())
    with server.lines(1) as lines:
        bought = lines[0].ask(redemption(code)).document
        assert [line.ask(user_info(bought["access_token"])).status for line in lines] == [200] * server.workers
        assert outcomes([lines[-1].ask(redemption(code))]) == {"invalid_grant": 1}
        assert [line.ask(user_info(bought["access_token"])).status for line in lines] == [401] * server.workers
        assert outcomes([lines[0].ask(refreshment(bought["refresh_token"]))]) == {"invalid_grant": 1}


# covers: REF-01, REF-02, REF-03
@pytest.mark.requirement("RFC9700-4.14.2/reuse", "OAUTH21-4.3.1/replay")
def test_fifty_refreshes_of_one_token_on_the_real_program_give_one_successor_identical_for_all(
    server: ProductionServer,
) -> None:
    first = tokens_for(server, server.person())["refresh_token"]

    replies = crowd(server, refreshment(first))
    assert outcomes(replies) == {200: CROWD}
    assert len({reply.body for reply in replies}) == 1
    assert {reply.body for reply in server.ask(refreshment(first))} == {replies[0].body}

    successor = replies[0].document["refresh_token"]
    with server.lines(1) as lines:
        newest = lines[-1].ask(refreshment(successor)).document
        assert [line.ask(user_info(newest["access_token"])).status for line in lines] == [200] * server.workers
        # Its successor was used: whoever comes with the first one now is not the client, or not alone.
        assert outcomes([lines[0].ask(refreshment(first))]) == {"invalid_grant": 1}
        for dead in (newest["refresh_token"], successor, first):
            assert outcomes([line.ask(refreshment(dead)) for line in lines]) == {"invalid_grant": server.workers}
        assert [line.ask(user_info(newest["access_token"])).status for line in lines] == [401] * server.workers


# covers: REF-02
def test_refreshes_at_once_that_ask_for_different_rights_share_the_one_successor(server: ProductionServer) -> None:
    first = tokens_for(server, server.person())["refresh_token"]

    replies = crowd(server, refreshment(first), refreshment(first), refreshment(first, scope="a.read"))

    assert outcomes(replies) == {200: CROWD}
    assert {reply.document["scope"] for reply in replies} == {"a.read", "a.read openid"}
    (successor,) = {reply.document["refresh_token"] for reply in replies}
    assert outcomes(server.ask(refreshment(successor, scope="a.read"))) == {200: server.workers}


# covers: REF-02, COD-02
def test_many_families_at_once_never_mix(server: ProductionServer) -> None:
    person = server.person()
    firsts = [tokens_for(server, person)["refresh_token"] for _ in range(5)]

    replies = crowd(server, *(refreshment(first) for first in firsts))

    assert outcomes(replies) == {200: CROWD}
    assert len({reply.body for reply in replies}) == len(firsts)
    families = [{reply.body for reply in replies[turn :: len(firsts)]} for turn in range(len(firsts))]
    assert [len(family) for family in families] == [1] * len(firsts)
