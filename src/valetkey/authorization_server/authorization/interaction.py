"""What must happen before a request is granted: sign in, consent, or nothing more (OpenID Connect Core, 3.1.2)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.authorization.forwarding import forwarding_of
from valetkey.authorization_server.authorization.request import PageRefusal, Prompt
from valetkey.authorization_server.authorization.response import RedirectError
from valetkey.authorization_server.authorization.response_types import Artefact
from valetkey.authorization_server.browser import TOUCH_INTERVAL
from valetkey.authorization_server.cors import origin_of
from valetkey.authorization_server.decision import (
    Changes,
    EndUserIssue,
    FinishInteraction,
    GrantAuthorization,
    KeepRegistration,
    RememberConsent,
    TouchSession,
)
from valetkey.authorization_server.model import (
    Authorization,
    AuthorizationCode,
    BrowserId,
    Client,
    Consent,
    ConsentAnswer,
    ConsentMode,
    Generations,
    Interaction,
    ManagedBy,
    StoredAuthorization,
    StoredSession,
)
from valetkey.authorization_server.pages import ErrorKind
from valetkey.authorization_server.policy import SessionBinding
from valetkey.authorization_server.registration import LONGEST_ACCESS_TOKEN
from valetkey.authorization_server.rights import OFFLINE_ACCESS, OPENID
from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.types import AuthorizationId, NumericDate, OpaqueToken, Scope, Subject

if TYPE_CHECKING:
    from valetkey.authorization_server.authorization.request import VerifiedAuthorizationRequest
    from valetkey.authorization_server.fresh import Fresh
    from valetkey.authorization_server.policy import Policy
    from valetkey.oauth.redirect_uri import VerifiedRedirect

CODE_PREFIX: Final = "vk_ac_"
INTERACTION_PREFIX: Final = "vk_in_"
_SHOWN: Final = "shown redirect_uri"
"""Stands beside the parameters of an answered request: where the page said that the answer goes."""
UNBOUND: Final = BrowserId("")
"""The browser of an interaction that a cross-site POST opened, which brought no cookie: the next GET binds it."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known when a request is judged.

    `sessions` are the live ones of this browser, newest sign-in first; `consent` and `generations` belong to the
    end-user of the chosen session, and are None while there is none.
    """

    sessions: tuple[StoredSession, ...]
    interaction: Interaction | None
    consent: Consent | None = None
    generations: Generations | None = None


@dataclass(frozen=True, slots=True)
class NeedLogin:
    """The end-user has to sign in."""


@dataclass(frozen=True, slots=True)
class NeedConsent:
    """The end-user of `session` has to be asked."""

    session: StoredSession
    changes: Changes


@dataclass(frozen=True, slots=True)
class Grant:
    """What was asked for may be handed out once `changes` are committed: a code, an access token, or both."""

    code: OpaqueToken | None
    subject: Subject
    changes: Changes
    token: EndUserIssue | None = None
    """What an access token of the front channel says; the endpoint mints it."""


@dataclass(frozen=True, slots=True)
class Deny:
    """The client gets an error."""

    refusal: RedirectError
    changes: Changes


FrontChannelDecision = NeedLogin | NeedConsent | Grant | Deny


def choose_session(
    asked: VerifiedAuthorizationRequest, sessions: tuple[StoredSession, ...], interaction: Interaction | None
) -> StoredSession | None:
    """Return the session that the request is about: the one that answered it, else the newest that is hinted at."""
    if interaction is not None and interaction.sid is not None:
        return next((stored for stored in sessions if stored.session.sid == interaction.sid), None)
    hinted = asked.hinted_subject
    return next((stored for stored in sessions if hinted in {None, stored.session.subject}), None)


def decide(asked: VerifiedAuthorizationRequest, facts: Facts, policy: Policy, fresh: Fresh) -> FrontChannelDecision:
    """Judge a verified request: pure; the changes of the decision are committed before it is answered."""
    facts = replace(facts, interaction=_about(asked, facts.interaction))
    silent = Prompt.NONE in asked.prompt  # OIDCC-3.1.2.1/prompt-none
    session = choose_session(asked, facts.sessions, facts.interaction)
    if silent and _is_ambiguous(asked, facts):
        return _deny(asked, facts, SEVERAL_ACCOUNTS, policy, fresh)
    if session is None or facts.generations is None or not _is_recent(asked, session, facts.interaction, fresh):
        return _deny(asked, facts, NOBODY_SIGNED_IN, policy, fresh) if silent else NeedLogin()
    if asked.hinted_subject not in {None, session.session.subject}:
        return _deny(asked, facts, ANOTHER_SIGNED_IN, policy, fresh)
    answer = facts.interaction.answer if facts.interaction is not None else None
    if answer is ConsentAnswer.DENIED:
        return _deny(asked, facts, DECLINED, policy, fresh)
    if answer is None and not _is_consent_given(asked, facts.consent, fresh.now):
        return (
            _deny(asked, facts, NOT_ASKED, policy, fresh)
            if silent
            else NeedConsent(session, _touch(session, fresh.now))
        )
    # Stamped as the session is, which was judged alive: a bump since it was read loses the commit.
    stamp = replace(session.session.generations, client=facts.generations.client)
    return _grant(asked, facts, session, generations=stamp, policy=policy, fresh=fresh)


def is_bound(scope: Scope, policy: Policy) -> bool:
    """Say whether what is granted with `scope` dies with the browser's session."""
    match policy.session_binding:
        case SessionBinding.BOUND_UNLESS_OFFLINE:
            return OPENID in scope and OFFLINE_ACCESS not in scope


