"""What a storage promises of device codes: one answer, one winner, and polls that are counted one by one."""

import asyncio
from dataclasses import replace

import pytest

from contracts.stored_values import (
    AUTHORIZATION,
    CLIENT_ID,
    DEVICE_CODE,
    NOW,
    OTHER_TENANT,
    SESSION,
    SUBJECT,
    TENANT,
    WORLD,
    digest,
    later,
)
from valetkey.adapters.storage import Storage
from valetkey.authorization_server.decision import (
    AddDeviceCode,
    ApproveDeviceCode,
    BumpGeneration,
    Change,
    DenyDeviceCode,
    EndSession,
    GrantAuthorization,
    PutEndUser,
    RecordPoll,
    RedeemDeviceCode,
    RemoveClient,
    RemoveEndUser,
    RevokeAuthorization,
)
from valetkey.authorization_server.device.codes import Polling
from valetkey.authorization_server.model import ConsentAnswer, Generations
from valetkey.authorization_server.ports import Stores
from valetkey.oauth.types import AuthorizationId, Seconds

ADD = AddDeviceCode(DEVICE_CODE)
APPROVE = ApproveDeviceCode(DEVICE_CODE.digest, AUTHORIZATION.authorization_id, later(1))
DENY = DenyDeviceCode(DEVICE_CODE.digest, later(1))
REDEEM = RedeemDeviceCode(DEVICE_CODE.digest, later(2))
FIRST, TOO_SOON = Polling(Seconds(5), later(1)), Polling(Seconds(10), later(2))
KILLS: tuple[Change, ...] = (
    BumpGeneration("server", ""),
    BumpGeneration("tenant", ""),
    BumpGeneration("client", CLIENT_ID),
    RemoveClient(CLIENT_ID),
)
BUMP_IDS = [f"{type(kill).__name__} {getattr(kill, 'kind', '')}" for kill in KILLS]


async def test_a_device_code_is_found_by_either_of_its_codes_and_only_by_its_tenant(storage: Storage) -> None:
    stores, others = storage.stores(TENANT), storage.stores(OTHER_TENANT)
    assert await stores.commit([*WORLD, ADD])
    found = await stores.device_codes.find(DEVICE_CODE.digest)
    assert found is not None
    assert (found.code, found.current, found.stored) == (DEVICE_CODE, Generations(), None)
    assert await stores.device_codes.find_by_user_code(DEVICE_CODE.user_code_digest) == found
    assert await stores.device_codes.find(DEVICE_CODE.user_code_digest) is None
    assert await stores.device_codes.find_by_user_code(DEVICE_CODE.digest) is None
    assert await others.device_codes.find(DEVICE_CODE.digest) is None
    assert await others.device_codes.find_by_user_code(DEVICE_CODE.user_code_digest) is None
    assert await others.commit([ADD])


async def test_neither_of_its_codes_can_be_taken_twice(stores: Stores) -> None:
    assert await stores.commit([ADD])
    other = replace(DEVICE_CODE, digest=digest("other"), user_code_digest=digest("another"))
    assert not await stores.commit([AddDeviceCode(replace(other, digest=DEVICE_CODE.digest))])
    assert not await stores.commit([AddDeviceCode(replace(other, user_code_digest=DEVICE_CODE.user_code_digest))])
    assert await stores.commit([AddDeviceCode(other)])


@pytest.mark.parametrize("second", [APPROVE, DENY], ids=["allowed", "denied"])
@pytest.mark.parametrize("first", [APPROVE, DENY], ids=["allowed", "denied"])
async def test_it_is_answered_once(
    stores: Stores, first: ApproveDeviceCode | DenyDeviceCode, second: ApproveDeviceCode | DenyDeviceCode
) -> None:
    assert await stores.commit([*WORLD, ADD, first])
    assert not await stores.commit([second])
    found = await stores.device_codes.find(DEVICE_CODE.digest)
    assert found is not None
    assert found.code.answer is (ConsentAnswer.ALLOWED if first is APPROVE else ConsentAnswer.DENIED)
    assert (found.stored is not None) == (first is APPROVE)


@pytest.mark.parametrize("answer", [APPROVE, DENY], ids=["allowed", "denied"])
async def test_it_is_not_answered_in_the_second_in_which_it_expires(
    stores: Stores, answer: ApproveDeviceCode | DenyDeviceCode
) -> None:
    assert await stores.commit([*WORLD, ADD])
    assert not await stores.commit([replace(answer, now=DEVICE_CODE.expires_at)])
    assert await stores.commit([replace(answer, now=later(59))])


