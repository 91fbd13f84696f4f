"""Whatever ends a session notes whom it concerns, in the same commit; nobody takes a logout twice at once."""

from dataclasses import replace

import pytest

from contracts.stored_values import (
    AUTHORIZATION,
    CLIENT,
    CLIENT_ID,
    END_USER,
    NOW,
    SESSION,
    SUBJECT,
    TENANT,
    WORLD,
    digest,
    later,
)
from contracts.test_storage_agreement import CHANGES
from valetkey.adapters.storage import Storage
from valetkey.authorization_server.decision import (
    AddSigningKey,
    BumpGeneration,
    BurnJti,
    Change,
    ChangePassword,
    EndSession,
    GrantAuthorization,
    PutClient,
    PutEndUser,
    RemoveEndUser,
    RevokeAuthorization,
    StartSession,
    TouchSession,
)
from valetkey.authorization_server.model import PasswordHash
from valetkey.authorization_server.openid_client import OpenIdMetadata
from valetkey.authorization_server.ports import Stores
from valetkey.authorization_server.revocation.logouts import (
    AbandonLogout,
    ClaimLogout,
    CloseLogout,
    DueLogout,
    claim,
)
from valetkey.oauth.types import AuthorizationId, ClientId, Scope, SessionId, Subject

DUE = DueLogout(TENANT, SESSION.sid, CLIENT_ID, SUBJECT, 0)
END = EndSession(SESSION.sid, later(1))
assert END_USER.password_hash is not None
ENDS: dict[str, Change] = {
    "logout": END,
    "sign out everywhere": BumpGeneration("subject", SUBJECT),
    "tenant": BumpGeneration("tenant", ""),
    "server": BumpGeneration("server", ""),
    "password": ChangePassword(SUBJECT, END_USER.password_hash, PasswordHash("$argon2id$3"), later(2)),
    "disabled": PutEndUser(replace(END_USER, disabled=True)),
    "removed": RemoveEndUser(SUBJECT, later(2)),
}


async def lives(stores: Stores) -> bool:
    stored = await stores.browsers.session(SESSION.sid)
    if stored is None or stored.session.ended_at is not None or stored.end_user.disabled:
        return False
    return not stored.session.generations.is_older_than(stored.current)


async def due(storage: Storage, at: int = 0) -> list[DueLogout]:
    return list(await storage.due_logouts(later(at), 10, 100))


@pytest.mark.parametrize("name", ENDS)
async def test_what_ends_a_session_notes_its_client(storage: Storage, stores: Stores, name: str) -> None:
    assert await stores.commit(WORLD)
    assert await lives(stores)
    assert not await due(storage)
    assert await stores.commit([ENDS[name]])
    assert not await lives(stores)
    assert await due(storage) == [DUE]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: type(change).__name__)
async def test_a_logout_is_noted_by_exactly_what_ends_a_session(
    storage: Storage, stores: Stores, change: Change
) -> None:
    assert await stores.commit(WORLD)
    await stores.commit([change])
    assert await due(storage) == ([] if await lives(stores) else [DUE])


@pytest.mark.parametrize("first", ENDS)
async def test_a_session_that_ended_is_not_told_of_again(storage: Storage, stores: Stores, first: str) -> None:
    assert await stores.commit(WORLD)
    assert await stores.commit([ENDS[first]])
    assert await stores.commit([CloseLogout(SESSION.sid, CLIENT_ID)])
    for again in ENDS.values():
        await stores.commit([again])

    assert not await due(storage)


@pytest.mark.parametrize("name", ENDS)
async def test_nothing_is_noted_by_a_commit_that_was_lost(storage: Storage, stores: Stores, name: str) -> None:
    burned = BurnJti("a", digest("jti"), later(60), NOW)
    assert await stores.commit([*WORLD, burned])
    assert not await stores.commit([ENDS[name], burned])
    assert not await due(storage)


