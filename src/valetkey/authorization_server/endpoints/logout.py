"""Signing out (OpenID Connect RP-Initiated Logout): by a client's request, or on a page of our own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from valetkey.authorization_server import paths
from valetkey.authorization_server.audit import by_end_user
from valetkey.authorization_server.authorization.loading import forged_form, form_of, query_of
from valetkey.authorization_server.authorization.request import PageRefusal
from valetkey.authorization_server.browser import (
    Form,
    PresentBrowser,
    find_browser,
    form_token,
    is_form_token,
    is_live,
    no_cookie,
    presented_handle,
)
from valetkey.authorization_server.browser_state import no_state_cookies, state_cookies
from valetkey.authorization_server.decision import Changes, EndSession, OpenInteraction
from valetkey.authorization_server.fresh import Fresh
from valetkey.authorization_server.logout.frames import frames_of
from valetkey.authorization_server.logout.judging import Ask, End, Facts, Over, decide
from valetkey.authorization_server.logout.loading import load
from valetkey.authorization_server.logout.request import LogoutRequest, kept, parse, taken_up
from valetkey.authorization_server.pages import FormTarget, Page, SignedOutPage, SignOutPage
from valetkey.authorization_server.policy import UntrustedRedirectRule
from valetkey.authorization_server.service import AuthorizationServer, commit_in_rounds
from valetkey.jose.records import dataclass
from valetkey.oauth.http import HttpRequest, HttpResponse, see_other
from valetkey.oauth.redirect_uri import VerifiedRedirect
from valetkey.oauth.types import OpaqueToken

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from valetkey.authorization_server.model import StoredSession
    from valetkey.oauth.parameters import Parameters

_KEPT: Final = "logout"
_WHO: Final = "who"
_TOKEN: Final = "csrf"  # noqa: S105 - a field's name

Outcome = tuple[HttpResponse | Page, Changes]


@dataclass(frozen=True, slots=True)
class _Desk:
    """Where somebody signs out."""

    server: AuthorizationServer
    fresh: Fresh
    present: PresentBrowser | None
    facts: Facts
    request_id: str


@dataclass(frozen=True, slots=True)
class _Way:
    """Where the browser goes on to."""

    to: VerifiedRedirect | None
    is_clicked: bool = False
    """The person has seen where it goes, and agreed."""
    needs_click: bool = False


async def respond(request: HttpRequest, server: AuthorizationServer) -> HttpResponse | Page:
    """Sign out, or ask first; the browser is sent on to no address but a registered one of the client that asks."""
    fresh = server.fresh()
    origin = by_end_user(request, fresh)
    try:
        return await commit_in_rounds(server, lambda: _answered(request, server, fresh), origin)
    except PageRefusal as refusal:
        server.log.write(
            "logout.refused",
            request_id=request.request_id,
            requirement=refusal.error.requirement,
            page=refusal.kind,
        )
        return Page(refusal.page)


async def _answered(request: HttpRequest, server: AuthorizationServer, fresh: Fresh) -> Outcome:
    sent = form_of(request) if request.method == "POST" else query_of(request)
    asked = parse(sent)
    if request.method == "POST" and _TOKEN not in sent and presented_handle(request, server) is None:
        return await _brought_back(asked, server, fresh)
    handle = sent.get(_KEPT)
    if request.method == "GET" and handle is not None:
        asked = taken_up(await server.stores.interactions.find(OpaqueToken.presented(handle).digest()), fresh.now)
    present = await find_browser(presented_handle(request, server), server, fresh.now)
    facts = await load(asked, present, server, fresh.now)
    desk = _Desk(server, fresh, present, facts, request.request_id)
    policy = server.policy if facts.client is None else server.policy_for(facts.client)
    decision = decide(facts, policy)
    if request.method == "POST" and _TOKEN in sent and present is not None:
        return await _confirmed(sent, desk, present, decision.to)  # OIDCRIL-2/log-out
    match decision:
        case Over(to, needs_click):
            # OIDCRIL-3/after-notifying
            return await _left(desk, (), _Way(to, needs_click=needs_click)), ()
        case Ask(sessions, to):
            return await _question(desk, sessions, to), ()
        case End(sessions, to):
            return await _ended(desk, sessions, _Way(to))


async def _brought_back(asked: LogoutRequest, server: AuthorizationServer, fresh: Fresh) -> Outcome:
    """Go on by a GET: a POST from another site brings no SameSite=Lax cookie, so nobody could be seen."""
    path = server.issuer.path + paths.END_SESSION
    facts = await load(asked, None, server, fresh.now)
    locales = {} if asked.ui_locales is None else {"ui_locales": asked.ui_locales}
    if facts.client is None:
        # What nobody vouches for is not worth a row.
        return see_other(f"{path}?{urlencode(locales)}" if locales else path), ()
    interaction, handle = kept(asked, server, fresh)
    query = urlencode({_KEPT: handle.reveal(), **locales})
    return see_other(f"{path}?{query}"), (OpenInteraction(interaction),)


async def _confirmed(
    form: Parameters, desk: _Desk, present: PresentBrowser, to: VerifiedRedirect | None
) -> Outcome:
    who = form.get(_WHO) or ""
    if not is_form_token(form.get(_TOKEN), present.browser, Form.LOGOUT, who):
        raise forged_form()
    found = await desk.server.stores.browsers.sessions(present.browser.browser_id)
    named = frozenset(who.split(" "))
    # What was shown is what ends; who signed in since then stays.
    return await _ended(desk, [one for one in found if one.session.sid in named], _Way(to, is_clicked=True))


async def _ended(desk: _Desk, sessions: Sequence[StoredSession], way: _Way) -> Outcome:
    server, client = desk.server, desk.facts.client
    ended = tuple(EndSession(stored.session.sid, desk.fresh.now) for stored in sessions)
    if ended:
        client_id = None if client is None else client.client_id
        server.log.write("logout.completed", request_id=desk.request_id, client_id=client_id, sessions=len(ended))
    return await _left(desk, sessions, way), ended


async def _left(desk: _Desk, ended: Sequence[StoredSession], way: _Way) -> HttpResponse | Page:
    """Return what the browser gets once `ended` are no more: it goes on, or a page says what happened."""
    server, client, present = desk.server, desk.facts.client, desk.present
    gone = {stored.session.sid for stored in ended}
    staying = tuple(one for one in desk.facts.sessions if one.session.sid not in gone)
    cookies = _cookies(desk, ended, staying)
    frames = await frames_of(ended, server)
    location = None if way.to is None else _location(way.to, desk.facts.asked.state)
    is_led = _is_led(desk, way)
    if location is not None and is_led and not frames:
        return see_other(location, cookies)
    form = None
    if staying and present is not None:
        form = _form(desk, staying, None)
    page = SignedOutPage(
        frames=frames,
        way_on=location,
        redirect_host="" if way.to is None else way.to.host,
        client_name="" if client is None else client.name,
        is_unverified=client is not None and client.is_unverified,
        goes_on=is_led,
        staying_accounts=_names(staying),
        everyone_form=form,
    )
    return Page(page, cookies)


def _is_led(desk: _Desk, way: _Way) -> bool:
    """Say whether the browser goes on without a click (RFC 9700, 4.11.2)."""
    client = desk.facts.client
    if way.is_clicked or client is None:
        return way.is_clicked
    policy = desk.server.policy_for(client)
    is_led_astray = client.is_unverified and policy.untrusted_redirect is UntrustedRedirectRule.PAGE
    return not (way.needs_click or is_led_astray)  # RFC9700-4.11.2/authenticate-first


async def _question(desk: _Desk, sessions: tuple[StoredSession, ...], to: VerifiedRedirect | None) -> Page:
    facts, client = desk.facts, desk.facts.client
    sids = {stored.session.sid for stored in sessions}
    staying = tuple(one for one in facts.sessions if one.session.sid not in sids)
    first, *further = _names(sessions)
    page = SignOutPage(
        form=_form(desk, await _all_of(desk, sessions, staying), to),
        account_name=first,
        further_accounts=tuple(further),
        staying_accounts=_names(staying),
        everyone_form=_form(desk, facts.sessions, to) if staying else None,
        client_name="" if client is None else client.name,
        redirect_host="" if to is None else to.host,
        is_unverified=client is not None and client.is_unverified,
        is_address_refused=facts.is_address_refused,
    )
    return Page(page)


async def _all_of(
    desk: _Desk, sessions: tuple[StoredSession, ...], staying: tuple[StoredSession, ...]
) -> tuple[StoredSession, ...]:
    """Return with `sessions` those that have timed out in this browser: whoever signs out leaves nothing behind."""
    if staying or desk.present is None:
        return sessions
    found = await desk.server.stores.browsers.sessions(desk.present.browser.browser_id)
    late = (one for one in found if not is_live(one, desk.server.policy, desk.fresh.now))
    return (*sessions, *late)


def _form(desk: _Desk, sessions: Iterable[StoredSession], to: VerifiedRedirect | None) -> FormTarget:
    server, asked, present = desk.server, desk.facts.asked, desk.present
    if present is None:
        raise ValueError("nobody is signed in with a browser that we do not know")
    who = " ".join(sorted(stored.session.sid for stored in sessions))
    token = form_token(present.browser, Form.LOGOUT, who)
    locales = "" if asked.ui_locales is None else "?" + urlencode({"ui_locales": asked.ui_locales})
    return FormTarget(
        server.issuer.path + paths.END_SESSION + locales,
        (*asked.pairs, (_WHO, who), (_TOKEN, token)),
        None if to is None else to.origin_or_scheme,
    )


def _names(sessions: Iterable[StoredSession]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(stored.end_user.username for stored in sessions))


def _cookies(
    desk: _Desk, ended: Sequence[StoredSession], staying: Sequence[StoredSession]
) -> tuple[tuple[str, str], ...]:
    if desk.present is not None and staying:
        sids = [stored.session.sid for stored in staying]
        return state_cookies(desk.server, desk.present.browser, sids)
    # Where nothing has ended, somebody may be about to sign in.
    taken = (no_cookie(desk.server),) if ended else ()
    return (*taken, *no_state_cookies(desk.server))


def _location(to: VerifiedRedirect, state: str | None) -> str:
    if state is None:
        return to.uri
    # OIDCRIL-3/state
    return f"{to.uri}{'&' if '?' in to.uri else '?'}{urlencode({'state': state})}"
