"""Devices and people at once on the real program: one answer, one winner, and nothing after the kill."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from support.database_faults import faults_of
from support.held_commits import held, held_click
from support.lines import at_once
from support.production_server import (
    ProductionServer,
    running_production,
    user_info,
)
from support.real_devices import Devices

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from support.lines import Reply

CROWD = 50
two_workers = pytest.mark.parametrize("mortal", [2], indirect=True)


def outcomes(replies: Sequence[Reply]) -> Counter[int | str | None]:
    return Counter(200 if reply.status == 200 else reply.error for reply in replies)


@pytest.fixture(scope="module", params=[1, 2], ids=["one worker", "two workers"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProductionServer]:
    with running_production(tmp_path_factory.mktemp("server"), workers=request.param) as running:
        yield running
        assert faults_of(running.database) == []


# covers: DEV-03
def test_fifty_redemptions_of_one_device_code_give_one_answer_and_a_dead_authorization(
    server: ProductionServer,
) -> None:
    devices = Devices(server)
    started = devices.start()
    devices.person.connect(started["user_code"])
    with server.lines(CROWD // server.workers) as lines:
        replies = at_once([(line, devices.poll(started)) for line in lines])

    assert outcomes(replies) == {200: 1, "invalid_grant": CROWD - 1}
    (won,) = (reply.document for reply in replies if reply.status == 200)
    assert outcomes(server.ask(devices.refresh(won["refresh_token"]))) == {"invalid_grant": server.workers}
    assert [reply.status for reply in server.ask(user_info(won["access_token"]))] == [401] * server.workers


# covers: DEV-02
@pytest.mark.requirement("RFC8628-3.5/slow-down")
def test_of_polls_at_once_one_is_in_time_whichever_worker_judges_it(server: ProductionServer) -> None:
    devices = Devices(server)
    started = devices.start()
    with server.lines(CROWD // server.workers) as lines:
        replies = at_once([(line, devices.poll(started)) for line in lines])
    found = outcomes(replies)
    assert found["authorization_pending"] == 1
    # Who lost three races in a row is told to come again, and counts as little as if it had not come.
    assert set(found) <= {"authorization_pending", "slow_down", "temporarily_unavailable"}
    assert found["slow_down"] >= 1
    assert outcomes(server.ask(devices.poll(started))) == {"slow_down": server.workers}


# covers: DEV-03
@two_workers
def test_a_device_that_commits_second_gets_nothing_and_takes_what_the_first_one_got(
    mortal: ProductionServer,
) -> None:
    devices = Devices(mortal)
    started = devices.start()
    devices.person.connect(started["user_code"])
    with mortal.lines(1) as (slow, quick):
        with held(mortal, slow, "RedeemDeviceCode", devices.poll(started)) as second:
            first = quick.ask(devices.poll(started))
            assert first.status == 200
        assert outcomes(second) == {"invalid_grant": 1}
        assert outcomes([quick.ask(devices.refresh(first.document["refresh_token"]))]) == {"invalid_grant": 1}


# covers: DEV-06, REF-08
@two_workers
@pytest.mark.parametrize(
    "act",
    [
        ("user", "change", "--password"),
        ("user", "change", "--disable"),
        ("user", "remove"),
        ("client", "change", "--disable"),
        ("client", "remove"),
    ],
    ids=" ".join,
)
def test_a_device_that_commits_after_an_operators_act_gets_nothing(
    mortal: ProductionServer, act: tuple[str, ...]
) -> None:
    devices = Devices(mortal)
    started = devices.start()
    devices.person.connect(started["user_code"])
    with mortal.lines(1) as (slow, _), held(mortal, slow, "RedeemDeviceCode", devices.poll(started)) as late:
        devices.suffer(*act)
    assert outcomes(late) == {"access_denied" if act[0] == "user" else "invalid_client": 1}
    if act == ("user", "remove"):
        # Who is removed takes the authorizations along, and leaves the code to its expiry.
        devices.suffer("client", "remove")


# covers: DEV-06, REF-08
@two_workers
def test_a_device_that_commits_after_the_sign_out_gets_nothing_where_it_was_bound_to_the_session(
    mortal: ProductionServer,
) -> None:
    devices = Devices(mortal)
    started, person = devices.start("openid a.read"), devices.person
    person.connect(started["user_code"])
    with mortal.lines(1) as (slow, _), held(mortal, slow, "RedeemDeviceCode", devices.poll(started)) as late:
        person.submit(person.open(f"{mortal.issuer}/logout"), "logout-confirm")
    assert outcomes(late) == {"access_denied": 1}


# covers: DEV-06, REF-08
@two_workers
@pytest.mark.parametrize(
    "act", [("user", "change", "--password"), ("user", "change", "--disable"), ("user", "remove"), ("sign out",)],
    ids=" ".join,
)  # fmt: skip
def test_an_answer_that_commits_after_its_session_ended_allows_nothing(
    mortal: ProductionServer, act: tuple[str, ...]
) -> None:
    devices = Devices(mortal)
    started, person = devices.start(), devices.person
    page, tab = devices.at_the_answer(started), mortal.person(devices.name)
    tab.browser.cookies = person.browser.cookies
    with held_click(mortal, "ApproveDeviceCode", person, page) as seen:
        if act == ("sign out",):
            tab.submit(tab.open(f"{mortal.issuer}/logout"), "logout-confirm")
        else:
            devices.suffer(*act)
    assert ["login-submit" in sight.ids for sight in seen] == [True]
    assert outcomes([mortal.ask_any(devices.poll(started))]) == {"authorization_pending": 1}


# covers: DEV-06, REF-08
@two_workers
def test_an_answer_that_commits_after_the_clients_end_allows_nothing(mortal: ProductionServer) -> None:
    devices = Devices(mortal)
    started = devices.start()
    page = devices.at_the_answer(started)
    with held_click(mortal, "ApproveDeviceCode", devices.person, page) as seen:
        devices.suffer("client", "change", "--disable")
    assert [sight.error for sight in seen] == ["expired_token"]
    devices.suffer("client", "change", "--enable")
    assert outcomes([mortal.ask_any(devices.poll(started))]) == {"expired_token": 1}


# covers: DEV-03
@two_workers
def test_of_two_people_who_answer_at_once_the_first_one_is_obeyed(mortal: ProductionServer) -> None:
    devices = Devices(mortal)
    started, other = devices.start(), mortal.person()
    page, theirs = devices.at_the_answer(started), devices.at_the_answer(started, other)
    with held_click(mortal, "ApproveDeviceCode", devices.person, page) as seen:
        assert 'data-device="denied"' in other.submit(theirs, "device-deny").text
    assert [sight.error for sight in seen] == ["expired_token"]
    assert outcomes([mortal.ask_any(devices.poll(started))]) == {"access_denied": 1}


# covers: DEV-02
@two_workers
def test_a_poll_that_commits_after_the_answer_gets_the_tokens(mortal: ProductionServer) -> None:
    devices = Devices(mortal)
    started = devices.start()
    with mortal.lines(1) as (slow, _), held(mortal, slow, "RecordPoll", devices.poll(started)) as late:
        devices.person.connect(started["user_code"])
    assert outcomes(late) == {200: 1}
