"""What the stores ask: one statement, and so one snapshot, for each question of a port."""

# ruff: noqa: S608 - these statements are put together from constants of this file alone.

_CODE = (
    "c.digest, c.authorization_id, c.client_id, c.redirect_uri, c.redirect_uri_was_sent, c.code_challenge, "
    "c.created_at, c.expires_at, c.confirmation_method, c.confirmation_thumbprint, c.redeemed_at"
)
_REFRESH = (
    "r.digest, r.authorization_id, r.client_id, r.created_at, r.expires_at, r.confirmation_method, "
    "r.confirmation_thumbprint, r.superseded_at, k.sealed, k.binding, k.expires_at"
)
AUTHORIZATION = (
    "a.authorization_id, a.client_id, a.subject, a.scope, a.resources, a.auth_time, a.acr, a.amr, "
    "a.server_generation, a.tenant_generation, a.client_generation, a.subject_generation, "
    "a.created_at, a.expires_at, a.sid, a.bound_to_session, a.nonce, a.confirmation_method, "
    "a.confirmation_thumbprint, a.revoked_at, a.current_server, a.current_tenant, a.current_client, "
    "a.current_subject, a.claims_request"
)
_END_USER = "u.subject, u.username, u.password_hash, u.updated_at, u.disabled, u.document"
_SESSION = (
    "s.sid, s.browser_id, s.subject, s.auth_time, s.acr, s.amr, s.server_generation, s.tenant_generation, "
    "s.subject_generation, s.created_at, s.last_seen_at, s.ended_at, s.current_server, s.current_tenant, "
    "s.current_subject"
)
_INTERACTION = (
    "digest, browser_id, client_id, parameters, created_at, expires_at, version, sid, authenticated_at, "
    "answer, finished_at, account_choice"
)
_SIGNING_KEY = "kid, algorithm, public_jwk, sealed_private_jwk, state, created_at, activated_at, retired_at"

CONFIGURATION_VERSION = "SELECT version FROM configurations WHERE tenant = $1"
# A NULL name finds no counter, which counts 0.
GENERATIONS = """
SELECT
    COALESCE((SELECT value FROM generations WHERE tenant = '' AND kind = 'server' AND name = ''), 0),
    COALESCE((SELECT value FROM generations WHERE tenant = $1 AND kind = 'tenant' AND name = ''), 0),
    COALESCE((SELECT value FROM generations WHERE tenant = $1 AND kind = 'client' AND name = $2), 0),
    COALESCE((SELECT value FROM generations WHERE tenant = $1 AND kind = 'subject' AND name = $3), 0)
"""

FIND_TENANT = "SELECT tenant, document FROM tenants WHERE tenant = $1"
LIST_TENANTS = "SELECT tenant, document FROM tenants ORDER BY tenant"
FIND_CLIENT = "SELECT client_id, disabled, document FROM clients WHERE tenant = $1 AND client_id = $2"
LIST_CLIENTS = "SELECT client_id, disabled, document FROM clients WHERE tenant = $1 ORDER BY client_id"
FIND_RESOURCE = "SELECT identifier, document FROM resources WHERE tenant = $1 AND identifier = $2"
LIST_RESOURCES = "SELECT identifier, document FROM resources WHERE tenant = $1 ORDER BY identifier"
LIST_SIGNING_KEYS = f"SELECT {_SIGNING_KEY} FROM signing_keys WHERE tenant = $1 ORDER BY created_at, kid"

FIND_END_USER = f"SELECT {_END_USER} FROM end_users AS u WHERE u.tenant = $1 AND u.subject = $2"
FIND_END_USER_BY_USERNAME = (
    f"SELECT {_END_USER} FROM end_users AS u WHERE u.tenant = $1 AND u.normalised_username = $2"
)
FIND_END_USERS_BY_EMAIL = (
    f"SELECT {_END_USER} FROM end_users AS u WHERE u.tenant = $1 AND u.subject IN "
    "(SELECT e.subject FROM end_user_emails AS e WHERE e.tenant = $1 AND e.normalised_email = $2) "
    "ORDER BY u.subject LIMIT 2"
)
LIST_END_USERS = f"SELECT {_END_USER} FROM end_users AS u WHERE u.tenant = $1 ORDER BY u.subject"

