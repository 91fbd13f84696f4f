"""What an end-user sees of themselves in the stores, and what they take back: every storage answers alike."""

from dataclasses import replace

import pytest

from contracts.stored_values import (
    AUTHORIZATION,
    BROWSER,
    CLIENT,
    CLIENT_ID,
    CODE,
    CONSENT,
    END_USER,
    NOW,
    OTHER_TENANT,
    REFRESH_TOKEN,
    SESSION,
    SUBJECT,
    SUCCESSOR,
    TENANT,
    WORLD,
    digest,
    later,
)
from valetkey.adapters.storage import Storage
from valetkey.authorization_server.decision import (
    BumpGeneration,
    Change,
    ChangePassword,
    EndSession,
    GrantAuthorization,
    OpenBrowser,
    PutClient,
    PutEndUser,
    RedeemCode,
    RememberConsent,
    RevokeAuthorization,
    RotateBrowserHandle,
    RotateRefreshToken,
    StartSession,
    WithdrawConsent,
)
from valetkey.authorization_server.model import BrowserId, Generations, PasswordHash, Standing
from valetkey.authorization_server.ports import Stores
from valetkey.oauth.types import AuthorizationId, ClientId, Scope, SessionId, Subject

OLD, NEW = PasswordHash("$argon2id$1"), PasswordHash("$argon2id$9")
CHANGE = ChangePassword(SUBJECT, OLD, NEW, later(5))
ROTATE = RotateRefreshToken(REFRESH_TOKEN.digest, SUCCESSOR, None, later(6))
REDEEM = RedeemCode(CODE.digest, later(6))
PHONE = replace(BROWSER, browser_id=BrowserId("phone"), handle_digest=digest("phone"))
ON_PHONE = replace(SESSION, sid=SessionId("on phone"), browser_id=PHONE.browser_id, created_at=later(1))
BOB = replace(END_USER, subject=Subject("bob"), username="Bob")
OTHER = replace(CLIENT, client_id=ClientId("other"))
OF_OTHER = replace(
    AUTHORIZATION, authorization_id=AuthorizationId("of other"), client_id=OTHER.client_id, created_at=later(2)
)
OF_BOB = replace(
    AUTHORIZATION, authorization_id=AuthorizationId("of bob"), subject=BOB.subject, sid=None, bound_to_session=False
)
NEIGHBOURS: tuple[Change, ...] = (
    OpenBrowser(PHONE),
    StartSession(ON_PHONE),
    PutEndUser(BOB),
    StartSession(replace(SESSION, sid=SessionId("of bob"), subject=BOB.subject)),
    PutClient(OTHER),
    GrantAuthorization(OF_OTHER, None),
    GrantAuthorization(OF_BOB, None),
    RememberConsent(CONSENT),
    RememberConsent(replace(CONSENT, client_id=OTHER.client_id, scope=Scope(), resources=())),
    RememberConsent(replace(CONSENT, subject=BOB.subject)),
)


async def standing_of(stores: Stores, authorization_id: AuthorizationId) -> Standing:
    found = await stores.authorizations.find(authorization_id)
    assert found is not None
    return found.standing(later(6))


async def test_an_end_users_sessions_are_found_in_every_browser(storage: Storage) -> None:
    stores, elsewhere = storage.stores(TENANT), storage.stores(OTHER_TENANT)
    assert await stores.commit([*WORLD, *NEIGHBOURS])
    assert await elsewhere.commit(WORLD)
    assert [one.session for one in await stores.browsers.sessions_of(SUBJECT)] == [ON_PHONE, SESSION]
    await stores.commit([EndSession(ON_PHONE.sid, later(3))])
    assert [one.session.sid for one in await stores.browsers.sessions_of(SUBJECT)] == [SESSION.sid]
    assert await stores.browsers.sessions_of(Subject("nobody")) == []


async def test_everything_that_an_end_user_allowed_is_found_by_client(stores: Stores) -> None:
    assert await stores.commit([*WORLD, *NEIGHBOURS])
    to_nothing = replace(CONSENT, client_id=OTHER.client_id, scope=Scope(), resources=())
    assert list(await stores.consents.of(SUBJECT)) == [to_nothing, CONSENT]
    assert list(await stores.consents.of(Subject("nobody"))) == []


async def test_an_end_users_authorizations_come_with_the_counters_of_now(stores: Stores) -> None:
    assert await stores.commit([*WORLD, *NEIGHBOURS, BumpGeneration("client", OTHER.client_id)])
    found = await stores.authorizations.of(SUBJECT)
    assert [one.authorization for one in found] == [AUTHORIZATION, OF_OTHER]
    assert [one.current for one in found] == [Generations(), Generations(client=1)]
    await stores.commit([RevokeAuthorization(AUTHORIZATION.authorization_id, later(3))])
    assert [one.authorization for one in await stores.authorizations.of(SUBJECT)] == [OF_OTHER]