@pytest.mark.parametrize("kill", KILLS, ids=BUMP_IDS)
async def test_one_of_an_older_generation_is_not_approved(stores: Stores, kill: Change) -> None:
    assert await stores.commit([*WORLD, ADD, kill])
    current = await stores.authorizations.current(CLIENT_ID, SUBJECT)
    again = replace(
        AUTHORIZATION,
        authorization_id=AuthorizationId("again"),
        generations=current,
        sid=None,
        bound_to_session=False,
    )
    grant = GrantAuthorization(again, None)
    approve = replace(APPROVE, authorization_id=again.authorization_id)
    assert not await stores.commit([approve, grant])
    assert await stores.authorizations.find(again.authorization_id) is None
    assert await stores.commit([grant])


@pytest.mark.requirement("RFC8628-3.4/device-code")
async def test_it_is_redeemed_once_and_only_after_it_was_allowed(stores: Stores) -> None:
    # covers: DEV-03
    assert await stores.commit([*WORLD, ADD])
    assert not await stores.commit([REDEEM])
    assert await stores.commit([APPROVE])
    assert not await stores.commit([replace(REDEEM, now=DEVICE_CODE.expires_at)])
    assert await stores.commit([REDEEM])
    assert not await stores.commit([REDEEM])
    assert not await stores.commit([RedeemDeviceCode(digest("unknown"), NOW)])


async def test_a_denied_one_is_never_redeemed(stores: Stores) -> None:
    # covers: DEV-03
    assert await stores.commit([*WORLD, ADD, DENY])
    assert not await stores.commit([REDEEM])


@pytest.mark.parametrize(
    "kill",
    [
        *KILLS,
        BumpGeneration("subject", SUBJECT),
        RevokeAuthorization(AUTHORIZATION.authorization_id, NOW),
        EndSession(SESSION.sid, NOW),
        RemoveEndUser(SUBJECT, NOW),
    ],
    ids=[*BUMP_IDS, "subject", "authorization", "session", "end-user"],
)
async def test_nothing_is_redeemed_off_an_authorization_that_was_killed(stores: Stores, kill: Change) -> None:
    # covers: DEV-06, REF-08
    assert await stores.commit([*WORLD, ADD, APPROVE, kill])
    assert not await stores.commit([REDEEM])


async def test_a_disabled_end_user_takes_what_they_allowed_with_them(stores: Stores) -> None:
    # covers: DEV-06
    assert await stores.commit([*WORLD, ADD, APPROVE])
    end_user = await stores.end_users.find(SUBJECT)
    assert end_user is not None
    assert await stores.commit([PutEndUser(replace(end_user, disabled=True))])
    assert not await stores.commit([REDEEM])


@pytest.mark.requirement("RFC8628-3.5/slow-down")
async def test_a_poll_is_counted_only_from_where_it_was_read(stores: Stores) -> None:
    # covers: DEV-02
    assert await stores.commit([*WORLD, ADD])
    first = RecordPoll(DEVICE_CODE.digest, DEVICE_CODE.polling, FIRST)
    assert await stores.commit([first])
    assert not await stores.commit([first])
    second = RecordPoll(DEVICE_CODE.digest, FIRST, TOO_SOON)
    assert await stores.commit([second])
    assert not await stores.commit([second])
    found = await stores.device_codes.find(DEVICE_CODE.digest)
    assert found is not None
    assert found.code.polling == TOO_SOON
    # Whoever polls while the answer comes in is judged by the answer.
    assert await stores.commit([APPROVE])
    assert not await stores.commit([RecordPoll(DEVICE_CODE.digest, TOO_SOON, replace(TOO_SOON, polled_at=NOW))])


async def test_of_many_polls_at_one_moment_one_is_counted(stores: Stores) -> None:
    # covers: DEV-02
    assert await stores.commit([ADD])
    poll = RecordPoll(DEVICE_CODE.digest, DEVICE_CODE.polling, FIRST)
    assert sorted(await asyncio.gather(*(stores.commit([poll]) for _ in range(20)))) == [False] * 19 + [True]


async def test_it_stays_a_while_after_its_end_so_that_the_device_learns_of_it(storage: Storage) -> None:
    stores = storage.stores(TENANT)
    assert await stores.commit([ADD])
    while await storage.purge(later(60 + 599), 100):
        pass
    assert await stores.device_codes.find(DEVICE_CODE.digest) is not None
    while await storage.purge(later(60 + 600), 100):
        pass
    assert await stores.device_codes.find(DEVICE_CODE.digest) is None
