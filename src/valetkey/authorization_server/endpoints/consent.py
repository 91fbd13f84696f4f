"""The consent page: it asks the end-user of one stored request and returns to the authorization endpoint."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from valetkey.authorization_server import paths
from valetkey.authorization_server.authorization.accounts import ANOTHER_ACCOUNT, asked_for_accounts
from valetkey.authorization_server.authorization.claims_consent import claims_to_show
from valetkey.authorization_server.authorization.desk_page import DeskPage, respond_at
from valetkey.authorization_server.authorization.granting import is_bound, is_remembered
from valetkey.authorization_server.authorization.interaction import (
    NeedAccount,
    NeedConsent,
    answered,
)
from valetkey.authorization_server.authorization.loading import (
    forged_form,
    page_path,
)
from valetkey.authorization_server.authorization.request import PageRefusal
from valetkey.authorization_server.authorization.rules import REFRESH
from valetkey.authorization_server.browser import Form, form_token, is_form_token, short_digest
from valetkey.authorization_server.client_pages import pages_of
from valetkey.authorization_server.decision import AdvanceInteraction, Changes
from valetkey.authorization_server.introduction.document import site_of
from valetkey.authorization_server.logo import lane_of, logo_path, logo_uri_of
from valetkey.authorization_server.model import ConsentAnswer, Resource, StoredSession
from valetkey.authorization_server.pages import (
    ConsentMemory,
    ConsentPage,
    ErrorKind,
    FormTarget,
    Page,
)
from valetkey.authorization_server.policy import UnverifiedPagesRule
from valetkey.authorization_server.scope_words import in_words
from valetkey.oauth.errors import ErrorCode, OAuthError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from valetkey.authorization_server.authorization.loading import Desk
    from valetkey.authorization_server.fresh import Fresh
    from valetkey.authorization_server.model import Client
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.http import HttpRequest, HttpResponse
    from valetkey.oauth.parameters import Parameters
    from valetkey.oauth.types import NumericDate


async def respond(request: HttpRequest, server: AuthorizationServer) -> HttpResponse | Page:
    """Show what a client asks for, or store the answer and return to the authorization endpoint."""
    return await respond_at(_PAGE, request, server)


async def _show(desk: Desk, server: AuthorizationServer, fresh: Fresh) -> Page | None:
    if not isinstance(desk.decision, NeedConsent):
        return None
    catalogue = await server.stores.resources.list()
    logo = await _logo(desk.asked.client, server, fresh.now)
    return Page(replace(_page(desk, desk.decision.session, catalogue, server), client_logo=logo))


async def _take(desk: Desk, form: Parameters, server: AuthorizationServer, fresh: Fresh) -> Changes:
    del server, fresh
    if isinstance(desk.decision, NeedAccount):
        # Somebody else signed in since the page was shown: whose answer it would be is no longer said.
        raise forged_form()
    if not isinstance(desk.decision, NeedConsent):
        # Answered before, by the first click of two, or nobody is signed in any more: nothing is taken from here.
        return ()
    session = desk.decision.session
    if not is_form_token(form.get("csrf"), desk.browser.browser, Form.CONSENT, *_bound_to(desk, session)):
        raise forged_form()
    if form.get("answer") == ANOTHER_ACCOUNT:
        return (AdvanceInteraction(asked_for_accounts(desk.interaction)),)
    advanced = answered(desk.asked, desk.interaction, session, _answer(form.get("answer")))
    return (AdvanceInteraction(advanced),)


_PAGE: Final = DeskPage("consent.refused", _show, _take)


def _answer(text: str | None) -> ConsentAnswer:
    try:
        return ConsentAnswer(text or "")
    except ValueError:
        error = OAuthError(ErrorCode.INVALID_REQUEST, "The form carries no answer.", "OIDCC-3.1.2.4")
        raise PageRefusal(ErrorKind.BAD_REQUEST, error) from None


def _bound_to(desk: Desk, session: StoredSession) -> tuple[str, ...]:
    """Return what a consent is bound to: the request, the session and every right that the page names."""
    asked = desk.asked
    claims = " ".join(claims_to_show(asked, session.end_user))
    rights = short_digest(asked.client.client_id, asked.to.uri, str(asked.scope), claims, *asked.resources)
    return desk.interaction.digest.hex(), session.session.sid, rights


def _page(
    desk: Desk, session: StoredSession, catalogue: Sequence[Resource], server: AuthorizationServer
) -> ConsentPage:
    asked = desk.asked
    client, policy = asked.client, server.policy_for(asked.client)
    token = form_token(desk.browser.browser, Form.CONSENT, *_bound_to(desk, session))
    remembered = is_remembered(client, asked.to)
    return ConsentPage(
        form=FormTarget(
            action=page_path(server, paths.CONSENT, desk.handle, asked.parameters),
            hidden=(("interaction", desk.handle), ("csrf", token)),
            redirect_source=asked.to.origin_or_scheme,
        ),
        client_name=client.name,
        redirect_host=asked.to.host,
        account_name=session.end_user.username,
        scopes=in_words(asked.scope, asked.resources, catalogue),
        memory=ConsentMemory.REMEMBERED if remembered else ConsentMemory.ASKED_AGAIN,
        outlives_session=REFRESH in client.grant_types and not is_bound(asked.scope, policy),
        is_unverified=client.is_unverified,
        client_site=site_of(client),  # CIMD-6.4/hostname
        claims=claims_to_show(asked, session.end_user),
        client_pages=pages_of(client),
        pages_are_links=not client.is_unverified or policy.unverified_pages is UnverifiedPagesRule.LINKS,
    )


async def _logo(client: Client, server: AuthorizationServer, now: NumericDate) -> str | None:
    """Return the path of the logo that there is: a page without one is better than a page with a broken one."""
    uri = logo_uri_of(client, server.policy_for(client))
    if uri is None or await server.logos.find(uri, lane_of(client), now) is None:
        return None
    return server.issuer.path + logo_path(client, uri)
