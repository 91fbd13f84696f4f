"""A page that asks the end-user one thing for a stored request, and leads back to the authorization endpoint."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias

from valetkey.authorization_server.audit import by_end_user
from valetkey.authorization_server.authorization.loading import (
    Desk,
    back_to_authorize,
    form_of,
    query_of,
    seated,
)
from valetkey.authorization_server.authorization.request import PageRefusal
from valetkey.authorization_server.authorization.response import RedirectError
from valetkey.authorization_server.decision import Changes
from valetkey.authorization_server.fresh import Fresh
from valetkey.authorization_server.pages import Page
from valetkey.authorization_server.service import AuthorizationServer, commit_in_rounds
from valetkey.jose.records import dataclass
from valetkey.oauth.parameters import Parameters

if TYPE_CHECKING:
    from valetkey.oauth.http import HttpRequest, HttpResponse

Show: TypeAlias = Callable[[Desk, AuthorizationServer, Fresh], Awaitable[Page | None]]
Take: TypeAlias = Callable[[Desk, Parameters, AuthorizationServer, Fresh], Awaitable[Changes]]


@dataclass(frozen=True, slots=True)
class DeskPage:
    """What differs from page to page."""

    refused: str
    """The event of the log where no page can be shown for the request."""
    show: Show
    """Return the page, or None where nothing is to be asked (any more)."""
    take: Take
    """Return what the posted answer changes: nothing where it comes too late.

    Raises PageRefusal for one that is forged.
    """


async def respond_at(page: DeskPage, request: HttpRequest, server: AuthorizationServer) -> HttpResponse | Page:
    """Show the page, or store the answer; either way the authorization endpoint decides what comes next."""
    fresh = server.fresh()
    try:
        if request.method != "POST":
            return await shown(page.show, query_of(request).get("interaction"), request, server, fresh)
        form = form_of(request)
        return await commit_in_rounds(
            server, lambda: _taken(page, form, request, server, fresh), by_end_user(request, fresh)
        )
    except PageRefusal as refusal:
        return refused(page.refused, refusal, request, server)


async def shown(
    show: Show, handle: str | None, request: HttpRequest, server: AuthorizationServer, fresh: Fresh
) -> HttpResponse | Page:
    """Return the page of the request behind `handle`, or the way back where it asks nothing; raises PageRefusal."""
    try:
        desk = await seated(handle, request, server, fresh)
    except RedirectError:
        return back_to_authorize(handle or "", server)
    return await show(desk, server, fresh) or back_to_authorize(desk.handle, server)


def refused(event: str, refusal: PageRefusal, request: HttpRequest, server: AuthorizationServer) -> Page:
    """Return the error page of a refusal, and tell the log."""
    server.log.write(event, request_id=request.request_id, requirement=refusal.error.requirement, page=refusal.kind)
    return Page(refusal.page)


async def _taken(
    page: DeskPage, form: Parameters, request: HttpRequest, server: AuthorizationServer, fresh: Fresh
) -> tuple[HttpResponse, Changes]:
    handle = form.get("interaction") or ""
    try:
        desk = await seated(handle, request, server, fresh)
    except RedirectError:
        return back_to_authorize(handle, server), ()
    return back_to_authorize(handle, server), await page.take(desk, form, server, fresh)
