"""Setting up and removing one's second factor: the password first, then a code of the device itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from valetkey.authorization_server.account.enrolment import Enrolling, enrolment_token, is_pending
from valetkey.authorization_server.account.showing import Act, account_page, confirmation, enrolment_view
from valetkey.authorization_server.account.visit import account_path
from valetkey.authorization_server.audit import by_end_user
from valetkey.authorization_server.browser import BROWSER_LIFETIME, next_handle, remembered_until, set_cookie
from valetkey.authorization_server.budgets import counted, wait_for
from valetkey.authorization_server.decision import Changes, RotateBrowserHandle
from valetkey.authorization_server.pages import AccountNotice, Page
from valetkey.authorization_server.proof_pages import FactorProblem
from valetkey.authorization_server.second_factor import (
    BeginFactor,
    ConfirmFactor,
    OneTimeCodeFactor,
    RemoveFactor,
    StepUpSession,
    UseOneTimeCode,
)
from valetkey.authorization_server.service import commit_in_rounds
from valetkey.authorization_server.user_authentication.one_time_code import METHOD, code_budgets, new_key, step_of
from valetkey.authorization_server.user_authentication.password import (
    forgiven,
    is_password,
    load_claimant,
    wait_before,
)
from valetkey.jose.records import dataclass
from valetkey.oauth.errors import Unavailable
from valetkey.oauth.http import see_other

if TYPE_CHECKING:
    from valetkey.authorization_server.account.password_change import Desk
    from valetkey.oauth.http import HttpRequest, HttpResponse
    from valetkey.oauth.parameters import Parameters

Told = tuple["HttpResponse | Page | None", "Changes"]


@dataclass(frozen=True, slots=True)
class Shortfall:
    """What is wrong with a proof."""

    problem: FactorProblem
    wait: int = 0


async def change_factor(act: Act, desk: Desk, form: Parameters, request: HttpRequest) -> HttpResponse | Page:
    """Do what a form of the second factor's section asks for, or show the page with what is wrong."""
    match act:
        case Act.BEGIN_FACTOR:
            return await _begin(desk, form, request)
        case Act.CONFIRM_FACTOR:
            return await _confirm(desk, form, request)
        case _:
            return await _remove(desk, form, request)


async def _begin(desk: Desk, form: Parameters, request: HttpRequest) -> HttpResponse | Page:
    proven = await _by_password(desk, form.get("current") or "", request)
    if isinstance(proven, Shortfall):
        return await _again(desk, proven)
    server, fresh, subject = desk.server, desk.fresh, desk.seat.stored.session.subject
    factor_id = fresh.identifier("second factor")
    sealed = server.sealed_factor_keys.seal(subject, factor_id, new_key(fresh))
    factor = OneTimeCodeFactor(factor_id, subject, sealed, fresh.now)

    async def begun() -> Told:
        seat = await desk.seat_again()
        held = await server.stores.second_factors.find(subject)
        if seat is None or seat.stored.session.sid != desk.seat.stored.session.sid:
            return None, ()
        if held is not None and held.is_confirmed:
            return None, ()
        query = urlencode({"enrolment": enrolment_token(seat, factor_id)})
        return see_other(f"{account_path(server)}?{query}#second-factor"), (BeginFactor(factor), *proven)

    done = await commit_in_rounds(server, begun, by_end_user(request, fresh))
    _log(desk, request, "account.second_factor_begun" if done is not None else "account.second_factor_overtaken")
    return see_other(account_path(server)) if done is None else done


async def _confirm(desk: Desk, form: Parameters, request: HttpRequest) -> HttpResponse | Page:
    server, fresh, subject = desk.server, desk.fresh, desk.seat.stored.session.subject
    factor = await server.stores.second_factors.find(subject)
    if factor is None or factor.factor_id != form.get("target") or not is_pending(factor, fresh.now):
        # Begun anew in another tab, confirmed by the first of two clicks, or left for too long.
        return see_other(f"{account_path(server)}#second-factor")
    proven = await _by_code(desk, factor, form.get("code") or "", request)
    if isinstance(proven, Shortfall):
        return await _again(desk, proven, enrolling=factor)
    step, returned = proven

    async def confirmed() -> Told:
        seat = await desk.seat_again()
        if seat is None or seat.stored.session.sid != desk.seat.stored.session.sid:
            return None, ()
        session, present = seat.stored.session, seat.browser
        following = next_handle(present)
        said = METHOD.added_to(session.authentication, fresh.now, server.policy.acr_levels)
        answer = confirmation(AccountNotice.SECOND_FACTOR_ADDED, present.browser, session.sid, server)
        return answer.with_headers(set_cookie(server, following, BROWSER_LIFETIME)), (
            ConfirmFactor(subject, factor.factor_id, step, fresh.now),
            # The password was asked for on the way here: both are proven in this session now.
            StepUpSession(session.sid, said, fresh.now),
            RotateBrowserHandle(present.browser.handle_digest, following.digest(), remembered_until(fresh.now)),
            *returned,
        )

    done = await commit_in_rounds(server, confirmed, by_end_user(request, fresh))
    _log(desk, request, "account.second_factor_added" if done is not None else "account.second_factor_overtaken")
    return see_other(account_path(server)) if done is None else done


