"""Changes to authorizations, codes, refresh tokens and single-use identifiers, in memory."""

from dataclasses import replace
from typing import assert_never

from valetkey.adapters.storage.memory.state import State
from valetkey.authorization_server.claims import beyond_scope
from valetkey.authorization_server.decision import (
    AddAccessToken,
    AddRefreshToken,
    BurnJti,
    GrantAuthorization,
    RedeemCode,
    RevokeAccessToken,
    RevokeAuthorization,
    RotateRefreshToken,
    SpendCode,
)
from valetkey.authorization_server.model import Authorization, Standing, StoredAuthorization
from valetkey.oauth.types import AuthorizationId, NumericDate, TenantId

TokenChange = (
    RedeemCode
    | SpendCode
    | AddRefreshToken
    | RotateRefreshToken
    | BurnJti
    | GrantAuthorization
    | RevokeAuthorization
    | AddAccessToken
    | RevokeAccessToken
)


def stored(state: State, tenant: TenantId, authorization_id: AuthorizationId) -> StoredAuthorization | None:
    """The authorization of that id with the counters of now."""
    authorization = state.authorizations.get(tenant, authorization_id)
    if authorization is None:
        return None
    current = state.current(tenant, authorization.client_id, authorization.subject)
    return StoredAuthorization(authorization, current)


def apply(state: State, tenant: TenantId, change: TokenChange) -> bool:  # noqa: C901, PLR0912 - a case for each member
    """Makes the change; False where it must win and has lost."""
    match change:
        case RedeemCode():
            return _redeem(state, tenant, change)
        case SpendCode(digest, now):
            code = state.codes.get(tenant, digest)
            if code is not None and code.redeemed_at is None:
                state.codes.put(tenant, digest, replace(code, redeemed_at=now))
        case AddRefreshToken(token):
            if state.refresh_tokens.get(tenant, token.digest) is None:
                state.refresh_tokens.put(tenant, token.digest, token)
        case RotateRefreshToken():
            return _rotate(state, tenant, change)
        case BurnJti(scope, jti, expires_at, now):
            burned_until = state.burned_jtis.get(tenant, (scope, jti))
            if burned_until is not None and burned_until > now:
                return False
            state.burned_jtis.put(tenant, (scope, jti), expires_at)
        case GrantAuthorization():
            return _grant(state, tenant, change)
        case RevokeAuthorization(authorization_id, now):
            authorization = state.authorizations.get(tenant, authorization_id)
            if authorization is not None and authorization.revoked_at is None:
                state.authorizations.put(tenant, authorization_id, replace(authorization, revoked_at=now))
        case AddAccessToken(added):
            if state.access_tokens.get(tenant, added.digest) is None:
                state.access_tokens.put(tenant, added.digest, added)
        case RevokeAccessToken(token_id_digest, revoked_until):
            if state.revoked_tokens.get(tenant, token_id_digest) is None:
                state.revoked_tokens.put(tenant, token_id_digest, revoked_until)
        case _:
            assert_never(change)
    return True


def _redeem(state: State, tenant: TenantId, change: RedeemCode) -> bool:
    code = state.codes.get(tenant, change.digest)
    if code is None or code.redeemed_at is not None or code.expires_at <= change.now:
        return False
    state.codes.put(tenant, change.digest, replace(code, redeemed_at=change.now))
    return is_alive(state, tenant, code.authorization_id, change.now)


def _rotate(state: State, tenant: TenantId, change: RotateRefreshToken) -> bool:
    token, successor = state.refresh_tokens.get(tenant, change.digest), change.successor
    if token is None or token.superseded_at is not None or token.expires_at <= change.now:
        return False
    superseded = replace(token, superseded_at=change.now, kept_reply=change.kept_reply)
    state.refresh_tokens.put(tenant, change.digest, superseded)
    state.refresh_tokens.put(tenant, successor.digest, successor)
    state.predecessors.put(tenant, successor.digest, change.digest)
    digest = state.predecessors.get(tenant, change.digest)
    predecessor = None if digest is None else state.refresh_tokens.get(tenant, digest)
    if predecessor is not None:
        state.refresh_tokens.put(tenant, predecessor.digest, replace(predecessor, kept_reply=None))
    return is_alive(state, tenant, token.authorization_id, change.now)


def _grant(state: State, tenant: TenantId, change: GrantAuthorization) -> bool:
    authorization, code = change.authorization, change.code
    if state.authorizations.get(tenant, authorization.authorization_id) is not None:
        return False
    current = state.current(tenant, authorization.client_id, authorization.subject)
    if authorization.revoked_at is not None or authorization.generations.is_older_than(current):
        return False
    if change.relies_on_consent and not _is_consented_to(state, tenant, authorization):
        return False
    if authorization.sid is not None:
        session = state.sessions.get(tenant, authorization.sid)
        if session is None or session.ended_at is not None:
            return False
    if code is not None and state.codes.get(tenant, code.digest) is not None:
        return False
    state.authorizations.put(tenant, authorization.authorization_id, authorization)
    if code is not None:
        state.codes.put(tenant, code.digest, code)
    return True


def _is_consented_to(state: State, tenant: TenantId, authorization: Authorization) -> bool:
    consent = state.consents.get(tenant, (authorization.subject, authorization.client_id))
    return (
        consent is not None
        and consent.expires_at > authorization.created_at
        and authorization.scope <= consent.scope
        and set(authorization.resources) <= set(consent.resources)
        and beyond_scope(authorization.claims, authorization.scope) <= consent.claims
    )


def is_alive(state: State, tenant: TenantId, authorization_id: AuthorizationId, now: NumericDate) -> bool:
    """Whether what hangs off the authorization may still be honoured."""
    found = stored(state, tenant, authorization_id)
    return found is not None and found.standing(now) is Standing.ALIVE