def is_identity_assured(client: Client, to: VerifiedRedirect) -> bool:
    """Say whether only this client can receive what is sent there, so that nobody need be asked (RFC 8252, 8.6)."""
    vouched_for = to.is_loopback and client.managed_by is ManagedBy.FILE
    if client.is_unverified:
        # Who was shown one of a stranger's sites has not allowed that the others are answered unasked.
        has_one_site = len({origin_of(uri) for uri in client.redirect_uris}) == 1
        return to.is_https and not client.is_public and has_one_site
    return not client.is_public or to.is_https or vouched_for


def is_remembered(client: Client, to: VerifiedRedirect) -> bool:
    """Say whether the end-user's answer spares them the next question."""
    return client.consent is ConsentMode.REMEMBER and is_identity_assured(client, to)


def opened(
    asked: VerifiedAuthorizationRequest, browser_id: BrowserId, policy: Policy, fresh: Fresh
) -> tuple[Interaction, OpaqueToken]:
    """Return a new interaction of a browser, with the handle that its pages carry."""
    token = fresh.token(INTERACTION_PREFIX, "interaction")
    interaction = Interaction(
        digest=token.digest(),
        browser_id=browser_id,
        client_id=asked.client.client_id,
        parameters=asked.parameters.as_pairs(),
        created_at=fresh.now,
        expires_at=NumericDate(fresh.now + policy.interaction_lifetime),
    )
    return interaction, token


def answered(
    asked: VerifiedAuthorizationRequest, interaction: Interaction, session: StoredSession, answer: ConsentAnswer
) -> Interaction:
    """Return the interaction with its end-user's answer, narrowed to exactly what the page showed."""
    shown = [pair for pair in interaction.parameters if pair[0] not in {"scope", "resource", _SHOWN}]
    shown.append(("scope", str(asked.scope)))
    shown.append((_SHOWN, asked.to.uri))
    shown.extend(("resource", resource) for resource in asked.resources)
    return replace(
        interaction,
        version=interaction.version + 1,
        parameters=tuple(shown),
        sid=session.session.sid,
        answer=answer,
    )


def open_interaction(
    interaction: Interaction | None, browser_id: BrowserId | None, now: NumericDate
) -> Interaction:
    """Return the stored interaction if this browser may go on with it; raises PageRefusal."""
    if interaction is None:
        raise _page(ErrorKind.INTERACTION_EXPIRED, "The request is unknown: it may have expired.")
    if interaction.browser_id not in {browser_id, UNBOUND}:
        raise other_browser()
    if interaction.finished_at is not None:
        raise _page(ErrorKind.INTERACTION_FINISHED, "The request was completed before.")
    if now >= interaction.expires_at:
        raise _page(ErrorKind.INTERACTION_EXPIRED, "The request has expired.")
    return interaction


