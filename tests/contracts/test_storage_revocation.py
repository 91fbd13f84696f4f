"""Every way to kill, in every order with every use: the kill wins, and the outbox tells of it."""

from dataclasses import replace

import pytest

from contracts.stored_values import (
    AUTHORIZATION,
    CLIENT,
    CLIENT_ID,
    CODE,
    CONSENT,
    END_USER,
    KEPT,
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
    PutClient,
    PutEndUser,
    PutResource,
    RedeemCode,
    RememberConsent,
    RemoveClient,
    RemoveEndUser,
    RevokeAccessToken,
    RevokeAuthorization,
    RotateRefreshToken,
    SpendCode,
    WithdrawConsent,
)
from valetkey.authorization_server.model import PasswordHash, Resource
from valetkey.authorization_server.ports import Stores
from valetkey.jose.encoding import b64url_encode
from valetkey.oauth.security_event import REMEMBERED_SECONDS, Cause, Revocation, RevokedKind
from valetkey.oauth.types import AuthorizationId, ClientId, NumericDate, Scope, SessionId, Subject

assert END_USER.password_hash is not None
NEW_PASSWORD = ChangePassword(SUBJECT, END_USER.password_hash, PasswordHash("$argon2id$3"), later(2))
DISABLED_USER = PutEndUser(replace(END_USER, disabled=True))
DISABLED_CLIENT = PutClient(replace(CLIENT, disabled=True))
OF_SUBJECT = Revocation(RevokedKind.SUBJECT, SUBJECT, 1)
OF_CLIENT = Revocation(RevokedKind.CLIENT, CLIENT_ID, 1)
OF_AUTHORIZATION = Revocation(RevokedKind.AUTHORIZATION, AUTHORIZATION.authorization_id)

KILLS: dict[str, tuple[Change, list[Revocation]]] = {
    "authorization": (RevokeAuthorization(AUTHORIZATION.authorization_id, later(2)), [OF_AUTHORIZATION]),
    "session": (
        EndSession(SESSION.sid, later(2)),
        [Revocation(RevokedKind.SESSION, SESSION.sid), OF_AUTHORIZATION],
    ),
    "consent": (WithdrawConsent(SUBJECT, CLIENT_ID, later(2)), [OF_AUTHORIZATION]),
    "signed out everywhere": (BumpGeneration("subject", SUBJECT), [OF_SUBJECT]),
    "password": (NEW_PASSWORD, [replace(OF_SUBJECT, cause=Cause.PASSWORD_CHANGED)]),
    "password by an operator": (
        PutEndUser(replace(END_USER, password_hash=PasswordHash("$argon2id$4"))),
        [replace(OF_SUBJECT, cause=Cause.PASSWORD_CHANGED)],
    ),
    "end-user disabled": (DISABLED_USER, [replace(OF_SUBJECT, cause=Cause.DISABLED)]),
    "end-user removed": (RemoveEndUser(SUBJECT, later(2)), [replace(OF_SUBJECT, cause=Cause.REMOVED)]),
    "client": (BumpGeneration("client", CLIENT_ID), [OF_CLIENT]),
    "client disabled": (DISABLED_CLIENT, [replace(OF_CLIENT, cause=Cause.DISABLED)]),
    "client removed": (RemoveClient(CLIENT_ID), [replace(OF_CLIENT, cause=Cause.REMOVED)]),
    "tenant": (BumpGeneration("tenant", ""), [Revocation(RevokedKind.TENANT, "", 1)]),
    "server": (BumpGeneration("server", ""), [Revocation(RevokedKind.SERVER, "", 1)]),
}
"""By name: what kills the end-user's authorization of the client, and the events that tell of it."""

THIRD = replace(SUCCESSOR, digest=digest("third"))
FIRST_REFRESH = RotateRefreshToken(REFRESH_TOKEN.digest, SUCCESSOR, KEPT, later(3))
USES: dict[str, tuple[Change, Change]] = {
    "code": (
        RedeemCode(CODE.digest, later(1)),
        RotateRefreshToken(REFRESH_TOKEN.digest, SUCCESSOR, KEPT, later(3)),
    ),
    "refresh token": (
        RotateRefreshToken(REFRESH_TOKEN.digest, SUCCESSOR, KEPT, later(1)),
        RotateRefreshToken(SUCCESSOR.digest, THIRD, None, later(3)),
    ),
}
"""By name: a use, and what its fruit would be good for."""


