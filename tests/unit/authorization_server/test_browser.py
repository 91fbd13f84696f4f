from dataclasses import replace

import pytest

from support.house import NOW, end_users
from valetkey.authorization_server.browser import (
    Form,
    PresentBrowser,
    form_token,
    is_form_token,
    is_live,
    new_browser,
    next_handle,
)
from valetkey.authorization_server.fresh import Fresh
from valetkey.authorization_server.model import Authentication, Generations, Session, StoredSession
from valetkey.authorization_server.policy import OAUTH_2_1
from valetkey.oauth.types import NumericDate, OpaqueToken, SessionId

PRESENT = new_browser(Fresh(NOW, b"s" * 64))
BROWSER = PRESENT.browser
SESSION = Session(
    SessionId("session-1"),
    BROWSER.browser_id,
    end_users()["alice"].subject,
    Authentication(NOW, "acr", ("pwd",)),
    Generations(1, 1, 0, 1),
    NOW,
    NOW,
)
STORED = StoredSession(SESSION, Generations(1, 1, 0, 1), end_users()["alice"])
IDLE, WHOLE = OAUTH_2_1.session_idle_lifetime, OAUTH_2_1.session_lifetime


def test_a_form_token_belongs_to_one_browser_one_form_and_what_it_decides() -> None:
    token = form_token(BROWSER, Form.CONSENT, "interaction", "session")
    assert is_form_token(token, BROWSER, Form.CONSENT, "interaction", "session")
    assert not is_form_token(token, BROWSER, Form.LOGIN, "interaction", "session")
    assert not is_form_token(token, BROWSER, Form.CONSENT, "interaction", "other")
    assert not is_form_token(token, BROWSER, Form.CONSENT, "interaction")
    assert not is_form_token(token, replace(BROWSER, csrf_secret=b"o" * 32), Form.CONSENT, "interaction", "session")
    for other in (None, "", token[:-1], token + "x", "\u00e4"):
        assert not is_form_token(other, BROWSER, Form.CONSENT, "interaction", "session")


def test_the_next_handle_needs_both_the_cookie_and_the_secret() -> None:
    following = next_handle(PRESENT).reveal()
    assert following == next_handle(PRESENT).reveal()
    other_secret = PresentBrowser(replace(BROWSER, csrf_secret=b"o" * 32), PRESENT.handle)
    other_cookie = PresentBrowser(BROWSER, OpaqueToken.presented("vk_bh_other"))
    assert len({following, next_handle(other_secret).reveal(), next_handle(other_cookie).reveal()}) == 3
    assert PRESENT.handle.reveal() != following


# covers: LOG-15
@pytest.mark.parametrize(
    ("stored", "now", "is_so"),
    [
        (STORED, NOW, True),
        (STORED, NOW + IDLE - 1, True),
        (STORED, NOW + IDLE, False),
        (replace(STORED, session=replace(SESSION, last_seen_at=NumericDate(NOW + WHOLE))), NOW + WHOLE - 1, True),
        (replace(STORED, session=replace(SESSION, last_seen_at=NumericDate(NOW + WHOLE))), NOW + WHOLE, False),
        (replace(STORED, session=replace(SESSION, ended_at=NOW)), NOW, False),
        (replace(STORED, end_user=replace(STORED.end_user, disabled=True)), NOW, False),
        (replace(STORED, current=Generations(1, 1, 0, 2)), NOW, False),
        (replace(STORED, current=Generations(1, 2, 0, 1)), NOW, False),
        (replace(STORED, current=Generations(2, 1, 0, 1)), NOW, False),
    ],
)
def test_a_session_lives_until_anything_ends_it(
    stored: StoredSession,
    now: int,
    is_so: bool,  # noqa: FBT001 - a column of the table
) -> None:
    assert is_live(stored, OAUTH_2_1, NumericDate(now)) is is_so
