-- works with: 1

-- Where a table has a second index, the tenant stands last in its primary key: SQLite, which knows nothing of how
-- the rows are spread, would else read all rows of a tenant by that key instead of the few by the index.

-- Counters that stamp whatever is minted. An absent row counts 0. The one of the whole server has no tenant.
CREATE TABLE generations (
    tenant TEXT   NOT NULL,
    kind   TEXT   NOT NULL CHECK (kind IN ('server', 'tenant', 'client', 'subject')),
    name   TEXT   NOT NULL,
    value  BIGINT NOT NULL,
    PRIMARY KEY (tenant, kind, name)
) /* sqlite: STRICT, WITHOUT ROWID */;

-- Bumped by every change of configuration; the row without a tenant stands for the list of tenants.
CREATE TABLE configurations (
    tenant   TEXT   NOT NULL PRIMARY KEY,
    version  BIGINT NOT NULL
) /* sqlite: STRICT, WITHOUT ROWID */;

CREATE TABLE provisionings (
    tenant   TEXT   NOT NULL PRIMARY KEY,
    revision BIGINT NOT NULL
) /* sqlite: STRICT, WITHOUT ROWID */;

CREATE TABLE tenants (
    tenant   TEXT NOT NULL PRIMARY KEY,
    document TEXT NOT NULL
) /* sqlite: STRICT */;

CREATE TABLE clients (
    tenant    TEXT   NOT NULL,
    client_id TEXT   NOT NULL,
    disabled  BIGINT NOT NULL,
    document  TEXT   NOT NULL,
    PRIMARY KEY (tenant, client_id)
) /* sqlite: STRICT */;

CREATE TABLE resources (
    tenant     TEXT NOT NULL,
    identifier TEXT NOT NULL,
    document   TEXT NOT NULL,
    PRIMARY KEY (tenant, identifier)
) /* sqlite: STRICT */;

CREATE TABLE signing_keys (
    tenant             TEXT   NOT NULL,
    kid                TEXT   NOT NULL,
    algorithm          TEXT   NOT NULL,
    public_jwk         TEXT   NOT NULL,
    sealed_private_jwk BYTEA  NOT NULL,
    state              TEXT   NOT NULL CHECK (state IN ('announced', 'active', 'retired')),
    created_at         BIGINT NOT NULL,
    PRIMARY KEY (tenant, kid)
) /* sqlite: STRICT */;
CREATE UNIQUE INDEX signing_keys_active ON signing_keys (tenant, algorithm) WHERE state = 'active';

CREATE TABLE end_users (
    tenant              TEXT   NOT NULL,
    subject             TEXT   NOT NULL,
    username            TEXT   NOT NULL,
    normalised_username TEXT   NOT NULL,
    password_hash       TEXT,
    disabled            BIGINT NOT NULL,
    updated_at          BIGINT NOT NULL,
    document            TEXT   NOT NULL,
    PRIMARY KEY (tenant, subject)
) /* sqlite: STRICT */;
CREATE UNIQUE INDEX end_users_by_username ON end_users (tenant, normalised_username);

CREATE TABLE browsers (
    tenant        TEXT   NOT NULL,
    browser_id    TEXT   NOT NULL,
    handle_digest BYTEA  NOT NULL,
    csrf_secret   BYTEA  NOT NULL,
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,
    PRIMARY KEY (tenant, browser_id)
) /* sqlite: STRICT, WITHOUT ROWID */;
CREATE UNIQUE INDEX browsers_by_handle ON browsers (tenant, handle_digest);
CREATE INDEX browsers_expired ON browsers (expires_at);

-- Who ever signed in with a browser; it outlives the sessions.
CREATE TABLE known_browsers (
    tenant     TEXT NOT NULL,
    browser_id TEXT NOT NULL,
    subject    TEXT NOT NULL,
    PRIMARY KEY (browser_id, subject, tenant)
) /* sqlite: STRICT, WITHOUT ROWID */;
CREATE INDEX known_browsers_by_subject ON known_browsers (subject, tenant);

