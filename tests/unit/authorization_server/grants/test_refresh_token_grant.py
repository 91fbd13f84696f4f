"""Rotation, reuse and the identical reply: facts in, decision out."""

from dataclasses import replace

import msgspec
import pytest

from support.decisions import issued, refused
from support.house import API, NOW, OTHER_API, clients, end_users, resources
from valetkey.authorization_server.decision import (
    Replay,
    RevokeAuthorization,
    RotateRefreshToken,
    TouchSession,
)
from valetkey.authorization_server.fresh import Fresh
from valetkey.authorization_server.grants.refresh_token import Refresh, RefreshFacts, RefreshTokenGrant
from valetkey.authorization_server.model import (
    Authentication,
    Authorization,
    BrowserId,
    EndUser,
    Generations,
    KeptReply,
    RefreshToken,
    Session,
    StoredAuthorization,
    StoredRefreshToken,
    StoredSession,
)
from valetkey.authorization_server.policy import OAUTH_2_1
from valetkey.authorization_server.sealing import seal
from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.parameters import parse_form
from valetkey.oauth.types import AuthorizationId, NumericDate, OpaqueToken, Scope, SessionId

GRANT = RefreshTokenGrant()
WEB = clients()["web"]
ALICE = end_users()["alice"]
PRESENTED = OpaqueToken.from_entropy("vk_rt_", b"1" * 32)
ASKED = Refresh(PRESENTED, None, ())
AUTHORIZATION = Authorization(
    AuthorizationId("authorization-1"),
    WEB.client_id,
    ALICE.subject,
    Scope.parse("openid albums.read orders.read"),
    (API, OTHER_API),
    Authentication(NOW, "", ("pwd",)),
    Generations(),
    NOW,
    NumericDate(NOW + 10**7),
    sid=None,
    bound_to_session=False,
)
TOKEN = RefreshToken(
    PRESENTED.digest(), AUTHORIZATION.authorization_id, WEB.client_id, NOW, NumericDate(NOW + 10**6)
)
FOUND = StoredRefreshToken(TOKEN, StoredAuthorization(AUTHORIZATION, Generations()), ALICE)
FACTS = RefreshFacts(FOUND, None, resources())
SESSION = Session(
    SessionId("session-1"),
    BrowserId("browser-1"),
    ALICE.subject,
    Authentication(NOW, "", ("pwd",)),
    Generations(),
    NOW,
    NOW,
)
BOUND = replace(AUTHORIZATION, sid=SESSION.sid, bound_to_session=True)
REPLY = msgspec.json.encode({"access_token": "old", "refresh_token": "vk_rt_successor"})


def at(second: int) -> Fresh:
    return Fresh(NumericDate(NOW + second), b"s" * 64)


def with_token(token: RefreshToken) -> RefreshFacts:
    return replace(FACTS, found=replace(FOUND, token=token))


def bound_to(session: Session | None) -> RefreshFacts:
    found = replace(FOUND, stored=StoredAuthorization(BOUND, Generations()))
    stored = None if session is None else StoredSession(session, Generations(), ALICE)
    return RefreshFacts(found, stored, resources())


def used(asked: Refresh = ASKED) -> RefreshFacts:
    """Facts of a token that was used at NOW + 10 with the question `asked`, its successor still unused."""
    kept = KeptReply(seal(REPLY, PRESENTED, at(10)), asked.binding(), NumericDate(NOW + 40))
    return with_token(replace(TOKEN, superseded_at=NumericDate(NOW + 10), kept_reply=kept))


@pytest.mark.requirement("RFC9700-4.14.2/reuse")
def test_a_refresh_token_is_superseded_by_its_successor() -> None:
    issue = issued(GRANT.decide(ASKED, FACTS, WEB, OAUTH_2_1, at(5)))
    (rotation,) = issue.changes
    assert isinstance(rotation, RotateRefreshToken)
    assert rotation.digest == TOKEN.digest
    assert issue.refresh_token is not None
    assert rotation.successor.digest == issue.refresh_token.digest() != TOKEN.digest
    assert rotation.kept_reply is not None
    assert rotation.kept_reply.expires_at == NOW + 5 + OAUTH_2_1.replay_window
    assert issue.keep_reply_under is PRESENTED
    assert not issue.id_token_nonce_applies
    assert (issue.scope, issue.resources) == (AUTHORIZATION.scope, AUTHORIZATION.resources)


