"""The statements of changes to browsers, sessions, interactions, consents and budgets of attempts."""

from typing import assert_never

from valetkey.adapters.storage.sql.records import encode
from valetkey.adapters.storage.sql.step import Bindings, Step
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
from valetkey.authorization_server.model import Browser, Consent, Interaction, Session
from valetkey.oauth.types import TenantId

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

_OPEN_BROWSER = """
INSERT INTO browsers (tenant, browser_id, handle_digest, csrf_secret, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (tenant, browser_id) DO NOTHING
"""
_ROTATE_HANDLE = """
UPDATE browsers SET handle_digest = $3, expires_at = COALESCE($4, expires_at)
WHERE tenant = $1 AND handle_digest = $2
RETURNING 1
"""
_START_SESSION = """
INSERT INTO sessions (tenant, sid, browser_id, subject, auth_time, acr, amr, server_generation,
    tenant_generation, subject_generation, created_at, last_seen_at, ended_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
ON CONFLICT (tenant, sid) DO NOTHING
RETURNING 1
"""
_SESSION_STANDS = """
SELECT 1 FROM living_sessions AS s
JOIN end_users AS u ON u.tenant = s.tenant AND u.subject = s.subject
WHERE s.tenant = $1 AND s.sid = $2 AND u.disabled = 0
"""
_KNOW_BROWSER = """
INSERT INTO known_browsers (tenant, browser_id, subject) VALUES ($1, $2, $3)
ON CONFLICT (tenant, browser_id, subject) DO NOTHING
"""
_TOUCH_SESSION = """
UPDATE sessions SET last_seen_at = $3
WHERE tenant = $1 AND sid = $2 AND last_seen_at < $3 AND ended_at IS NULL
"""
_END_SESSION = "UPDATE sessions SET ended_at = $3 WHERE tenant = $1 AND sid = $2 AND ended_at IS NULL"
_REVOKE_BOUND = """
UPDATE authorizations SET revoked_at = $3
WHERE tenant = $1 AND sid = $2 AND bound_to_session = 1 AND revoked_at IS NULL
"""
_OPEN_INTERACTION = """
INSERT INTO interactions (tenant, digest, browser_id, client_id, parameters, created_at, expires_at, version,
    sid, authenticated_at, answer, finished_at, account_choice)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
ON CONFLICT (tenant, digest) DO NOTHING
"""
_ADVANCE_INTERACTION = """
UPDATE interactions SET browser_id = $3, client_id = $4, parameters = $5, created_at = $6, expires_at = $7,
    version = $8, sid = $9, authenticated_at = $10, answer = $11, finished_at = $12,
    account_choice = $13
WHERE tenant = $1 AND digest = $2 AND version = $8 - 1 AND finished_at IS NULL
RETURNING 1
"""
_FINISH_INTERACTION = """
UPDATE interactions SET finished_at = $3 WHERE tenant = $1 AND digest = $2 AND finished_at IS NULL RETURNING 1
"""
# What has expired is no longer allowed, and widening must not bring it back to life.
_FORGET_EXPIRED_CONSENT = """
DELETE FROM consents WHERE tenant = $1 AND subject = $2 AND client_id = $3 AND expires_at <= $4
"""
_REMEMBER_CONSENT = """
INSERT INTO consents (tenant, subject, client_id, granted_at, expires_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (tenant, subject, client_id) DO UPDATE
SET granted_at = excluded.granted_at, expires_at = excluded.expires_at
"""
_CONSENT_TO = """
INSERT INTO consented (tenant, subject, client_id, kind, name) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (tenant, subject, client_id, kind, name) DO NOTHING
"""
_CONSENT_TO_CLAIM = """
INSERT INTO consented_claims (tenant, subject, client_id, name) VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant, subject, client_id, name) DO NOTHING
"""
_WITHDRAW_CONSENT = "DELETE FROM consents WHERE tenant = $1 AND subject = $2 AND client_id = $3"
_REVOKE_OF_CLIENT = """
UPDATE authorizations SET revoked_at = $4
WHERE tenant = $1 AND subject = $2 AND client_id = $3 AND revoked_at IS NULL
"""
_COUNT_ATTEMPT = """
INSERT INTO attempts (tenant, name, full_at) SELECT $1, $2, $5 + $3 WHERE $4 >= 1
ON CONFLICT (tenant, name) DO UPDATE
SET full_at = CASE WHEN attempts.full_at > $5 THEN attempts.full_at ELSE $5 END + $3
WHERE CASE WHEN attempts.full_at > $5 THEN attempts.full_at ELSE $5 END + $3 - $5 <= $4 * $3
RETURNING 1
"""
_FORGIVE_ATTEMPTS = "DELETE FROM attempts WHERE tenant = $1 AND name = $2"


