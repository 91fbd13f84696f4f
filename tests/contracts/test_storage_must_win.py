"""Each change that must win: it wins once, loses the second time, and takes its siblings down with it."""

from dataclasses import replace

import pytest

from contracts.stored_values import (
    AUTHORIZATION,
    BROWSER,
    CLIENT_ID,
    CODE,
    END_USER,
    INTERACTION,
    KEPT,
    KEY,
    NOW,
    REFRESH_TOKEN,
    SESSION,
    SUBJECT,
    SUCCESSOR,
    WORLD,
    digest,
    later,
)
from valetkey.authorization_server.decision import (
    AddSigningKey,
    AddTenantSecret,
    AdvanceInteraction,
    BumpGeneration,
    BurnJti,
    Change,
    CountAttempt,
    EndSession,
    FinishInteraction,
    GrantAuthorization,
    OpenBrowser,
    PromoteSigningKey,
    PutEndUser,
    RedeemCode,
    RemoveClient,
    RemoveEndUser,
    RemoveSigningKey,
    RetireSigningKey,
    RevokeAuthorization,
    RotateBrowserHandle,
    RotateRefreshToken,
    SetProvisioningRevision,
    StartSession,
)
from valetkey.authorization_server.model import BrowserId, KeyState
from valetkey.authorization_server.ports import Stores
from valetkey.oauth.types import AuthorizationId, SessionId, Subject

SIBLING = replace(BROWSER, browser_id=BrowserId("sibling"), handle_digest=digest("sibling"))
REDEEM = RedeemCode(CODE.digest, later(1))
ROTATE = RotateRefreshToken(REFRESH_TOKEN.digest, SUCCESSOR, KEPT, later(1))
GRANT_AGAIN = GrantAuthorization(
    replace(AUTHORIZATION, authorization_id=AuthorizationId("again")),
    replace(CODE, digest=digest("again"), authorization_id=AuthorizationId("again")),
)
SIGN_IN_AGAIN = StartSession(replace(SESSION, sid=SessionId("again")))
STANDING_KEY = replace(KEY, kid="standing", algorithm="RS256")
NEXT_KEY = replace(KEY, kid="next", algorithm="Ed25519", state=KeyState.ANNOUNCED)
KEYS = (AddSigningKey(STANDING_KEY), AddSigningKey(NEXT_KEY))

ONCE: dict[str, Change] = {
    "RedeemCode": REDEEM,
    "RotateRefreshToken": ROTATE,
    "BurnJti": BurnJti("client:web", digest("jti"), later(60), NOW),
    "CountAttempt": CountAttempt("login:alice", 60, 1, NOW),
    "AdvanceInteraction": AdvanceInteraction(replace(INTERACTION, version=1)),
    "FinishInteraction": FinishInteraction(INTERACTION.digest, NOW),
    "RotateBrowserHandle": RotateBrowserHandle(BROWSER.handle_digest, digest("new handle")),
    "GrantAuthorization": GRANT_AGAIN,
    "StartSession": SIGN_IN_AGAIN,
    "AddSigningKey": AddSigningKey(KEY),
    "RemoveSigningKey": RemoveSigningKey(STANDING_KEY.kid, KeyState.ACTIVE),
    "RetireSigningKey": RetireSigningKey(STANDING_KEY.kid, NOW),
    "PromoteSigningKey": PromoteSigningKey(NEXT_KEY.kid, NOW),
    "AddTenantSecret": AddTenantSecret("pairwise salt", b"sealed"),
}


@pytest.mark.requirement("RFC6749-4.1.2/single-use")
@pytest.mark.parametrize("name", ONCE)
async def test_a_change_that_must_win_wins_once(stores: Stores, name: str) -> None:
    # covers: COD-01, REF-02
    assert await stores.commit([*WORLD, *KEYS])
    assert await stores.commit([ONCE[name]])
    assert not await stores.commit([ONCE[name]])


@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize("name", ONCE)
async def test_a_lost_change_undoes_what_was_committed_with_it(stores: Stores, name: str, place: str) -> None:
    assert await stores.commit([*WORLD, *KEYS, ONCE[name]])
    sibling = OpenBrowser(SIBLING)
    together = [sibling, ONCE[name]] if place == "before" else [ONCE[name], sibling]
    assert not await stores.commit(together)
    assert await stores.browsers.find(SIBLING.handle_digest) is None


async def test_of_two_changes_that_must_win_the_first_is_undone_when_the_second_loses(stores: Stores) -> None:
    assert await stores.commit([*WORLD, REDEEM])
    burn = BurnJti("client:web", digest("jti"), later(60), NOW)
    assert not await stores.commit([burn, REDEEM])
    assert not await stores.replay_guard.is_burned("client:web", digest("jti"), NOW)


