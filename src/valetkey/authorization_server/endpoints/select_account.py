"""The account chooser: with whom somebody goes on where several are signed in (OpenID Connect Core, 3.1.2.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from valetkey.authorization_server import paths
from valetkey.authorization_server.authorization.accounts import (
    ANOTHER_ACCOUNT,
    accounts_of,
    chosen,
    chosen_another,
    may_choose_again,
)
from valetkey.authorization_server.authorization.desk_page import DeskPage, respond_at
from valetkey.authorization_server.authorization.interaction import NeedAccount
from valetkey.authorization_server.authorization.loading import (
    forged_form,
    page_path,
)
from valetkey.authorization_server.authorization.request import PageRefusal
from valetkey.authorization_server.browser import Form, form_token, is_form_token, live_sessions
from valetkey.authorization_server.decision import AdvanceInteraction, Changes
from valetkey.authorization_server.pages import ErrorKind, FormTarget, Page
from valetkey.authorization_server.proof_pages import ChoosableAccount, SelectAccountPage
from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.types import SessionId

if TYPE_CHECKING:
    from valetkey.authorization_server.authorization.loading import Desk
    from valetkey.authorization_server.fresh import Fresh
    from valetkey.authorization_server.model import StoredSession
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.http import HttpRequest, HttpResponse
    from valetkey.oauth.parameters import Parameters


async def respond(request: HttpRequest, server: AuthorizationServer) -> HttpResponse | Page:
    """Show who is signed in, or store the choice and return to the authorization endpoint."""
    return await respond_at(_PAGE, request, server)


async def _show(desk: Desk, server: AuthorizationServer, fresh: Fresh) -> Page | None:
    accounts = await _accounts(desk, server, fresh)
    return Page(_page(desk, accounts, server, fresh)) if accounts else None


async def _take(desk: Desk, form: Parameters, server: AuthorizationServer, fresh: Fresh) -> Changes:
    accounts = await _accounts(desk, server, fresh)
    if not accounts:
        # Chosen before, by the first click of two, or nobody is signed in any more.
        return ()
    bound_to = desk.interaction.digest.hex()
    if not is_form_token(form.get("csrf"), desk.browser.browser, Form.SELECT_ACCOUNT, bound_to):
        raise forged_form()
    choice = form.get("account")
    if choice == ANOTHER_ACCOUNT:
        return (AdvanceInteraction(chosen_another(desk.interaction)),)
    if choice is None:
        error = OAuthError(ErrorCode.INVALID_REQUEST, "The form names no account.", "OIDCC-3.1.2.3/csrf")
        raise PageRefusal(ErrorKind.BAD_REQUEST, error)
    # One that was signed out meanwhile is chosen by nobody: the authorization endpoint asks again.
    is_there = any(stored.session.sid == choice for stored in accounts)
    return (AdvanceInteraction(chosen(desk.interaction, SessionId(choice))),) if is_there else ()


_PAGE: Final = DeskPage("accounts.refused", _show, _take)


async def _accounts(desk: Desk, server: AuthorizationServer, fresh: Fresh) -> tuple[StoredSession, ...]:
    """Return what can be chosen at this desk; nothing where no choice is due."""
    if isinstance(desk.decision, NeedAccount):
        return desk.decision.sessions
    sessions = await live_sessions(desk.browser, server, fresh.now)
    return accounts_of(sessions) if may_choose_again(desk.interaction, sessions) else ()


def _page(
    desk: Desk, accounts: tuple[StoredSession, ...], server: AuthorizationServer, fresh: Fresh
) -> SelectAccountPage:
    token = form_token(desk.browser.browser, Form.SELECT_ACCOUNT, desk.interaction.digest.hex())
    return SelectAccountPage(
        form=FormTarget(
            action=page_path(server, paths.SELECT_ACCOUNT, desk.handle, desk.asked.parameters),
            hidden=(("interaction", desk.handle), ("csrf", token)),
            redirect_source=desk.asked.to.origin_or_scheme,
        ),
        client_name=desk.asked.client.name,
        redirect_host=desk.asked.to.host,
        accounts=tuple(
            ChoosableAccount(
                stored.session.sid,
                stored.end_user.username,
                stored.end_user.name,
                stored.session.authentication.auth_time,
            )
            for stored in accounts
        ),
        now=fresh.now,
    )
