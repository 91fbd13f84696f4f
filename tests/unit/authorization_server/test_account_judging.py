"""What the account page judges: which password may follow, and who can still act for the end-user."""

from dataclasses import replace

import pytest

from support.house import API, NOW, clients, end_users
from valetkey.authorization_server.account.judging import (
    Seat,
    connected_clients,
    judged_password,
    living_sessions,
    password_changed,
    signed_out_everywhere,
)
from valetkey.authorization_server.browser import PresentBrowser, next_handle
from valetkey.authorization_server.decision import (
    BumpGeneration,
    ChangePassword,
    EndSession,
    RotateBrowserHandle,
    StartSession,
)
from valetkey.authorization_server.fresh import Fresh
from valetkey.authorization_server.model import (
    Authentication,
    Authorization,
    Browser,
    BrowserId,
    Consent,
    Generations,
    PasswordHash,
    Session,
    StoredAuthorization,
    StoredSession,
)
from valetkey.authorization_server.pages import AccountProblem
from valetkey.authorization_server.policy import OAUTH_2_1
from valetkey.oauth.types import AuthorizationId, ClientId, NumericDate, OpaqueToken, Scope, SecretText, SessionId

ALICE = end_users()["alice"]
HANDLE = OpaqueToken.presented("vk_bh_handle")
BROWSER = Browser(BrowserId("browser"), HANDLE.digest(), b"c" * 32, NOW, NumericDate(NOW + 10**6))
AUTHENTICATION = Authentication(NOW, "acr", ("pwd",))
CURRENT = Generations(server=1, tenant=2, subject=3)
SESSION = Session(SessionId("own"), BROWSER.browser_id, ALICE.subject, AUTHENTICATION, CURRENT, NOW, NOW)
STORED = StoredSession(SESSION, CURRENT, ALICE)
SEAT = Seat(PresentBrowser(BROWSER, HANDLE), STORED)
FRESH = Fresh(NumericDate(NOW + 9), b"s" * 64)
AUTHORIZATION = Authorization(
    AuthorizationId("one"),
    ClientId("web"),
    ALICE.subject,
    Scope.parse("openid albums.read"),
    (API,),
    AUTHENTICATION,
    Generations(),
    NOW,
    NumericDate(NOW + 100),
    sid=SESSION.sid,
    bound_to_session=True,
)
CONSENT = Consent(
    ALICE.subject, ClientId("web"), Scope.parse("openid"), (), NumericDate(NOW - 50), NumericDate(NOW + 50)
)
CLIENTS = {client.client_id: client for client in clients().values()}


@pytest.mark.parametrize(
    ("current", "new", "again", "judged"),
    [
        ("old password", "seven77", "seven77", AccountProblem.UNSOUND),
        ("old password", "", "", AccountProblem.UNSOUND),
        ("old password", "x" * 1025, "x" * 1025, AccountProblem.UNSOUND),
        # U+FB2C has three times as many octets once it is normalised.
        ("old password", "\ufb2c" * 300, "\ufb2c" * 300, AccountProblem.UNSOUND),
        ("old password", "eight888", "eight889", AccountProblem.DIFFERENT),
        ("eight888", "eight888", "eight888", AccountProblem.UNCHANGED),
        ("cafe\u0301 noir", "caf\u00e9 noir", "caf\u00e9 noir", AccountProblem.UNCHANGED),
    ],
)
def test_a_password_that_may_not_follow_is_told_why(
    current: str, new: str, again: str, judged: AccountProblem
) -> None:
    assert judged_password(current, new, again) is judged


def test_a_password_is_hashed_in_the_form_in_which_it_is_compared() -> None:
    found = judged_password("old password", "cafe\u0301 noir", "cafe\u0301 noir")
    assert isinstance(found, SecretText)
    assert found.reveal() == "caf\u00e9 noir"


# covers: CON-09
def test_a_changed_password_replaces_the_session_under_the_generation_that_it_begins() -> None:
    old, new = PasswordHash("old"), PasswordHash("new")
    changed, ended, rotated, started = password_changed(SEAT, old, new, FRESH)
    assert changed == ChangePassword(ALICE.subject, old, new, FRESH.now)
    assert ended == EndSession(SESSION.sid, FRESH.now)
    assert isinstance(rotated, RotateBrowserHandle)
    assert (rotated.old_digest, rotated.new_digest) == (HANDLE.digest(), next_handle(SEAT.browser).digest())
    assert isinstance(started, StartSession)
    assert started.session.sid != SESSION.sid
    assert started.session.generations == Generations(server=1, tenant=2, subject=4)
    assert started.session.authentication.auth_time == FRESH.now


def test_signing_out_everywhere_bumps_once_and_ends_only_ones_own_sessions() -> None:
    other = replace(STORED, session=replace(SESSION, sid=SessionId("other")))
    of_bob = replace(STORED, session=replace(SESSION, sid=SessionId("bob"), subject=end_users()["bob"].subject))
    assert signed_out_everywhere(SEAT, (STORED, other, of_bob), NOW) == (
        BumpGeneration("subject", ALICE.subject),
        EndSession(SESSION.sid, NOW),
        EndSession(SessionId("other"), NOW),
    )


def test_only_sessions_that_may_still_be_used_are_shown_this_one_first() -> None:
    newer = replace(STORED, session=replace(SESSION, sid=SessionId("newer"), last_seen_at=NumericDate(NOW + 5)))
    dead = replace(STORED, session=replace(SESSION, sid=SessionId("dead"), generations=Generations()))
    found = living_sessions(SEAT, (dead, newer, STORED), OAUTH_2_1, FRESH.now)
    assert [one.session.sid for one in found] == ["own", "newer"]


@pytest.mark.parametrize(
    ("authorization", "has_access"),
    [
        (AUTHORIZATION, True),
        (replace(AUTHORIZATION, expires_at=NOW), False),
        (replace(AUTHORIZATION, revoked_at=NOW), False),
        (replace(AUTHORIZATION, sid=SessionId("timed out")), False),
        (replace(AUTHORIZATION, sid=SessionId("timed out"), bound_to_session=False), True),
    ],
)
def test_a_client_has_access_while_an_authorization_lives(authorization: Authorization, has_access: bool) -> None:  # noqa: FBT001 - of the table
    stored = StoredAuthorization(authorization, Generations())
    (found,) = connected_clients((stored,), (CONSENT,), CLIENTS, (STORED,), NOW)
    assert found.has_access is has_access
    assert found.scope == (Scope.parse("openid albums.read") if has_access else Scope.parse("openid"))
    assert found.since == CONSENT.granted_at


def test_an_authorization_of_an_older_generation_connects_nobody() -> None:
    stored = StoredAuthorization(replace(AUTHORIZATION, bound_to_session=False), Generations(subject=1))
    assert connected_clients((stored,), (), CLIENTS, (STORED,), NOW) == ()


def test_an_expired_consent_and_an_unknown_client_are_not_shown() -> None:
    unknown = replace(CONSENT, client_id=ClientId("gone"))
    assert connected_clients((), (replace(CONSENT, expires_at=NOW), unknown), CLIENTS, (STORED,), NOW) == ()
