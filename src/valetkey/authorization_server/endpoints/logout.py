"""Signing out: confirmed on a page of our own, it ends every session of the browser (RP-Initiated Logout, 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from valetkey.authorization_server import paths
from valetkey.authorization_server.audit import by_end_user
from valetkey.authorization_server.authorization.loading import forged_form, form_of
from valetkey.authorization_server.authorization.request import PageRefusal
from valetkey.authorization_server.browser import (
    Form,
    find_browser,
    form_token,
    is_form_token,
    is_live,
    no_cookie,
    presented_handle,
)
from valetkey.authorization_server.decision import Changes, EndSession
from valetkey.authorization_server.pages import FormTarget, Page, SignedOutPage, SignOutPage
from valetkey.authorization_server.service import commit_in_rounds
from valetkey.oauth.http import HttpRequest, HttpResponse, see_other

if TYPE_CHECKING:
    from collections.abc import Sequence

    from valetkey.authorization_server.browser import PresentBrowser
    from valetkey.authorization_server.fresh import Fresh
    from valetkey.authorization_server.model import StoredSession
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.parameters import Parameters


async def respond(request: HttpRequest, server: AuthorizationServer) -> HttpResponse | Page:
    """Ask for confirmation, or sign out; never redirects to where a request says."""
    fresh = server.fresh()
    try:
        if request.method != "POST":
            return await _show(request, server, fresh)
        form, origin = form_of(request), by_end_user(request, fresh)
        return await commit_in_rounds(server, lambda: _post(form, request, server, fresh), origin)
    except PageRefusal as refusal:
        server.log.write(
            "logout.refused",
            request_id=request.request_id,
            requirement=refusal.error.requirement,
            page=refusal.kind,
        )
        return Page(refusal.page)


async def _show(request: HttpRequest, server: AuthorizationServer, fresh: Fresh) -> Page:
    present, sessions = await _sessions(request, server, fresh)
    live = [stored for stored in sessions if is_live(stored, server.policy, fresh.now)]
    if present is None or not live:
        return Page(SignedOutPage())
    token = form_token(present.browser, Form.LOGOUT, *_bound_to(sessions))
    form = FormTarget(server.issuer.path + paths.END_SESSION, (("csrf", token),))
    return Page(SignOutPage(form, live[0].end_user.username))


async def _post(
    form: Parameters, request: HttpRequest, server: AuthorizationServer, fresh: Fresh
) -> tuple[HttpResponse | Page, Changes]:
    if "csrf" not in form:
        # A client's own POST brings no SameSite=Lax cookie: only after a redirect can we see who would sign out.
        return see_other(server.issuer.path + paths.END_SESSION), ()
    present, sessions = await _sessions(request, server, fresh)
    if present is None or not sessions:
        return Page(SignedOutPage()), ()
    if not is_form_token(form.get("csrf"), present.browser, Form.LOGOUT, *_bound_to(sessions)):
        raise forged_form()
    ended = tuple(EndSession(stored.session.sid, fresh.now) for stored in sessions)
    server.log.write("logout.completed", request_id=request.request_id, sessions=len(ended))
    return Page(SignedOutPage(), (no_cookie(server),)), ended


async def _sessions(
    request: HttpRequest, server: AuthorizationServer, fresh: Fresh
) -> tuple[PresentBrowser | None, Sequence[StoredSession]]:
    present = await find_browser(presented_handle(request, server), server, fresh.now)
    if present is None:
        return None, ()
    return present, await server.stores.browsers.sessions(present.browser.browser_id)


def _bound_to(sessions: Sequence[StoredSession]) -> tuple[str, ...]:
    return tuple(sorted(stored.session.sid for stored in sessions))
