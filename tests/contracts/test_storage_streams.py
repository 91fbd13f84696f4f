"""What is revoked stands in the streams of those whom it concerns, from the same commit on, in its order."""

from dataclasses import replace

import pytest

from contracts.stored_values import (
    AUTHORIZATION,
    CLIENT,
    CLIENT_ID,
    END_USER,
    GRANT,
    NOW,
    OTHER_TENANT,
    SESSION,
    STREAM,
    SUBJECT,
    TENANT,
    WORLD,
    later,
)
from valetkey.adapters.storage import Storage
from valetkey.authorization_server.audit import ActorKind, Origin
from valetkey.authorization_server.decision import (
    BumpGeneration,
    Change,
    ChangePassword,
    EndSession,
    PutClient,
    PutEndUser,
    RemoveClient,
    RemoveEndUser,
    RevokeAuthorization,
    WithdrawConsent,
)
from valetkey.authorization_server.model import PasswordHash
from valetkey.authorization_server.ports import Stores
from valetkey.authorization_server.signals.streams import (
    HELD_SECONDS,
    MOST_HELD,
    AcknowledgeStreamEvents,
    ClaimStream,
    DueStream,
    ExcludeSubject,
    ForgetStreamEvents,
    IncludeSubject,
    PutStream,
    QueueStreamEvent,
    ReleaseStream,
    RemoveStream,
    Stream,
    StreamId,
    StreamSubjects,
)
from valetkey.oauth.security_event import ACCOUNT_DISABLED, ACCOUNT_PURGED, CREDENTIAL_CHANGE, SESSION_REVOKED
from valetkey.oauth.shared_signals import ACCOUNT_ENABLED, VERIFICATION, StreamStatus
from valetkey.oauth.types import ClientId, SessionId, Subject

EVERYTHING = (SESSION_REVOKED, CREDENTIAL_CHANGE, ACCOUNT_DISABLED, ACCOUNT_ENABLED, ACCOUNT_PURGED)
ASKED = replace(STREAM, requested=EVERYTHING)
assert END_USER.password_hash is not None
TOLD: dict[str, tuple[Change, tuple[str, ...]]] = {
    "logout": (EndSession(SESSION.sid, later(1)), (SESSION_REVOKED,)),
    "sign out everywhere": (BumpGeneration("subject", SUBJECT), (SESSION_REVOKED,)),
    "password": (
        ChangePassword(SUBJECT, END_USER.password_hash, PasswordHash("$argon2id$3"), later(2)),
        (CREDENTIAL_CHANGE, SESSION_REVOKED),
    ),
    "disabled": (PutEndUser(replace(END_USER, disabled=True)), (ACCOUNT_DISABLED, SESSION_REVOKED)),
    "removed": (RemoveEndUser(SUBJECT, later(2)), (ACCOUNT_PURGED, SESSION_REVOKED)),
    "tenant": (BumpGeneration("tenant", ""), (SESSION_REVOKED,)),
    "server": (BumpGeneration("server", ""), (SESSION_REVOKED,)),
    "authorization": (RevokeAuthorization(AUTHORIZATION.authorization_id, later(2)), ()),
    "consent": (WithdrawConsent(SUBJECT, CLIENT_ID, later(2)), ()),
    "profile": (PutEndUser(replace(END_USER, name="A. Liddell")), ()),
}


async def types(stores: Stores, stream: Stream = ASKED) -> list[str]:
    return [event.event_type for event in await stores.streams.events(stream.stream_id, 100, StreamStatus.ENABLED)]


@pytest.mark.parametrize("name", TOLD)
async def test_what_is_revoked_waits_in_the_stream_in_its_order(stores: Stores, name: str) -> None:
    change, expected = TOLD[name]
    assert await stores.commit([*WORLD, PutStream(ASKED)])
    assert await stores.commit([change])
    assert await types(stores) == list(expected)
    events = await stores.streams.events(ASKED.stream_id, 100, StreamStatus.ENABLED)
    assert [event.number for event in events] == list(range(1, len(expected) + 1))
    assert len({event.transaction for event in events}) <= 1
    if events:
        assert events[0].transaction in {one.sequence for one in await stores.security_events.after(0, 100)}