async def test_no_changes_are_committed_at_once(stores: Stores) -> None:
    assert await stores.commit([])


@pytest.mark.parametrize(
    "kill",
    [
        RevokeAuthorization(AUTHORIZATION.authorization_id, NOW),
        EndSession(SESSION.sid, NOW),
        BumpGeneration("server", ""),
        BumpGeneration("tenant", ""),
        BumpGeneration("client", CLIENT_ID),
        BumpGeneration("subject", SUBJECT),
        PutEndUser(replace(END_USER, disabled=True)),
        RemoveClient(CLIENT_ID),
        RemoveEndUser(SUBJECT, NOW),
    ],
    ids=lambda change: f"{type(change).__name__}-{getattr(change, 'kind', '')}",
)
@pytest.mark.parametrize("change", [REDEEM, ROTATE], ids=lambda change: type(change).__name__)
async def test_nothing_is_won_off_an_authorization_that_was_killed(
    stores: Stores, kill: Change, change: Change
) -> None:
    # covers: REF-07, REF-08
    assert await stores.commit(WORLD)
    assert await stores.commit([kill])
    assert not await stores.commit([change])


@pytest.mark.parametrize(
    "bump",
    [
        BumpGeneration("server", ""),
        BumpGeneration("tenant", ""),
        BumpGeneration("client", CLIENT_ID),
        BumpGeneration("subject", SUBJECT),
    ],
    ids=lambda change: change.kind,
)
async def test_an_authorization_of_an_older_generation_is_not_granted(stores: Stores, bump: BumpGeneration) -> None:
    assert await stores.commit([*WORLD, bump])
    assert not await stores.commit([GRANT_AGAIN])
    assert await stores.codes.find(digest("again")) is None
    assert await stores.authorizations.find(AuthorizationId("again")) is None
    current = await stores.authorizations.current(CLIENT_ID, SUBJECT)
    stamped = replace(GRANT_AGAIN.authorization, generations=current)
    assert await stores.commit([GrantAuthorization(stamped, GRANT_AGAIN.code)])


@pytest.mark.parametrize("kind", ["server", "tenant", "subject"])
async def test_a_session_of_an_older_generation_is_not_started(stores: Stores, kind: str) -> None:
    name = SUBJECT if kind == "subject" else ""
    assert await stores.commit([*WORLD, BumpGeneration(kind, name)])
    assert not await stores.commit([SIGN_IN_AGAIN])
    current = await stores.end_users.generations(SUBJECT)
    assert await stores.commit([StartSession(replace(SIGN_IN_AGAIN.session, generations=current))])


async def test_another_clients_or_subjects_generation_is_nobody_elses(stores: Stores) -> None:
    await stores.commit([*WORLD, BumpGeneration("client", "spa"), BumpGeneration("subject", "bob")])
    assert await stores.commit([REDEEM, ROTATE])


async def test_an_authorization_is_not_granted_in_an_ended_or_unknown_session(stores: Stores) -> None:
    assert await stores.commit(WORLD)
    elsewhere = replace(GRANT_AGAIN.authorization, sid=SessionId("unknown"))
    assert not await stores.commit([GrantAuthorization(elsewhere, None)])
    assert await stores.commit([EndSession(SESSION.sid, NOW)])
    assert not await stores.commit([GRANT_AGAIN])
    assert await stores.commit([GrantAuthorization(replace(GRANT_AGAIN.authorization, sid=None), None)])


async def test_a_disabled_or_unknown_end_user_starts_no_session(stores: Stores) -> None:
    assert await stores.commit([*WORLD, PutEndUser(replace(END_USER, disabled=True))])
    current = await stores.end_users.generations(SUBJECT)
    session = replace(SIGN_IN_AGAIN.session, generations=current)
    assert not await stores.commit([StartSession(session)])
    assert not await stores.commit([StartSession(replace(session, subject=Subject("nobody")))])


async def test_a_code_is_not_redeemed_in_the_second_in_which_it_expires(stores: Stores) -> None:
    assert await stores.commit(WORLD)
    assert not await stores.commit([RedeemCode(CODE.digest, CODE.expires_at)])
    assert await stores.commit([RedeemCode(CODE.digest, later(59))])


async def test_a_refresh_token_is_not_rotated_in_the_second_in_which_it_expires(stores: Stores) -> None:
    assert await stores.commit(WORLD)
    assert not await stores.commit([replace(ROTATE, now=REFRESH_TOKEN.expires_at)])
    assert await stores.commit([replace(ROTATE, now=later(299))])


