"""The statements of changes to authorizations, codes, refresh tokens and single-use identifiers."""

from typing import assert_never

from valetkey.adapters.storage.sql.records import confirmation_of, encode
from valetkey.adapters.storage.sql.step import Step
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
from valetkey.authorization_server.model import Authorization, AuthorizationCode, RefreshToken
from valetkey.oauth.types import TenantId, TokenDigest

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

_REDEEM = """
UPDATE codes SET redeemed_at = $3
WHERE tenant = $1 AND digest = $2 AND redeemed_at IS NULL AND expires_at > $3 AND EXISTS (
    SELECT 1 FROM living_authorizations AS a
    WHERE a.tenant = codes.tenant AND a.authorization_id = codes.authorization_id AND a.expires_at > $3
)
RETURNING 1
"""
_SPEND = "UPDATE codes SET redeemed_at = $3 WHERE tenant = $1 AND digest = $2 AND redeemed_at IS NULL"
_SUPERSEDE = """
UPDATE refresh_tokens SET superseded_at = $3
WHERE tenant = $1 AND digest = $2 AND superseded_at IS NULL AND expires_at > $3 AND EXISTS (
    SELECT 1 FROM living_authorizations AS a
    WHERE a.tenant = refresh_tokens.tenant AND a.authorization_id = refresh_tokens.authorization_id
        AND a.expires_at > $3
)
RETURNING 1
"""
_ADD_REFRESH = """
INSERT INTO refresh_tokens (tenant, digest, authorization_id, client_id, created_at, expires_at,
    confirmation_method, confirmation_thumbprint, superseded_at, predecessor)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (tenant, digest) DO NOTHING
"""
_KEEP_REPLY = """
INSERT INTO kept_replies (tenant, digest, sealed, binding, expires_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (tenant, digest) DO NOTHING
"""
_ERASE_REPLY_OF_PREDECESSOR = """
DELETE FROM kept_replies WHERE tenant = $1 AND digest = (
    SELECT predecessor FROM refresh_tokens WHERE tenant = $1 AND digest = $2
)
"""
_BURN = """
INSERT INTO burned_jtis (tenant, scope, digest, expires_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant, scope, digest) DO UPDATE SET expires_at = excluded.expires_at
WHERE burned_jtis.expires_at <= $5
RETURNING 1
"""
_GRANT = """
INSERT INTO authorizations (tenant, authorization_id, client_id, subject, scope, resources, auth_time, acr, amr,
    server_generation, tenant_generation, client_generation, subject_generation, created_at, expires_at, sid,
    bound_to_session, nonce, confirmation_method, confirmation_thumbprint, revoked_at, claims_request)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)
ON CONFLICT (tenant, authorization_id) DO NOTHING
RETURNING 1
"""
# Judged after the insert, so that the one rule of generations stands in the view alone.
_GRANT_STANDS = """
SELECT 1 FROM living_authorizations AS a WHERE a.tenant = $1 AND a.authorization_id = $2 AND (
    a.sid IS NULL
    OR EXISTS (SELECT 1 FROM sessions AS s WHERE s.tenant = a.tenant AND s.sid = a.sid AND s.ended_at IS NULL)
)
"""
_CONSENT_STANDS = """
SELECT 1 FROM consents AS c WHERE c.tenant = $1 AND c.subject = $2 AND c.client_id = $3 AND c.expires_at > $4
"""
_IS_CONSENTED_TO = """
SELECT 1 FROM consented WHERE tenant = $1 AND subject = $2 AND client_id = $3 AND kind = $4 AND name = $5
"""
_IS_CLAIM_CONSENTED_TO = """
SELECT 1 FROM consented_claims WHERE tenant = $1 AND subject = $2 AND client_id = $3 AND name = $4
"""
_ADD_CODE = """
INSERT INTO codes (tenant, digest, authorization_id, client_id, redirect_uri, redirect_uri_was_sent,
    code_challenge, created_at, expires_at, confirmation_method, confirmation_thumbprint, redeemed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (tenant, digest) DO NOTHING
RETURNING 1
"""
_ADD_ACCESS = """
INSERT INTO access_tokens (tenant, digest, claims, expires_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant, digest) DO NOTHING
"""
_REVOKE_ACCESS = """
INSERT INTO revoked_tokens (tenant, digest, expires_at) VALUES ($1, $2, $3)
ON CONFLICT (tenant, digest) DO NOTHING
"""
_REVOKE = """
UPDATE authorizations SET revoked_at = $3 WHERE tenant = $1 AND authorization_id = $2 AND revoked_at IS NULL
"""