@pytest.mark.requirement("RFC6749-6/scope")
def test_a_refresh_may_ask_for_less_but_not_for_more() -> None:
    less = replace(ASKED, scope=Scope.parse("albums.read"), resources=(API,))
    issue = issued(GRANT.decide(less, FACTS, WEB, OAUTH_2_1, at(5)))
    assert (issue.scope, issue.resources) == (less.scope, less.resources)
    more = replace(ASKED, scope=Scope.parse("albums.read albums.write"))
    refused(GRANT.decide(more, FACTS, WEB, OAUTH_2_1, at(5)), ErrorCode.INVALID_SCOPE, "RFC6749-6/scope")


def test_an_unknown_token_is_refused() -> None:
    decision = GRANT.decide(ASKED, replace(FACTS, found=None), WEB, OAUTH_2_1, at(5))
    assert refused(decision, ErrorCode.INVALID_GRANT, "RFC6749-6/other-client").changes == ()


# covers: REF-05
@pytest.mark.requirement("RFC6749-6/other-client")
def test_another_clients_token_is_refused_and_stays_good() -> None:
    decision = GRANT.decide(ASKED, FACTS, clients()["spa"], OAUTH_2_1, at(5))
    assert refused(decision, ErrorCode.INVALID_GRANT, "RFC6749-6/other-client").changes == ()


# covers: REF-03
def test_inside_the_window_the_same_question_gets_the_identical_reply() -> None:
    for second in (10, 20, 39):
        assert GRANT.decide(ASKED, used(), WEB, OAUTH_2_1, at(second)) == Replay(REPLY)


# covers: REF-03
def test_inside_the_window_another_question_gets_the_same_successor() -> None:
    other = replace(ASKED, scope=Scope.parse("albums.read"), resources=(API,))
    issue = issued(GRANT.decide(other, used(), WEB, OAUTH_2_1, at(20)))
    assert issue.refresh_token is not None
    assert issue.refresh_token.reveal() == "vk_rt_successor"
    assert issue.scope == other.scope
    assert issue.changes == ()
    assert issue.keep_reply_under is None


# covers: REF-01
@pytest.mark.requirement("RFC9700-4.14.2/reuse")
@pytest.mark.parametrize("second", [40, 41, 3600])
def test_after_the_window_a_second_use_revokes_the_family(second: int) -> None:
    refusal = refused(
        GRANT.decide(ASKED, used(), WEB, OAUTH_2_1, at(second)), ErrorCode.INVALID_GRANT, "RFC9700-4.14.2/reuse"
    )
    assert refusal.changes == (RevokeAuthorization(AUTHORIZATION.authorization_id, NumericDate(NOW + second)),)


# covers: REF-01
@pytest.mark.requirement("RFC9700-4.14.2/reuse")
def test_once_the_successor_was_used_a_second_use_revokes_the_family_at_once() -> None:
    facts = with_token(replace(TOKEN, superseded_at=NOW, kept_reply=None))
    refusal = refused(
        GRANT.decide(ASKED, facts, WEB, OAUTH_2_1, at(1)), ErrorCode.INVALID_GRANT, "RFC9700-4.14.2/reuse"
    )
    assert refusal.changes


def test_a_reuse_that_asks_for_too_much_is_still_a_reuse() -> None:
    more = replace(ASKED, scope=Scope.parse("albums.write"))
    refused(GRANT.decide(more, used(), WEB, OAUTH_2_1, at(60)), ErrorCode.INVALID_GRANT, "RFC9700-4.14.2/reuse")


