"""Who is signed out by a request, who is asked first, and where nobody is sent."""

from dataclasses import replace

import pytest

from support.house import NOW, clients, end_users
from valetkey.authorization_server.logout.judging import Ask, End, Facts, Hint, Hinted, Over, decide
from valetkey.authorization_server.logout.request import LogoutRequest
from valetkey.authorization_server.model import (
    Authentication,
    BrowserId,
    Generations,
    Session,
    StoredSession,
)
from valetkey.authorization_server.policy import OAUTH_2_1, OPENID
from valetkey.oauth.redirect_uri import LoopbackPort, verify
from valetkey.oauth.types import SessionId, Subject

BYE = "https://web.example/bye"
TO = verify(BYE, (BYE,), LoopbackPort.AS_REGISTERED)
ASKED = LogoutRequest(id_token_hint="hint", post_logout_redirect_uri=BYE)


def session(name: str) -> StoredSession:
    end_user = end_users()[name]
    one = Session(
        SessionId(f"sid-{name}"),
        BrowserId("browser"),
        end_user.subject,
        Authentication(NOW, "", ()),
        Generations(),
        NOW,
        NOW,
    )
    return StoredSession(one, Generations(), end_user)


ALICE, BOB = session("alice"), session("bob")
BOTH = (BOB, ALICE)
OF_ALICE = Hinted(Subject("sub-alice"), SessionId("sid-alice"), is_over=False)
OLDER = Hinted(Subject("sub-alice"), SessionId("older"), is_over=False)
GONE = Hinted(None, SessionId("sid-carol"), is_over=True)
STRANGER = Hinted(None, SessionId("sid-carol"), is_over=False)


def facts(hinted: Hinted | None, sessions: tuple[StoredSession, ...] = BOTH, hint: Hint = Hint.VERIFIED) -> Facts:
    return Facts(ASKED, sessions, clients()["web"], hint, hinted, TO)


@pytest.mark.parametrize("hinted", [OF_ALICE, OLDER], ids=["by session", "by end-user"])
def test_a_hint_ends_the_session_of_whom_it_names_and_no_other(hinted: Hinted) -> None:
    assert decide(facts(hinted), OPENID) == End((ALICE,), TO)
    assert decide(facts(hinted), OAUTH_2_1) == Ask((ALICE,), TO)


def test_an_address_that_is_not_registered_is_a_reason_to_ask() -> None:
    assert decide(replace(facts(OF_ALICE), to=None), OPENID) == Ask((ALICE,), None)


@pytest.mark.parametrize("hinted", [GONE, STRANGER, OF_ALICE])
def test_where_nobody_is_signed_in_a_verified_hint_goes_on_by_itself(hinted: Hinted) -> None:
    assert decide(facts(hinted, ()), OPENID) == Over(TO)


def test_a_session_of_this_browser_that_is_over_takes_nobody_else_with_it() -> None:
    assert decide(facts(GONE), OPENID) == Over(TO)


def test_a_hint_of_somebody_else_asks_those_who_are_here_and_leads_nowhere() -> None:
    assert decide(facts(STRANGER), OPENID) == Ask(BOTH, None)


@pytest.mark.parametrize("hint", [Hint.ABSENT, Hint.REFUSED])
def test_without_a_hint_somebody_has_to_say_yes(hint: Hint) -> None:
    assert decide(facts(None, hint=hint), OPENID) == Ask(BOTH, TO)
    assert decide(facts(None, (), hint), OPENID) == Over(TO, needs_click=True)


@pytest.mark.parametrize("name", ["bob", "sub-bob", "sid-bob"])
def test_a_logout_hint_chooses_among_those_who_are_here(name: str) -> None:
    asked = replace(ASKED, id_token_hint=None, logout_hint=name)
    assert decide(replace(facts(None, hint=Hint.ABSENT), asked=asked), OPENID) == Ask((BOB,), TO)
    unknown = replace(asked, logout_hint="carol")
    assert decide(replace(facts(None, hint=Hint.ABSENT), asked=unknown), OPENID) == Ask(BOTH, TO)
