"""A worker that is killed at a moment of an answer or of a device's redemption: all of it is there, or nothing."""

from __future__ import annotations

from http.client import HTTPException
from typing import TYPE_CHECKING

import httpx2
import pytest

from support.database_faults import faults_of
from support.failpoints import Moment
from support.lines import Line
from support.real_devices import Devices

if TYPE_CHECKING:
    from support.lines import Question, Reply
    from support.production_server import ProductionServer


def kill_during(server: ProductionServer, moment: Moment, change: str, question: Question) -> None:
    """Ask, and see that whoever worked on it was killed before it answered."""
    line = Line(0, "127.0.0.1", server.port)
    server.doom(moment, change)
    line.send(question)
    with pytest.raises((HTTPException, OSError)):
        line.receive()
    line.close()
    server.revive()
    assert faults_of(server.database) == []


def errors(*replies: Reply) -> list[str | None]:
    return [None if reply.status == 200 else reply.error for reply in replies]


# covers: FLT-01, DEV-03
@pytest.mark.parametrize("moment", [Moment.BEFORE, Moment.WITHIN])
def test_a_device_that_was_killed_before_its_commit_asks_again_and_gets_its_tokens(
    mortal: ProductionServer, moment: Moment
) -> None:
    devices = Devices(mortal)
    started = devices.start()
    devices.person.connect(started["user_code"])
    kill_during(mortal, moment, "RedeemDeviceCode", devices.poll(started))
    tokens = mortal.ask_any(devices.poll(started))
    assert errors(tokens) == [None]
    assert errors(mortal.ask_any(devices.refresh(tokens.document["refresh_token"]))) == [None]


# covers: FLT-01, DEV-03
def test_a_device_code_whose_reply_died_with_the_server_is_used_up(mortal: ProductionServer) -> None:
    devices = Devices(mortal)
    started = devices.start()
    devices.person.connect(started["user_code"])
    kill_during(mortal, Moment.AFTER, "RedeemDeviceCode", devices.poll(started))
    assert errors(*(mortal.ask_any(devices.poll(started)) for _ in range(2))) == ["invalid_grant"] * 2


# covers: FLT-01, DEV-02
def test_a_slow_down_that_died_before_its_commit_is_told_once_more(mortal: ProductionServer) -> None:
    devices = Devices(mortal)
    started = devices.start()
    kill_during(mortal, Moment.WITHIN, "RecordPoll", devices.poll(started))
    replies = [mortal.ask_any(devices.poll(started)) for _ in range(2)]
    assert errors(*replies) == ["authorization_pending", "slow_down"]


# covers: FLT-01, DEV-03
@pytest.mark.parametrize("moment", [Moment.WITHIN, Moment.AFTER])
def test_an_answer_whose_worker_died_was_given_or_can_be_given_again(
    mortal: ProductionServer, moment: Moment
) -> None:
    devices = Devices(mortal)
    started, person = devices.start(), devices.person
    page = devices.at_the_answer(started)
    mortal.doom(moment, "ApproveDeviceCode")
    with pytest.raises(httpx2.TransportError):
        person.submit(page, "device-allow")
    mortal.revive()
    assert faults_of(mortal.database) == []
    expected = None if moment is Moment.AFTER else "authorization_pending"
    assert errors(mortal.ask_any(devices.poll(started))) == [expected]
    assert 'data-device="allowed"' in person.submit(page, "device-allow").text
