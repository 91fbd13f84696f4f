"""Places in status lists: reserved once, owned, and published as revoked the moment their owner is dead."""

from dataclasses import replace

import pytest

from contracts.stored_values import (
    AUTHORIZATION,
    CLIENT,
    CLIENT_ID,
    END_USER,
    NOW,
    OTHER_TENANT,
    SESSION,
    SUBJECT,
    TENANT,
    WORLD,
    later,
)
from valetkey.adapters.storage import Storage
from valetkey.authorization_server.decision import (
    BumpGeneration,
    Change,
    EndSession,
    PutClient,
    PutEndUser,
    RemoveClient,
    RemoveEndUser,
    RevokeAuthorization,
)
from valetkey.authorization_server.model import Generations, PasswordHash
from valetkey.authorization_server.ports import Stores
from valetkey.authorization_server.revocation.statuses import (
    CAPACITY,
    AssignStatus,
    AssignStatusBlock,
    AssignStatusToClient,
    OpenStatusList,
    ReserveStatusRange,
    RevokeStatus,
    StatusBlock,
    StatusListId,
    StoredStatusList,
)
from valetkey.oauth.types import ClientId

LIST = StatusListId("list-one")
KEY = b"\x07" * 32
RESERVED = ReserveStatusRange(LIST, KEY, 0, 100, later(400))
ASSIGNED = AssignStatus(LIST, 41, AUTHORIZATION.authorization_id, later(300))
BLOCK = StatusBlock(LIST, 10, 5, CLIENT_ID, Generations(), later(300))
NOTHING: frozenset[int] = frozenset()


async def told(stores: Stores, at: int = 1) -> StoredStatusList:
    found = await stores.status_lists.find(LIST, later(at))
    assert found is not None
    return found


async def test_a_range_is_reserved_once_and_the_next_begins_where_it_ended(stores: Stores) -> None:
    assert await stores.commit([RESERVED])
    assert not await stores.commit([RESERVED])
    assert not await stores.commit([replace(RESERVED, start=99)])
    assert await stores.commit([replace(RESERVED, start=100, size=50, expires_at=later(300))])
    # A shorter life of the later range does not shorten the list's.
    assert await stores.status_lists.open(1, NOW) == OpenStatusList(LIST, KEY, 150, later(400))


async def test_a_full_list_takes_no_more_and_is_not_offered(stores: Stores) -> None:
    assert not await stores.commit([replace(RESERVED, size=CAPACITY + 1)])
    assert await stores.commit([replace(RESERVED, size=CAPACITY - 10)])
    assert await stores.status_lists.open(10, NOW) is not None
    assert await stores.status_lists.open(11, NOW) is None
    assert not await stores.commit([replace(RESERVED, start=CAPACITY - 10, size=11)])


async def test_a_list_that_is_over_is_neither_offered_nor_published(stores: Stores) -> None:
    await stores.commit([RESERVED])
    assert await stores.status_lists.open(1, later(399)) is not None
    assert await stores.status_lists.open(1, later(400)) is None
    assert await stores.status_lists.find(LIST, later(400)) is None
    assert await stores.status_lists.find(StatusListId("unknown"), NOW) is None


async def test_what_is_alive_is_not_told(stores: Stores) -> None:
    await stores.commit([*WORLD, RESERVED, ASSIGNED, AssignStatusBlock(BLOCK)])
    assert await told(stores) == StoredStatusList(LIST, KEY)


@pytest.mark.parametrize(
    "death",
    [
        RevokeAuthorization(AUTHORIZATION.authorization_id, NOW),
        EndSession(SESSION.sid, NOW),
        PutEndUser(replace(END_USER, password_hash=PasswordHash("$argon2id$2"))),
        PutEndUser(replace(END_USER, disabled=True)),
        RemoveEndUser(SUBJECT, NOW),
        BumpGeneration("subject", SUBJECT),
    ],
    ids=lambda change: type(change).__name__,
)
async def test_whatever_kills_an_authorization_revokes_its_places_and_no_client(
    stores: Stores, death: Change
) -> None:
    await stores.commit([*WORLD, RESERVED, ASSIGNED, AssignStatusBlock(BLOCK), death])
    assert await told(stores) == StoredStatusList(LIST, KEY, frozenset({41}))


