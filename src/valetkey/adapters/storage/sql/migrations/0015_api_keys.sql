-- works with: 1

-- API keys. The authorization of the same id (`key_id`) carries what a key dies with: its generations, its revocation
-- and the places of the tokens that it was exchanged for. Both rows are kept until `kept_until`.
CREATE TABLE api_keys (
    tenant             TEXT   NOT NULL,
    key_id             TEXT   NOT NULL,
    owner_kind         TEXT   NOT NULL,
    owner              TEXT   NOT NULL,
    name               TEXT   NOT NULL,
    scope              TEXT   NOT NULL,
    resources          TEXT   NOT NULL,
    rate_limit         TEXT,
    created_at         BIGINT NOT NULL,
    expires_at         BIGINT,
    kept_until         BIGINT NOT NULL,
    last_used_at       BIGINT,
    version            BIGINT NOT NULL,
    -- SHA-256 of who asked with which Idempotency-Key, and of what was asked.
    idempotency_digest BYTEA,
    request_digest     BYTEA,
    PRIMARY KEY (tenant, key_id)
) /* sqlite: STRICT, WITHOUT ROWID */;
CREATE INDEX api_keys_by_age ON api_keys (tenant, created_at, key_id);
CREATE INDEX api_keys_by_owner ON api_keys (tenant, owner, created_at, key_id, owner_kind);
CREATE UNIQUE INDEX api_keys_by_request ON api_keys (tenant, idempotency_digest)
    WHERE idempotency_digest IS NOT NULL;
CREATE INDEX api_keys_over ON api_keys (kept_until);

-- The secrets of a key: one that was replaced ends by itself, so that both are good while callers change over.
CREATE TABLE api_key_secrets (
    tenant     TEXT   NOT NULL,
    digest     BYTEA  NOT NULL,
    key_id     TEXT   NOT NULL,
    prefix     TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    PRIMARY KEY (tenant, digest)
) /* sqlite: STRICT, WITHOUT ROWID */;
CREATE INDEX api_key_secrets_of_key ON api_key_secrets (tenant, key_id);
CREATE INDEX api_key_secrets_over ON api_key_secrets (expires_at) WHERE expires_at IS NOT NULL;
