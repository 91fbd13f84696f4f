"""What a granted request leads to: an authorization, its code, and what tokens of the front channel say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.authorization.assurance import acr_request, as_asked
from valetkey.authorization_server.authorization.claims_consent import granted_claims
from valetkey.authorization_server.authorization.response_types import Artefact
from valetkey.authorization_server.browser import TOUCH_INTERVAL
from valetkey.authorization_server.claims import beyond_scope
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
from valetkey.authorization_server.policy import SessionBinding
from valetkey.authorization_server.registration import LONGEST_ACCESS_TOKEN
from valetkey.authorization_server.rights import OFFLINE_ACCESS, OPENID
from valetkey.jose.records import dataclass
from valetkey.oauth.types import AuthorizationId, NumericDate, OpaqueToken, Scope, Subject

if TYPE_CHECKING:
    from valetkey.authorization_server.authorization.facts import Facts
    from valetkey.authorization_server.authorization.request import VerifiedAuthorizationRequest
    from valetkey.authorization_server.fresh import Fresh
    from valetkey.authorization_server.policy import Policy
    from valetkey.oauth.redirect_uri import VerifiedRedirect

CODE_PREFIX: Final = "vk_ac_"


@dataclass(frozen=True, slots=True)
class Grant:
    """What was asked for may be handed out once `changes` are committed."""

    code: OpaqueToken | None
    subject: Subject
    changes: Changes
    issue: EndUserIssue
    """What tokens of the front channel say, where the response type asks for any; the endpoint mints them."""


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


def _relies_on_consent(asked: VerifiedAuthorizationRequest, facts: Facts) -> bool:
    was_asked = facts.interaction is not None and facts.interaction.answer is ConsentAnswer.ALLOWED
    return not was_asked and asked.client.consent is ConsentMode.REMEMBER


def granted(
    asked: VerifiedAuthorizationRequest,
    facts: Facts,
    session: StoredSession,
    *,
    generations: Generations,
    policy: Policy,
    fresh: Fresh,
) -> Grant:
    """Return what a request is granted, with the changes that make it good.

    `generations` are those of the session that answered it, with the client's counter of now.
    """
    gives_code = Artefact.CODE in asked.artefacts
    bound = is_bound(asked.scope, policy)
    authorization = Authorization(
        authorization_id=AuthorizationId(fresh.identifier("authorization")),
        client_id=asked.client.client_id,
        subject=session.session.subject,
        scope=asked.scope,
        resources=asked.resources,
        authentication=as_asked(  # RFC9470-5/acr
            session.session.authentication, acr_request(asked), policy.acr_levels, fresh.now
        ),
        generations=generations,
        created_at=fresh.now,
        expires_at=NumericDate(fresh.now + _lifetime(asked, policy, is_bound=bound)),
        sid=session.session.sid,
        bound_to_session=bound,
        nonce=asked.nonce,
        claims=granted_claims(asked, session.end_user, facts.interaction),
    )
    token = fresh.token(CODE_PREFIX, "code")
    code = _code(asked, token, authorization, policy) if gives_code else None
    changes = (
        *finished(facts.interaction, fresh.now),
        GrantAuthorization(authorization, code, relies_on_consent=_relies_on_consent(asked, facts)),
        *_keep(asked.client, authorization, policy, fresh),
        *_remember(asked, facts, authorization, policy),
        *touched(session, fresh.now),
    )
    issue = _front_channel_issue(authorization, policy)
    return Grant(token if gives_code else None, authorization.subject, changes, issue)


def _lifetime(asked: VerifiedAuthorizationRequest, policy: Policy, *, is_bound: bool) -> int:
    """Return how many seconds an authorization lives."""
    if Artefact.CODE in asked.artefacts:
        return policy.authorization_lifetime
    if is_bound and Artefact.ID_TOKEN in asked.artefacts:
        # As long as the session can: until then its client is told that somebody signed out.
        return policy.session_lifetime
    # Without a code nothing can be renewed: what is granted lives as long as a token can.
    return LONGEST_ACCESS_TOKEN


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


def _front_channel_issue(authorization: Authorization, policy: Policy) -> EndUserIssue:
    """Return what tokens say that are handed out in the front channel: for a short time, and never renewed."""
    return EndUserIssue(
        StoredAuthorization(authorization, authorization.generations),
        authorization.scope,
        authorization.resources,
        refresh_token=None,
        id_token_nonce_applies=True,
        changes=(),
        expires_at=NumericDate(authorization.created_at + policy.access_token_lifetime),
    )


def finished(interaction: Interaction | None, now: NumericDate) -> Changes:
    """Return what ends the interaction that led here, where there is one."""
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
    claims = before.claims if before is not None and counts else frozenset[str]()
    consent = Consent(
        subject=granted.subject,
        client_id=granted.client_id,
        scope=Scope(scope | granted.scope),
        resources=tuple(dict.fromkeys((*resources, *granted.resources))),
        granted_at=now,
        expires_at=NumericDate(now + policy.consent_lifetime),
        claims=claims | beyond_scope(granted.claims, granted.scope),
    )
    return (RememberConsent(consent),)


def touched(stored: StoredSession, now: NumericDate) -> Changes:
    """Return what notes that a session was used, where that was not noted just now."""
    session = stored.session
    return (TouchSession(session.sid, now),) if now - session.last_seen_at >= TOUCH_INTERVAL else ()
