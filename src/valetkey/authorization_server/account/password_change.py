"""Changing one's password: the current one is asked and throttled as at sign-in (ASVS 7.4)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import field, replace
from typing import TYPE_CHECKING

from valetkey.authorization_server.account.judging import Seat, judged_password, password_changed
from valetkey.authorization_server.account.showing import account_page, confirmation
from valetkey.authorization_server.account.visit import account_path
from valetkey.authorization_server.audit import by_end_user
from valetkey.authorization_server.browser import BROWSER_LIFETIME, next_handle, set_cookie
from valetkey.authorization_server.decision import Changes
from valetkey.authorization_server.fresh import Fresh
from valetkey.authorization_server.model import PasswordHash
from valetkey.authorization_server.pages import AccountNotice, AccountProblem, Page
from valetkey.authorization_server.service import AuthorizationServer, commit_in_rounds
from valetkey.authorization_server.user_authentication.password import (
    forgiven,
    is_password,
    load_claimant,
    wait_before,
)
from valetkey.jose.records import dataclass
from valetkey.oauth.errors import Unavailable
from valetkey.oauth.http import see_other
from valetkey.oauth.types import SessionId

if TYPE_CHECKING:
    from valetkey.oauth.http import HttpRequest, HttpResponse
    from valetkey.oauth.parameters import Parameters


@dataclass(frozen=True, slots=True)
class Proof:
    """The current password was right for `old`, and `new` is the hash of the one that follows."""

    old: PasswordHash = field(repr=False)
    new: PasswordHash = field(repr=False)
    forgiven: Changes


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a password is changed: the seat as it was loaded, and how to load it again."""

    seat: Seat
    seat_again: Callable[[], Awaitable[Seat | None]]
    server: AuthorizationServer
    fresh: Fresh


async def change_password(desk: Desk, form: Parameters, request: HttpRequest) -> HttpResponse | Page:
    """Show the page with what is wrong, or commit the new password and confirm it."""
    server, seat = desk.server, desk.seat
    end_user, current = seat.stored.end_user, form.get("current") or ""
    following = judged_password(current, form.get("new") or "", form.get("again") or "")
    if isinstance(following, AccountProblem):
        return await _again(desk, following)
    browser_id = seat.browser.browser.browser_id
    claimant = await load_claimant(end_user.username, request.remote_address, browser_id, server.stores)
    wait = await wait_before(claimant, server.stores, desk.fresh.now, by_end_user(request, desk.fresh))
    if wait:
        _log(desk, request, "account.password_throttled")
        return await _again(desk, AccountProblem.TOO_MANY_ATTEMPTS, wait)
    try:
        is_right = await is_password(current, end_user, server.passwords)
        old = end_user.password_hash
        if not is_right or old is None:
            _log(desk, request, "account.password_refused")
            return await _again(desk, AccountProblem.WRONG_PASSWORD)
        proof = Proof(old, await server.passwords.hash(following), forgiven(claimant.budgets))
    except Unavailable:
        _log(desk, request, "account.busy")
        return await _again(desk, AccountProblem.BUSY)
    changed = await commit_in_rounds(server, lambda: _changed(desk, proof), by_end_user(request, desk.fresh))
    _log(desk, request, "account.password_overtaken" if changed is None else "account.password_changed")
    # Whoever changed it meanwhile ended this session too: the sign-in page asks for the password of now.
    return see_other(account_path(server)) if changed is None else changed


async def _changed(desk: Desk, proof: Proof) -> tuple[HttpResponse | None, Changes]:
    """Judge again what may have moved while the passwords were hashed; None when the proof is worth nothing now."""
    seat = await desk.seat_again()
    if seat is None or seat.stored.session.sid != desk.seat.stored.session.sid:
        return None, ()
    if seat.stored.end_user.password_hash != proof.old:
        return None, ()
    server, fresh = desk.server, desk.fresh
    changes = password_changed(seat, proof.old, proof.new, fresh)
    sid = SessionId(fresh.identifier("session"))
    answer = confirmation(AccountNotice.PASSWORD_CHANGED, seat.browser.browser, sid, server)
    cookie = set_cookie(server, next_handle(seat.browser), BROWSER_LIFETIME)
    return answer.with_headers(cookie), (*changes, *proof.forgiven)


async def _again(desk: Desk, problem: AccountProblem, wait: int = 0) -> Page:
    page = await account_page(desk.seat, desk.server, desk.fresh.now)
    return Page(replace(page, problem=problem, retry_after=wait))


def _log(desk: Desk, request: HttpRequest, event: str) -> None:
    subject = desk.seat.stored.session.subject
    desk.server.log.write(event, request_id=request.request_id, address=request.remote_address, subject=subject)
