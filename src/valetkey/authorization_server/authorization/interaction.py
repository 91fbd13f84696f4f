"""What must happen before a request is granted: sign in, consent, or nothing more (OpenID Connect Core, 3.1.2)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.authorization.accounts import (
    accounts_of,
    choose_session,
    is_ambiguous,
    must_choose,
)
from valetkey.authorization_server.authorization.assurance import Missing, acr_request, missing_for
from valetkey.authorization_server.authorization.claims_consent import SHOWN_CLAIMS, claims_to_show
from valetkey.authorization_server.authorization.forwarding import forwarding_of
from valetkey.authorization_server.authorization.granting import (
    Grant,
    finished,
    granted,
    is_identity_assured,
    touched,
)
from valetkey.authorization_server.authorization.request import PageRefusal, Prompt
from valetkey.authorization_server.authorization.response import RedirectError
from valetkey.authorization_server.decision import (
    Changes,
)
from valetkey.authorization_server.model import (
    BrowserId,
    Consent,
    ConsentAnswer,
    ConsentMode,
    Interaction,
    StoredSession,
)
from valetkey.authorization_server.pages import ErrorKind
from valetkey.jose.records import dataclass
from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.types import NumericDate, OpaqueToken

if TYPE_CHECKING:
    from valetkey.authorization_server.authorization.facts import Facts
    from valetkey.authorization_server.authorization.request import VerifiedAuthorizationRequest
    from valetkey.authorization_server.fresh import Fresh
    from valetkey.authorization_server.policy import Policy

INTERACTION_PREFIX: Final = "vk_in_"
_SHOWN: Final = "shown redirect_uri"
"""Stands beside the parameters of an answered request: where the page said that the answer goes."""
_RESTATED: Final = frozenset({"scope", "resource", _SHOWN, SHOWN_CLAIMS})
UNBOUND: Final = BrowserId("")
"""The browser of an interaction that a cross-site POST opened, which brought no cookie: the next GET binds it."""


@dataclass(frozen=True, slots=True)
class NeedLogin:
    """The end-user has to sign in."""


@dataclass(frozen=True, slots=True)
class NeedAccount:
    """The end-user has to say with which of these they go on: one session for each account."""

    sessions: tuple[StoredSession, ...]


@dataclass(frozen=True, slots=True)
class NeedCode:
    """The end-user of `session` has to type a one-time code, and nothing else."""

    session: StoredSession


@dataclass(frozen=True, slots=True)
class NeedConsent:
    """The end-user of `session` has to be asked."""

    session: StoredSession
    changes: Changes


@dataclass(frozen=True, slots=True)
class Deny:
    """The client gets an error."""

    refusal: RedirectError
    changes: Changes


FrontChannelDecision = NeedLogin | NeedAccount | NeedCode | NeedConsent | Grant | Deny


def decide(asked: VerifiedAuthorizationRequest, facts: Facts, policy: Policy, fresh: Fresh) -> FrontChannelDecision:
    """Judge a verified request: pure; the changes of the decision are committed before it is answered."""
    facts = replace(facts, interaction=_about(asked, facts.interaction))
    silent = Prompt.NONE in asked.prompt  # OIDCC-3.1.2.1/prompt-none
    session = choose_session(asked, facts.sessions, facts.interaction)
    if silent and is_ambiguous(asked, facts.sessions):
        return _deny(asked, facts, SEVERAL_ACCOUNTS, policy, fresh)
    if must_choose(asked, facts.sessions, facts.interaction):
        return NeedAccount(accounts_of(facts.sessions))
    if session is None or facts.generations is None or not _is_recent(asked, session, facts.interaction, fresh):
        return _deny(asked, facts, NOBODY_SIGNED_IN, policy, fresh) if silent else NeedLogin()
    if asked.hinted_subject not in {None, session.session.subject}:
        return _deny(asked, facts, ANOTHER_SIGNED_IN, policy, fresh)
    answer = facts.interaction.answer if facts.interaction is not None else None
    if answer is ConsentAnswer.DENIED:
        return _deny(asked, facts, DECLINED, policy, fresh)
    further = _further_proof(asked, facts, session, policy, fresh)
    if further is not None:
        return further
    if answer is None and not _is_consent_given(asked, facts.consent, session, fresh.now):
        return (
            _deny(asked, facts, NOT_ASKED, policy, fresh)
            if silent
            else NeedConsent(session, touched(session, fresh.now))
        )
    # Stamped as the session is, which was judged alive: a bump since it was read loses the commit.
    stamp = replace(session.session.generations, client=facts.generations.client)
    return granted(asked, facts, session, generations=stamp, policy=policy, fresh=fresh)


def _further_proof(
    asked: VerifiedAuthorizationRequest, facts: Facts, session: StoredSession, policy: Policy, fresh: Fresh
) -> NeedLogin | NeedCode | Deny | None:
    """Return what the end-user still has to prove for this request; None where they have proven enough."""
    silent = Prompt.NONE in asked.prompt
    wanted, proven = acr_request(asked), session.session.authentication
    match missing_for(wanted, proven, policy.acr_levels, has_factor=facts.has_second_factor, now=fresh.now):
        case Missing.NOTHING:
            return None
        case Missing.CODE:
            return _deny(asked, facts, CODE_NEEDED, policy, fresh) if silent else NeedCode(session)
        case Missing.PASSWORD:
            return _deny(asked, facts, NOBODY_SIGNED_IN, policy, fresh) if silent else NeedLogin()
        case Missing.UNREACHABLE:
            return _deny(asked, facts, UNREACHABLE_LEVEL, policy, fresh)


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
    shown = [pair for pair in interaction.parameters if pair[0] not in _RESTATED]
    shown.append(("scope", str(asked.scope)))
    shown.append((_SHOWN, asked.to.uri))
    shown.append((SHOWN_CLAIMS, " ".join(claims_to_show(asked, session.end_user))))
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
    ErrorCode.ACCOUNT_SELECTION_REQUIRED, "Several accounts are signed in.", "OIDCC-3.1.2.1/select-account"
)
NOBODY_SIGNED_IN: Final = OAuthError(
    ErrorCode.LOGIN_REQUIRED, "The end-user has to sign in.", "OIDCC-3.1.2.3/silent"
)
ANOTHER_SIGNED_IN: Final = OAuthError(
    ErrorCode.LOGIN_REQUIRED, "Another end-user signed in than was hinted at.", "OIDCC-3.1.2.1/id-token-hint"
)
CODE_NEEDED: Final = OAuthError(
    ErrorCode.INTERACTION_REQUIRED, "The end-user has to type a one-time code.", "OIDCC-3.1.2.6/interaction"
)
UNREACHABLE_LEVEL: Final = OAuthError(
    ErrorCode.UNMET_AUTHENTICATION_REQUIREMENTS,
    "The end-user cannot be authenticated as asked.",
    "OIDCC-5.5.1.1/essential-acr",
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


def _is_recent(
    asked: VerifiedAuthorizationRequest, stored: StoredSession, interaction: Interaction | None, fresh: Fresh
) -> bool:
    if interaction is not None and interaction.authenticated_at is not None:
        return True
    # Only signing in for this very request answers these: a session that was there before cannot, however young.
    if Prompt.LOGIN in asked.prompt or asked.max_age == 0:
        return False  # OIDCC-3.1.2.3/reauthenticate
    return asked.max_age is None or fresh.now - stored.session.authentication.auth_time <= asked.max_age


def _is_consent_given(
    asked: VerifiedAuthorizationRequest, consent: Consent | None, session: StoredSession, now: NumericDate
) -> bool:
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
                and consent.claims.issuperset(claims_to_show(asked, session.end_user))
            )


def _deny(
    asked: VerifiedAuthorizationRequest, facts: Facts, error: OAuthError, policy: Policy, fresh: Fresh
) -> Deny:
    forwarding = forwarding_of(asked.client, asked.parameters, policy)
    refusal = RedirectError(asked.to, error, asked.state, forwarding, asked.client.name, mode=asked.mode)
    return Deny(refusal, finished(facts.interaction, fresh.now))
