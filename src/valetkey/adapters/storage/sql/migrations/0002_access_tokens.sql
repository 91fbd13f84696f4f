-- works with: 1

-- What opaque access tokens stand for: the claims that a JWT would carry. As with refresh tokens, a row without its
-- authorization is as good as unknown, and leaves by its own expiry.
CREATE TABLE access_tokens (
    tenant     TEXT   NOT NULL,
    digest     BYTEA  NOT NULL,
    claims     TEXT   NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, digest)
) /* sqlite: STRICT, WITHOUT ROWID */;
CREATE INDEX access_tokens_expired ON access_tokens (expires_at);

-- Access tokens of either format that were revoked by themselves, by the SHA-256 of their jti, until they expire.
CREATE TABLE revoked_tokens (
    tenant     TEXT   NOT NULL,
    digest     BYTEA  NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, digest)
) /* sqlite: STRICT, WITHOUT ROWID */;
CREATE INDEX revoked_tokens_expired ON revoked_tokens (expires_at);
