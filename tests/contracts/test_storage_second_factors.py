"""Second factors and what is proven by them: each change wins once, and in every storage alike."""

from dataclasses import replace

import pytest

from contracts.stored_values import AUTHENTICATION, FACTOR, SESSION, SUBJECT, TENANT, WORLD, later
from valetkey.adapters.storage import Storage
from valetkey.authorization_server.audit import ActorKind, AuditQuestion, Origin
from valetkey.authorization_server.audit_entry import AuditEvent
from valetkey.authorization_server.decision import BumpGeneration, EndSession, PutEndUser, RemoveEndUser
from valetkey.authorization_server.model import Authentication
from valetkey.authorization_server.ports import Stores
from valetkey.authorization_server.second_factor import (
    BeginFactor,
    ConfirmFactor,
    RemoveFactor,
    StepUpSession,
    UseOneTimeCode,
)
from valetkey.oauth.types import NumericDate, Subject, TenantId

OTHER = replace(FACTOR, factor_id="factor-2", sealed_key=b"other", created_at=later(1))
CONFIRM = ConfirmFactor(SUBJECT, FACTOR.factor_id, 60, later(2))
TWO = Authentication(later(5), "urn:example:acr:two", ("pwd", "otp", "mfa"))
STEP_UP = StepUpSession(SESSION.sid, TWO, later(5))


@pytest.fixture
async def enrolled(stores: Stores) -> Stores:
    assert await stores.commit((*WORLD, BeginFactor(FACTOR), CONFIRM))
    return stores


async def test_a_begun_factor_is_replaced_by_the_next_one(stores: Stores) -> None:
    assert await stores.commit((*WORLD, BeginFactor(FACTOR)))
    assert await stores.commit((BeginFactor(OTHER),))
    assert await stores.second_factors.find(SUBJECT) == OTHER
    assert not await stores.commit((CONFIRM,))


async def test_a_confirmed_factor_is_replaced_by_none(enrolled: Stores) -> None:
    confirmed = replace(FACTOR, confirmed_at=later(2), last_step=60)
    assert await enrolled.second_factors.find(SUBJECT) == confirmed
    assert not await enrolled.commit((BeginFactor(OTHER),))
    assert not await enrolled.commit((CONFIRM,))
    assert list(await enrolled.second_factors.list()) == [confirmed]


# covers: LOG-02
async def test_a_code_is_used_once_and_none_of_before(enrolled: Stores) -> None:
    assert not await enrolled.commit((UseOneTimeCode(SUBJECT, FACTOR.factor_id, 60),))
    assert await enrolled.commit((UseOneTimeCode(SUBJECT, FACTOR.factor_id, 62),))
    for step in (60, 61, 62):
        assert not await enrolled.commit((UseOneTimeCode(SUBJECT, FACTOR.factor_id, step),))
    assert await enrolled.commit((UseOneTimeCode(SUBJECT, FACTOR.factor_id, 63),))


async def test_a_factor_that_was_only_begun_accepts_no_code(stores: Stores) -> None:
    assert await stores.commit((*WORLD, BeginFactor(FACTOR)))
    assert not await stores.commit((UseOneTimeCode(SUBJECT, FACTOR.factor_id, 61),))


async def test_a_factor_is_removed_once_and_by_its_name(enrolled: Stores) -> None:
    assert not await enrolled.commit((RemoveFactor(SUBJECT, OTHER.factor_id),))
    assert await enrolled.commit((RemoveFactor(SUBJECT, FACTOR.factor_id),))
    assert await enrolled.second_factors.find(SUBJECT) is None
    assert not await enrolled.commit((RemoveFactor(SUBJECT, FACTOR.factor_id),))


async def test_a_factor_goes_with_its_end_user(enrolled: Stores) -> None:
    assert await enrolled.commit((RemoveEndUser(SUBJECT, later(9)),))
    assert await enrolled.second_factors.find(SUBJECT) is None


async def test_factors_belong_to_one_tenant(storage: Storage) -> None:
    assert await storage.stores(TENANT).commit((*WORLD, BeginFactor(FACTOR)))
    elsewhere = storage.stores(TenantId("other"))
    assert await elsewhere.second_factors.find(SUBJECT) is None
    assert await storage.stores(TENANT).second_factors.find(Subject("bob")) is None


async def test_what_is_proven_in_a_session_stands_there_from_now_on(enrolled: Stores) -> None:
    assert await enrolled.commit((STEP_UP,))
    found = await enrolled.browsers.session(SESSION.sid)
    assert found is not None
    assert found.session == replace(SESSION, authentication=TWO, last_seen_at=later(5))


async def test_nothing_older_takes_the_place_of_what_was_proven(enrolled: Stores) -> None:
    assert await enrolled.commit((STEP_UP,))
    assert not await enrolled.commit((StepUpSession(SESSION.sid, AUTHENTICATION, later(6)),))


async def test_a_dead_session_steps_nowhere(enrolled: Stores) -> None:
    assert await enrolled.commit((BumpGeneration("subject", SUBJECT),))
    assert not await enrolled.commit((STEP_UP,))


async def test_an_ended_session_steps_nowhere(enrolled: Stores) -> None:
    assert await enrolled.commit((EndSession(SESSION.sid, later(4)),))
    assert not await enrolled.commit((STEP_UP,))


async def test_a_disabled_end_user_steps_nowhere(enrolled: Stores) -> None:
    stored = await enrolled.end_users.find(SUBJECT)
    assert stored is not None
    assert await enrolled.commit((PutEndUser(replace(stored, disabled=True)),))
    assert not await enrolled.commit((STEP_UP,))


async def test_the_audit_trail_tells_of_factors_and_of_what_was_proven(stores: Stores) -> None:
    origin = Origin(ActorKind.END_USER, NumericDate(later(5)), "/account", "request-1")
    assert await stores.commit(WORLD)
    changes = (BeginFactor(FACTOR), CONFIRM, STEP_UP, RemoveFactor(SUBJECT, FACTOR.factor_id))
    assert await stores.commit(changes, origin)
    found = await stores.audit.find(AuditQuestion(later(0), later(9), 10))
    assert [record.event for record in reversed(found)] == [
        AuditEvent.SECOND_FACTOR_ADDED,
        AuditEvent.SESSION_STEPPED_UP,
        AuditEvent.SECOND_FACTOR_REMOVED,
    ]
    assert {record.subject for record in found} == {SUBJECT}
