"""What must happen before a device gets what it asks for: sign in, answer, or nothing more (RFC 8628, 3.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from valetkey.authorization_server.authorization.granting import is_bound
from valetkey.authorization_server.authorization.interaction import NeedLogin
from valetkey.authorization_server.browser import TOUCH_INTERVAL
from valetkey.authorization_server.decision import (
    AdvanceInteraction,
    ApproveDeviceCode,
    DenyDeviceCode,
    GrantAuthorization,
    TouchSession,
)
from valetkey.authorization_server.device.codes import StoredDeviceCode
from valetkey.authorization_server.grants.device_code import DEVICE_CODE
from valetkey.authorization_server.model import (
    Authorization,
    Client,
    ConsentAnswer,
    Interaction,
    Resource,
    StoredSession,
)
from valetkey.authorization_server.rights import Rights, rights_for
from valetkey.jose.records import dataclass
from valetkey.oauth.errors import OAuthError
from valetkey.oauth.types import AuthorizationId, NumericDate

if TYPE_CHECKING:
    from valetkey.authorization_server.decision import Changes
    from valetkey.authorization_server.fresh import Fresh
    from valetkey.authorization_server.policy import Policy


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """What is known when a visit is judged; `sessions` are the live ones of its browser, newest sign-in first."""

    interaction: Interaction
    found: StoredDeviceCode | None
    client: Client | None
    sessions: tuple[StoredSession, ...]
    catalogue: Sequence[Resource]


@dataclass(frozen=True, slots=True)
class Gone:
    """The code can be answered no longer: it expired, was answered, or its client may not have it any more."""


@dataclass(frozen=True, slots=True)
class NeedAnswer:
    """The end-user of `session` has to say whether `client` gets `rights`; nothing of theirs answers for them."""

    session: StoredSession
    code: StoredDeviceCode
    client: Client
    rights: Rights


DeviceDecision = NeedLogin | NeedAnswer | Gone


def decide(asked: DeviceRequest, policy: Policy, now: NumericDate) -> DeviceDecision:
    """Judge a visit by the configuration of now; `policy` is the client's. Pure."""
    found, client = asked.found, asked.client
    if found is None or client is None or not found.is_pending(now):
        return Gone()
    if client.disabled or DEVICE_CODE not in client.grant_types or DEVICE_CODE not in policy.grant_types:
        return Gone()
    code = found.code
    try:
        rights = rights_for(code.scope, code.resources, client, asked.catalogue, policy)
    except OAuthError:
        return Gone()
    session = _chosen(asked)
    return NeedLogin() if session is None else NeedAnswer(session, found, client, rights)


def allowed(interaction: Interaction, asked: NeedAnswer, policy: Policy, fresh: Fresh) -> Changes:
    """Return what an end-user's yes changes: exactly what the page named is granted."""
    session, code = asked.session.session, asked.code.code
    # Stamped as the session and the code are, which were judged alive: a bump since then loses the commit.
    stamp = replace(session.generations, client=code.generations.client)
    authorization = Authorization(
        authorization_id=AuthorizationId(fresh.identifier("authorization")),
        client_id=asked.client.client_id,
        subject=session.subject,
        scope=asked.rights.scope,
        resources=asked.rights.resources,
        authentication=session.authentication,
        generations=stamp,
        created_at=fresh.now,
        expires_at=NumericDate(fresh.now + policy.authorization_lifetime),
        sid=session.sid,
        bound_to_session=is_bound(asked.rights.scope, policy),
    )
    return (
        AdvanceInteraction(_answered(interaction, asked, ConsentAnswer.ALLOWED, fresh.now)),
        ApproveDeviceCode(code.digest, authorization.authorization_id, fresh.now),
        GrantAuthorization(authorization, None),
        *_touch(asked.session, fresh.now),
    )


def denied(interaction: Interaction, asked: NeedAnswer, now: NumericDate) -> Changes:
    """Return what an end-user's no changes."""
    return (
        AdvanceInteraction(_answered(interaction, asked, ConsentAnswer.DENIED, now)),
        DenyDeviceCode(asked.code.code.digest, now, asked.session.session.subject, asked.client.client_id),
    )


def _chosen(asked: DeviceRequest) -> StoredSession | None:
    sid = asked.interaction.sid
    return next((stored for stored in asked.sessions if sid in {None, stored.session.sid}), None)


def _answered(interaction: Interaction, asked: NeedAnswer, answer: ConsentAnswer, now: NumericDate) -> Interaction:
    return replace(
        interaction,
        version=interaction.version + 1,
        sid=asked.session.session.sid,
        answer=answer,
        finished_at=now,
    )


def _touch(stored: StoredSession, now: NumericDate) -> Changes:
    session = stored.session
    return (TouchSession(session.sid, now),) if now - session.last_seen_at >= TOUCH_INTERVAL else ()
