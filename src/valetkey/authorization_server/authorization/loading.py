"""Load, then decide, for the endpoints of the front channel: what a browser asks for and what it needs next."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from valetkey.authorization_server import paths
from valetkey.authorization_server.account.visit import account_path, is_visit
from valetkey.authorization_server.authorization.accounts import choose_session
from valetkey.authorization_server.authorization.assurance import acr_request
from valetkey.authorization_server.authorization.claims_consent import NOBODY, named_subjects
from valetkey.authorization_server.authorization.facts import Facts
from valetkey.authorization_server.authorization.granting import Grant
from valetkey.authorization_server.authorization.id_token_hint import hint_keys, opened_hint
from valetkey.authorization_server.authorization.interaction import (
    UNBOUND,
    Deny,
    FrontChannelDecision,
    decide,
    open_interaction,
    other_browser,
)
from valetkey.authorization_server.authorization.request import (
    PageRefusal,
    VerifiedAuthorizationRequest,
    addressed,
    client_of,
)
from valetkey.authorization_server.authorization.request_object import faulty_object, is_evident, used_up
from valetkey.authorization_server.authorization.rules import Terms, refused, verify_request
from valetkey.authorization_server.browser import PresentBrowser, find_browser, live_sessions, presented_handle
from valetkey.authorization_server.device.visit import device_path, is_device_visit
from valetkey.authorization_server.introduction.introducing import UnreadableClient, find_or_introduce
from valetkey.authorization_server.model import Interaction
from valetkey.authorization_server.pages import ErrorKind
from valetkey.authorization_server.subject_identifier import subject_behind
from valetkey.jose import JwkSet
from valetkey.jose.records import dataclass
from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.http import HttpRequest, HttpResponse, see_other
from valetkey.oauth.parameters import MAXIMUM_QUERY, Parameters, parse_form
from valetkey.oauth.types import ClientId, OpaqueToken

if TYPE_CHECKING:
    from valetkey.authorization_server.fresh import Fresh
    from valetkey.authorization_server.model import Client, StoredSession
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.types import NumericDate, Subject

_NO_KEYS: Final = JwkSet(())


@dataclass(frozen=True, slots=True)
class Visit:
    """A browser that brings or resumes a request; `interaction` is None while nothing is stored of it."""

    parameters: Parameters
    repeated: OAuthError | None
    browser: PresentBrowser | None
    interaction: Interaction | None
    source: str = ""
    """The address that the browser comes from."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A visit, the verified request and what was decided."""

    visit: Visit
    asked: VerifiedAuthorizationRequest
    decision: FrontChannelDecision


@dataclass(frozen=True, slots=True)
class Desk:
    """A page that asks the end-user for something: the browser before it and the stored request behind it."""

    handle: str
    browser: PresentBrowser
    interaction: Interaction
    asked: VerifiedAuthorizationRequest
    decision: FrontChannelDecision


async def resumed(handle: str | None, request: HttpRequest, server: AuthorizationServer, now: NumericDate) -> Visit:
    """Load the interaction that `handle` names, if this browser may go on with it; raises PageRefusal."""
    browser = await find_browser(presented_handle(request, server), server, now)
    digest = OpaqueToken.presented(handle or "").digest()
    browser_id = browser.browser.browser_id if browser is not None else None
    stored = await server.stores.interactions.find(digest)
    try:
        interaction = open_interaction(stored, browser_id, now)
    except PageRefusal as refusal:
        raise _with_way_on(refusal, stored, server) from None
    return Visit(Parameters.of(interaction.parameters), None, browser, interaction, request.remote_address)


async def judged(visit: Visit, server: AuthorizationServer, fresh: Fresh) -> Judged:
    """Judge a request with the configuration of now; raises PageRefusal, then RedirectError."""
    asked = await _verified(visit, server, fresh.now)
    client = asked.client
    policy = server.policy_for(client)
    sessions = await live_sessions(visit.browser, server, fresh.now)
    asked = await _recognised(asked, sessions, server)
    chosen = choose_session(asked, sessions, visit.interaction)
    facts = Facts(sessions, visit.interaction)
    if chosen is not None:
        subject = chosen.session.subject
        facts = replace(
            facts,
            generations=await server.stores.authorizations.current(client.client_id, subject),
            consent=await server.stores.consents.find(subject, client.client_id),
            has_second_factor=bool(acr_request(asked).values) and await _has_second_factor(subject, server),
        )
    decision = _spending(decide(asked, facts, policy, fresh), asked, fresh)
    return Judged(visit, asked, decision)


async def _has_second_factor(subject: Subject, server: AuthorizationServer) -> bool:
    factor = await server.stores.second_factors.find(subject)
    return factor is not None and factor.is_confirmed


async def seated(handle: str | None, request: HttpRequest, server: AuthorizationServer, fresh: Fresh) -> Desk:
    """Load and judge the request for which a page asks; raises PageRefusal, then RedirectError."""
    visit = await resumed(handle, request, server, fresh.now)
    if (
        handle is None
        or visit.browser is None
        or visit.interaction is None
        or visit.interaction.browser_id == UNBOUND
    ):
        raise other_browser()
    found = await judged(visit, server, fresh)
    return Desk(handle, visit.browser, visit.interaction, found.asked, found.decision)


