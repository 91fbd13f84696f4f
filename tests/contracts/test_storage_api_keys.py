"""API keys in every storage: what is found of them, who wins a race, what dies with what, and what is forgotten."""

from dataclasses import replace

import pytest

from contracts.stored_values import (
    API_KEY,
    API_KEY_OF_USER,
    API_SECRET,
    CLIENT,
    CLIENT_ID,
    END_USER,
    NOW,
    OTHER_TENANT,
    SUBJECT,
    WORLD,
    digest,
    later,
)
from valetkey.adapters.storage import Storage
from valetkey.authorization_server.api_key import (
    KEPT,
    ApiKey,
    ApiKeyQuestion,
    ApiKeySecret,
    KeyRequest,
    StoredApiKey,
)
from valetkey.authorization_server.decision import (
    AddApiKey,
    BumpGeneration,
    Change,
    ChangeApiKey,
    NoteApiKeyUse,
    PutClient,
    PutEndUser,
    RemoveClient,
    RemoveEndUser,
    RevokeApiKey,
    RevokeAuthorization,
    RotateApiKey,
)
from valetkey.authorization_server.model import Generations, Standing
from valetkey.authorization_server.ports import Stores
from valetkey.authorization_server.revocation.statuses import (
    AssignStatus,
    ReserveStatusRange,
    StatusListId,
)
from valetkey.oauth.security_event import Revocation, RevokedKind
from valetkey.oauth.types import NumericDate, Scope, TokenDigest

ADD = AddApiKey(API_KEY, Generations())
ADD_OF_USER = AddApiKey(API_KEY_OF_USER, Generations())
NEXT = replace(API_SECRET, digest=digest("next"), prefix="vk_ak_GhIjKl", created_at=later(2))
ROTATE = RotateApiKey(API_KEY.key_id, 1, NEXT, later(62), later(2))
CHANGED = replace(
    API_KEY, name="renamed", scope=Scope(), resources=("https://a.example",), limit=None, expires_at=None
)
CHANGE = ChangeApiKey(API_KEY, replace(CHANGED, kept_until=later(10**6)))


async def found(stores: Stores, key: ApiKey = API_KEY) -> StoredApiKey:
    stored = await stores.api_keys.find(key.key_id)
    assert stored is not None
    return stored


async def secrets(stores: Stores) -> tuple[ApiKeySecret, ...]:
    return (await found(stores)).key.secrets


async def test_a_key_is_found_by_its_id_its_secret_and_its_request(stores: Stores) -> None:
    assert await stores.commit([*WORLD, ADD])

    stored = await found(stores)

    assert stored.key == API_KEY
    assert stored.stored.authorization == API_KEY.authorization(Generations())
    assert await stores.api_keys.find_by_secret(API_SECRET.digest) == stored
    assert await stores.api_keys.find_by_request(digest("asked")) == stored
    assert await stores.authorizations.find(API_KEY.authorization_id) == stored.stored
    for unknown in (digest("unknown"), digest("asked"), digest("")):
        assert await stores.api_keys.find_by_secret(unknown) is None
    assert await stores.api_keys.find_by_request(digest("api key")) is None
    assert await stores.api_keys.find("ak_unknown") is None


async def test_no_other_tenant_finds_a_key(storage: Storage, stores: Stores) -> None:
    assert await stores.commit([*WORLD, ADD])
    other = storage.stores(OTHER_TENANT)

    assert await other.api_keys.find(API_KEY.key_id) is None
    assert await other.api_keys.find_by_secret(API_SECRET.digest) is None
    assert await other.api_keys.find_by_request(digest("asked")) is None
    assert list(await other.api_keys.page(ApiKeyQuestion(10))) == []
    assert await other.commit([RevokeApiKey(API_KEY.key_id, later(1)), NoteApiKeyUse(API_KEY.key_id, later(1))])
    assert (await found(stores)).key == API_KEY
    assert not await other.commit([ROTATE])
    assert await other.commit([*WORLD, ADD])


