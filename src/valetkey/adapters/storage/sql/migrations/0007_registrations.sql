-- works with: 1

-- Clients that registered themselves. `expires_at` moves on with their use; without one they are kept for good.
CREATE TABLE registrations (
    tenant       TEXT   NOT NULL,
    client_id    TEXT   NOT NULL,
    last_used_at BIGINT,
    expires_at   BIGINT,
    PRIMARY KEY (tenant, client_id)
) /* sqlite: STRICT, WITHOUT ROWID */;
CREATE INDEX registrations_expired ON registrations (expires_at) WHERE expires_at IS NOT NULL;

-- Initial access tokens. Without `uses_left`, one is good until it expires.
CREATE TABLE registration_tokens (
    tenant      TEXT   NOT NULL,
    token_id    TEXT   NOT NULL,
    digest      BYTEA  NOT NULL,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    uses_left   BIGINT,
    scope       TEXT,
    grant_types TEXT   NOT NULL,
    PRIMARY KEY (tenant, token_id)
) /* sqlite: STRICT, WITHOUT ROWID */;
CREATE UNIQUE INDEX registration_tokens_by_digest ON registration_tokens (tenant, digest);
CREATE INDEX registration_tokens_expired ON registration_tokens (expires_at);
