-- works with: 1

-- What a tenant draws once and must read again, sealed under the key-encryption key: the salt of pairwise subjects.
CREATE TABLE tenant_secrets (
    tenant  TEXT  NOT NULL,
    purpose TEXT  NOT NULL,
    sealed  BYTEA NOT NULL,
    PRIMARY KEY (purpose, tenant)
) /* sqlite: STRICT, WITHOUT ROWID */;

-- Living access tokens that do not name their end-user by the subject that security events name.
CREATE TABLE pairwise_tokens (
    tenant           TEXT   NOT NULL,
    subject          TEXT   NOT NULL,
    authorization_id TEXT   NOT NULL,
    expires_at       BIGINT NOT NULL,
    PRIMARY KEY (subject, authorization_id, tenant)
) /* sqlite: STRICT, WITHOUT ROWID */;
CREATE INDEX pairwise_tokens_expired ON pairwise_tokens (expires_at);