CREATE TABLE sessions (
    tenant             TEXT   NOT NULL,
    sid                TEXT   NOT NULL,
    browser_id         TEXT   NOT NULL,
    subject            TEXT   NOT NULL,
    auth_time          BIGINT NOT NULL,
    acr                TEXT   NOT NULL,
    amr                TEXT   NOT NULL,
    server_generation  BIGINT NOT NULL,
    tenant_generation  BIGINT NOT NULL,
    subject_generation BIGINT NOT NULL,
    created_at         BIGINT NOT NULL,
    last_seen_at       BIGINT NOT NULL,
    ended_at           BIGINT,
    PRIMARY KEY (sid, tenant)
) /* sqlite: STRICT, WITHOUT ROWID */;
CREATE INDEX sessions_by_browser ON sessions (tenant, browser_id);
CREATE INDEX sessions_by_subject ON sessions (tenant, subject);
CREATE INDEX sessions_ended ON sessions (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE interactions (
    tenant           TEXT   NOT NULL,
    digest           BYTEA  NOT NULL,
    browser_id       TEXT   NOT NULL,
    client_id        TEXT   NOT NULL,
    parameters       TEXT   NOT NULL,
    created_at       BIGINT NOT NULL,
    expires_at       BIGINT NOT NULL,
    version          BIGINT NOT NULL,
    sid              TEXT,
    authenticated_at BIGINT,
    answer           TEXT,
    finished_at      BIGINT,
    PRIMARY KEY (tenant, digest)
) /* sqlite: STRICT */;
CREATE INDEX interactions_expired ON interactions (expires_at);

CREATE TABLE consents (
    tenant     TEXT   NOT NULL,
    subject    TEXT   NOT NULL,
    client_id  TEXT   NOT NULL,
    granted_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (subject, client_id, tenant)
) /* sqlite: STRICT, WITHOUT ROWID */;
CREATE INDEX consents_by_client ON consents (tenant, client_id);
CREATE INDEX consents_expired ON consents (expires_at);

-- A row for each scope name and resource, so that a consent is widened by a statement and not by a rewrite.
CREATE TABLE consented (
    tenant    TEXT NOT NULL,
    subject   TEXT NOT NULL,
    client_id TEXT NOT NULL,
    kind      TEXT NOT NULL CHECK (kind IN ('scope', 'resource')),
    name      TEXT NOT NULL,
    PRIMARY KEY (subject, client_id, tenant, kind, name),
    FOREIGN KEY (subject, client_id, tenant) REFERENCES consents ON DELETE CASCADE
) /* sqlite: STRICT, WITHOUT ROWID */;

CREATE TABLE authorizations (
    tenant                  TEXT   NOT NULL,
    authorization_id        TEXT   NOT NULL,
    client_id               TEXT   NOT NULL,
    subject                 TEXT   NOT NULL,
    scope                   TEXT   NOT NULL,
    resources               TEXT   NOT NULL,
    auth_time               BIGINT NOT NULL,
    acr                     TEXT   NOT NULL,
    amr                     TEXT   NOT NULL,
    server_generation       BIGINT NOT NULL,
    tenant_generation       BIGINT NOT NULL,
    client_generation       BIGINT NOT NULL,
    subject_generation      BIGINT NOT NULL,
    created_at              BIGINT NOT NULL,
    expires_at              BIGINT NOT NULL,
    sid                     TEXT,
    bound_to_session        BIGINT NOT NULL,
    nonce                   TEXT,
    confirmation_method     TEXT,
    confirmation_thumbprint TEXT,
    revoked_at              BIGINT,
    PRIMARY KEY (authorization_id, tenant)
) /* sqlite: STRICT, WITHOUT ROWID */;
CREATE INDEX authorizations_by_subject ON authorizations (tenant, subject);
CREATE INDEX authorizations_by_client ON authorizations (tenant, client_id);
CREATE INDEX authorizations_by_session ON authorizations (tenant, sid) WHERE bound_to_session = 1;
CREATE INDEX authorizations_expired ON authorizations (expires_at);

-- Codes and refresh tokens have no foreign key: without their authorization they are as good as unknown, and
-- they leave by their own expiry, so that no index has to be written for them at every rotation.
CREATE TABLE codes (
    tenant                  TEXT   NOT NULL,
    digest                  BYTEA  NOT NULL,
    authorization_id        TEXT   NOT NULL,
    client_id               TEXT   NOT NULL,
    redirect_uri            TEXT   NOT NULL,
    redirect_uri_was_sent   BIGINT NOT NULL,
    code_challenge          TEXT,
    created_at              BIGINT NOT NULL,
    expires_at              BIGINT NOT NULL,
    confirmation_method     TEXT,
    confirmation_thumbprint TEXT,
    redeemed_at             BIGINT,
    PRIMARY KEY (tenant, digest)
) /* sqlite: STRICT, WITHOUT ROWID */;
CREATE INDEX codes_expired ON codes (expires_at);

CREATE TABLE refresh_tokens (
    tenant                  TEXT   NOT NULL,
    digest                  BYTEA  NOT NULL,
    authorization_id        TEXT   NOT NULL,
    client_id               TEXT   NOT NULL,
    created_at              BIGINT NOT NULL,
    expires_at              BIGINT NOT NULL,
    confirmation_method     TEXT,
    confirmation_thumbprint TEXT,
    superseded_at           BIGINT,
    predecessor             BYTEA,
    PRIMARY KEY (tenant, digest)
) /* sqlite: STRICT, WITHOUT ROWID */;
CREATE INDEX refresh_tokens_expired ON refresh_tokens (expires_at);

-- Apart from the tokens, because a sealed reply is many times the size of a row there and lives for seconds.
CREATE TABLE kept_replies (
    tenant     TEXT   NOT NULL,
    digest     BYTEA  NOT NULL,
    sealed     BYTEA  NOT NULL,
    binding    BYTEA  NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, digest)
) /* sqlite: STRICT */;
CREATE INDEX kept_replies_expired ON kept_replies (expires_at);

