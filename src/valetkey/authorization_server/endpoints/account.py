"""The account page: an end-user's password, their sessions, and the clients that may act for them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from valetkey.authorization_server import paths
from valetkey.authorization_server.account.enrolment import find_enrolment
from valetkey.authorization_server.account.judging import Seat, seen, signed_out_everywhere
from valetkey.authorization_server.account.password_change import Desk, change_password
from valetkey.authorization_server.account.second_factor import change_factor
from valetkey.authorization_server.account.showing import (
    FACTOR_ACTS,
    Act,
    account_page,
    confirmation,
    confirmed,
    enrolment_view,
    is_token,
)
from valetkey.authorization_server.account.visit import account_path, opened_visit
from valetkey.authorization_server.audit import by_end_user
from valetkey.authorization_server.authorization.loading import forged_form, form_of, page_path, query_of
from valetkey.authorization_server.authorization.request import PageRefusal
from valetkey.authorization_server.browser import (
    STRANGER_LIFETIME,
    find_browser,
    live_sessions,
    new_browser,
    no_cookie,
    presented_handle,
    set_cookie,
)
from valetkey.authorization_server.browser_state import with_state
from valetkey.authorization_server.decision import EndSession, OpenBrowser, OpenInteraction, WithdrawConsent
from valetkey.authorization_server.logout.frames import frames_of
from valetkey.authorization_server.pages import AccountNotice, ErrorKind, Page, SignedOutPage
from valetkey.authorization_server.service import commit_in_rounds
from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.http import see_other
from valetkey.oauth.types import ClientId

if TYPE_CHECKING:
    from valetkey.authorization_server.decision import Changes
    from valetkey.authorization_server.fresh import Fresh
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.http import HttpRequest, HttpResponse
    from valetkey.oauth.parameters import Parameters

Outcome = tuple["HttpResponse | Page", "Changes"]


async def respond(request: HttpRequest, server: AuthorizationServer) -> HttpResponse | Page:
    """Show the page, send a stranger to the sign-in page first, or do what one of its forms asks for."""
    fresh = server.fresh()
    return await with_state(await _answered(request, server, fresh), request, server, fresh.now)


async def _answered(request: HttpRequest, server: AuthorizationServer, fresh: Fresh) -> HttpResponse | Page:
    try:
        if request.method != "POST":
            query, origin = query_of(request), by_end_user(request, fresh)
            return await commit_in_rounds(server, lambda: _show(query, request, server, fresh), origin)
        return await _post(form_of(request), request, server, fresh)
    except PageRefusal as refusal:
        server.log.write(
            "account.refused",
            request_id=request.request_id,
            requirement=refusal.error.requirement,
            page=refusal.kind,
        )
        return Page(replace(refusal.page, way_on=account_path(server)))


async def _show(query: Parameters, request: HttpRequest, server: AuthorizationServer, fresh: Fresh) -> Outcome:
    seat = await _seat(request, server, fresh)
    if seat is None:
        return await _sent_to_sign_in(query.get("ui_locales"), request, server, fresh)
    page = await account_page(seat, server, fresh.now)
    found = await find_enrolment(query.get("enrolment"), seat, server, fresh.now)
    if found is not None:
        page = replace(
            page, second_factor=replace(page.second_factor, enrolment=enrolment_view(found, seat, server))
        )
    return Page(replace(page, notice=confirmed(query.get("done"), seat))), seen(seat.stored, fresh.now)


async def _seat(request: HttpRequest, server: AuthorizationServer, fresh: Fresh) -> Seat | None:
    present = await find_browser(presented_handle(request, server), server, fresh.now)
    sessions = await live_sessions(present, server, fresh.now)
    return Seat(present, sessions[0]) if present is not None and sessions else None


async def _sent_to_sign_in(
    ui_locales: str | None, request: HttpRequest, server: AuthorizationServer, fresh: Fresh
) -> Outcome:
    present = await find_browser(presented_handle(request, server), server, fresh.now)
    cookie: tuple[tuple[str, str], ...] = ()
    changes: Changes = ()
    if present is None:
        present = new_browser(fresh)
        cookie = (set_cookie(server, present.handle, STRANGER_LIFETIME),)
        changes = (OpenBrowser(present.browser),)
    visit, handle = opened_visit(present.browser.browser_id, ui_locales, server, fresh)
    target = page_path(server, paths.LOGIN, handle.reveal(), query_of(request))
    return see_other(target, cookie), (*changes, OpenInteraction(visit))


async def _post(
    form: Parameters, request: HttpRequest, server: AuthorizationServer, fresh: Fresh
) -> HttpResponse | Page:
    act, target = _act(form), form.get("target") or ""
    seat = await _seat(request, server, fresh)
    if seat is None:
        # Signed out meanwhile, or sent here by another site: the page says where one stands.
        return see_other(account_path(server))
    if not is_token(form.get("csrf"), seat, act, target):
        raise forged_form()
    desk = Desk(seat, lambda: _seat(request, server, fresh), server, fresh)
    if act is Act.CHANGE_PASSWORD:
        return await change_password(desk, form, request)
    if act in FACTOR_ACTS:
        return await change_factor(act, desk, form, request)
    origin = by_end_user(request, fresh)
    outcome = await commit_in_rounds(server, lambda: _acted(act, target, request, server, fresh), origin)
    _log(
        server,
        request,
        "account.access_withdrawn"
        if act is Act.WITHDRAW
        else ("account.session_ended" if act is Act.END_SESSION else "account.signed_out_everywhere"),
        subject=seat.stored.session.subject,
        client_id=target if act is Act.WITHDRAW else None,
    )
    return outcome


def _act(form: Parameters) -> Act:
    try:
        return Act(form.get("act") or "")
    except ValueError:
        error = OAuthError(ErrorCode.INVALID_REQUEST, "The form names no act.", "OIDCC-3.1.2.4")
        raise PageRefusal(ErrorKind.BAD_REQUEST, error) from None


async def _acted(act: Act, target: str, request: HttpRequest, server: AuthorizationServer, fresh: Fresh) -> Outcome:
    seat = await _seat(request, server, fresh)
    if seat is None:
        return see_other(account_path(server)), ()
    subject, sid, browser = seat.stored.session.subject, seat.stored.session.sid, seat.browser.browser
    match act:
        case Act.END_SESSION:
            found = await server.stores.browsers.sessions_of(subject)
            ended = tuple(EndSession(one.session.sid, fresh.now) for one in found if one.session.sid == target)
            return confirmation(AccountNotice.SESSION_ENDED, browser, sid, server), ended
        case Act.WITHDRAW:
            withdrawn = (WithdrawConsent(subject, ClientId(target), fresh.now),)
            return confirmation(AccountNotice.ACCESS_WITHDRAWN, browser, sid, server), withdrawn
        case Act.SIGN_OUT_EVERYWHERE:
            return await _signed_out(seat, server, fresh)
        case Act.CHANGE_PASSWORD | Act.BEGIN_FACTOR | Act.CONFIRM_FACTOR | Act.REMOVE_FACTOR:
            raise AssertionError(act)
    assert_never(act)


async def _signed_out(seat: Seat, server: AuthorizationServer, fresh: Fresh) -> Outcome:
    subject = seat.stored.session.subject
    found = await server.stores.browsers.sessions_of(subject)
    others = await live_sessions(seat.browser, server, fresh.now)
    # Somebody else's session in this browser is theirs to end.
    alone = all(stored.session.subject == subject for stored in others)
    own = [stored for stored in others if stored.session.subject == subject]
    page = SignedOutPage(frames=await frames_of(own, server))
    answer = Page(page, (no_cookie(server),) if alone else ())
    return answer, signed_out_everywhere(seat, found, fresh.now)


def _log(
    server: AuthorizationServer, request: HttpRequest, event: str, *, subject: str, client_id: str | None
) -> None:
    server.log.write(
        event,
        request_id=request.request_id,
        address=request.remote_address,
        subject=subject,
        client_id=client_id,
    )