# covers: REF-07
async def test_withdrawn_consent_takes_what_the_client_has_of_this_end_user_and_nothing_else(
    stores: Stores,
) -> None:
    assert await stores.commit([*WORLD, *NEIGHBOURS])
    for _ in range(2):
        assert await stores.commit([WithdrawConsent(SUBJECT, CLIENT_ID, later(4))])
    assert await stores.consents.find(SUBJECT, CLIENT_ID) is None
    assert await stores.consents.find(SUBJECT, OTHER.client_id) is not None
    assert await stores.consents.find(BOB.subject, CLIENT_ID) is not None
    assert await standing_of(stores, AUTHORIZATION.authorization_id) is Standing.REVOKED
    assert await standing_of(stores, OF_OTHER.authorization_id) is Standing.ALIVE
    assert await standing_of(stores, OF_BOB.authorization_id) is Standing.ALIVE
    assert not await stores.commit([ROTATE])
    assert not await stores.commit([REDEEM])


async def test_a_changed_password_changes_nothing_else_of_the_end_user(stores: Stores) -> None:
    assert await stores.commit(WORLD)
    before = await stores.signing_keys.version()
    assert await stores.commit([CHANGE])
    assert await stores.end_users.find(SUBJECT) == replace(END_USER, password_hash=NEW, updated_at=later(5))
    assert await stores.end_users.generations(SUBJECT) == Generations(subject=1)
    assert await stores.signing_keys.version() > before


@pytest.mark.parametrize(
    "meanwhile",
    [
        PutEndUser(replace(END_USER, password_hash=PasswordHash("$argon2id$2"))),
        PutEndUser(replace(END_USER, disabled=True)),
        PutEndUser(replace(END_USER, password_hash=None)),
        CHANGE,
    ],
    ids=["another password", "disabled", "no password", "changed twice"],
)
async def test_a_password_is_changed_only_from_the_one_that_was_proved(stores: Stores, meanwhile: Change) -> None:
    assert await stores.commit([*WORLD, meanwhile])
    held, counters = await stores.end_users.find(SUBJECT), await stores.end_users.generations(SUBJECT)
    assert not await stores.commit([CHANGE])
    assert await stores.end_users.find(SUBJECT) == held
    assert await stores.end_users.generations(SUBJECT) == counters


async def test_nobody_has_no_password_to_change(stores: Stores) -> None:
    assert not await stores.commit([CHANGE])
    assert await stores.end_users.generations(SUBJECT) == Generations()


# covers: REF-08
@pytest.mark.parametrize("rival", [ROTATE, REDEEM], ids=["refresh", "redemption"])
async def test_whichever_commits_first_nothing_lives_after_a_password_change(stores: Stores, rival: Change) -> None:
    assert await stores.commit(WORLD)
    assert await stores.commit([rival])
    assert await stores.commit([CHANGE])
    successor = RotateRefreshToken(SUCCESSOR.digest, replace(SUCCESSOR, digest=digest("third")), None, later(7))
    assert not await stores.commit([successor])
    assert await standing_of(stores, AUTHORIZATION.authorization_id) is Standing.SUPERSEDED


# covers: REF-08
@pytest.mark.parametrize("rival", [ROTATE, REDEEM], ids=["refresh", "redemption"])
async def test_what_was_judged_before_a_password_change_is_not_committed_after_it(
    stores: Stores, rival: Change
) -> None:
    assert await stores.commit([*WORLD, CHANGE])
    assert not await stores.commit([rival])
    assert await stores.refresh_tokens.find(SUCCESSOR.digest) is None


# covers: REF-08
async def test_the_session_that_changed_the_password_is_replaced_in_the_same_commit(stores: Stores) -> None:
    assert await stores.commit([*WORLD, *NEIGHBOURS])
    renewed = replace(SESSION, sid=SessionId("renewed"), generations=Generations(subject=1), created_at=later(5))
    rotated = RotateBrowserHandle(BROWSER.handle_digest, digest("rotated"))
    whole: list[Change] = [CHANGE, EndSession(SESSION.sid, NOW), rotated, StartSession(renewed)]
    assert not await stores.commit([*whole[:3], StartSession(replace(renewed, generations=Generations()))])
    held = await stores.end_users.find(SUBJECT)
    assert held is not None
    assert held.password_hash == OLD
    assert await stores.commit(whole)
    found = {one.session.sid: one for one in await stores.browsers.sessions_of(SUBJECT)}
    assert set(found) == {renewed.sid, ON_PHONE.sid}
    assert found[ON_PHONE.sid].session.generations.is_older_than(found[ON_PHONE.sid].current)
    assert not found[renewed.sid].session.generations.is_older_than(found[renewed.sid].current)