async def test_nothing_is_won_off_an_authorization_that_has_expired(stores: Stores) -> None:
    short = replace(AUTHORIZATION, expires_at=later(10))
    assert await stores.commit([*WORLD[:5], GrantAuthorization(short, CODE), *WORLD[6:]])
    assert not await stores.commit([RedeemCode(CODE.digest, later(10))])
    assert not await stores.commit([replace(ROTATE, now=later(10))])


async def test_an_unknown_code_refresh_token_or_interaction_wins_nothing(stores: Stores) -> None:
    assert await stores.commit(WORLD)
    assert not await stores.commit([RedeemCode(digest("unknown"), NOW)])
    assert not await stores.commit([replace(ROTATE, digest=digest("unknown"))])
    assert not await stores.commit([FinishInteraction(digest("unknown"), NOW)])
    assert not await stores.commit([AdvanceInteraction(replace(INTERACTION, digest=digest("?"), version=1))])


async def test_a_burned_jti_is_free_again_once_it_has_expired(stores: Stores) -> None:
    jti = digest("jti")
    assert await stores.commit([BurnJti("a", jti, later(60), NOW)])
    assert await stores.commit([BurnJti("b", jti, later(60), NOW)])
    assert await stores.replay_guard.is_burned("a", jti, later(59))
    assert not await stores.replay_guard.is_burned("a", jti, later(60))
    assert not await stores.commit([BurnJti("a", jti, later(200), later(59))])
    assert await stores.commit([BurnJti("a", jti, later(200), later(60))])
    assert await stores.replay_guard.is_burned("a", jti, later(100))


async def test_a_budget_of_attempts_lasts_for_its_burst_and_is_regained_one_by_one(stores: Stores) -> None:
    # covers: LOG-02, RAT-04
    attempt = CountAttempt("login:alice", 10, 3, NOW)
    assert [await stores.commit([attempt]) for _ in range(4)] == [True, True, True, False]
    assert await stores.attempts.wait("login:alice", 10, 3, NOW) == 10
    assert await stores.attempts.wait("login:bob", 10, 3, NOW) == 0
    assert not await stores.commit([replace(attempt, now=later(9))])
    assert await stores.attempts.wait("login:alice", 10, 3, later(9)) == 1
    assert await stores.attempts.wait("login:alice", 10, 3, later(10)) == 0
    assert await stores.commit([replace(attempt, now=later(10))])
    assert not await stores.commit([replace(attempt, now=later(10))])
    assert [await stores.commit([replace(attempt, now=later(500))]) for _ in range(4)] == [True] * 3 + [False]


async def test_an_interaction_is_advanced_only_from_the_version_that_was_read(stores: Stores) -> None:
    await stores.commit(WORLD)
    advanced = replace(INTERACTION, version=1, sid=SESSION.sid, authenticated_at=NOW)
    assert not await stores.commit([AdvanceInteraction(replace(advanced, version=2))])
    assert await stores.commit([AdvanceInteraction(advanced)])
    assert await stores.interactions.find(INTERACTION.digest) == advanced
    assert await stores.commit([FinishInteraction(INTERACTION.digest, later(5))])
    assert not await stores.commit([AdvanceInteraction(replace(advanced, version=2))])
    assert await stores.interactions.find(INTERACTION.digest) == replace(advanced, finished_at=later(5))


async def test_an_older_revision_of_the_file_loses_against_a_newer_one(stores: Stores) -> None:
    assert await stores.commit([SetProvisioningRevision(2)])
    assert await stores.commit([SetProvisioningRevision(2)])
    assert not await stores.commit([SetProvisioningRevision(1)])
    assert await stores.commit([SetProvisioningRevision(3)])


async def test_a_second_active_key_of_one_algorithm_is_not_added(stores: Stores) -> None:
    assert await stores.commit([AddSigningKey(KEY)])
    assert not await stores.commit([AddSigningKey(replace(KEY, kid="k2"))])
    assert await stores.commit([AddSigningKey(replace(KEY, kid="k3", algorithm="RS256"))])
    assert await stores.commit([AddSigningKey(replace(KEY, kid="k4", state=KeyState.ANNOUNCED))])


async def test_a_user_name_belongs_to_one_end_user_in_whatever_case(stores: Stores) -> None:
    assert await stores.commit([PutEndUser(END_USER)])
    bob = replace(END_USER, subject=Subject("bob"), username=" aLICE ")
    assert not await stores.commit([PutEndUser(bob)])
    assert await stores.end_users.find(Subject("bob")) is None
    assert await stores.commit([PutEndUser(replace(END_USER, username="alice2"))])
    assert await stores.commit([PutEndUser(bob)])
