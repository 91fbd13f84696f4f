"""Who reads the live feed, from the first moment of a poll to its last: nobody who lost the right while waiting."""

import asyncio
from dataclasses import replace

import pytest

from support.feeding import feeding_house, poll, until_waiting
from support.house import API, House, document, resources
from support.introspecting import ALBUMS_API
from valetkey.authorization_server.decision import BumpGeneration, Change, PutClient, PutResource, RemoveClient

ALBUMS = replace(resources()[0], introspection_client_ids=(ALBUMS_API.client_id,))


async def answer_after(house: House, *changes: Change) -> tuple[int, object]:
    """Return what a waiting reader is answered when `changes` come first, and then an event."""
    waiting = asyncio.create_task(poll(house, {}, wait=20))
    await until_waiting(house)
    await house.commit(*changes, BumpGeneration("subject", "sub-alice"))
    async with asyncio.timeout(10):
        response = await waiting
    return response.status, document(response).get("sets")


# covers: INT-07
@pytest.mark.parametrize(
    "change",
    [
        PutClient(replace(ALBUMS_API, disabled=True)),
        RemoveClient(ALBUMS_API.client_id),
        PutResource(replace(ALBUMS, introspection_client_ids=())),
        PutResource(replace(ALBUMS, disabled=True)),
    ],
    ids=["disabled", "removed", "not its speaker", "resource disabled"],
)
async def test_who_lost_the_right_while_waiting_hears_nothing(change: Change) -> None:
    house = await feeding_house()

    status, sets = await answer_after(house, change)

    assert (status, sets) == (401, None)


async def test_who_keeps_the_right_hears_of_it_at_once() -> None:
    house = await feeding_house()

    status, sets = await answer_after(house, PutResource(replace(ALBUMS, name="Albums of 2026")))

    assert status == 200
    assert sets
    assert ALBUMS.identifier == API