async def test_a_page_holds_the_oldest_keys_after_a_place_and_those_of_one_owner(stores: Stores) -> None:
    keys = [
        replace(
            API_KEY,
            key_id=f"ak_{number}",
            created_at=later(number // 2),
            secrets=(replace(API_SECRET, digest=digest(f"key {number}")),),
            request=None,
        )
        for number in range(5)
    ]
    assert await stores.commit([*WORLD, *(AddApiKey(key, Generations()) for key in reversed(keys)), ADD_OF_USER])

    async def ids(asked: ApiKeyQuestion) -> list[str]:
        return [one.key.key_id for one in await stores.api_keys.page(asked)]

    assert await ids(ApiKeyQuestion(3)) == ["ak_0", "ak_1", "ak_2"]
    assert await ids(ApiKeyQuestion(3, (later(1), "ak_2"))) == ["ak_3", "ak_other", "ak_4"]
    assert await ids(ApiKeyQuestion(10, owner=SUBJECT)) == ["ak_other"]
    assert await ids(ApiKeyQuestion(2, (later(0), "ak_1"), CLIENT_ID)) == ["ak_2", "ak_3"]
    assert await ids(ApiKeyQuestion(10, owner="nobody")) == []


@pytest.mark.parametrize(
    "again",
    [
        ADD,
        AddApiKey(replace(API_KEY, key_id="ak_second", request=None), Generations()),
        AddApiKey(
            replace(API_KEY, key_id="ak_second", secrets=(replace(API_SECRET, digest=digest("second")),)),
            Generations(),
        ),
        AddApiKey(
            replace(API_KEY, secrets=(replace(API_SECRET, digest=digest("second")),), request=None), Generations()
        ),
    ],
    ids=["the same", "its secret", "its request", "its id"],
)
async def test_a_key_is_added_once(stores: Stores, again: AddApiKey) -> None:
    assert await stores.commit([*WORLD, ADD])

    assert not await stores.commit([again])
    assert await stores.api_keys.find("ak_second") is None
    assert (await found(stores)).key == API_KEY


@pytest.mark.parametrize("kind", ["server", "tenant", "client"])
async def test_no_key_is_added_with_an_old_stamp(stores: Stores, kind: str) -> None:
    assert await stores.commit([*WORLD, BumpGeneration(kind, CLIENT_ID if kind == "client" else "")])

    assert not await stores.commit([ADD])
    assert await stores.api_keys.find(API_KEY.key_id) is None
    assert await stores.api_keys.find_by_secret(API_SECRET.digest) is None


async def test_a_rotation_adds_a_secret_and_lets_the_others_end(stores: Stores) -> None:
    assert await stores.commit([*WORLD, ADD, ROTATE])
    assert await secrets(stores) == (NEXT, replace(API_SECRET, expires_at=later(62)))
    assert (await found(stores)).key.version == 2

    third = replace(NEXT, digest=digest("third"), created_at=later(3))
    assert await stores.commit([RotateApiKey(API_KEY.key_id, 2, third, later(100), later(3))])

    ends = {one.digest: one.expires_at for one in await secrets(stores)}
    assert ends == {third.digest: None, NEXT.digest: later(100), API_SECRET.digest: later(62)}
    for one in (API_SECRET, NEXT, third):
        assert await stores.api_keys.find_by_secret(one.digest) == await found(stores)


# covers: ADM-08
async def test_of_two_rotations_and_changes_of_one_version_the_first_wins(stores: Stores) -> None:
    assert await stores.commit([*WORLD, ADD])
    assert await stores.commit([ROTATE])
    other = replace(ROTATE, secret=replace(NEXT, digest=digest("other")))

    assert not await stores.commit([other])
    assert not await stores.commit([CHANGE])
    assert await stores.api_keys.find_by_secret(digest("other")) is None
    assert (await found(stores)).key.name == API_KEY.name


async def test_a_change_replaces_what_is_said_of_a_key_and_of_its_authorization(stores: Stores) -> None:
    assert await stores.commit([*WORLD, ADD, CHANGE])

    stored = await found(stores)

    assert stored.key == replace(CHANGED, kept_until=later(10**6), version=2)
    granted = stored.stored.authorization
    assert (granted.scope, granted.resources, granted.expires_at) == (
        Scope(),
        ("https://a.example",),
        later(10**6),
    )


KILLS: dict[str, Change] = {
    "revoked": RevokeApiKey(API_KEY.key_id, later(1)),
    "its authorization revoked": RevokeAuthorization(API_KEY.authorization_id, later(1)),
    "its client disabled": PutClient(replace(CLIENT, disabled=True)),
    "its client revoked": BumpGeneration("client", CLIENT_ID),
    "its tenant revoked": BumpGeneration("tenant", ""),
    "the server revoked": BumpGeneration("server", ""),
}


# covers: INT-07
@pytest.mark.parametrize("kill", KILLS)
async def test_a_key_that_was_killed_wins_nothing_and_marks_its_tokens(stores: Stores, kill: str) -> None:
    place = StatusListId("list")
    assert await stores.commit([*WORLD, ADD, ReserveStatusRange(place, b"k" * 32, 0, 8, later(900))])
    assert await stores.commit([AssignStatus(place, 3, API_KEY.authorization_id, later(300))])

    assert await stores.commit([KILLS[kill]])

    assert (await found(stores)).stored.standing(later(2)) is not Standing.ALIVE
    version = (await found(stores)).key.version
    assert not await stores.commit([replace(ROTATE, version=version)])
    assert not await stores.commit([replace(CHANGE, before=replace(API_KEY, version=version))])
    listed = await stores.status_lists.find(place, later(2))
    assert listed is not None
    assert listed.indices == {3}


@pytest.mark.parametrize(
    "kill",
    [PutEndUser(replace(END_USER, disabled=True)), BumpGeneration("subject", SUBJECT)],
    ids=["disabled", "signed out everywhere"],
)
async def test_the_key_of_an_end_user_dies_with_them(stores: Stores, kill: Change) -> None:
    assert await stores.commit([*WORLD, ADD_OF_USER])
    assert (await found(stores, API_KEY_OF_USER)).stored.standing(later(2)) is Standing.ALIVE

    assert await stores.commit([kill])

    assert (await found(stores, API_KEY_OF_USER)).stored.standing(later(2)) is Standing.SUPERSEDED


async def test_a_revocation_is_told_once_and_a_rotation_is_not(stores: Stores) -> None:
    assert await stores.commit([*WORLD, ADD, ROTATE, NoteApiKeyUse(API_KEY.key_id, later(1))])
    assert await stores.commit([RevokeApiKey(API_KEY.key_id, later(3))])
    assert await stores.commit([RevokeApiKey(API_KEY.key_id, later(4))])

    stored = await found(stores)
    assert (stored.stored.authorization.revoked_at, stored.key.version) == (later(3), 3)
    told = [event.revocation for event in await stores.security_events.after(0, 100)]
    assert told == [Revocation(RevokedKind.AUTHORIZATION, API_KEY.key_id)]


async def test_an_expired_key_is_not_rotated(stores: Stores) -> None:
    assert await stores.commit([*WORLD, ADD])

    assert not await stores.commit([replace(ROTATE, now=later(400))])
    assert await stores.commit([replace(ROTATE, now=later(399))])


async def test_a_use_is_noted_once_a_minute(stores: Stores) -> None:
    assert await stores.commit([*WORLD, ADD])
    seen = []
    for seconds in (1, 60, 61, 30):
        assert await stores.commit([NoteApiKeyUse(API_KEY.key_id, later(seconds))])
        seen.append((await found(stores)).key.last_used_at)

    assert seen == [later(1), later(1), later(61), later(61)]
    assert (await found(stores)).key.version == 1


@pytest.mark.parametrize(
    ("removal", "gone", "stays"),
    [
        (RemoveClient(CLIENT_ID), API_KEY, API_KEY_OF_USER),
        (RemoveEndUser(SUBJECT, later(1)), API_KEY_OF_USER, API_KEY),
    ],
    ids=["client", "end-user"],
)
async def test_the_keys_of_a_removed_owner_are_gone(
    stores: Stores, removal: Change, gone: ApiKey, stays: ApiKey
) -> None:
    assert await stores.commit([*WORLD, ADD, ADD_OF_USER])

    assert await stores.commit([removal])

    assert await stores.api_keys.find(gone.key_id) is None
    assert await stores.api_keys.find_by_secret(gone.secrets[0].digest) is None
    assert [one.key.key_id for one in await stores.api_keys.page(ApiKeyQuestion(10))] == [stays.key_id]


async def test_a_key_is_forgotten_a_month_after_it_ended(storage: Storage, stores: Stores) -> None:
    revoked = replace(API_KEY_OF_USER, kept_until=API_KEY_OF_USER.kept_until)
    assert await stores.commit([*WORLD, ADD, AddApiKey(revoked, Generations())])
    assert await stores.commit([ROTATE, RevokeApiKey(revoked.key_id, later(500))])

    async def purged(at: int) -> list[str]:
        while await storage.purge(NumericDate(NOW + at), 100):
            pass
        return [one.key.key_id for one in await stores.api_keys.page(ApiKeyQuestion(10))]

    assert await purged(61) == ["ak_key", "ak_other"]
    assert len(await secrets(stores)) == 2
    assert await purged(62) == ["ak_key", "ak_other"]
    assert await secrets(stores) == (NEXT,)
    assert await purged(400 + KEPT - 1) == ["ak_key", "ak_other"]
    assert await purged(400 + KEPT) == ["ak_other"]
    assert await purged(500 + KEPT) == []
    assert await stores.api_keys.find_by_secret(NEXT.digest) is None


async def test_a_key_without_an_end_is_kept(storage: Storage, stores: Stores) -> None:
    assert await stores.commit([*WORLD, ADD_OF_USER])

    while await storage.purge(later(10 * 365 * 86_400), 100):
        pass

    assert (await found(stores, API_KEY_OF_USER)).stored.standing(later(10**8)) is Standing.ALIVE


async def test_nothing_of_a_secret_but_its_digest_and_its_beginning_is_kept(stores: Stores) -> None:
    assert await stores.commit([*WORLD, ADD])

    (secret,) = await secrets(stores)

    assert secret.digest == TokenDigest(digest("api key"))
    assert str(secret.digest) not in repr(await found(stores))
    assert str(KeyRequest(digest("asked"), digest("content"))) == "KeyRequest()"