async def test_an_event_says_whom_when_and_which_session_it_is_about(stores: Stores) -> None:
    assert await stores.commit([*WORLD, PutStream(ASKED)])
    origin = Origin(ActorKind.SERVER, later(5), "test", "request")
    assert await stores.commit([EndSession(SESSION.sid, later(5))], origin)
    assert await stores.commit([BumpGeneration("subject", SUBJECT)])
    ended, everywhere = await stores.streams.events(ASKED.stream_id, 100, StreamStatus.ENABLED)
    assert (ended.subject, ended.sid, ended.occurred_at) == (SUBJECT, SESSION.sid, later(5))
    assert (everywhere.subject, everywhere.sid, everywhere.occurred_at) == (SUBJECT, None, None)
    assert ended.transaction != everywhere.transaction


async def test_what_changes_nothing_is_told_to_nobody(stores: Stores) -> None:
    assert await stores.commit([*WORLD, PutStream(ASKED), EndSession(SESSION.sid, later(1))])
    assert await stores.commit([AcknowledgeStreamEvents(ASKED.stream_id, (1,))])
    nothing: tuple[Change, ...] = (
        EndSession(SESSION.sid, later(2)),
        EndSession(SessionId("unknown"), later(2)),
        PutEndUser(replace(END_USER, name="Alice")),
    )
    for change in nothing:
        assert await stores.commit([change])
        assert await types(stores) == []


async def test_an_end_user_who_is_enabled_again_is_told_once(stores: Stores) -> None:
    assert await stores.commit([*WORLD, PutStream(ASKED), PutEndUser(replace(END_USER, disabled=True))])
    assert await stores.commit([AcknowledgeStreamEvents(ASKED.stream_id, (1, 2))])
    assert await stores.commit([PutEndUser(END_USER)])
    assert await stores.commit([PutEndUser(END_USER)])
    assert await types(stores) == [ACCOUNT_ENABLED]


async def test_only_what_was_asked_for_is_put_into_a_stream(stores: Stores) -> None:
    only = replace(STREAM, requested=(ACCOUNT_DISABLED,))
    assert await stores.commit([*WORLD, PutStream(only), PutEndUser(replace(END_USER, disabled=True))])
    assert await types(stores) == [ACCOUNT_DISABLED]


STRANGER = replace(ASKED, stream_id=StreamId("stranger"), client_id=ClientId("stranger"))


@pytest.mark.parametrize("name", ["logout", "password", "removed"])
async def test_nobody_is_told_of_end_users_who_granted_them_nothing(stores: Stores, name: str) -> None:
    everybody = replace(STRANGER, stream_id=StreamId("all"), subjects=StreamSubjects.ALL)
    assert await stores.commit([*WORLD, PutStream(STRANGER), PutStream(everybody), TOLD[name][0]])
    assert await types(stores, STRANGER) == []
    assert await types(stores, everybody) == list(TOLD[name][1])


async def test_a_session_in_which_a_client_has_no_part_is_none_of_its_business(stores: Stores) -> None:
    elsewhere = replace(GRANT, authorization=replace(AUTHORIZATION, sid=None, bound_to_session=False), code=None)
    assert await stores.commit([*WORLD[:5], elsewhere, PutStream(ASKED), EndSession(SESSION.sid, later(1))])
    assert await types(stores) == []
    assert await stores.commit([BumpGeneration("subject", SUBJECT)])
    assert await types(stores) == [SESSION_REVOKED]


async def test_a_tenant_hears_nothing_of_another(storage: Storage, stores: Stores) -> None:
    other = storage.stores(OTHER_TENANT)
    assert await other.commit([PutStream(replace(ASKED, subjects=StreamSubjects.ALL))])
    assert await stores.commit([*WORLD, TOLD["password"][0], BumpGeneration("tenant", "")])
    assert await types(other) == []
    assert await stores.commit([BumpGeneration("server", "")])
    assert await types(other) == [SESSION_REVOKED]


async def test_an_excluded_end_user_is_told_of_no_more_until_included_again(stores: Stores) -> None:
    assert await stores.commit([*WORLD, PutStream(ASKED), ExcludeSubject(ASKED.stream_id, SUBJECT)])
    assert await stores.commit([BumpGeneration("subject", SUBJECT), EndSession(SESSION.sid, later(1))])
    assert await stores.streams.excluded(ASKED.stream_id) == [SUBJECT]
    assert await types(stores) == []
    assert await stores.commit([IncludeSubject(ASKED.stream_id, SUBJECT), BumpGeneration("subject", SUBJECT)])
    assert await types(stores) == [SESSION_REVOKED]