def other_browser() -> PageRefusal:
    """Return the refusal of a browser that did not begin the request."""
    return _page(ErrorKind.OTHER_BROWSER, "The request was begun in another browser.", status=403)


def _page(kind: ErrorKind, description: str, status: int = 400) -> PageRefusal:
    return PageRefusal(kind, OAuthError(ErrorCode.INVALID_REQUEST, description, "RFC6749-10.12/csrf"), status)


SEVERAL_ACCOUNTS: Final = OAuthError(
    ErrorCode.ACCOUNT_SELECTION_REQUIRED, "Several accounts are signed in.", "OIDCC-3.1.2.3/silent"
)
NOBODY_SIGNED_IN: Final = OAuthError(
    ErrorCode.LOGIN_REQUIRED, "The end-user has to sign in.", "OIDCC-3.1.2.3/silent"
)
ANOTHER_SIGNED_IN: Final = OAuthError(
    ErrorCode.LOGIN_REQUIRED, "Another end-user signed in than was hinted at.", "OIDCC-3.1.2.1/id-token-hint"
)
NOT_ASKED: Final = OAuthError(ErrorCode.CONSENT_REQUIRED, "The end-user has to be asked.", "OIDCC-3.1.2.1/consent")
DECLINED: Final = OAuthError(ErrorCode.ACCESS_DENIED, "The end-user declined.", "RFC6749-4.1.2.1/error")


def _about(asked: VerifiedAuthorizationRequest, interaction: Interaction | None) -> Interaction | None:
    """Return the interaction, without an answer that was given about another redirect URI.

    A request that names none means its client's only one, and that can be replaced while the end-user decides.
    """
    if interaction is None or interaction.answer is None:
        return interaction
    is_same = dict(interaction.parameters).get(_SHOWN, asked.to.uri) == asked.to.uri
    return interaction if is_same else replace(interaction, answer=None)


def _is_ambiguous(asked: VerifiedAuthorizationRequest, facts: Facts) -> bool:
    return asked.hinted_subject is None and len({stored.session.subject for stored in facts.sessions}) > 1


def _is_recent(
    asked: VerifiedAuthorizationRequest, stored: StoredSession, interaction: Interaction | None, fresh: Fresh
) -> bool:
    if interaction is not None and interaction.authenticated_at is not None:
        return True
    # Only signing in for this very request answers these: a session that was there before cannot, however young.
    if not asked.prompt.isdisjoint({Prompt.LOGIN, Prompt.SELECT_ACCOUNT}) or asked.max_age == 0:
        return False  # OIDCC-3.1.2.3/reauthenticate
    return asked.max_age is None or fresh.now - stored.session.authentication.auth_time <= asked.max_age


def _is_consent_given(asked: VerifiedAuthorizationRequest, consent: Consent | None, now: NumericDate) -> bool:
    client = asked.client
    if Prompt.CONSENT in asked.prompt or not is_identity_assured(client, asked.to):
        return False
    match client.consent:
        case ConsentMode.FIRST_PARTY:
            return True
        case ConsentMode.ASK:
            return False
        case ConsentMode.REMEMBER:
            return (
                consent is not None
                and now < consent.expires_at
                and asked.scope <= consent.scope
                and set(asked.resources) <= set(consent.resources)
            )


def _relies_on_consent(asked: VerifiedAuthorizationRequest, facts: Facts) -> bool:
    was_asked = facts.interaction is not None and facts.interaction.answer is ConsentAnswer.ALLOWED
    return not was_asked and asked.client.consent is ConsentMode.REMEMBER