CREATE TABLE burned_jtis (
    tenant     TEXT   NOT NULL,
    scope      TEXT   NOT NULL,
    digest     BYTEA  NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, scope, digest)
) /* sqlite: STRICT, WITHOUT ROWID */;
CREATE INDEX burned_jtis_expired ON burned_jtis (expires_at);

-- `full_at` is when the whole budget is regained (the theoretical arrival time of GCRA).
CREATE TABLE attempts (
    tenant  TEXT   NOT NULL,
    name    TEXT   NOT NULL,
    full_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, name)
) /* sqlite: STRICT, WITHOUT ROWID */;
CREATE INDEX attempts_full ON attempts (full_at);

-- The one rule of generations, for whatever reads or judges an authorization or a session.
CREATE VIEW authorizations_now AS
SELECT authorizations.*,
    COALESCE((SELECT value FROM generations WHERE tenant = '' AND kind = 'server' AND name = ''), 0)
        AS current_server,
    COALESCE((SELECT value FROM generations AS g
        WHERE g.tenant = authorizations.tenant AND g.kind = 'tenant' AND g.name = ''), 0) AS current_tenant,
    COALESCE((SELECT value FROM generations AS g
        WHERE g.tenant = authorizations.tenant AND g.kind = 'client' AND g.name = authorizations.client_id), 0)
        AS current_client,
    COALESCE((SELECT value FROM generations AS g
        WHERE g.tenant = authorizations.tenant AND g.kind = 'subject' AND g.name = authorizations.subject), 0)
        AS current_subject
FROM authorizations;

CREATE VIEW living_authorizations AS
SELECT tenant, authorization_id, expires_at, sid FROM authorizations_now
WHERE revoked_at IS NULL AND server_generation >= current_server AND tenant_generation >= current_tenant
    AND client_generation >= current_client AND subject_generation >= current_subject;

CREATE VIEW sessions_now AS
SELECT sessions.*,
    COALESCE((SELECT value FROM generations WHERE tenant = '' AND kind = 'server' AND name = ''), 0)
        AS current_server,
    COALESCE((SELECT value FROM generations AS g
        WHERE g.tenant = sessions.tenant AND g.kind = 'tenant' AND g.name = ''), 0) AS current_tenant,
    COALESCE((SELECT value FROM generations AS g
        WHERE g.tenant = sessions.tenant AND g.kind = 'subject' AND g.name = sessions.subject), 0)
        AS current_subject
FROM sessions;

CREATE VIEW living_sessions AS
SELECT tenant, sid, subject FROM sessions_now
WHERE ended_at IS NULL AND server_generation >= current_server AND tenant_generation >= current_tenant
    AND subject_generation >= current_subject;