async def told(stores: Stores) -> list[Revocation]:
    return [event.revocation for event in await stores.security_events.after(0, 100)]


# covers: REF-07, REF-08
@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("kill", KILLS)
async def test_a_use_after_the_kill_loses_and_leaves_nothing_behind(stores: Stores, kill: str, use: str) -> None:
    assert await stores.commit([*WORLD, RememberConsent(CONSENT)])
    assert await stores.commit([KILLS[kill][0]])
    assert not await stores.commit([USES[use][0]])
    assert await stores.refresh_tokens.find(SUCCESSOR.digest) is None


# covers: REF-08
@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("kill", KILLS)
async def test_what_a_use_before_the_kill_bought_is_good_for_nothing(stores: Stores, kill: str, use: str) -> None:
    assert await stores.commit([*WORLD, RememberConsent(CONSENT)])
    first, second = USES[use]
    assert await stores.commit([first])
    assert await stores.commit([KILLS[kill][0]])
    assert not await stores.commit([second])


# covers: REF-08
@pytest.mark.parametrize("order", ["kill first", "use first"])
@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("kill", KILLS)
async def test_within_one_commit_the_use_counts_only_before_the_kill(
    stores: Stores, kill: str, use: str, order: str
) -> None:
    assert await stores.commit(WORLD)
    changes = [KILLS[kill][0], USES[use][0]]
    won = await stores.commit(changes if order == "kill first" else changes[::-1])
    assert won is (order == "use first")
    assert await told(stores) == (KILLS[kill][1] if won else [])
    if won:
        assert not await stores.commit([USES[use][1]])


@pytest.mark.parametrize("kill", KILLS)
async def test_each_kill_is_told_once_however_often_it_is_ordered(stores: Stores, kill: str) -> None:
    change, expected = KILLS[kill]
    assert await stores.commit(WORLD)
    assert await stores.commit([change])
    assert await told(stores) == expected
    assert await stores.security_events.last() == len(expected)
    if not isinstance(change, BumpGeneration | ChangePassword | RemoveClient | RemoveEndUser):
        assert await stores.commit([change])
        assert await told(stores) == expected


@pytest.mark.parametrize("kill", KILLS)
async def test_of_a_commit_that_is_lost_nothing_is_told(stores: Stores, kill: str) -> None:
    assert await stores.commit([*WORLD, SpendCode(CODE.digest, NOW)])
    assert not await stores.commit([KILLS[kill][0], RedeemCode(CODE.digest, later(1))])
    assert await told(stores) == []
    assert await stores.security_events.last() == 0
    assert await stores.commit([KILLS[kill][0]])
    assert await told(stores) == KILLS[kill][1]


@pytest.mark.parametrize(
    "change",
    [
        PutEndUser(replace(END_USER, name="Another Name")),
        PutClient(replace(CLIENT, name="Another Name")),
        RevokeAuthorization(AuthorizationId("unknown"), NOW),
        EndSession(SessionId("unknown"), NOW),
        WithdrawConsent(Subject("nobody"), CLIENT_ID, NOW),
        RememberConsent(CONSENT),
        PutResource(Resource("https://b.example", "B", {})),
    ],
    ids=lambda change: type(change).__name__,
)
async def test_of_what_kills_nothing_nothing_is_told(stores: Stores, change: Change) -> None:
    assert await stores.commit(WORLD)
    assert await stores.commit([change])
    assert await told(stores) == []


async def test_a_revoked_token_is_told_with_its_audience_and_its_end(stores: Stores) -> None:
    revoked = RevokeAccessToken(digest("jti"), later(70), ("https://api.example",))
    for _ in range(2):
        assert await stores.commit([revoked])
    (event,) = await stores.security_events.after(0, 10)
    assert event.revocation == Revocation(
        RevokedKind.TOKEN, b64url_encode(digest("jti")), token_expires_at=later(70)
    )
    assert event.audience == ("https://api.example",)
    assert event.concerns(frozenset({"https://api.example", "https://b.example"}))
    assert not event.concerns(frozenset({"https://b.example"}))


async def test_several_kills_of_one_commit_are_told_in_their_order(stores: Stores) -> None:
    assert await stores.commit(WORLD)
    assert await stores.commit([BumpGeneration("client", "b"), KILLS["session"][0], BumpGeneration("client", "a")])
    expected = [
        Revocation(RevokedKind.CLIENT, "b", 1),
        *KILLS["session"][1],
        Revocation(RevokedKind.CLIENT, "a", 1),
    ]
    assert await told(stores) == expected
    events = await stores.security_events.after(0, 10)
    assert [event.sequence for event in events] == [1, 2, 3, 4]
    assert [event.sequence for event in await stores.security_events.after(1, 2)] == [2, 3]


