"""Changes to browsers, sessions, interactions, consents and budgets of attempts, in memory."""

from dataclasses import replace
from typing import assert_never

from valetkey.adapters.storage.memory.state import State
from valetkey.authorization_server.decision import (
    AdvanceInteraction,
    CountAttempt,
    EndSession,
    FinishInteraction,
    ForgiveAttempts,
    OpenBrowser,
    OpenInteraction,
    RememberConsent,
    RotateBrowserHandle,
    StartSession,
    TouchSession,
    WithdrawConsent,
)
from valetkey.authorization_server.model import Consent, Session
from valetkey.oauth.types import NumericDate, Scope, TenantId

SignInChange = (
    OpenBrowser
    | RotateBrowserHandle
    | StartSession
    | TouchSession
    | EndSession
    | OpenInteraction
    | AdvanceInteraction
    | FinishInteraction
    | RememberConsent
    | WithdrawConsent
    | CountAttempt
    | ForgiveAttempts
)


def apply(state: State, tenant: TenantId, change: SignInChange) -> bool:  # noqa: C901, PLR0912 - a case for each member
    """Makes the change; False where it must win and has lost."""
    match change:
        case OpenBrowser(browser):
            if state.browsers.get(tenant, browser.browser_id) is None:
                state.browsers.put(tenant, browser.browser_id, browser)
        case RotateBrowserHandle():
            return _rotate_handle(state, tenant, change)
        case StartSession(session):
            return _start_session(state, tenant, session)
        case TouchSession(sid, now):
            touched = state.sessions.get(tenant, sid)
            if touched is not None and touched.ended_at is None and touched.last_seen_at < now:
                state.sessions.put(tenant, sid, replace(touched, last_seen_at=now))
        case EndSession():
            _end_session(state, tenant, change)
        case OpenInteraction(interaction):
            if state.interactions.get(tenant, interaction.digest) is None:
                state.interactions.put(tenant, interaction.digest, interaction)
        case AdvanceInteraction() | FinishInteraction():
            return _move_interaction(state, tenant, change)
        case RememberConsent(consent):
            _remember_consent(state, tenant, consent)
        case WithdrawConsent():
            _withdraw_consent(state, tenant, change)
        case CountAttempt():
            return _count_attempt(state, tenant, change)
        case ForgiveAttempts(key):
            state.attempts.remove(tenant, key)
        case _:
            assert_never(change)
    return True


def _rotate_handle(state: State, tenant: TenantId, change: RotateBrowserHandle) -> bool:
    for browser_id, browser in state.browsers.of(tenant):
        if browser.handle_digest == change.old_digest:
            expires_at = browser.expires_at if change.expires_at is None else change.expires_at
            rotated = replace(browser, handle_digest=change.new_digest, expires_at=expires_at)
            state.browsers.put(tenant, browser_id, rotated)
            return True
    return False


def _start_session(state: State, tenant: TenantId, session: Session) -> bool:
    end_user = state.end_users.get(tenant, session.subject)
    current = state.current(tenant, None, session.subject)
    if end_user is None or end_user.disabled or session.generations.is_older_than(current):
        return False
    if session.ended_at is not None or state.sessions.get(tenant, session.sid) is not None:
        return False
    state.sessions.put(tenant, session.sid, session)
    state.known_browsers.put(tenant, (session.browser_id, session.subject), None)
    return True


def _end_session(state: State, tenant: TenantId, change: EndSession) -> None:
    session = state.sessions.get(tenant, change.sid)
    if session is not None and session.ended_at is None:
        state.sessions.put(tenant, change.sid, replace(session, ended_at=change.now))
    for authorization_id, found in state.authorizations.of(tenant):
        if found.sid == change.sid and found.bound_to_session and found.revoked_at is None:
            state.authorizations.put(tenant, authorization_id, replace(found, revoked_at=change.now))


def _move_interaction(state: State, tenant: TenantId, change: AdvanceInteraction | FinishInteraction) -> bool:
    digest = change.digest if isinstance(change, FinishInteraction) else change.interaction.digest
    found = state.interactions.get(tenant, digest)
    if found is None or found.finished_at is not None:
        return False
    if isinstance(change, FinishInteraction):
        state.interactions.put(tenant, digest, replace(found, finished_at=change.now))
        return True
    state.interactions.put(tenant, digest, change.interaction)
    return found.version == change.interaction.version - 1


def _remember_consent(state: State, tenant: TenantId, consent: Consent) -> None:
    key = (consent.subject, consent.client_id)
    old = state.consents.get(tenant, key)
    resources = frozenset(consent.resources)
    # What has expired is no longer allowed, and widening must not bring it back to life.
    if old is not None and old.expires_at > consent.granted_at:
        consent = replace(consent, scope=Scope.of(consent.scope | old.scope), claims=consent.claims | old.claims)
        resources |= frozenset(old.resources)
    state.consents.put(tenant, key, replace(consent, resources=tuple(sorted(resources))))


def _withdraw_consent(state: State, tenant: TenantId, change: WithdrawConsent) -> None:
    owned = (change.subject, change.client_id)
    state.consents.remove(tenant, owned)
    for authorization_id, found in state.authorizations.of(tenant):
        if (found.subject, found.client_id) == owned and found.revoked_at is None:
            state.authorizations.put(tenant, authorization_id, replace(found, revoked_at=change.now))


def _count_attempt(state: State, tenant: TenantId, change: CountAttempt) -> bool:
    full_at = max(state.attempts.get(tenant, change.key) or 0, change.now) + change.interval
    if full_at - change.now > change.burst * change.interval:
        return False
    state.attempts.put(tenant, change.key, NumericDate(full_at))
    return True