# covers: REF-07
@pytest.mark.requirement("RFC6749-5.2/revoked")
@pytest.mark.parametrize("facts", [FACTS, used()], ids=["first use", "replay"])
@pytest.mark.parametrize(
    "stored",
    [
        StoredAuthorization(replace(AUTHORIZATION, revoked_at=NOW), Generations()),
        StoredAuthorization(AUTHORIZATION, Generations(server=1)),
        StoredAuthorization(AUTHORIZATION, Generations(tenant=1)),
        StoredAuthorization(AUTHORIZATION, Generations(client=1)),
        StoredAuthorization(AUTHORIZATION, Generations(subject=1)),
        StoredAuthorization(replace(AUTHORIZATION, expires_at=NumericDate(NOW + 15)), Generations()),
    ],
)
def test_what_died_is_neither_refreshed_nor_replayed(facts: RefreshFacts, stored: StoredAuthorization) -> None:
    assert facts.found is not None
    dead = replace(facts, found=replace(facts.found, stored=stored))
    refused(GRANT.decide(ASKED, dead, WEB, OAUTH_2_1, at(15)), ErrorCode.INVALID_GRANT, "RFC6749-5.2/revoked")


# covers: REF-07
@pytest.mark.requirement("RFC6749-5.2/end-user")
@pytest.mark.parametrize("facts", [FACTS, used()], ids=["first use", "replay"])
@pytest.mark.parametrize("end_user", [None, replace(ALICE, disabled=True)], ids=["removed", "disabled"])
def test_an_end_user_who_is_gone_refreshes_nothing(facts: RefreshFacts, end_user: EndUser | None) -> None:
    assert facts.found is not None
    found = replace(facts.found, end_user=end_user)
    decision = GRANT.decide(ASKED, replace(facts, found=found), WEB, OAUTH_2_1, at(15))
    refused(decision, ErrorCode.INVALID_GRANT, "RFC6749-5.2/end-user")


@pytest.mark.requirement("RFC6749-5.2/expired")
def test_an_unused_token_expires() -> None:
    expired = with_token(replace(TOKEN, expires_at=NumericDate(NOW + 5)))
    issued(GRANT.decide(ASKED, expired, WEB, OAUTH_2_1, at(4)))
    refused(GRANT.decide(ASKED, expired, WEB, OAUTH_2_1, at(5)), ErrorCode.INVALID_GRANT, "RFC6749-5.2/expired")


@pytest.mark.requirement("OIDCC-11/session")
@pytest.mark.parametrize(
    ("session", "second"),
    [
        (None, 5),
        (replace(SESSION, ended_at=NOW), 5),
        (SESSION, OAUTH_2_1.session_idle_lifetime),
        (
            replace(SESSION, last_seen_at=NumericDate(NOW + OAUTH_2_1.session_lifetime - 5)),
            OAUTH_2_1.session_lifetime,
        ),
    ],
    ids=["unknown", "ended", "idle", "too old"],
)
def test_a_bound_authorization_dies_with_its_session(session: Session | None, second: int) -> None:
    decision = GRANT.decide(ASKED, bound_to(session), WEB, OAUTH_2_1, at(second))
    refused(decision, ErrorCode.INVALID_GRANT, "OIDCC-11/session")


@pytest.mark.parametrize(("second", "is_written"), [(59, False), (60, True)])
def test_a_bound_refresh_counts_as_activity_once_a_minute(second: int, *, is_written: bool) -> None:
    changes = issued(GRANT.decide(ASKED, bound_to(SESSION), WEB, OAUTH_2_1, at(second))).changes
    touch = TouchSession(SESSION.sid, NumericDate(NOW + second))
    assert (touch in changes) == is_written


def test_the_binding_tells_questions_apart_and_not_the_order_of_a_scope() -> None:
    questions = [
        ASKED,
        replace(ASKED, scope=Scope.parse("albums.read")),
        replace(ASKED, resources=(API,)),
        replace(ASKED, resources=(API, OTHER_API)),
    ]
    assert len({question.binding() for question in questions}) == len(questions)
    one = GRANT.parse(parse_form(b"refresh_token=x&scope=a+b"))
    two = GRANT.parse(parse_form(b"refresh_token=x&scope=b+a"))
    assert one.binding() == two.binding()


@pytest.mark.requirement("RFC6749-6/refresh-token")
def test_a_request_without_token_is_malformed() -> None:
    with pytest.raises(OAuthError) as caught:
        GRANT.parse(parse_form(b"scope=a"))
    assert caught.value.code is ErrorCode.INVALID_REQUEST
