"""The sign-in page: it proves who is there for one stored request and returns to the authorization endpoint."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from valetkey.authorization_server import paths
from valetkey.authorization_server.audit import by_end_user
from valetkey.authorization_server.authorization.accounts import accounts_of
from valetkey.authorization_server.authorization.door import Door, door_of
from valetkey.authorization_server.authorization.interaction import open_interaction, other_browser
from valetkey.authorization_server.authorization.loading import (
    back_to_authorize,
    forged_form,
    form_of,
    page_path,
    query_of,
)
from valetkey.authorization_server.authorization.request import PageRefusal
from valetkey.authorization_server.authorization.response import RedirectError
from valetkey.authorization_server.browser import (
    BROWSER_LIFETIME,
    Form,
    PresentBrowser,
    find_browser,
    form_token,
    is_form_token,
    live_sessions,
    next_handle,
    presented_handle,
    remembered_until,
    set_cookie,
)
from valetkey.authorization_server.decision import AdvanceInteraction, Changes, RotateBrowserHandle, StartSession
from valetkey.authorization_server.model import EndUser, Generations, Interaction, Session
from valetkey.authorization_server.pages import ErrorKind, FormTarget, LoginPage, LoginProblem, Page
from valetkey.authorization_server.service import commit_in_rounds
from valetkey.authorization_server.user_authentication.password import (
    MAXIMUM_USERNAME,
    METHOD,
    Claimant,
    forgiven,
    is_password,
    load_claimant,
    wait_before,
)
from valetkey.jose.records import dataclass
from valetkey.oauth.errors import Unavailable
from valetkey.oauth.types import SessionId

if TYPE_CHECKING:
    from valetkey.authorization_server.fresh import Fresh
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.http import HttpRequest, HttpResponse
    from valetkey.oauth.parameters import Parameters


async def respond(request: HttpRequest, server: AuthorizationServer) -> HttpResponse | Page:
    """Show the form, or sign in and return to the authorization endpoint."""
    fresh = server.fresh()
    try:
        if request.method != "POST":
            return await _show(query_of(request).get("interaction"), request, server, fresh)
        return await _post(form_of(request), request, server, fresh)
    except PageRefusal as refusal:
        server.log.write(
            "login.refused", request_id=request.request_id, requirement=refusal.error.requirement, page=refusal.kind
        )
        return Page(refusal.page)


async def _show(
    handle: str | None, request: HttpRequest, server: AuthorizationServer, fresh: Fresh
) -> HttpResponse | Page:
    try:
        door = await door_of(handle, request, server, fresh)
    except RedirectError:
        return back_to_authorize(handle or "", server)
    if not door.needs_login:
        return back_to_authorize(door.handle, server)
    return Page(_page(door, server, await _expected_username(door, server, fresh)))


async def _expected_username(door: Door, server: AuthorizationServer, fresh: Fresh) -> str:
    """Return what the field holds at first: whom the client hints at, else who is to prove again who they are."""
    if door.asked is not None and door.asked.login_hint:
        return door.asked.login_hint
    interaction = door.interaction
    if interaction.account_choice is not None:
        return ""
    sessions = await live_sessions(door.browser, server, fresh.now)
    chosen = [stored for stored in sessions if interaction.sid in {None, stored.session.sid}]
    accounts = accounts_of(chosen)
    return accounts[0].end_user.username if len(accounts) == 1 else ""


async def _post(
    form: Parameters, request: HttpRequest, server: AuthorizationServer, fresh: Fresh
) -> HttpResponse | Page:
    handle = form.get("interaction") or ""
    try:
        door = await door_of(handle, request, server, fresh)
    except RedirectError:
        return back_to_authorize(handle, server)
    except PageRefusal as refusal:
        # The second click of a double click comes with the handle that the first one replaced.
        if refusal.kind is ErrorKind.OTHER_BROWSER and presented_handle(request, server) is not None:
            return back_to_authorize(handle, server)
        raise
    if not is_form_token(form.get("csrf"), door.browser.browser, Form.LOGIN, door.interaction.digest.hex()):
        raise forged_form()
    return await _attempt(door, form, request, server, fresh)


async def _attempt(
    door: Door, form: Parameters, request: HttpRequest, server: AuthorizationServer, fresh: Fresh
) -> HttpResponse | Page:
    username, stores = form.get("username") or "", server.stores
    claimant = await load_claimant(username, request.remote_address, door.browser.browser.browser_id, stores)
    page = _page(door, server, username[:MAXIMUM_USERNAME])
    wait = await wait_before(claimant, stores, fresh.now, by_end_user(request, fresh))
    if wait:
        _log(server, request, "login.throttled")
        too_many = replace(page, problem=LoginProblem.TOO_MANY_ATTEMPTS, retry_after=wait)
        return Page(too_many, (("retry-after", str(wait)),))
    try:
        is_right = await is_password(form.get("password") or "", claimant.end_user, server.passwords)
    except Unavailable:
        _log(server, request, "login.busy")
        return Page(replace(page, problem=LoginProblem.BUSY))
    wrong = Page(replace(page, problem=LoginProblem.WRONG_CREDENTIALS))
    end_user = claimant.end_user
    if end_user is None or not is_right:
        _log(server, request, "login.failed", end_user)
        return wrong
    proof = Proof(door, end_user, claimant)
    origin = by_end_user(request, fresh)
    signed_in = await commit_in_rounds(server, lambda: _signed_in(proof, server, fresh), origin)
    _log(server, request, "login.failed" if signed_in is None else "login.succeeded", end_user)
    return wrong if signed_in is None else signed_in


@dataclass(frozen=True, slots=True)
class Proof:
    """A password that was right for `end_user` as they were loaded."""

    door: Door
    end_user: EndUser
    claimant: Claimant


async def _signed_in(
    proof: Proof, server: AuthorizationServer, fresh: Fresh
) -> tuple[HttpResponse | None, Changes]:
    """Judge again what may have moved while the password was compared; None when it is right no longer."""
    door, subject = proof.door, proof.end_user.subject
    stored = await server.stores.interactions.find(door.interaction.digest)
    present = await find_browser(door.browser.handle, server, fresh.now)
    if present is None:
        return await _twin(proof, stored, server, fresh), ()
    interaction = open_interaction(stored, present.browser.browser_id, fresh.now)
    # Read before the end-user: a change in between then loses the commit instead of going unnoticed.
    generations = await server.stores.end_users.generations(subject)
    end_user = await server.stores.end_users.find(subject)
    if end_user is None or end_user.disabled or end_user.password_hash != proof.end_user.password_hash:
        return None, ()
    changes = started(present, interaction, end_user, generations, fresh)
    cookie = set_cookie(server, next_handle(present), BROWSER_LIFETIME)
    answer = back_to_authorize(door.handle, server).with_headers(cookie)
    return answer, (*changes, *forgiven(proof.claimant.budgets))


def started(
    present: PresentBrowser, interaction: Interaction, end_user: EndUser, generations: Generations, fresh: Fresh
) -> Changes:
    """Return what a sign-in changes: a session, a new handle, and the interaction that it was made for."""
    session = Session(
        sid=SessionId(fresh.identifier("session")),
        browser_id=present.browser.browser_id,
        subject=end_user.subject,
        authentication=METHOD.authenticated(fresh.now),
        generations=generations,
        created_at=fresh.now,
        last_seen_at=fresh.now,
    )
    advanced = replace(
        interaction,
        version=interaction.version + 1,
        sid=session.sid,
        authenticated_at=fresh.now,
        # What another end-user may have answered is not this one's answer.
        answer=None,
        account_choice=None,
    )
    return (
        RotateBrowserHandle(
            present.browser.handle_digest, next_handle(present).digest(), remembered_until(fresh.now)
        ),
        StartSession(session),
        AdvanceInteraction(advanced),
    )


async def _twin(
    proof: Proof, stored: Interaction | None, server: AuthorizationServer, fresh: Fresh
) -> HttpResponse:
    """Answer the other click of a double click, which proved the same end-user for the same request."""
    door = proof.door
    handle = next_handle(door.browser)
    rotated = await find_browser(handle, server, fresh.now)
    sid = stored.sid if stored is not None else None
    session = await server.stores.browsers.session(sid) if sid is not None else None
    if rotated is None or session is None or session.session.subject != proof.end_user.subject:
        raise other_browser()
    return back_to_authorize(door.handle, server).with_headers(set_cookie(server, handle, BROWSER_LIFETIME))


def _page(door: Door, server: AuthorizationServer, username: str) -> LoginPage:
    asked = door.asked
    client = asked.client if asked is not None else door.device
    token = form_token(door.browser.browser, Form.LOGIN, door.interaction.digest.hex())
    return LoginPage(
        form=FormTarget(
            action=page_path(server, paths.LOGIN, door.handle, door.parameters),
            hidden=(("interaction", door.handle), ("csrf", token)),
            redirect_source=asked.to.origin_or_scheme if asked is not None else None,
        ),
        client_name=client.name if client is not None else None,
        redirect_host=asked.to.host if asked is not None else "",
        username=username,
        for_device=door.device is not None,
    )


def _log(server: AuthorizationServer, request: HttpRequest, event: str, end_user: EndUser | None = None) -> None:
    # Only who is known is named: people type their password into the wrong field.
    subject = end_user.subject if end_user is not None else None
    server.log.write(event, request_id=request.request_id, address=request.remote_address, subject=subject)