async def test_only_who_signed_the_end_user_in_and_asked_for_it_is_told(storage: Storage, stores: Stores) -> None:
    def granted(name: str, **changes: object) -> tuple[Change, ...]:
        client_id = ClientId(name)
        openid = OpenIdMetadata() if name == "silent" else CLIENT.openid
        one = replace(AUTHORIZATION, authorization_id=AuthorizationId(name), client_id=client_id)
        client = replace(CLIENT, client_id=client_id, openid=openid)
        return PutClient(client), GrantAuthorization(replace(one, **changes), None)  # type: ignore[arg-type]  # by name

    assert await stores.commit(
        [
            *WORLD,
            *granted("silent"),
            *granted("plain", scope=Scope.of(("read",))),
            *granted("elsewhere", sid=None, bound_to_session=False),
            *granted("offline", bound_to_session=False),
            *granted("given back"),
            RevokeAuthorization(AuthorizationId("given back"), later(1)),
            END,
        ]
    )
    assert sorted(one.client_id for one in await due(storage)) == ["given back", "offline", CLIENT_ID]


async def test_who_claims_a_logout_has_it_alone_until_the_pause_is_over(storage: Storage, stores: Stores) -> None:
    assert await stores.commit([*WORLD, END])
    first = claim(DUE, NOW)
    assert await stores.commit([first])
    assert not await stores.commit([first])
    assert not await due(storage, 14)
    tried = replace(DUE, tries=1)
    assert await due(storage, 15) == [tried]
    assert not await stores.commit([ClaimLogout(SESSION.sid, CLIENT_ID, 0, later(15), later(30))])
    assert not await stores.commit([claim(tried, later(14))])
    assert await stores.commit([claim(tried, later(15))])


@pytest.mark.parametrize(
    "end", [CloseLogout(SESSION.sid, CLIENT_ID), AbandonLogout(SESSION.sid, CLIENT_ID, SUBJECT)], ids=str
)
async def test_a_logout_that_is_over_is_forgotten(storage: Storage, stores: Stores, end: Change) -> None:
    assert await stores.commit([*WORLD, END])
    assert await stores.commit([end, end])
    assert not await due(storage, 90_000)
    assert not await stores.commit([claim(DUE, NOW)])


async def test_one_client_with_many_leaves_room_for_the_others(storage: Storage, stores: Stores) -> None:
    assert await stores.commit(WORLD)
    other = ClientId("other")
    assert await stores.commit([PutClient(replace(CLIENT, client_id=other))])
    for number in range(4):
        sid = SessionId(f"session-{number}")
        grants = [
            GrantAuthorization(
                replace(AUTHORIZATION, authorization_id=AuthorizationId(sid + name), client_id=name, sid=sid), None
            )
            for name in ((CLIENT_ID, other) if number == 3 else (CLIENT_ID,))
        ]
        assert await stores.commit([StartSession(replace(SESSION, sid=sid)), *grants, EndSession(sid, later(1))])
    found = await storage.due_logouts(NOW, 2, 3)
    assert sorted(one.client_id for one in found) == ["other", CLIENT_ID, CLIENT_ID]


def test_the_loop_over_all_kinds_sees_the_ones_that_end_sessions() -> None:
    assert {type(change) for change in ENDS.values()} <= {type(change) for change in CHANGES}
    assert AddSigningKey in {type(change) for change in CHANGES}


async def test_the_clients_of_a_session_are_those_that_it_signed_in(stores: Stores) -> None:
    plain = replace(
        AUTHORIZATION,
        authorization_id=AuthorizationId("plain"),
        client_id=ClientId("plain"),
        scope=Scope.of(("read", "openid.not")),
    )
    twice = replace(AUTHORIZATION, authorization_id=AuthorizationId("twice"), bound_to_session=False)
    other = PutClient(replace(CLIENT, client_id=ClientId("plain")))
    assert await stores.commit([*WORLD, other, GrantAuthorization(plain, None), GrantAuthorization(twice, None)])
    assert await stores.authorizations.signed_in_by(SESSION.sid, SUBJECT) == [CLIENT_ID]
    assert not await stores.authorizations.signed_in_by(SESSION.sid, Subject("bob"))
    assert not await stores.authorizations.signed_in_by(SessionId("other"), SUBJECT)


async def test_a_session_times_out_by_when_it_was_seen_and_by_when_it_began(stores: Stores) -> None:
    assert await stores.commit([*WORLD, TouchSession(SESSION.sid, later(50))])
    assert not await stores.browsers.timed_out(later(49), later(-1), 10)
    assert await stores.browsers.timed_out(later(50), later(-1), 10) == [SESSION.sid]
    assert await stores.browsers.timed_out(later(49), later(0), 10) == [SESSION.sid]
    assert not await stores.browsers.timed_out(later(99), later(99), 0)
    assert await stores.commit([END])
    assert not await stores.browsers.timed_out(later(99), later(99), 10)
