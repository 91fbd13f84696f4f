"""Entering a user code: whose attempts count, and what a code leads to (RFC 8628, 3.3 and 5.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.budgets import Budget, network_of
from valetkey.authorization_server.device.user_code import LONGEST_TYPED, normal_form, spelled

if TYPE_CHECKING:
    from valetkey.authorization_server.browser import PresentBrowser
    from valetkey.authorization_server.model import StoredSession

_BROWSER: Final = "device:browser:"
_NETWORK: Final = "device:network:"
_SUBJECT: Final = "device:subject:"
_STRANGERS: Final = "device:strangers"
_END_USERS: Final = "device:end-users"


def entry_budgets(browser: PresentBrowser, sessions: tuple[StoredSession, ...], address: str) -> tuple[Budget, ...]:
    """Return the budgets that one entered code takes an attempt of: its session's, its address's and all people's.

    Who is signed in draws on another common budget than strangers: else these could keep everybody out. Both
    together leave guessing a chance of 1e-7 for each living code in its ten minutes (20**8 codes, 2,200 attempts).
    """
    own = (
        Budget(f"{_BROWSER}{browser.browser.browser_id}", interval=30, burst=10),
        Budget(_NETWORK + network_of(address), interval=10, burst=50),
    )
    if sessions:
        return (*own, Budget(_SUBJECT + sessions[0].session.subject, 30, 10), Budget(_END_USERS, 1, 500))
    return (*own, Budget(_STRANGERS, interval=1, burst=500))


def as_typed(typed: str) -> str:
    """Return what the field holds when the page is shown again: a code as people read it, or what was typed."""
    code = normal_form(typed)
    return spelled(code) if code is not None else typed[:LONGEST_TYPED]