async def _remove(desk: Desk, form: Parameters, request: HttpRequest) -> HttpResponse | Page:
    server, fresh, subject = desk.server, desk.fresh, desk.seat.stored.session.subject
    factor = await server.stores.second_factors.find(subject)
    if factor is None or not factor.is_confirmed:
        return see_other(f"{account_path(server)}#second-factor")
    by_password = await _by_password(desk, form.get("current") or "", request)
    if isinstance(by_password, Shortfall):
        return await _again(desk, by_password)
    # Whoever has the password alone must not get rid of the second factor.
    by_code = await _by_code(desk, factor, form.get("code") or "", request)
    if isinstance(by_code, Shortfall):
        return await _again(desk, by_code)
    step, returned = by_code

    async def removed() -> Told:
        seat = await desk.seat_again()
        held = await server.stores.second_factors.find(subject)
        if seat is None or seat.stored.session.sid != desk.seat.stored.session.sid:
            return None, ()
        if held is None or held.factor_id != factor.factor_id or held.last_step >= step:
            return None, ()
        sid, browser = seat.stored.session.sid, seat.browser.browser
        return confirmation(AccountNotice.SECOND_FACTOR_REMOVED, browser, sid, server), (
            UseOneTimeCode(subject, factor.factor_id, step),
            RemoveFactor(subject, factor.factor_id),
            *by_password,
            *returned,
        )

    done = await commit_in_rounds(server, removed, by_end_user(request, fresh))
    _log(desk, request, "account.second_factor_removed" if done is not None else "account.second_factor_overtaken")
    return see_other(account_path(server)) if done is None else done


async def _by_password(desk: Desk, typed: str, request: HttpRequest) -> Changes | Shortfall:
    """Return what gives the attempts back after the right password, or what is wrong."""
    server, seat, fresh = desk.server, desk.seat, desk.fresh
    end_user = seat.stored.end_user
    browser_id = seat.browser.browser.browser_id
    claimant = await load_claimant(end_user.username, request.remote_address, browser_id, server.stores)
    wait = await wait_before(claimant, server.stores, fresh.now, by_end_user(request, fresh))
    if wait:
        _log(desk, request, "account.password_throttled")
        return Shortfall(FactorProblem.TOO_MANY_ATTEMPTS, wait)
    try:
        if await is_password(typed, end_user, server.passwords):
            return forgiven(claimant.budgets)
    except Unavailable:
        _log(desk, request, "account.busy")
        return Shortfall(FactorProblem.BUSY)
    _log(desk, request, "account.password_refused")
    return Shortfall(FactorProblem.WRONG_PASSWORD)


async def _by_code(
    desk: Desk, factor: OneTimeCodeFactor, typed: str, request: HttpRequest
) -> tuple[int, Changes] | Shortfall:
    """Return the time step of a right code and what gives the attempts back, or what is wrong."""
    server, fresh = desk.server, desk.fresh
    budgets = code_budgets(factor.subject, request.remote_address)
    if not await server.stores.commit(counted(budgets, fresh.now), by_end_user(request, fresh)):
        _log(desk, request, "account.code_throttled")
        wait = max(1, await wait_for(budgets, server.stores, fresh.now))
        return Shortfall(FactorProblem.TOO_MANY_ATTEMPTS, wait)
    step = step_of(typed, server.sealed_factor_keys.open(factor), factor.last_step, fresh.now)
    if step is None:
        _log(desk, request, "account.code_refused")
        return Shortfall(FactorProblem.WRONG_CODE)
    return step, forgiven(budgets)


async def _again(desk: Desk, shortfall: Shortfall, enrolling: OneTimeCodeFactor | None = None) -> Page:
    server, seat = desk.server, desk.seat
    page = await account_page(seat, server, desk.fresh.now)
    section = replace(page.second_factor, problem=shortfall.problem, retry_after=shortfall.wait)
    if enrolling is not None:
        opened = Enrolling(enrolling.factor_id, server.sealed_factor_keys.open(enrolling))
        section = replace(section, enrolment=enrolment_view(opened, seat, server))
    return Page(replace(page, second_factor=section))


def _log(desk: Desk, request: HttpRequest, event: str) -> None:
    subject = desk.seat.stored.session.subject
    desk.server.log.write(event, request_id=request.request_id, address=request.remote_address, subject=subject)