def _grant(
    asked: VerifiedAuthorizationRequest,
    facts: Facts,
    session: StoredSession,
    *,
    generations: Generations,
    policy: Policy,
    fresh: Fresh,
) -> Grant:
    gives_code = Artefact.CODE in asked.artefacts
    # Without a code nothing can be renewed: what is granted lives as long as a token can.
    lifetime = policy.authorization_lifetime if gives_code else LONGEST_ACCESS_TOKEN
    authorization = Authorization(
        authorization_id=AuthorizationId(fresh.identifier("authorization")),
        client_id=asked.client.client_id,
        subject=session.session.subject,
        scope=asked.scope,
        resources=asked.resources,
        authentication=session.session.authentication,
        generations=generations,
        created_at=fresh.now,
        expires_at=NumericDate(fresh.now + lifetime),
        sid=session.session.sid,
        bound_to_session=is_bound(asked.scope, policy),
        nonce=asked.nonce,
    )
    token = fresh.token(CODE_PREFIX, "code")
    code = _code(asked, token, authorization, policy) if gives_code else None
    changes = (
        *_finish(facts.interaction, fresh.now),
        GrantAuthorization(authorization, code, relies_on_consent=_relies_on_consent(asked, facts)),
        *_keep(asked.client, authorization, policy, fresh),
        *_remember(asked, facts, authorization, policy),
        *_touch(session, fresh.now),
    )
    issue = _token_issue(authorization, policy) if Artefact.ACCESS_TOKEN in asked.artefacts else None
    return Grant(token if gives_code else None, authorization.subject, changes, issue)


def _code(
    asked: VerifiedAuthorizationRequest, token: OpaqueToken, authorization: Authorization, policy: Policy
) -> AuthorizationCode:
    return AuthorizationCode(
        digest=token.digest(),
        authorization_id=authorization.authorization_id,
        client_id=authorization.client_id,
        redirect_uri=asked.to.uri,
        redirect_uri_was_sent=asked.redirect_uri_was_sent,
        code_challenge=asked.code_challenge,  # RFC7636-4.4
        created_at=authorization.created_at,
        expires_at=NumericDate(authorization.created_at + policy.code_lifetime),
    )


def _token_issue(authorization: Authorization, policy: Policy) -> EndUserIssue:
    """Return what a token says that is handed out in the front channel: for a short time, and never renewed."""
    return EndUserIssue(
        StoredAuthorization(authorization, authorization.generations),
        authorization.scope,
        authorization.resources,
        refresh_token=None,
        id_token_nonce_applies=False,
        changes=(),
        expires_at=NumericDate(authorization.created_at + policy.access_token_lifetime),
    )


def _deny(
    asked: VerifiedAuthorizationRequest, facts: Facts, error: OAuthError, policy: Policy, fresh: Fresh
) -> Deny:
    forwarding = forwarding_of(asked.client, asked.parameters, policy)
    refusal = RedirectError(asked.to, error, asked.state, forwarding, asked.client.name, mode=asked.mode)
    return Deny(refusal, _finish(facts.interaction, fresh.now))


def _finish(interaction: Interaction | None, now: NumericDate) -> Changes:
    return () if interaction is None else (FinishInteraction(interaction.digest, now),)


def _keep(client: Client, granted: Authorization, policy: Policy, fresh: Fresh) -> Changes:
    # It outlives all that hangs off the authorization, and is purged some time after its last one.
    if client.registration is None:
        return ()
    until = NumericDate(max(granted.expires_at, fresh.now + policy.registration_lifetime))
    return (KeepRegistration(client.client_id, until, fresh.now),)


def _remember(asked: VerifiedAuthorizationRequest, facts: Facts, granted: Authorization, policy: Policy) -> Changes:
    interaction, before, now = facts.interaction, facts.consent, granted.created_at
    was_asked = interaction is not None and interaction.answer is ConsentAnswer.ALLOWED
    if not was_asked or not is_remembered(asked.client, asked.to):
        return ()
    counts = before is not None and now < before.expires_at
    scope, resources = (before.scope, before.resources) if before is not None and counts else (Scope(), ())
    consent = Consent(
        subject=granted.subject,
        client_id=granted.client_id,
        scope=Scope(scope | granted.scope),
        resources=tuple(dict.fromkeys((*resources, *granted.resources))),
        granted_at=now,
        expires_at=NumericDate(now + policy.consent_lifetime),
    )
    return (RememberConsent(consent),)


def _touch(stored: StoredSession, now: NumericDate) -> Changes:
    session = stored.session
    return (TouchSession(session.sid, now),) if now - session.last_seen_at >= TOUCH_INTERVAL else ()
