"""The authorization endpoint (OAuth 2.1, 3.1 and 4.1; OpenID Connect Core, 3.1.2): the door of every sign-in."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from valetkey.authorization_server import paths
from valetkey.authorization_server.account.visit import account_path, is_visit
from valetkey.authorization_server.audit import by_end_user
from valetkey.authorization_server.authorization.entering import Brought, entered
from valetkey.authorization_server.authorization.forwarding import Forwarding
from valetkey.authorization_server.authorization.granting import Grant
from valetkey.authorization_server.authorization.interaction import (
    UNBOUND,
    Deny,
    NeedAccount,
    NeedCode,
    NeedConsent,
    NeedLogin,
    opened,
)
from valetkey.authorization_server.authorization.loading import (
    Visit,
    back_to_authorize,
    judged,
    page_path,
    resumed,
)
from valetkey.authorization_server.authorization.request import PageRefusal
from valetkey.authorization_server.authorization.response import (
    Addressee,
    Bearing,
    RedirectError,
    delivered,
    error_addressee,
    error_pairs,
    way_to,
)
from valetkey.authorization_server.authorization.response_types import Artefact
from valetkey.authorization_server.browser import (
    STRANGER_LIFETIME,
    find_browser,
    live_sessions,
    new_browser,
    presented_handle,
    set_cookie,
)
from valetkey.authorization_server.browser_state import watched_state, with_state
from valetkey.authorization_server.client_text import NoClientKey
from valetkey.authorization_server.decision import AdvanceInteraction, Changes, OpenBrowser, OpenInteraction
from valetkey.authorization_server.device.loading import next_page
from valetkey.authorization_server.device.visit import is_device_visit
from valetkey.authorization_server.id_token import Beside, mint_id_token
from valetkey.authorization_server.mint import mint_access_token
from valetkey.authorization_server.pages import ErrorKind, LeavingPage, Page
from valetkey.authorization_server.rights import OPENID
from valetkey.authorization_server.service import commit_in_rounds
from valetkey.jose.records import dataclass
from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.http import HttpRequest, HttpResponse, see_other
from valetkey.oauth.parameters import parse_front_channel

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from valetkey.authorization_server.authorization.loading import Judged
    from valetkey.authorization_server.authorization.request import VerifiedAuthorizationRequest
    from valetkey.authorization_server.browser import PresentBrowser
    from valetkey.authorization_server.fresh import Fresh
    from valetkey.authorization_server.model import Browser
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.parameters import Parameters


@dataclass(frozen=True, slots=True)
class Told:
    """What the browser is answered, and what the log says of it once it is committed."""

    answer: HttpResponse | Page
    event: str | None = None
    refusal: RedirectError | None = None
    client_id: str | None = None
    subject: str | None = None


Outcome = tuple[Told, Changes]


async def respond(request: HttpRequest, server: AuthorizationServer) -> HttpResponse | Page:
    """Answer with a code, an error at the verified redirect URI, the next page to go to, or an error page."""
    fresh = server.fresh()
    try:
        attempt = await _attempt(request, server, fresh)
        told = await commit_in_rounds(server, attempt, by_end_user(request, fresh))
    except PageRefusal as refusal:
        _log(server, request, "authorization.refused", refusal.error)
        return Page(refusal.page)
    except RedirectError as refusal:
        _log(server, request, "authorization.refused", refusal.error)
        browser = await find_browser(presented_handle(request, server), server, fresh.now)
        return _refused(refusal, server, is_signed_in=bool(await live_sessions(browser, server, fresh.now)))
    if told.event is not None:
        _log(server, request, told.event, told.refusal.error if told.refusal is not None else None, told=told)
    return await with_state(told.answer, request, server, fresh.now)


async def _attempt(
    request: HttpRequest, server: AuthorizationServer, fresh: Fresh
) -> Callable[[], Awaitable[Outcome]]:
    sent, repeated = _parameters(request)
    handle = sent.get("interaction")
    is_new = handle is None or "client_id" in sent
    source = request.remote_address
    # Before the rounds, once for all of them: what stands at a request_uri could be another thing a moment later.
    parameters = await entered(Brought(sent, repeated, source), server, fresh.now) if is_new else sent

    async def begin() -> Outcome:
        browser = await find_browser(presented_handle(request, server), server, fresh.now)
        found = await judged(Visit(parameters, repeated, browser, None, source), server, fresh)
        # A cross-site POST brings no SameSite=Lax cookie, while the GET that it is redirected to does.
        return (
            _entered_again(found, server, fresh)
            if browser is None and request.method == "POST"
            else await _answered(found, None, server, fresh)
        )

    async def resume() -> Outcome:
        visit = await resumed(handle, request, server, fresh.now)
        if is_visit(visit.interaction):
            return Told(see_other(account_path(server))), ()
        if is_device_visit(visit.interaction):
            return Told(await next_page(visit, handle or "", server, fresh)), ()
        return await _answered(await judged(visit, server, fresh), handle, server, fresh)

    return begin if is_new else resume


def _parameters(request: HttpRequest) -> tuple[Parameters, OAuthError | None]:
    try:
        parameters = parse_front_channel(request.body if request.method == "POST" else request.query)
    except OAuthError as error:
        raise PageRefusal(ErrorKind.BAD_REQUEST, error) from None
    if request.method == "POST" and request.query:
        text = "A POST has its parameters in the body alone."
        raise PageRefusal(
            ErrorKind.BAD_REQUEST, OAuthError(ErrorCode.INVALID_REQUEST, text, "RFC6749-3.1/repeated")
        )
    return parameters


def _entered_again(found: Judged, server: AuthorizationServer, fresh: Fresh) -> Outcome:
    interaction, handle = opened(found.asked, UNBOUND, server.policy_for(found.asked.client), fresh)
    return Told(back_to_authorize(handle.reveal(), server)), (OpenInteraction(interaction),)


async def _answered(found: Judged, handle: str | None, server: AuthorizationServer, fresh: Fresh) -> Outcome:
    decision, asked = found.decision, found.asked
    match decision:
        case Grant():
            answer, changes = await _granted(decision, found, server, fresh)
            return Told(answer, "authorization.granted", None, asked.client.client_id, decision.subject), changes
        case Deny(refusal, changes):
            # Nobody gets here without a session, but for silent requests, which are always redirected.
            told = _refused(refusal, server, is_signed_in=True)
            return Told(told, "authorization.refused", refusal, asked.client.client_id), changes
        case NeedConsent(_, touched):
            answer, changes = _interrupted(paths.CONSENT, found, handle, server, fresh)
            return Told(answer), (*changes, *touched)
        case NeedLogin():
            answer, changes = _interrupted(paths.LOGIN, found, handle, server, fresh)
            return Told(answer), changes
        case NeedAccount():
            answer, changes = _interrupted(paths.SELECT_ACCOUNT, found, handle, server, fresh)
            return Told(answer), changes
        case NeedCode():
            answer, changes = _interrupted(paths.ONE_TIME_CODE, found, handle, server, fresh)
            return Told(answer), changes
    assert_never(decision)


async def _granted(
    decision: Grant, found: Judged, server: AuthorizationServer, fresh: Fresh
) -> tuple[HttpResponse | Page, Changes]:
    """Return what carries all that was asked for; tokens are minted before what makes them good is committed."""
    asked = found.asked
    bearing, added = await _minted(decision, asked, server, fresh)
    if OPENID in asked.scope:
        state = await watched_state(found.visit.browser, asked.client.client_id, asked.to.uri, server, fresh)
        bearing = replace(bearing, session_state=state)
    addressee = Addressee(asked.to, asked.state, asked.mode, asked.client.name)
    # A browser keeps no copy of it: RFC6749-5.1/no-store
    return delivered(addressee, bearing.pairs(), server.issuer), (*decision.changes, *added)


async def _minted(
    decision: Grant, asked: VerifiedAuthorizationRequest, server: AuthorizationServer, fresh: Fresh
) -> tuple[Bearing, Changes]:
    issue, client = decision.issue, asked.client
    bearing = Bearing(code=decision.code)
    changes: Changes = ()
    if Artefact.ACCESS_TOKEN in asked.artefacts:
        found = [await server.stores.resources.find(one) for one in issue.resources]
        resources = [one for one in found if one is not None]
        minted = await mint_access_token(issue, client, resources, server, fresh)
        bearing, changes = replace(bearing, access_token=minted, scope=issue.scope), minted.changes
    if Artefact.ID_TOKEN in asked.artefacts:
        try:
            id_token = await mint_id_token(issue, client, server, _beside(bearing), fresh.now)
        except NoClientKey:
            raise RedirectError(asked.to, _no_client_key(), asked.state, mode=asked.mode) from None
        bearing = replace(bearing, id_token=id_token)
    return bearing, changes


def _no_client_key() -> OAuthError:
    text = "The client has no key at the moment by which it could be told."
    return OAuthError(ErrorCode.TEMPORARILY_UNAVAILABLE, text, "OIDCC-10.2/client-key")


def _beside(bearing: Bearing) -> Beside:
    minted, code = bearing.access_token, bearing.code
    return Beside(None if minted is None else minted.value, None if code is None else code.reveal())


def _refused(refusal: RedirectError, server: AuthorizationServer, *, is_signed_in: bool) -> HttpResponse | Page:
    addressee, answer = error_addressee(refusal), error_pairs(refusal)
    if refusal.forwarding is Forwarding.REDIRECT:
        return delivered(addressee, answer, server.issuer)
    return Page(
        LeavingPage(
            refusal.error.code.value,
            refusal.error.status,
            refusal.client_name,
            refusal.to.host,
            # We lead nobody away whom we do not even know.
            way_to(addressee, answer, server.issuer) if is_signed_in else None,
        )
    )


def _interrupted(
    path: str, found: Judged, handle: str | None, server: AuthorizationServer, fresh: Fresh
) -> tuple[HttpResponse, Changes]:
    present, stored = found.visit.browser, found.visit.interaction
    browser, cookie, changes = _browser(present, server, fresh)
    if handle is None:
        policy = server.policy_for(found.asked.client)
        interaction, token = opened(found.asked, browser.browser_id, policy, fresh)
        handle = token.reveal()
        changes = (*changes, OpenInteraction(interaction))
    elif stored is not None and stored.browser_id == UNBOUND:
        bound = replace(stored, browser_id=browser.browser_id, version=stored.version + 1)
        changes = (*changes, AdvanceInteraction(bound))
    return see_other(page_path(server, path, handle, found.asked.parameters), cookie), changes


def _browser(
    present: PresentBrowser | None, server: AuthorizationServer, fresh: Fresh
) -> tuple[Browser, tuple[tuple[str, str], ...], Changes]:
    if present is not None:
        return present.browser, (), ()
    new = new_browser(fresh)
    cookie = set_cookie(server, new.handle, STRANGER_LIFETIME)
    return new.browser, (cookie,), (OpenBrowser(new.browser),)


def _log(
    server: AuthorizationServer,
    request: HttpRequest,
    event: str,
    error: OAuthError | None,
    *,
    told: Told | None = None,
) -> None:
    server.log.write(
        event,
        request_id=request.request_id,
        client_id=told.client_id if told is not None else None,
        subject=told.subject if told is not None else None,
        error=error.code.value if error is not None else None,
        requirement=error.requirement if error is not None else None,
        detail=(error.detail or None) if error is not None else None,
    )