def query_of(request: HttpRequest) -> Parameters:
    """Return the parameters of a page's URL; raises PageRefusal."""
    return _parsed(request.query)


def form_of(request: HttpRequest) -> Parameters:
    """Return the fields of a page's form; raises PageRefusal."""
    return _parsed(request.body)


def forged_form() -> PageRefusal:
    """Return the refusal of a form whose token is not that of the page, the browser or the end-user."""
    error = OAuthError(ErrorCode.INVALID_REQUEST, "The form is not the one that was shown.", "OIDCC-3.1.2.3/csrf")
    return PageRefusal(ErrorKind.FORGED_FORM, error, status=403)


def back_to_authorize(handle: str, server: AuthorizationServer) -> HttpResponse:
    """Return the redirect to the authorization endpoint, which decides what comes next."""
    return see_other(page_path(server, paths.AUTHORIZATION, handle))


def page_path(server: AuthorizationServer, path: str, handle: str, asked: Parameters | None = None) -> str:
    """Return the path on our origin of an endpoint that goes on with an interaction, in the language asked for."""
    query = {"interaction": handle}
    locales = asked.get("ui_locales") if asked is not None else None
    if locales is not None:
        query["ui_locales"] = locales
    return f"{server.issuer.path}{path}?{urlencode(query)}"


def _parsed(raw: bytes) -> Parameters:
    try:
        return parse_form(raw, frozenset())
    except OAuthError as error:
        raise PageRefusal(ErrorKind.BAD_REQUEST, error) from None


async def _verified(visit: Visit, server: AuthorizationServer, now: NumericDate) -> VerifiedAuthorizationRequest:
    parameters = visit.parameters
    client = client_of(await find_asking_client(parameters.get("client_id"), visit.source, server, now))
    policy = server.policy_for(client)
    request = addressed(parameters, visit.repeated, client, policy)
    use = used_up(parameters, client.client_id, now)
    if use is not None and await server.stores.replay_guard.is_burned(use.scope, use.jti_digest, now):
        raise refused(request, faulty_object("jti", "JAR-10.2/replay"), policy)
    catalogue = await server.stores.resources.list()
    terms = Terms(policy, catalogue, server.issuer, _NO_KEYS, now)
    sent = parameters.get("id_token_hint")
    if sent is not None:
        hint = await opened_hint(sent, server)
        terms = replace(terms, keys=await hint_keys(hint, client, server, now), hint=hint)
    return verify_request(request, visit.repeated, terms)


async def find_asking_client(
    client_id: str | None, source: str, server: AuthorizationServer, now: NumericDate
) -> Client | None:
    """Return the client of a request that comes from the address `source`; raises PageRefusal."""
    try:
        return None if client_id is None else await find_or_introduce(ClientId(client_id), source, server, now)
    except UnreadableClient as error:
        raise PageRefusal(ErrorKind.UNREADABLE_CLIENT, error, 429 if error.is_throttled else 400) from None


async def _recognised(
    asked: VerifiedAuthorizationRequest, sessions: tuple[StoredSession, ...], server: AuthorizationServer
) -> VerifiedAuthorizationRequest:
    """Return the request with the signed-in end-user whom its hint means, by the client's own name for them."""
    told = named_subjects(asked.hinted_subject, asked.claims)
    if told is None:
        return asked
    present = [stored.session.subject for stored in sessions]
    found = [await subject_behind(asked.client, one, present, server) for one in told]
    # What one client calls an end-user is no other end-user's name, so whoever is not here is nobody.
    return replace(asked, hinted_subject=next((one for one in found if one is not None), NOBODY))


def _spending(
    decision: FrontChannelDecision, asked: VerifiedAuthorizationRequest, fresh: Fresh
) -> FrontChannelDecision:
    """Return the decision with the end of a request object that is good for one answer, where it is one."""
    use = used_up(asked.parameters, asked.client.client_id, fresh.now)
    if use is None or not isinstance(decision, Grant | Deny):
        return decision
    return replace(decision, changes=(use, *decision.changes))


def _with_way_on(refusal: PageRefusal, stored: Interaction | None, server: AuthorizationServer) -> PageRefusal:
    # Who comes back too late begins the same request again, instead of being sent away.
    if is_visit(stored):
        refusal.page = replace(refusal.page, way_on=account_path(server))
    elif is_device_visit(stored):
        refusal.page = replace(refusal.page, way_on=device_path(server))
    elif stored is not None and refusal.kind is ErrorKind.INTERACTION_EXPIRED and stored.browser_id != UNBOUND:
        query = urlencode(stored.parameters)
        # What a client signed is not begun again by what a browser could change.
        if len(query) <= MAXIMUM_QUERY and not is_evident(Parameters.of(stored.parameters)):
            refusal.page = replace(refusal.page, way_on=f"{server.issuer.path}{paths.AUTHORIZATION}?{query}")
    return refusal