def steps(tenant: TenantId, change: SignInChange) -> tuple[Step, ...]:  # noqa: C901, PLR0912 - a case for each member
    """The statements that make the change, in order."""
    match change:
        case OpenBrowser(browser):
            return (_open_browser(tenant, browser),)
        case RotateBrowserHandle(old, new, expires_at):
            return (Step(_ROTATE_HANDLE, (tenant, old, new, expires_at), must_win=True),)
        case StartSession(session):
            return _start_session(tenant, session)
        case TouchSession(sid, now):
            return (Step(_TOUCH_SESSION, (tenant, sid, now)),)
        case EndSession(sid, now):
            # OIDCBCL-2.7/refresh-tokens
            return (Step(_END_SESSION, (tenant, sid, now)), Step(_REVOKE_BOUND, (tenant, sid, now)))
        case OpenInteraction(interaction):
            return (Step(_OPEN_INTERACTION, _interaction(tenant, interaction)),)
        case AdvanceInteraction(interaction):
            return (Step(_ADVANCE_INTERACTION, _interaction(tenant, interaction), must_win=True),)
        case FinishInteraction(digest, now):
            return (Step(_FINISH_INTERACTION, (tenant, digest, now), must_win=True),)
        case RememberConsent(consent):
            return _remember_consent(tenant, consent)
        case WithdrawConsent(subject, client_id, now):
            key = (tenant, subject, client_id)
            return (Step(_WITHDRAW_CONSENT, key), Step(_REVOKE_OF_CLIENT, (*key, now)))
        case CountAttempt(key, interval, burst, now):
            return (Step(_COUNT_ATTEMPT, (tenant, key, interval, burst, now), must_win=True),)
        case ForgiveAttempts(key):
            return (Step(_FORGIVE_ATTEMPTS, (tenant, key)),)
        case _:
            assert_never(change)


def _open_browser(tenant: TenantId, browser: Browser) -> Step:
    return Step(
        _OPEN_BROWSER,
        (
            tenant,
            browser.browser_id,
            browser.handle_digest,
            browser.csrf_secret,
            browser.created_at,
            browser.expires_at,
        ),
    )


def _start_session(tenant: TenantId, session: Session) -> tuple[Step, ...]:
    stamp, authentication = session.generations, session.authentication
    return (
        Step(
            _START_SESSION,
            (
                tenant,
                session.sid,
                session.browser_id,
                session.subject,
                authentication.auth_time,
                authentication.acr,
                encode(authentication.amr),
                stamp.server,
                stamp.tenant,
                stamp.subject,
                session.created_at,
                session.last_seen_at,
                session.ended_at,
            ),
            must_win=True,
        ),
        Step(_SESSION_STANDS, (tenant, session.sid), must_win=True),
        Step(_KNOW_BROWSER, (tenant, session.browser_id, session.subject)),
    )


def _interaction(tenant: TenantId, interaction: Interaction) -> Bindings:
    return (
        tenant,
        interaction.digest,
        interaction.browser_id,
        interaction.client_id,
        encode(interaction.parameters),
        interaction.created_at,
        interaction.expires_at,
        interaction.version,
        interaction.sid,
        interaction.authenticated_at,
        interaction.answer,
        interaction.finished_at,
        interaction.account_choice,
    )


def _remember_consent(tenant: TenantId, consent: Consent) -> tuple[Step, ...]:
    key = (tenant, consent.subject, consent.client_id)
    named = [("scope", name) for name in sorted(consent.scope)]
    named += [("resource", name) for name in consent.resources]
    return (
        Step(_FORGET_EXPIRED_CONSENT, (*key, consent.granted_at)),
        Step(_REMEMBER_CONSENT, (*key, consent.granted_at, consent.expires_at)),
        *(Step(_CONSENT_TO, (*key, kind, name)) for kind, name in named),
        *(Step(_CONSENT_TO_CLAIM, (*key, name)) for name in sorted(consent.claims)),
    )
