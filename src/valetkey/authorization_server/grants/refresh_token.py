"""refresh_token: rotation, detection of reuse, and the identical reply again (OAuth 2.1, 4.3; RFC 9700, 4.14)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Final

import msgspec

from valetkey.authorization_server.browser import TOUCH_INTERVAL, is_live
from valetkey.authorization_server.decision import (
    AddRefreshToken,
    EndUserIssue,
    Refuse,
    Replay,
    RevokeAuthorization,
    RotateRefreshToken,
    TouchSession,
)
from valetkey.authorization_server.grants.grant import invalid_grant, is_alive
from valetkey.authorization_server.model import (
    KeptReply,
    RefreshToken,
    Resource,
    StoredRefreshToken,
    StoredSession,
)
from valetkey.authorization_server.rights import REFRESH_TOKEN, Rights, narrowed
from valetkey.authorization_server.sealing import open_sealed
from valetkey.jose.records import dataclass
from valetkey.oauth.errors import OAuthError
from valetkey.oauth.types import NumericDate, OpaqueToken, Scope

if TYPE_CHECKING:
    from valetkey.authorization_server.decision import Changes, Decision
    from valetkey.authorization_server.fresh import Fresh
    from valetkey.authorization_server.model import Authorization, Client, Confirmation
    from valetkey.authorization_server.policy import Policy
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.parameters import Parameters

PREFIX: Final = "vk_rt_"


@dataclass(frozen=True, slots=True)
class Refresh:
    """What a token request asks for with a refresh token."""

    token: OpaqueToken = field(repr=False)
    scope: Scope | None
    resources: tuple[str, ...]

    def binding(self) -> bytes:
        """Return the digest of what was asked: only the same question gets the kept reply."""
        scope = None if self.scope is None else str(self.scope)
        return hashlib.sha256(msgspec.json.encode((scope, self.resources))).digest()


@dataclass(frozen=True, slots=True)
class RefreshFacts:
    """What decides: the token with its authorization, its session where it is bound to one, the catalogue."""

    found: StoredRefreshToken | None
    session: StoredSession | None
    catalogue: Sequence[Resource]


class RefreshTokenGrant:
    """A refresh token is exchanged for an access token and its own successor (OAuth 2.1, 4.3)."""

    grant_type = REFRESH_TOKEN
    parameters = frozenset({"refresh_token", "scope", "resource"})
    repeatable = frozenset({"resource"})

    def parse(self, form: Parameters) -> Refresh:
        """Return what was asked; raises OAuthError."""
        token = OpaqueToken.presented(form.require("refresh_token", "RFC6749-6/refresh-token"))
        scope = form.get("scope")
        return Refresh(token, None if scope is None else Scope.parse(scope), form.all("resource"))

    async def load(
        self, asked: Refresh, client: Client, server: AuthorizationServer, fresh: Fresh, address: str
    ) -> RefreshFacts:
        """Read the token and, where its authorization dies with a session, that session."""
        del client, fresh, address
        found = await server.stores.refresh_tokens.find(asked.token.digest())
        session = None
        if found is not None:
            authorization = found.stored.authorization
            if authorization.bound_to_session and authorization.sid is not None:
                session = await server.stores.browsers.session(authorization.sid)
        return RefreshFacts(found, session, await server.stores.resources.list())

    def decide(self, asked: Refresh, facts: RefreshFacts, client: Client, policy: Policy, fresh: Fresh) -> Decision:
        """Judge everything that may have ended before any reply is given again."""
        found = facts.found
        if found is None or found.token.client_id != client.client_id:
            return Refuse(
                invalid_grant("The refresh token was not issued to this client.", "RFC6749-6/other-client")
            )
        ended = _ended(facts, found, policy, fresh.now)
        if ended is not None:
            return Refuse(ended)
        reply = _kept_reply(asked, found, fresh.now)
        if found.token.superseded_at is not None and reply is None:
            # Two parties hold the token, and nobody can tell which of them is the client.
            return Refuse(
                invalid_grant("The refresh token was used before.", "RFC9700-4.14.2/reuse"),
                changes=(RevokeAuthorization(found.token.authorization_id, fresh.now),),
            )
        try:
            rights = narrowed(found.stored.authorization, asked.scope, asked.resources, client, facts.catalogue)
        except OAuthError as error:
            return Refuse(error)
        if reply is not None:
            return _again(asked, found, rights, reply)
        successor = fresh.token(PREFIX)  # RFC6749-10.10/entropy
        rotation = RotateRefreshToken(
            found.token.digest,
            link(successor, found.stored.authorization, policy, fresh.now, found.token.confirmation),
            KeptReply(b"", asked.binding(), NumericDate(fresh.now + policy.replay_window)),
            fresh.now,
        )
        return EndUserIssue(
            found.stored,
            rights.scope,
            rights.resources,
            refresh_token=successor,
            id_token_nonce_applies=False,
            changes=(rotation, *_activity(facts.session, fresh.now)),
            keep_reply_under=asked.token,
        )


def first_link(
    authorization: Authorization,
    client: Client,
    policy: Policy,
    fresh: Fresh,
    confirmation: Confirmation | None,
) -> tuple[OpaqueToken | None, Changes]:
    """Return an authorization's first refresh token and what stores it; None for a client that may have none."""
    if REFRESH_TOKEN not in client.grant_types or REFRESH_TOKEN not in policy.grant_types:
        return None, ()
    token = fresh.token(PREFIX)
    return token, (AddRefreshToken(link(token, authorization, policy, fresh.now, confirmation)),)