@pytest.mark.parametrize(
    "death",
    [
        PutClient(replace(CLIENT, disabled=True)),
        RemoveClient(CLIENT_ID),
        BumpGeneration("client", CLIENT_ID),
        BumpGeneration("tenant", ""),
        BumpGeneration("server", ""),
    ],
    ids=lambda change: f"{type(change).__name__} {getattr(change, 'kind', '')}",
)
async def test_whatever_kills_a_client_revokes_its_blocks_and_what_it_was_granted(
    stores: Stores, death: Change
) -> None:
    await stores.commit([*WORLD, RESERVED, ASSIGNED, AssignStatusBlock(BLOCK), death])
    assert await told(stores) == StoredStatusList(LIST, KEY, frozenset({41}), frozenset({(10, 5)}))


async def test_a_block_with_a_later_stamp_lives_on(stores: Stores) -> None:
    later_block = replace(BLOCK, start=20, generations=Generations(client=1))
    await stores.commit([*WORLD, RESERVED, AssignStatusBlock(BLOCK), BumpGeneration("client", CLIENT_ID)])
    await stores.commit([AssignStatusBlock(later_block)])
    assert (await told(stores)).blocks == frozenset({(10, 5)})


async def test_a_place_dies_with_each_client_that_its_token_came_through(stores: Stores) -> None:
    between = ClientId("between")
    assigned = [AssignStatusToClient(LIST, 8, client_id, 0, later(300)) for client_id in (CLIENT_ID, between)]
    await stores.commit([*WORLD, RESERVED, *assigned])
    assert (await told(stores)).indices == NOTHING
    await stores.commit([BumpGeneration("client", between)])
    assert (await told(stores)).indices == frozenset({8})
    assert (await told(stores, 300)).indices == NOTHING


async def test_one_place_is_revoked_by_itself_until_its_token_is_over(stores: Stores) -> None:
    await stores.commit(
        [*WORLD, RESERVED, ASSIGNED, RevokeStatus(LIST, 7, later(60)), RevokeStatus(LIST, 7, later(60))]
    )
    assert (await told(stores, 59)).indices == frozenset({7})
    assert (await told(stores, 60)).indices == NOTHING


async def test_a_place_whose_token_is_over_is_not_told(stores: Stores) -> None:
    death = RevokeAuthorization(AUTHORIZATION.authorization_id, NOW)
    await stores.commit([*WORLD, RESERVED, ASSIGNED, AssignStatusBlock(BLOCK), death])
    await stores.commit([BumpGeneration("client", CLIENT_ID)])
    assert await told(stores, 300) == StoredStatusList(LIST, KEY)


async def test_a_list_is_its_tenants_own(storage: Storage) -> None:
    await storage.stores(TENANT).commit([*WORLD, RESERVED, RevokeStatus(LIST, 7, later(60))])
    other = storage.stores(OTHER_TENANT)
    assert await other.status_lists.find(LIST, NOW) is None
    assert await other.status_lists.open(1, NOW) is None
    assert await other.commit([RESERVED])
    assert await other.status_lists.find(LIST, NOW) == StoredStatusList(LIST, KEY)


async def test_places_leave_with_their_tokens_and_the_list_after_the_last(storage: Storage) -> None:
    # covers: FLT-15
    stores = storage.stores(TENANT)
    await stores.commit([*WORLD, RESERVED, ASSIGNED, AssignStatusBlock(BLOCK), RevokeStatus(LIST, 7, later(60))])
    while await storage.purge(later(300), 100):
        pass
    # Nobody owns them any more, so nothing can revoke them: they are gone.
    await stores.commit([RevokeAuthorization(AUTHORIZATION.authorization_id, NOW), RemoveClient(CLIENT_ID)])
    assert await told(stores) == StoredStatusList(LIST, KEY)
    while await storage.purge(later(400), 100):
        pass
    assert await stores.status_lists.find(LIST, NOW) is None