async def test_a_paused_stream_holds_and_a_disabled_one_does_not(storage: Storage, stores: Stores) -> None:
    assert await stores.commit([*WORLD, PutStream(replace(ASKED, status=StreamStatus.PAUSED))])
    assert await stores.commit([BumpGeneration("subject", SUBJECT)])
    assert await types(stores) == [SESSION_REVOKED]
    assert await storage.due_streams(later(0), 10) == []
    disabled = replace(ASKED, status=StreamStatus.DISABLED)
    assert await stores.commit([PutStream(disabled), ForgetStreamEvents(ASKED.stream_id)])
    assert await stores.commit([BumpGeneration("subject", SUBJECT)])
    assert await types(stores) == []
    assert await stores.commit([QueueStreamEvent(ASKED.stream_id, VERIFICATION, {"state": "s"}, NOW)])
    assert await types(stores) == [VERIFICATION]
    assert await storage.due_streams(later(0), 10) == [DueStream(TENANT, ASKED.stream_id, CLIENT_ID, 0)]


async def test_who_claims_a_stream_has_it_alone_until_the_pause_is_over(storage: Storage, stores: Stores) -> None:
    assert await stores.commit([*WORLD, PutStream(ASKED), BumpGeneration("subject", SUBJECT)])
    taken = ClaimStream(ASKED.stream_id, 0, NOW, later(30))
    assert await stores.commit([taken])
    assert not await stores.commit([taken])
    assert not await stores.commit([ClaimStream(ASKED.stream_id, 1, later(29), later(60))])
    assert await storage.due_streams(later(29), 10) == []
    assert await storage.due_streams(later(30), 10) == [DueStream(TENANT, ASKED.stream_id, CLIENT_ID, 1)]
    assert await stores.commit([ReleaseStream(ASKED.stream_id, 0, NOW)])
    assert await storage.due_streams(NOW, 10) == [DueStream(TENANT, ASKED.stream_id, CLIENT_ID, 0)]


async def test_what_a_receiver_says_of_its_stream_leaves_what_waits_in_it(stores: Stores) -> None:
    assert await stores.commit([*WORLD, PutStream(ASKED), BumpGeneration("subject", SUBJECT)])
    assert await stores.commit([PutStream(replace(ASKED, description="Receiver B"))])
    stored = await stores.streams.find(ASKED.stream_id)
    assert stored is not None
    assert (stored.stream.description, stored.last_number) == ("Receiver B", 1)
    assert await types(stores) == [SESSION_REVOKED]


@pytest.mark.parametrize("end", [RemoveStream(ASKED.stream_id), RemoveClient(CLIENT_ID)], ids=str)
async def test_a_stream_leaves_nothing_behind(stores: Stores, end: Change) -> None:
    excluded = ExcludeSubject(ASKED.stream_id, Subject("bob"))
    assert await stores.commit([*WORLD, PutStream(ASKED), BumpGeneration("subject", SUBJECT), excluded])
    assert await stores.commit([end])
    assert await stores.streams.list() == []
    assert await types(stores) == []
    assert await stores.commit([PutClient(CLIENT), PutStream(ASKED)])
    assert await stores.streams.excluded(ASKED.stream_id) == []


async def test_an_event_waits_for_a_week_and_so_many_wait_at_most(storage: Storage, stores: Stores) -> None:
    assert await stores.commit([*WORLD, PutStream(ASKED), BumpGeneration("subject", SUBJECT)])
    await storage.purge(NOW, 100)
    await storage.purge(later(HELD_SECONDS - 1), 100)
    assert await types(stores) == [SESSION_REVOKED]
    await storage.purge(later(HELD_SECONDS), 100)
    assert await types(stores) == []
    queue = QueueStreamEvent(ASKED.stream_id, VERIFICATION, {}, NOW)
    for _ in range(10):
        assert await stores.commit([queue] * (MOST_HELD // 10))
    assert await stores.commit([queue])
    await storage.purge(later(HELD_SECONDS), 1)
    waiting = await stores.streams.events(ASKED.stream_id, MOST_HELD + 10, StreamStatus.ENABLED)
    assert (len(waiting), waiting[-1].number) == (MOST_HELD, MOST_HELD + 2)
