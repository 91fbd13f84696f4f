"""The page for a one-time code: it proves one thing more of who is signed in, for one stored request (RFC 9470)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from valetkey.authorization_server import paths
from valetkey.authorization_server.audit import by_end_user
from valetkey.authorization_server.authorization.accounts import ANOTHER_ACCOUNT, asked_for_accounts
from valetkey.authorization_server.authorization.desk_page import refused, shown
from valetkey.authorization_server.authorization.interaction import NeedCode
from valetkey.authorization_server.authorization.loading import (
    back_to_authorize,
    forged_form,
    form_of,
    page_path,
    query_of,
    seated,
)
from valetkey.authorization_server.authorization.request import PageRefusal
from valetkey.authorization_server.authorization.response import RedirectError
from valetkey.authorization_server.browser import (
    BROWSER_LIFETIME,
    Form,
    form_token,
    is_form_token,
    next_handle,
    presented_handle,
    remembered_until,
    set_cookie,
)
from valetkey.authorization_server.budgets import Budget, counted, wait_for
from valetkey.authorization_server.decision import AdvanceInteraction, Changes, RotateBrowserHandle
from valetkey.authorization_server.pages import ErrorKind, FormTarget, Page
from valetkey.authorization_server.proof_pages import CodeProblem, OneTimeCodePage
from valetkey.authorization_server.second_factor import StepUpSession, UseOneTimeCode
from valetkey.authorization_server.service import commit_in_rounds
from valetkey.authorization_server.user_authentication.one_time_code import METHOD, code_budgets, step_of
from valetkey.authorization_server.user_authentication.password import forgiven
from valetkey.jose.records import dataclass
from valetkey.oauth.types import SessionId

if TYPE_CHECKING:
    from valetkey.authorization_server.authorization.loading import Desk
    from valetkey.authorization_server.fresh import Fresh
    from valetkey.authorization_server.model import StoredSession
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.http import HttpRequest, HttpResponse
    from valetkey.oauth.parameters import Parameters


@dataclass(frozen=True, slots=True)
class Proof:
    """A code that was right: in which session, of which factor and time step, and what its attempts took."""

    sid: SessionId
    factor_id: str
    step: int
    budgets: tuple[Budget, ...]


async def respond(request: HttpRequest, server: AuthorizationServer) -> HttpResponse | Page:
    """Show the form, or take the code and return to the authorization endpoint."""
    fresh = server.fresh()
    try:
        if request.method != "POST":
            return await shown(_show, query_of(request).get("interaction"), request, server, fresh)
        form = form_of(request)
        try:
            return await _post(form, request, server, fresh)
        except PageRefusal as refusal:
            # The second click of a double click comes with the handle that the first one replaced.
            if refusal.kind is ErrorKind.OTHER_BROWSER and presented_handle(request, server) is not None:
                return back_to_authorize(form.get("interaction") or "", server)
            raise
    except PageRefusal as refusal:
        return refused("code.refused", refusal, request, server)


async def _show(desk: Desk, server: AuthorizationServer, fresh: Fresh) -> Page | None:
    del fresh
    return Page(_page(desk, desk.decision.session, server)) if isinstance(desk.decision, NeedCode) else None


async def _post(
    form: Parameters, request: HttpRequest, server: AuthorizationServer, fresh: Fresh
) -> HttpResponse | Page:
    handle = form.get("interaction") or ""
    try:
        desk = await seated(handle, request, server, fresh)
    except RedirectError:
        return back_to_authorize(handle, server)
    if not isinstance(desk.decision, NeedCode):
        return back_to_authorize(handle, server)
    session = desk.decision.session
    if not is_form_token(form.get("csrf"), desk.browser.browser, Form.ONE_TIME_CODE, *_bound_to(desk, session)):
        raise forged_form()
    if form.get("answer") == ANOTHER_ACCOUNT:
        return await _sent_to_choose(form, request, server, fresh)
    return await _attempt(desk, form, request, server, fresh)


async def _sent_to_choose(
    form: Parameters, request: HttpRequest, server: AuthorizationServer, fresh: Fresh
) -> HttpResponse:
    handle = form.get("interaction") or ""

    async def attempt() -> tuple[HttpResponse, Changes]:
        again = await seated(handle, request, server, fresh)
        return back_to_authorize(handle, server), (AdvanceInteraction(asked_for_accounts(again.interaction)),)

    return await commit_in_rounds(server, attempt, by_end_user(request, fresh))


async def _attempt(
    desk: Desk, form: Parameters, request: HttpRequest, server: AuthorizationServer, fresh: Fresh
) -> HttpResponse | Page:
    session, stores = _session_of(desk), server.stores
    subject, page = session.session.subject, _page(desk, session, server)
    budgets, origin = code_budgets(subject, request.remote_address), by_end_user(request, fresh)
    # Counted before it is compared: guesses are counted, not only failures.
    if not await stores.commit(counted(budgets, fresh.now), origin):
        wait = max(1, await wait_for(budgets, stores, fresh.now))
        _log(server, request, "code.throttled", subject)
        too_many = replace(page, problem=CodeProblem.TOO_MANY_ATTEMPTS, retry_after=wait)
        return Page(too_many, (("retry-after", str(wait)),))
    wrong = Page(replace(page, problem=CodeProblem.WRONG_CODE))
    factor = await stores.second_factors.find(subject)
    if factor is None or not factor.is_confirmed:
        return back_to_authorize(desk.handle, server)
    key = server.sealed_factor_keys.open(factor)
    step = step_of(form.get("code") or "", key, factor.last_step, fresh.now)
    if step is None:
        _log(server, request, "code.failed", subject)
        return wrong
    proof = Proof(session.session.sid, factor.factor_id, step, budgets)
    done = await commit_in_rounds(server, lambda: _stepped_up(desk.handle, proof, request, server, fresh), origin)
    _log(server, request, "code.failed" if done is None else "code.succeeded", subject)
    return wrong if done is None else done


async def _stepped_up(
    handle: str, proof: Proof, request: HttpRequest, server: AuthorizationServer, fresh: Fresh
) -> tuple[HttpResponse | None, Changes]:
    """Judge again what may have moved meanwhile; None when the code was used up by then."""
    desk = await seated(handle, request, server, fresh)
    if not isinstance(desk.decision, NeedCode):
        return back_to_authorize(handle, server), ()
    session = desk.decision.session.session
    factor = await server.stores.second_factors.find(session.subject)
    is_good = factor is not None and factor.factor_id == proof.factor_id and factor.last_step < proof.step
    if not is_good or session.sid != proof.sid:
        return None, ()
    proven = METHOD.added_to(session.authentication, fresh.now, server.policy.acr_levels)
    present = desk.browser
    following = next_handle(present)
    changes = (
        UseOneTimeCode(session.subject, proof.factor_id, proof.step),
        StepUpSession(session.sid, proven, fresh.now),
        RotateBrowserHandle(present.browser.handle_digest, following.digest(), remembered_until(fresh.now)),
        # Bound to this very session, whoever signs in beside it meanwhile.
        AdvanceInteraction(replace(desk.interaction, version=desk.interaction.version + 1, sid=session.sid)),
        *forgiven(proof.budgets),
    )
    return back_to_authorize(handle, server).with_headers(set_cookie(server, following, BROWSER_LIFETIME)), changes


def _session_of(desk: Desk) -> StoredSession:
    if not isinstance(desk.decision, NeedCode):
        raise TypeError("no code is asked for at this desk")
    return desk.decision.session


def _bound_to(desk: Desk, session: StoredSession) -> tuple[str, ...]:
    return desk.interaction.digest.hex(), session.session.sid


def _page(desk: Desk, session: StoredSession, server: AuthorizationServer) -> OneTimeCodePage:
    token = form_token(desk.browser.browser, Form.ONE_TIME_CODE, *_bound_to(desk, session))
    return OneTimeCodePage(
        form=FormTarget(
            action=page_path(server, paths.ONE_TIME_CODE, desk.handle, desk.asked.parameters),
            hidden=(("interaction", desk.handle), ("csrf", token)),
            redirect_source=desk.asked.to.origin_or_scheme,
        ),
        client_name=desk.asked.client.name,
        redirect_host=desk.asked.to.host,
        account_name=session.end_user.username,
    )


def _log(server: AuthorizationServer, request: HttpRequest, event: str, subject: str) -> None:
    server.log.write(event, request_id=request.request_id, address=request.remote_address, subject=subject)