FIND_BROWSER = (
    "SELECT browser_id, handle_digest, csrf_secret, created_at, expires_at FROM browsers "
    "WHERE tenant = $1 AND handle_digest = $2"
)
_STORED_SESSION = (
    f"SELECT {_SESSION}, {_END_USER} FROM sessions_now AS s "
    "JOIN end_users AS u ON u.tenant = s.tenant AND u.subject = s.subject "
)
FIND_SESSION = _STORED_SESSION + "WHERE s.tenant = $1 AND s.sid = $2"
LIST_SESSIONS = (
    _STORED_SESSION + "WHERE s.tenant = $1 AND s.browser_id = $2 AND s.ended_at IS NULL "
    "ORDER BY s.auth_time DESC, s.created_at DESC, s.sid"
)
LIST_SESSIONS_OF_SUBJECT = (
    _STORED_SESSION + "WHERE s.tenant = $1 AND s.subject = $2 AND s.ended_at IS NULL "
    "ORDER BY s.auth_time DESC, s.created_at DESC, s.sid"
)
TIMED_OUT_SESSIONS = (
    # By either lifetime, each by an index of its own: together they would read every session of the tenant.
    "SELECT sid FROM sessions WHERE tenant = $1 AND ended_at IS NULL AND last_seen_at <= $2 UNION "
    "SELECT sid FROM sessions WHERE tenant = $1 AND ended_at IS NULL AND created_at <= $3 ORDER BY sid LIMIT $4"
)
IS_KNOWN_BROWSER = "SELECT 1 FROM known_browsers WHERE tenant = $1 AND browser_id = $2 AND subject = $3"
FIND_INTERACTION = f"SELECT {_INTERACTION} FROM interactions WHERE tenant = $1 AND digest = $2"
FIND_CONSENT = """
SELECT c.granted_at, c.expires_at, n.kind, n.name
FROM consents AS c
LEFT JOIN consented AS n ON n.tenant = c.tenant AND n.subject = c.subject AND n.client_id = c.client_id
WHERE c.tenant = $1 AND c.subject = $2 AND c.client_id = $3
UNION ALL
SELECT c.granted_at, c.expires_at, 'claim', n.name
FROM consents AS c
JOIN consented_claims AS n ON n.tenant = c.tenant AND n.subject = c.subject AND n.client_id = c.client_id
WHERE c.tenant = $1 AND c.subject = $2 AND c.client_id = $3
ORDER BY 3, 4
"""
LIST_CONSENTS = """
SELECT c.granted_at, c.expires_at, n.kind, n.name, c.client_id
FROM consents AS c
LEFT JOIN consented AS n ON n.tenant = c.tenant AND n.subject = c.subject AND n.client_id = c.client_id
WHERE c.tenant = $1 AND c.subject = $2
UNION ALL
SELECT c.granted_at, c.expires_at, 'claim', n.name, c.client_id
FROM consents AS c
JOIN consented_claims AS n ON n.tenant = c.tenant AND n.subject = c.subject AND n.client_id = c.client_id
WHERE c.tenant = $1 AND c.subject = $2
ORDER BY 5, 3, 4
"""

FIND_AUTHORIZATION = (
    f"SELECT {AUTHORIZATION} FROM authorizations_now AS a WHERE a.tenant = $1 AND a.authorization_id = $2"
)
LIST_AUTHORIZATIONS = (
    f"SELECT {AUTHORIZATION} FROM authorizations_now AS a "
    "WHERE a.tenant = $1 AND a.subject = $2 AND a.revoked_at IS NULL ORDER BY a.created_at, a.authorization_id"
)
SIGNED_IN_BY_SESSION = (
    # Each client once for each of its authorizations: sorted here, all of the tenant's would be read.
    "SELECT client_id FROM authorizations WHERE tenant = $1 AND subject = $2 AND sid = $3 "
    "AND ' ' || scope || ' ' LIKE '% openid %'"
)
FIND_CODE = (
    f"SELECT {AUTHORIZATION}, {_CODE} FROM codes AS c "
    "JOIN authorizations_now AS a ON a.tenant = c.tenant AND a.authorization_id = c.authorization_id "
    "WHERE c.tenant = $1 AND c.digest = $2"
)
FIND_REFRESH = (
    f"SELECT {AUTHORIZATION}, {_REFRESH}, {_END_USER} FROM refresh_tokens AS r "
    "JOIN authorizations_now AS a ON a.tenant = r.tenant AND a.authorization_id = r.authorization_id "
    "LEFT JOIN kept_replies AS k ON k.tenant = r.tenant AND k.digest = r.digest "
    "LEFT JOIN end_users AS u ON u.tenant = a.tenant AND u.subject = a.subject "
    "WHERE r.tenant = $1 AND r.digest = $2"
)
FIND_ACCESS = "SELECT digest, claims, expires_at FROM access_tokens WHERE tenant = $1 AND digest = $2"
IS_REVOKED = "SELECT 1 FROM revoked_tokens WHERE tenant = $1 AND digest = $2"
IS_BURNED = "SELECT 1 FROM burned_jtis WHERE tenant = $1 AND scope = $2 AND digest = $3 AND expires_at > $4"
ATTEMPTS_FULL_AT = "SELECT full_at FROM attempts WHERE tenant = $1 AND name = $2"
