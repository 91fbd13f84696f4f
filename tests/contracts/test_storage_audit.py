"""Every storage records who changed what in the transaction of the change, and nothing of what was lost."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from contracts.conftest import STORAGES
from contracts.stored_values import AUTHORIZATION, CLIENT_ID, NOW, SESSION, SUBJECT, TENANT, WORLD, later
from contracts.test_storage_agreement import CHANGES
from valetkey.authorization_server.audit import ActorKind, AuditQuestion, Origin
from valetkey.authorization_server.audit_entries import entries_of
from valetkey.authorization_server.decision import (
    Change,
    EndSession,
    RedeemCode,
    RevokeAuthorization,
    WithdrawConsent,
)
from valetkey.oauth.types import ClientId, NumericDate, Subject, TokenDigest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from valetkey.adapters.storage import Storage
    from valetkey.authorization_server.audit import AuditRecord
    from valetkey.authorization_server.ports import Stores

EVERYTHING = AuditQuestion(NumericDate(0), later(1_000_000), 10_000)
BY_ADA = Origin(ActorKind.END_USER, later(20), "/account", "request-7", address="203.0.113.9")
BY_CLIENT = Origin(ActorKind.CLIENT, later(21), "/revoke", "request-8", "web")
BY_ROOT = Origin(ActorKind.OPERATOR, later(22), "command line", "order-9", "root")


async def events(stores: Stores, **narrowed: object) -> list[str]:
    asked = replace(EVERYTHING, **narrowed)  # type: ignore[arg-type]  # a test names one field
    return [record.event for record in await stores.audit.find(asked)]


async def test_what_was_made_by_nobody_named_is_not_recorded(stores: Stores) -> None:
    assert await stores.commit(WORLD)

    assert await stores.audit.find(EVERYTHING) == ()


async def test_a_record_says_who_what_when_and_from_where(stores: Stores) -> None:
    assert await stores.commit(WORLD)
    assert await stores.commit((RevokeAuthorization(AUTHORIZATION.authorization_id, later(20)),), BY_ADA)

    (record,) = await stores.audit.find(EVERYTHING)

    assert record.at == later(20)
    assert (record.event, record.kind) == ("authorization.revoked", ActorKind.END_USER)
    # The change names only an authorization: the rest is looked up where it stands.
    assert (record.actor, record.subject, record.client_id) == (SUBJECT, SUBJECT, CLIENT_ID)
    assert (record.authorization_id, record.sid) == (AUTHORIZATION.authorization_id, AUTHORIZATION.sid)
    assert (record.surface, record.address, record.request_id) == ("/account", "203.0.113.9", "request-7")


async def test_what_was_over_before_is_not_recorded_again(stores: Stores) -> None:
    changes = (EndSession(SESSION.sid, later(20)), RevokeAuthorization(AUTHORIZATION.authorization_id, later(20)))
    assert await stores.commit(WORLD)
    assert await stores.commit(changes, BY_ADA)
    before = await events(stores)

    assert await stores.commit(changes, BY_CLIENT)

    assert await events(stores) == before
    assert "session.ended" in before


async def test_a_commit_that_is_lost_leaves_no_record(stores: Stores) -> None:
    assert await stores.commit(WORLD)

    lost = RedeemCode(TokenDigest(b"nobody's"), later(20))
    assert not await stores.commit((WithdrawConsent(SUBJECT, CLIENT_ID, later(20)), lost), BY_ADA)

    assert await stores.audit.find(EVERYTHING) == ()


async def test_records_are_found_by_time_subject_client_and_event(stores: Stores) -> None:
    assert await stores.commit(WORLD)
    assert await stores.commit((WithdrawConsent(SUBJECT, CLIENT_ID, later(20)),), BY_ADA)
    assert await stores.commit((EndSession(SESSION.sid, later(21)),), BY_CLIENT)

    assert await events(stores) == ["session.ended", "consent.withdrawn"]
    assert await events(stores, limit=1) == ["session.ended"]
    assert await events(stores, since=later(21)) == ["session.ended"]
    assert await events(stores, until=later(20)) == ["consent.withdrawn"]
    assert await events(stores, subject=Subject("nobody")) == []
    assert await events(stores, client_id=CLIENT_ID) == ["consent.withdrawn"]
    assert await events(stores, client_id=ClientId("other")) == []
    assert await events(stores, event="consent.") == ["consent.withdrawn"]


async def test_only_old_records_are_forgotten_a_batch_at_a_time(storage: Storage) -> None:
    stores = storage.stores(TENANT)
    assert await stores.commit(WORLD)
    for origin in (BY_ADA, BY_CLIENT, BY_ROOT):
        assert await stores.commit((WithdrawConsent(SUBJECT, CLIENT_ID, origin.now),), origin)

    assert await storage.forget_audit(later(22), 1)
    assert len(await events(stores)) == 2
    assert await storage.forget_audit(later(22), 100)
    assert not await storage.forget_audit(later(22), 100)

    assert [record.actor for record in await stores.audit.find(EVERYTHING)] == ["root"]


async def recorded(name: str, change: Change) -> Sequence[AuditRecord]:
    with tempfile.TemporaryDirectory() as folder:
        storage = await STORAGES[name](Path(folder))
        stores = storage.stores(TENANT)
        assert await stores.commit(WORLD)
        await stores.commit((change,), BY_ROOT)
        found = await stores.audit.find(EVERYTHING)
        await storage.close()
    return found


def test_both_storages_record_every_change_alike_and_without_a_secret() -> None:
    for change in CHANGES:
        in_memory, in_sqlite = (asyncio.run(recorded(name, change)) for name in STORAGES)
        assert in_memory == in_sqlite, change
        assert len(in_memory) <= len(entries_of(change))
        assert "argon2" not in repr(in_memory)
        assert all(record.actor == "root" and record.at == NOW + 22 for record in in_memory)