def steps(tenant: TenantId, change: TokenChange) -> tuple[Step, ...]:
    """The statements that make the change, in order."""
    match change:
        case RedeemCode(digest, now):
            return (Step(_REDEEM, (tenant, digest, now), must_win=True),)
        case SpendCode(digest, now):
            return (Step(_SPEND, (tenant, digest, now)),)
        case AddRefreshToken(token):
            return (_add(tenant, token, None),)
        case RotateRefreshToken():
            return _rotate(tenant, change)
        case BurnJti(scope, jti, expires_at, now):
            return (Step(_BURN, (tenant, scope, jti, expires_at, now), must_win=True),)
        case GrantAuthorization(authorization, code, relies_on_consent):
            relied_on = _consent(tenant, authorization) if relies_on_consent else ()
            return (*relied_on, *_grant(tenant, authorization, code))
        case RevokeAuthorization(authorization_id, now):
            return (Step(_REVOKE, (tenant, authorization_id, now)),)
        case AddAccessToken(added):
            bindings = (tenant, added.digest, encode(added.claims), added.expires_at)
            return (Step(_ADD_ACCESS, bindings),)
        case RevokeAccessToken(token_id_digest, expires_at):
            return (Step(_REVOKE_ACCESS, (tenant, token_id_digest, expires_at)),)
        case _:
            assert_never(change)


def _rotate(tenant: TenantId, change: RotateRefreshToken) -> tuple[Step, ...]:
    kept = change.kept_reply
    rotation = (
        Step(_SUPERSEDE, (tenant, change.digest, change.now), must_win=True),
        _add(tenant, change.successor, change.digest),
        Step(_ERASE_REPLY_OF_PREDECESSOR, (tenant, change.digest)),
    )
    if kept is None:
        return rotation
    keep = Step(_KEEP_REPLY, (tenant, change.digest, kept.sealed, kept.binding, kept.expires_at))
    return (*rotation, keep)


def _add(tenant: TenantId, token: RefreshToken, predecessor: TokenDigest | None) -> Step:
    return Step(
        _ADD_REFRESH,
        (
            tenant,
            token.digest,
            token.authorization_id,
            token.client_id,
            token.created_at,
            token.expires_at,
            *confirmation_of(token.confirmation),
            token.superseded_at,
            predecessor,
        ),
    )


def _grant(tenant: TenantId, authorization: Authorization, code: AuthorizationCode | None) -> tuple[Step, ...]:
    stamp, authentication = authorization.generations, authorization.authentication
    grant = Step(
        _GRANT,
        (
            tenant,
            authorization.authorization_id,
            authorization.client_id,
            authorization.subject,
            str(authorization.scope),
            encode(authorization.resources),
            authentication.auth_time,
            authentication.acr,
            encode(authentication.amr),
            stamp.server,
            stamp.tenant,
            stamp.client,
            stamp.subject,
            authorization.created_at,
            authorization.expires_at,
            authorization.sid,
            int(authorization.bound_to_session),
            authorization.nonce,
            *confirmation_of(authorization.confirmation),
            authorization.revoked_at,
            encode(asked) if (asked := authorization.claims.as_document()) else None,
        ),
        must_win=True,
    )
    stands = Step(_GRANT_STANDS, (tenant, authorization.authorization_id), must_win=True)
    return (grant, stands) if code is None else (grant, stands, _add_code(tenant, code))


def _consent(tenant: TenantId, authorization: Authorization) -> tuple[Step, ...]:
    key = (tenant, authorization.subject, authorization.client_id)
    named = [("scope", name) for name in sorted(authorization.scope)]
    named += [("resource", name) for name in authorization.resources]
    stands = Step(_CONSENT_STANDS, (*key, authorization.created_at), must_win=True)
    claims = sorted(beyond_scope(authorization.claims, authorization.scope))
    return (
        stands,
        *(Step(_IS_CONSENTED_TO, (*key, *one), must_win=True) for one in named),
        *(Step(_IS_CLAIM_CONSENTED_TO, (*key, name), must_win=True) for name in claims),
    )


def _add_code(tenant: TenantId, code: AuthorizationCode) -> Step:
    return Step(
        _ADD_CODE,
        (
            tenant,
            code.digest,
            code.authorization_id,
            code.client_id,
            code.redirect_uri,
            int(code.redirect_uri_was_sent),
            code.code_challenge,
            code.created_at,
            code.expires_at,
            *confirmation_of(code.confirmation),
            code.redeemed_at,
        ),
        must_win=True,
    )