async def test_the_whole_servers_kill_is_told_to_every_tenant_and_another_tenants_to_none(storage: Storage) -> None:
    ours, theirs = storage.stores(TENANT), storage.stores(OTHER_TENANT)
    assert await theirs.commit([PutClient(CLIENT)])
    assert await ours.commit(WORLD)
    assert await ours.commit([BumpGeneration("client", CLIENT_ID), BumpGeneration("tenant", "")])
    assert await told(theirs) == []
    assert await ours.commit([BumpGeneration("server", "")])
    assert await told(theirs) == [Revocation(RevokedKind.SERVER, "", 1)]
    assert (await told(ours))[-1] == Revocation(RevokedKind.SERVER, "", 1)


async def test_events_leave_when_no_token_can_be_alive_any_more_and_their_numbers_are_not_given_again(
    storage: Storage,
) -> None:
    stores = storage.stores(TENANT)
    assert await stores.commit([*WORLD, BumpGeneration("client", "a")])
    # The first purge after it dates it.
    assert not await storage.purge(NOW, 100)
    assert not await storage.purge(NumericDate(NOW + REMEMBERED_SECONDS - 1), 100)
    assert len(await stores.security_events.after(0, 10)) == 1
    await storage.purge(NumericDate(NOW + REMEMBERED_SECONDS), 100)
    assert await stores.security_events.after(0, 10) == []
    assert await stores.security_events.last() == 1
    assert await stores.commit([BumpGeneration("client", "a")])
    assert [event.sequence for event in await stores.security_events.after(0, 10)] == [2]


async def test_who_listens_is_woken_by_each_commit_that_kills_and_by_no_other(stores: Stores) -> None:
    rings: list[int] = []
    stores.security_events.on_written(lambda: rings.append(1))
    assert await stores.commit(WORLD[:1])
    assert await stores.commit([SpendCode(CODE.digest, NOW)])
    assert await stores.commit([BumpGeneration("client", "a")])
    assert not await stores.commit([BumpGeneration("client", "a"), RedeemCode(digest("none"), NOW)])
    # A client that is put may have been disabled, so it rings too: who listens looks, and finds nothing.
    assert len(rings) == 2


SILENT = GrantAuthorization(
    replace(AUTHORIZATION, authorization_id=AuthorizationId("silent"), created_at=later(1)),
    replace(CODE, digest=digest("silent"), authorization_id=AuthorizationId("silent")),
    relies_on_consent=True,
)
COVERING = replace(CONSENT, scope=AUTHORIZATION.scope, resources=AUTHORIZATION.resources, expires_at=later(500))


async def test_a_silent_grant_wins_while_the_consent_that_it_relies_on_covers_it(stores: Stores) -> None:
    assert await stores.commit([*WORLD, RememberConsent(COVERING)])
    assert await stores.commit([SILENT])
    assert await stores.codes.find(digest("silent")) is not None


@pytest.mark.parametrize(
    "changes",
    [
        (),
        (RememberConsent(COVERING), WithdrawConsent(SUBJECT, CLIENT_ID, NOW)),
        (RememberConsent(COVERING), WithdrawConsent(SUBJECT, CLIENT_ID, NOW),
         RememberConsent(replace(COVERING, scope=Scope.of(("read",))))),
        (RememberConsent(replace(COVERING, resources=COVERING.resources[:1])),),
        (RememberConsent(replace(COVERING, client_id=ClientId("another"))),),
        (RememberConsent(replace(COVERING, subject=Subject("another"))),),
        (RememberConsent(replace(COVERING, expires_at=later(1))),),
        (RememberConsent(replace(COVERING, claims=frozenset({"gender"}))),),
    ],
    ids=["none", "withdrawn", "given again for less", "another resource", "another client", "another end-user",
         "expired", "another claim"],
)  # fmt: skip
async def test_a_silent_grant_loses_where_the_consent_does_not_stand(
    stores: Stores, changes: tuple[Change, ...]
) -> None:
    assert await stores.commit([*WORLD, *changes])
    assert not await stores.commit([SILENT])
    assert await stores.codes.find(digest("silent")) is None
    assert await stores.commit([replace(SILENT, relies_on_consent=False)])
