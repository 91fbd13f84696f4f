"""A house whose APIs read the live feed of revocations, for tests of both ends of it."""

import asyncio
from typing import Any

import msgspec

from support.house import SECRET, Answer, House, basic, claims_of, document
from support.introspecting import ALBUMS_API, introspecting_house
from valetkey.adapters.event_feed import PublishedEvents
from valetkey.authorization_server.model import AccessTokenFormat, Client
from valetkey.oauth.http import HttpResponse
from valetkey.oauth.security_event import Revocation, parse_revocation

FEED = "/ssf/revocations"
AT_ONCE = {"returnImmediately": True}


async def feeding_house() -> House:
    """Return a house with JWT access tokens, in which each of both APIs reads the feed for itself."""
    return await introspecting_house(AccessTokenFormat.JWT)


def feed_of(house: House) -> PublishedEvents:
    """Return the feed of the house's tenant."""
    feed = house.server.event_feed
    assert isinstance(feed, PublishedEvents)
    return feed


async def poll(
    house: House, request: dict[str, Any], reader: Client = ALBUMS_API, *, wait: int | None = None
) -> HttpResponse:
    """Send one poll as a client that has SECRET."""
    headers = basic(reader.client_id, SECRET) | ({} if wait is None else {"prefer": f"wait={wait}"})
    return await house.post(FEED, msgspec.json.encode(request), headers)


async def told(house: House, request: dict[str, Any] | None = None, reader: Client = ALBUMS_API) -> Answer:
    """Return the answer to a poll that does not wait."""
    response = await poll(house, {**AT_ONCE, **(request or {})}, reader)
    assert response.status == 200, response.body
    return document(response)


async def revocations(house: House, reader: Client = ALBUMS_API) -> list[Revocation]:
    """Return everything that a reader who begins anew is told."""
    tokens = (await told(house, reader=reader))["sets"].values()
    found = [parse_revocation(claims_of(token)) for token in tokens]
    assert None not in found
    return [one for one in found if one is not None]


async def until_waiting(house: House, count: int = 1) -> None:
    """Let others run until so many readers wait."""
    async with asyncio.timeout(10):
        while feed_of(house).waiting < count:  # noqa: ASYNC110 - no event tells of it, and it takes no time
            await asyncio.sleep(0)
