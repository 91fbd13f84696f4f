-- works with: 1

-- Requests of devices that wait for an end-user. `polling_interval` grows with each poll that came too early.
CREATE TABLE device_codes (
    tenant            TEXT   NOT NULL,
    digest            BYTEA  NOT NULL,
    user_code_digest  BYTEA  NOT NULL,
    client_id         TEXT   NOT NULL,
    scope             TEXT   NOT NULL,
    resources         TEXT   NOT NULL,
    server_generation BIGINT NOT NULL,
    tenant_generation BIGINT NOT NULL,
    client_generation BIGINT NOT NULL,
    created_at        BIGINT NOT NULL,
    expires_at        BIGINT NOT NULL,
    polling_interval  BIGINT NOT NULL,
    polled_at         BIGINT,
    answer            TEXT,
    authorization_id  TEXT,
    redeemed_at       BIGINT,
    PRIMARY KEY (tenant, digest)
) /* sqlite: STRICT, WITHOUT ROWID */;
CREATE UNIQUE INDEX device_codes_by_user_code ON device_codes (tenant, user_code_digest);
CREATE INDEX device_codes_expired ON device_codes (expires_at);

-- The rule of generations for a device code, which belongs to no end-user until one answers.
CREATE VIEW device_codes_now AS
SELECT device_codes.*,
    COALESCE((SELECT value FROM generations WHERE tenant = '' AND kind = 'server' AND name = ''), 0)
        AS current_server,
    COALESCE((SELECT value FROM generations AS g
        WHERE g.tenant = device_codes.tenant AND g.kind = 'tenant' AND g.name = ''), 0) AS current_tenant,
    COALESCE((SELECT value FROM generations AS g
        WHERE g.tenant = device_codes.tenant AND g.kind = 'client' AND g.name = device_codes.client_id), 0)
        AS current_client
FROM device_codes;

CREATE VIEW pending_device_codes AS
SELECT tenant, digest, expires_at FROM device_codes_now
WHERE answer IS NULL AND server_generation >= current_server AND tenant_generation >= current_tenant
    AND client_generation >= current_client;
