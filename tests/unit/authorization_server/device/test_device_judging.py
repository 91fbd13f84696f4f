"""What a visit to the device page needs next, judged by the configuration of now (RFC 8628, 3.3)."""

from dataclasses import replace

import pytest

from support.device import DEVICE_CODE, TV
from support.house import API, NOW, end_users, resources
from valetkey.authorization_server.authorization.interaction import NeedLogin
from valetkey.authorization_server.decision import (
    AdvanceInteraction,
    ApproveDeviceCode,
    DenyDeviceCode,
    GrantAuthorization,
    TouchSession,
)
from valetkey.authorization_server.device.codes import DeviceCode, Polling, StoredDeviceCode
from valetkey.authorization_server.device.judging import (
    DeviceRequest,
    Gone,
    NeedAnswer,
    allowed,
    decide,
    denied,
)
from valetkey.authorization_server.device.visit import DEVICE_PAGE, code_of, is_device_visit
from valetkey.authorization_server.fresh import Fresh
from valetkey.authorization_server.model import (
    Authentication,
    BrowserId,
    ConsentAnswer,
    Generations,
    Interaction,
    Session,
    StoredSession,
)
from valetkey.authorization_server.policy import OAUTH_2_1
from valetkey.oauth.types import GrantType, NumericDate, Scope, Seconds, SessionId, TokenDigest

CODE = DeviceCode(
    TokenDigest(b"d" * 32),
    TokenDigest(b"u" * 32),
    TV.client_id,
    Scope.parse("albums.read"),
    (API,),
    Generations(server=1, tenant=1, client=7),
    NOW,
    NumericDate(NOW + 600),
    Polling(Seconds(5)),
)
PENDING = StoredDeviceCode(CODE, CODE.generations, None)
VISIT = Interaction(
    TokenDigest(b"i" * 32),
    BrowserId("browser"),
    DEVICE_PAGE,
    (("device", CODE.digest.hex()), ("ui_locales", "de")),
    NOW,
    NumericDate(NOW + 900),
)
FRESH = Fresh(NOW, b"s" * 64)


def signed_in(username: str = "alice", sid: str = "session") -> StoredSession:
    user = end_users()[username]
    stamp = Generations(server=1, tenant=1, subject=3)
    authentication = Authentication(NOW, "urn:example:acr:password", ("pwd",))
    return StoredSession(
        Session(SessionId(sid), VISIT.browser_id, user.subject, authentication, stamp, NOW, NOW), stamp, user
    )


ALICE, BOB = signed_in(), signed_in("bob", "other")
ASKED = DeviceRequest(VISIT, PENDING, TV, (ALICE, BOB), resources())


def needed(asked: DeviceRequest = ASKED) -> NeedAnswer:
    decision = decide(asked, OAUTH_2_1, NOW)
    assert isinstance(decision, NeedAnswer), decision
    return decision


def test_a_visit_knows_its_code_and_no_other_interaction_is_one() -> None:
    assert is_device_visit(VISIT)
    assert code_of(VISIT) == CODE.digest
    assert not is_device_visit(None)
    assert not is_device_visit(replace(VISIT, client_id=TV.client_id))


def test_who_is_signed_in_is_asked_and_nobody_else() -> None:
    assert needed().session is ALICE
    assert needed(replace(ASKED, interaction=replace(VISIT, sid=BOB.session.sid))).session is BOB
    assert decide(replace(ASKED, sessions=()), OAUTH_2_1, NOW) == NeedLogin()
    gone = replace(ASKED, interaction=replace(VISIT, sid=SessionId("ended")))
    assert decide(gone, OAUTH_2_1, NOW) == NeedLogin()


@pytest.mark.parametrize(
    "asked",
    [
        replace(ASKED, found=None),
        replace(ASKED, client=None),
        replace(ASKED, client=replace(TV, disabled=True)),
        replace(ASKED, client=replace(TV, grant_types=frozenset({GrantType("refresh_token")}))),
        replace(ASKED, client=replace(TV, scope=Scope.parse("orders.read"))),
        replace(ASKED, catalogue=()),
        replace(ASKED, found=replace(PENDING, code=replace(CODE, answer=ConsentAnswer.ALLOWED))),
        replace(ASKED, found=replace(PENDING, code=replace(CODE, answer=ConsentAnswer.DENIED))),
        replace(ASKED, found=replace(PENDING, code=replace(CODE, expires_at=NOW))),
        replace(ASKED, found=replace(PENDING, current=replace(CODE.generations, client=8))),
    ],
    ids=["code", "client", "disabled", "grant", "scope", "resource", "allowed", "denied", "expired", "generation"],
)
def test_what_is_over_for_one_reason_or_another_is_gone(asked: DeviceRequest) -> None:
    # covers: DEV-06
    assert decide(asked, OAUTH_2_1, NOW) == Gone()


def test_a_profile_without_the_grant_asks_nobody() -> None:
    policy = replace(OAUTH_2_1, grant_types=OAUTH_2_1.grant_types - {DEVICE_CODE})
    assert decide(ASKED, policy, NOW) == Gone()


def test_a_yes_grants_exactly_what_was_named_with_the_stamps_that_were_judged() -> None:
    # covers: DEV-06, REF-08
    advance, approve, grant = allowed(VISIT, needed(), OAUTH_2_1, FRESH)
    assert isinstance(grant, GrantAuthorization)
    granted = grant.authorization
    assert (granted.subject, granted.client_id, granted.sid) == ("sub-alice", "tv", "session")
    assert (granted.scope, granted.resources, granted.bound_to_session) == (CODE.scope, CODE.resources, False)
    assert granted.generations == Generations(server=1, tenant=1, client=7, subject=3)
    assert grant.code is None
    assert approve == ApproveDeviceCode(CODE.digest, granted.authorization_id, NOW)
    assert advance == AdvanceInteraction(
        replace(VISIT, version=1, sid=SessionId("session"), answer=ConsentAnswer.ALLOWED, finished_at=NOW)
    )


def test_a_yes_counts_as_activity_of_the_session_once_a_minute() -> None:
    later = Fresh(NumericDate(NOW + 60), b"s" * 64)
    touched = allowed(VISIT, needed(), OAUTH_2_1, later)[-1]
    assert touched == TouchSession(SessionId("session"), NumericDate(NOW + 60))


def test_a_no_grants_nothing() -> None:
    asked = needed()
    advance, deny = denied(VISIT, asked, NOW)
    assert deny == DenyDeviceCode(CODE.digest, NOW, asked.session.session.subject, asked.client.client_id)
    assert isinstance(advance, AdvanceInteraction)
    assert advance.interaction.answer is ConsentAnswer.DENIED
