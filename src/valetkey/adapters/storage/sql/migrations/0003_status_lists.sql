-- works with: 1

-- Positions from `reserved` on are free; `permutation_key` says at which index of the published list each stands.
CREATE TABLE status_lists (
    tenant          TEXT   NOT NULL,
    list_id         TEXT   NOT NULL,
    permutation_key BYTEA  NOT NULL,
    reserved        BIGINT NOT NULL,
    expires_at      BIGINT NOT NULL,
    PRIMARY KEY (list_id, tenant)
) /* sqlite: STRICT, WITHOUT ROWID */;
CREATE INDEX status_lists_by_tenant ON status_lists (tenant, reserved);
CREATE INDEX status_lists_expired ON status_lists (expires_at);

-- Whose an index is. The date stands before it in the key: what is published is read from the living rows alone, and
-- a new row lands beside the last one instead of anywhere in the list.
CREATE TABLE statuses (
    tenant           TEXT   NOT NULL,
    list_id          TEXT   NOT NULL,
    expires_at       BIGINT NOT NULL,
    list_index       BIGINT NOT NULL,
    authorization_id TEXT   NOT NULL,
    PRIMARY KEY (list_id, expires_at, list_index, tenant)
) /* sqlite: STRICT, WITHOUT ROWID */;
CREATE INDEX statuses_expired ON statuses (expires_at);

-- Positions that a client's own tokens take, stamped with the counters that those tokens carry.
CREATE TABLE status_blocks (
    tenant            TEXT   NOT NULL,
    list_id           TEXT   NOT NULL,
    expires_at        BIGINT NOT NULL,
    first_position    BIGINT NOT NULL,
    size              BIGINT NOT NULL,
    client_id         TEXT   NOT NULL,
    server_generation BIGINT NOT NULL,
    tenant_generation BIGINT NOT NULL,
    client_generation BIGINT NOT NULL,
    PRIMARY KEY (list_id, expires_at, first_position, tenant)
) /* sqlite: STRICT, WITHOUT ROWID */;
CREATE INDEX status_blocks_expired ON status_blocks (expires_at);

-- Tokens that were revoked by themselves, whatever they hang off.
CREATE TABLE revoked_statuses (
    tenant     TEXT   NOT NULL,
    list_id    TEXT   NOT NULL,
    expires_at BIGINT NOT NULL,
    list_index BIGINT NOT NULL,
    PRIMARY KEY (list_id, expires_at, list_index, tenant)
) /* sqlite: STRICT, WITHOUT ROWID */;
CREATE INDEX revoked_statuses_expired ON revoked_statuses (expires_at);
