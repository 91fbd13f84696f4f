"""The device page (RFC 8628, 3.3): a person enters the code that a device shows, and answers for it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from valetkey.authorization_server import paths
from valetkey.authorization_server.audit import by_end_user
from valetkey.authorization_server.authorization.granting import is_bound
from valetkey.authorization_server.authorization.interaction import (
    NeedLogin,
    open_interaction,
    other_browser,
)
from valetkey.authorization_server.authorization.loading import (
    Visit,
    back_to_authorize,
    forged_form,
    form_of,
    page_path,
    query_of,
)
from valetkey.authorization_server.authorization.request import PageRefusal
from valetkey.authorization_server.browser import (
    STRANGER_LIFETIME,
    Form,
    PresentBrowser,
    find_browser,
    form_token,
    is_form_token,
    live_sessions,
    new_browser,
    presented_handle,
    set_cookie,
    short_digest,
)
from valetkey.authorization_server.budgets import counted, wait_for
from valetkey.authorization_server.decision import Changes, OpenBrowser, OpenInteraction
from valetkey.authorization_server.device.entering import as_typed, entry_budgets
from valetkey.authorization_server.device.judging import Gone, NeedAnswer, allowed, denied
from valetkey.authorization_server.device.loading import judged_visit
from valetkey.authorization_server.device.user_code import digest_of, normal_form, spelled
from valetkey.authorization_server.device.visit import code_of, device_path, is_device_visit, opened_device_visit
from valetkey.authorization_server.introduction.document import site_of
from valetkey.authorization_server.model import ConsentAnswer, Interaction
from valetkey.authorization_server.pages import (
    DeviceAnswerPage,
    DeviceCodePage,
    DeviceDonePage,
    DeviceProblem,
    ErrorKind,
    FormTarget,
    Page,
)
from valetkey.authorization_server.rights import REFRESH_TOKEN
from valetkey.authorization_server.scope_words import in_words
from valetkey.authorization_server.service import commit_in_rounds
from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.http import HttpRequest, HttpResponse, see_other
from valetkey.oauth.parameters import Parameters
from valetkey.oauth.types import OpaqueToken

if TYPE_CHECKING:
    from valetkey.authorization_server.fresh import Fresh
    from valetkey.authorization_server.service import AuthorizationServer

Outcome = tuple["HttpResponse | Page", "Changes"]


async def respond(request: HttpRequest, server: AuthorizationServer) -> HttpResponse | Page:
    """Ask for a code, take it, show what its device wants, or take the answer."""
    fresh = server.fresh()
    origin = by_end_user(request, fresh)
    try:
        if request.method != "POST":
            query = query_of(request)
            handle = query.get("interaction")
            if handle is not None:
                return await _show(handle, request, server, fresh)
            return await commit_in_rounds(server, lambda: _ask_for_code(query, request, server, fresh), origin)
        form = form_of(request)
        if "interaction" in form:
            return await commit_in_rounds(server, lambda: _answer(form, request, server, fresh), origin)
        return await _take_code(form, request, server, fresh)
    except PageRefusal as refusal:
        _log(server, request, "device.refused", requirement=refusal.error.requirement)
        return Page(replace(refusal.page, way_on=device_path(server)))


async def _ask_for_code(
    query: Parameters, request: HttpRequest, server: AuthorizationServer, fresh: Fresh
) -> Outcome:
    present = await find_browser(presented_handle(request, server), server, fresh.now)
    cookie: tuple[tuple[str, str], ...] = ()
    changes: Changes = ()
    if present is None:
        present = new_browser(fresh)
        cookie = (set_cookie(server, present.handle, STRANGER_LIFETIME),)
        changes = (OpenBrowser(present.browser),)
    # Nothing is sent by itself: the person compares the code with the one that the device shows (RFC 8628, 3.3.1).
    code = normal_form(query.get("user_code") or "")
    shown = "" if code is None else spelled(code)
    page = replace(_code_page(present, query, server), user_code=shown, came_with_link=code is not None)
    return Page(page, cookie), changes


async def _take_code(
    form: Parameters, request: HttpRequest, server: AuthorizationServer, fresh: Fresh
) -> HttpResponse | Page:
    present = await find_browser(presented_handle(request, server), server, fresh.now)
    if present is None:
        raise other_browser()
    if not is_form_token(form.get("csrf"), present.browser, Form.DEVICE, "code"):
        raise forged_form()
    typed, query = form.get("user_code") or "", query_of(request)
    page = replace(_code_page(present, query, server), user_code=as_typed(typed))
    code = normal_form(typed)
    if code is None:
        return Page(replace(page, problem=DeviceProblem.MALFORMED_CODE))
    budgets = entry_budgets(present, await live_sessions(present, server, fresh.now), request.remote_address)
    # Counted before it is looked up, so that a crowd of guesses cannot slip past: RFC8628-5.1/rate
    if not await server.stores.commit(counted(budgets, fresh.now), by_end_user(request, fresh)):
        wait = await wait_for(budgets, server.stores, fresh.now)
        _log(server, request, "device.throttled")
        too_many = replace(page, problem=DeviceProblem.TOO_MANY_ATTEMPTS, retry_after=wait)
        return Page(too_many, (("retry-after", str(wait)),))
    found = await server.stores.device_codes.find_by_user_code(digest_of(code))
    if found is None or not found.is_pending(fresh.now):
        _log(server, request, "device.code_unknown")
        return Page(replace(page, problem=DeviceProblem.UNKNOWN_CODE))
    browser_id, locales = present.browser.browser_id, query.get("ui_locales")
    visit, handle = opened_device_visit(browser_id, found.code.digest, locales, server, fresh)
    await commit_in_rounds(server, lambda: _opened(visit), by_end_user(request, fresh))
    return back_to_authorize(handle.reveal(), server)


async def _opened(visit: Interaction) -> tuple[None, Changes]:
    return None, (OpenInteraction(visit),)


async def _show(
    handle: str, request: HttpRequest, server: AuthorizationServer, fresh: Fresh
) -> HttpResponse | Page:
    visit = await _resumed(handle, request, server, fresh)
    if visit.interaction is not None and visit.interaction.answer is not None:
        return await _done(visit.interaction, visit.interaction.answer, server)
    judged = await judged_visit(visit, server, fresh)
    match judged.decision:
        case NeedAnswer():
            return Page(await _answer_page(visit, handle, judged.decision, server))
        case NeedLogin():
            return back_to_authorize(handle, server)
        case Gone():
            raise _gone()


async def _answer(form: Parameters, request: HttpRequest, server: AuthorizationServer, fresh: Fresh) -> Outcome:
    handle = form.get("interaction") or ""
    visit = await _resumed(handle, request, server, fresh)
    interaction, browser = visit.interaction, visit.browser
    here = see_other(page_path(server, paths.DEVICE, handle, visit.parameters))
    if interaction is None or browser is None or interaction.answer is not None:
        # The second click of two: the page says what the first one did.
        return here, ()
    asked = (await judged_visit(visit, server, fresh)).decision
    if isinstance(asked, Gone):
        raise _gone()
    if isinstance(asked, NeedLogin):
        return back_to_authorize(handle, server), ()
    if not is_form_token(form.get("csrf"), browser.browser, Form.DEVICE, *_bound_to(interaction, asked)):
        raise forged_form()
    answer = _answer_in(form)
    is_yes = answer is ConsentAnswer.ALLOWED
    policy = server.policy_for(asked.client)
    changes = allowed(interaction, asked, policy, fresh) if is_yes else denied(interaction, asked, fresh.now)
    _log(
        server,
        request,
        "device.allowed" if is_yes else "device.denied",
        client_id=asked.client.client_id,
        subject=asked.session.session.subject,
    )
    return here, changes


async def _resumed(handle: str, request: HttpRequest, server: AuthorizationServer, fresh: Fresh) -> Visit:
    """Load a visit of this browser, also one that was answered; raises PageRefusal."""
    browser = await find_browser(presented_handle(request, server), server, fresh.now)
    stored = await server.stores.interactions.find(OpaqueToken.presented(handle).digest())
    if stored is not None and not is_device_visit(stored):
        raise other_browser()
    browser_id = browser.browser.browser_id if browser is not None else None
    if stored is not None and stored.finished_at is not None and stored.browser_id == browser_id:
        # What is finished is shown until it expires, to the browser in which it was answered.
        stored = replace(stored, finished_at=None)
    interaction = open_interaction(stored, browser_id, fresh.now)
    return Visit(Parameters.of(interaction.parameters), None, browser, interaction, request.remote_address)


async def _done(interaction: Interaction, answer: ConsentAnswer, server: AuthorizationServer) -> Page:
    found = await server.stores.device_codes.find(code_of(interaction))
    client = None if found is None else await server.find_client(found.code.client_id)
    return Page(DeviceDonePage(answer is ConsentAnswer.ALLOWED, None if client is None else client.name))


def _code_page(present: PresentBrowser, asked: Parameters, server: AuthorizationServer) -> DeviceCodePage:
    locales = asked.get("ui_locales")
    further = "" if locales is None else "?" + urlencode({"ui_locales": locales})
    token = form_token(present.browser, Form.DEVICE, "code")
    return DeviceCodePage(FormTarget(device_path(server) + further, (("csrf", token),)))


async def _answer_page(
    visit: Visit, handle: str, asked: NeedAnswer, server: AuthorizationServer
) -> DeviceAnswerPage:
    if visit.browser is None or visit.interaction is None:
        raise other_browser()
    client, rights = asked.client, asked.rights
    token = form_token(visit.browser.browser, Form.DEVICE, *_bound_to(visit.interaction, asked))
    outlives = not is_bound(rights.scope, server.policy_for(client))
    return DeviceAnswerPage(
        form=FormTarget(
            page_path(server, paths.DEVICE, handle, visit.parameters),
            (("interaction", handle), ("csrf", token)),
        ),
        client_name=client.name,
        account_name=asked.session.end_user.username,
        scopes=in_words(rights.scope, rights.resources, await server.stores.resources.list()),
        outlives_session=REFRESH_TOKEN in client.grant_types and outlives,
        is_unverified=client.is_unverified,
        client_site=site_of(client),
    )


def _bound_to(interaction: Interaction, asked: NeedAnswer) -> tuple[str, ...]:
    """Return what an answer is bound to: the visit, the session and every right that the page names."""
    rights = short_digest(asked.client.client_id, str(asked.rights.scope), *asked.rights.resources)
    return "answer", interaction.digest.hex(), asked.session.session.sid, rights


def _answer_in(form: Parameters) -> ConsentAnswer:
    try:
        return ConsentAnswer(form.get("answer") or "")
    except ValueError:
        error = OAuthError(ErrorCode.INVALID_REQUEST, "The form carries no answer.", "RFC8628-3.3/answer")
        raise PageRefusal(ErrorKind.BAD_REQUEST, error) from None


def _gone() -> PageRefusal:
    error = OAuthError(ErrorCode.EXPIRED_TOKEN, "The code can be answered no longer.", "RFC8628-3.5/expired")
    return PageRefusal(ErrorKind.DEVICE_CODE_GONE, error)


def _log(
    server: AuthorizationServer,
    request: HttpRequest,
    event: str,
    *,
    client_id: str | None = None,
    subject: str | None = None,
    requirement: str | None = None,
) -> None:
    server.log.write(
        event,
        request_id=request.request_id,
        address=request.remote_address,
        client_id=client_id,
        subject=subject,
        requirement=requirement,
    )
