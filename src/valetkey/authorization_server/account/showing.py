"""The account page as a view: what the stores hold of its end-user, with a form for each act."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode, urlsplit

from valetkey.authorization_server.account.enrolment import image_path
from valetkey.authorization_server.account.judging import connected_clients, living_sessions
from valetkey.authorization_server.account.visit import account_path
from valetkey.authorization_server.browser import Form, form_token, is_form_token
from valetkey.authorization_server.pages import (
    AccountClient,
    AccountNotice,
    AccountPage,
    AccountSession,
    FormTarget,
)
from valetkey.authorization_server.proof_pages import EnrolmentView, SecondFactorSection
from valetkey.authorization_server.scope_words import in_words
from valetkey.authorization_server.user_authentication.one_time_code import in_groups
from valetkey.oauth.http import see_other

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from valetkey.authorization_server.account.enrolment import Enrolling
    from valetkey.authorization_server.account.judging import ConnectedClient, Seat
    from valetkey.authorization_server.model import Browser, Resource, StoredSession
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.http import HttpResponse
    from valetkey.oauth.types import NumericDate, SessionId


class Act(StrEnum):
    """What an end-user can do on the page; each form names its own."""

    CHANGE_PASSWORD = "change_password"  # noqa: S105 - an act's name
    END_SESSION = "end_session"
    SIGN_OUT_EVERYWHERE = "sign_out_everywhere"
    WITHDRAW = "withdraw"
    BEGIN_FACTOR = "begin_second_factor"
    CONFIRM_FACTOR = "confirm_second_factor"
    REMOVE_FACTOR = "remove_second_factor"


FACTOR_ACTS: Final = frozenset({Act.BEGIN_FACTOR, Act.CONFIRM_FACTOR, Act.REMOVE_FACTOR})


_PLACES: Final[Mapping[AccountNotice, str]] = {
    AccountNotice.PASSWORD_CHANGED: "password",
    AccountNotice.SESSION_ENDED: "sessions",
    AccountNotice.ACCESS_WITHDRAWN: "clients",
    AccountNotice.SECOND_FACTOR_ADDED: "second-factor",
    AccountNotice.SECOND_FACTOR_REMOVED: "second-factor",
}


async def account_page(seat: Seat, server: AuthorizationServer, now: NumericDate) -> AccountPage:
    """Read what belongs to the end-user and return the page that shows it."""
    stores, session, end_user = server.stores, seat.stored.session, seat.stored.end_user
    found = await stores.browsers.sessions_of(session.subject)
    sessions = living_sessions(seat, found, server.policy, now)
    authorizations = await stores.authorizations.of(session.subject)
    consents = await stores.consents.of(session.subject)
    named = {stored.authorization.client_id for stored in authorizations} | {one.client_id for one in consents}
    clients = {name: client for name in named if (client := await server.find_client(name)) is not None}
    catalogue = await stores.resources.list()
    connected = connected_clients(authorizations, consents, clients, sessions, now)
    return AccountPage(
        username=end_user.username,
        name=end_user.name,
        now=now,
        password_form=_form(seat, server, Act.CHANGE_PASSWORD),
        everywhere_form=_form(seat, server, Act.SIGN_OUT_EVERYWHERE),
        second_factor=await _second_factor(seat, server),
        sessions=tuple(_session(seat, server, stored) for stored in sessions),
        clients=tuple(_client(seat, server, one, catalogue) for one in connected),
    )


def enrolment_view(found: Enrolling, seat: Seat, server: AuthorizationServer) -> EnrolmentView:
    """Return what a begun enrolment shows: its key is a secret."""
    return EnrolmentView(
        form=_form(seat, server, Act.CONFIRM_FACTOR, found.factor_id),
        image=image_path(seat, found.factor_id, server),
        key=in_groups(found.key),
    )


async def _second_factor(seat: Seat, server: AuthorizationServer) -> SecondFactorSection:
    factor = await server.stores.second_factors.find(seat.stored.session.subject)
    if factor is None or factor.confirmed_at is None:
        return SecondFactorSection(_form(seat, server, Act.BEGIN_FACTOR))
    return SecondFactorSection(_form(seat, server, Act.REMOVE_FACTOR), factor.confirmed_at)


def is_token(presented: str | None, seat: Seat, act: Act, target: str) -> bool:
    """Say whether `presented` is the token of the form that does `act` to `target` in this very session."""
    bound_to = (act.value, seat.stored.session.sid, target)
    return is_form_token(presented, seat.browser.browser, Form.ACCOUNT, *bound_to)


def confirmation(
    notice: AccountNotice, browser: Browser, sid: SessionId, server: AuthorizationServer
) -> HttpResponse:
    """Return the redirect to the page that confirms an act; reloading it repeats nothing."""
    query = urlencode({"done": form_token(browser, Form.ACCOUNT, notice.value, sid)})
    return see_other(f"{account_path(server)}?{query}#{_PLACES[notice]}")


def confirmed(presented: str | None, seat: Seat) -> AccountNotice | None:
    """Return what `presented` confirms in this session: no link of anybody else's can make the page say it."""
    for notice in AccountNotice:
        if is_form_token(presented, seat.browser.browser, Form.ACCOUNT, notice.value, seat.stored.session.sid):
            return notice
    return None


def _form(seat: Seat, server: AuthorizationServer, act: Act, target: str = "") -> FormTarget:
    token = form_token(seat.browser.browser, Form.ACCOUNT, act.value, seat.stored.session.sid, target)
    hidden = (("act", act.value), ("target", target), ("csrf", token))
    return FormTarget(account_path(server), hidden)


def _session(seat: Seat, server: AuthorizationServer, stored: StoredSession) -> AccountSession:
    session = stored.session
    is_this_one = session.sid == seat.stored.session.sid
    end_form = None if is_this_one else _form(seat, server, Act.END_SESSION, session.sid)
    return AccountSession(session.authentication.auth_time, session.last_seen_at, end_form)


def _client(
    seat: Seat, server: AuthorizationServer, connected: ConnectedClient, catalogue: Sequence[Resource]
) -> AccountClient:
    client = connected.client
    return AccountClient(
        name=client.name,
        redirect_host=_host(client.redirect_uris),
        scopes=in_words(connected.scope, connected.resources, catalogue),
        since=connected.since,
        has_access=connected.has_access,
        outlives_session=connected.outlives_session,
        withdraw_form=_form(seat, server, Act.WITHDRAW, client.client_id),
        claims=connected.claims,
    )


def _host(redirect_uris: Sequence[str]) -> str:
    if not redirect_uris:
        return ""
    parts = urlsplit(redirect_uris[0])
    return parts.hostname or f"{parts.scheme}:"