def link(
    token: OpaqueToken,
    authorization: Authorization,
    policy: Policy,
    now: NumericDate,
    confirmation: Confirmation | None,
) -> RefreshToken:
    """Return the next link of an authorization's chain; it never outlives the authorization."""
    # The chain has the authorization's whole scope, whatever one access token carries: RFC6749-6/same-scope
    return RefreshToken(
        digest=token.digest(),
        authorization_id=authorization.authorization_id,
        client_id=authorization.client_id,
        created_at=now,
        expires_at=min(NumericDate(now + policy.refresh_token_idle_lifetime), authorization.expires_at),
        confirmation=confirmation,
    )


def _ended(facts: RefreshFacts, found: StoredRefreshToken, policy: Policy, now: NumericDate) -> OAuthError | None:
    if not is_alive(found.stored, now):
        return invalid_grant("What the refresh token stands for was revoked.", "RFC6749-5.2/revoked")
    if found.end_user is None or found.end_user.disabled:
        return invalid_grant("The end-user may not sign in any more.", "RFC6749-5.2/end-user")
    if now >= found.token.expires_at:
        return invalid_grant("The refresh token has expired.", "RFC6749-5.2/expired")
    is_bound = found.stored.authorization.bound_to_session
    if is_bound and (facts.session is None or not is_live(facts.session, policy, now)):
        return invalid_grant("The end-user's session has ended.", "OIDCC-11/session")
    return None


def _activity(stored: StoredSession | None, now: NumericDate) -> Changes:
    # A session that refreshes every second is not written every second.
    if stored is None or now - stored.session.last_seen_at < TOUCH_INTERVAL:
        return ()
    return (TouchSession(stored.session.sid, now),)


def _kept_reply(asked: Refresh, found: StoredRefreshToken, now: NumericDate) -> bytes | None:
    """Return what the first use was answered, while it may be given again."""
    kept = found.token.kept_reply
    if found.token.superseded_at is None or kept is None or now >= kept.expires_at:
        return None
    return open_sealed(kept.sealed, asked.token)


def _again(asked: Refresh, found: StoredRefreshToken, rights: Rights, reply: bytes) -> Decision:
    """Give the identical reply to the identical question, and the same successor to another one."""
    if found.token.kept_reply is not None and found.token.kept_reply.binding == asked.binding():
        return Replay(reply)
    successor = msgspec.json.decode(reply, type=dict[str, object])["refresh_token"]
    return EndUserIssue(
        found.stored,
        rights.scope,
        rights.resources,
        refresh_token=OpaqueToken.presented(str(successor)),
        id_token_nonce_applies=False,
        changes=(),
    )
